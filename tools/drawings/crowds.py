"""Covers of Part III, second half: six frameworks, a ring, a fleet, a shift on call."""

from collections import Counter
from collections.abc import Callable
from random import Random

from coursekit.chapters import chapter
from coursekit.frameworks import FRAMEWORKS, recorded
from coursekit.world import World
from tools.drawings.canvas import BOLD, HEIGHT, MARGIN, THIN, WIDTH, Canvas, across


def agent_frameworks() -> Canvas:
    """One task in six frameworks: questions to the model when all is well, and when an agent never stops."""
    canvas = Canvas(
        "Six rows of dots, one dot for each question to the model: four where all goes well, and then as "
        "many as each framework allows an agent that never stops, from 7 to 63."
    )
    calls = [{run["case"]: run["calls"] for run in recorded(name)["runs"]} for name in FRAMEWORKS]
    rows = sorted((one["never ends"], one["fine"]) for one in calls)
    assert [rows[0][0], rows[-1][0]] == [7, 63] and {fine for _, fine in rows} == {4}
    pitch = (WIDTH - 2 * MARGIN - 18) / (max(rows)[0] - 1)
    spots = lambda row, numbers: [(MARGIN + 9 + pitch * n, 55 + 42 * row) for n in numbers]
    for row, (ever, fine) in enumerate(rows):
        canvas.dots("measured", spots(row, range(fine)))
        canvas.dots("fourth", spots(row, range(fine, ever - 1)), size=12)
        canvas.dots("alarm", spots(row, [ever - 1]), size=24)
    return canvas


def multi_agent_systems() -> Canvas:
    """An election in a ring: how far each number travels until it meets a larger one."""
    group = chapter("13_multi_agent_systems")
    ring = Random(7).sample(range(1, 33), 32)
    leader, sent = group.elect(ring)
    canvas = Canvas(
        "Thirty-two agents in a ring, cut open: each number travels until it meets a larger one. Most lines "
        "are short, and only the leader's goes all the way round."
    )
    step = (WIDTH - 2 * MARGIN - 20) / 32
    x = lambda place: MARGIN + 10 + step * place
    y = lambda number: across(number, 1, 32, HEIGHT - MARGIN - 6, MARGIN + 6)
    lines, rest = [], []
    for place, number in enumerate(ring):
        hops = sum(message.content == number for message in sent)
        if number == leader:
            whole = [((x(0), y(number)), (x(32), y(number)))]
        else:
            end = min(place + hops, 32)
            lines.append(((x(place), y(number)), (x(end), y(number))))
            if place + hops > 32:
                rest.append(((x(0), y(number)), (x(place + hops - 32), y(number))))
    canvas.lines("measured", lines + rest, width=5)
    canvas.lines("second", whole, width=BOLD)
    canvas.dots(
        "measured", [(x(place), y(number)) for place, number in enumerate(ring) if number != leader], size=18
    )
    canvas.dots("second", [(x(ring.index(leader)), y(leader))], size=34)
    return canvas


def multi_agent_in_practice() -> Canvas:
    """Five robots and twelve jobs; the one that hands them out dies, and the work is finished."""
    fleet = chapter("14_multi_agent_in_practice")
    canvas = Canvas(
        "Five robots as lines in time, their jobs as bars. The one that hands out work dies; after a "
        "silence another takes over, and all twelve jobs are done."
    )
    world = World(3)
    for name in fleet.FLEET:
        world.add(name, lambda machine: fleet.Member(machine, ("resend", "watch", "elect")))
    world.plan(fleet.FAULTS["the coordinator dies"])
    world.run(600, stop=lambda: any(world[n] and world[n].done >= fleet.JOBS for n in fleet.FLEET))
    died = next(event.time for event in world.log if event.kind == "crash")
    arrived = [event for event in world.log if event.kind == "arrive" and isinstance(event.what, fleet.Do)]
    orders = [(event.time, event.other, event.node) for event in arrived]
    x = lambda moment: across(moment, 0, world.now)
    y = {name: MARGIN + 60 * place for place, name in enumerate(reversed(fleet.FLEET))}
    done = [(e.time, e.node) for e in world.log if e.kind == "note"]
    assert len(done) == len(fleet.JOBS) == 12
    boss = {}
    for when, who, _ in orders:
        boss[who] = min(when - 5, boss.get(who, when))
    alive = dict.fromkeys(y, world.now) | {"m5": died}
    canvas.lines("faint", [((MARGIN, y[name]), (x(until), y[name])) for name, until in alive.items()])
    canvas.lines("theory", [((x(t - 5), y[a]), (x(t), y[b])) for t, a, b in orders], width=THIN)
    canvas.boxes("measured", [(x(t - fleet.WORK), y[n] - 17, x(t) - x(t - fleet.WORK), 34) for t, n in done])
    first, second = boss
    canvas.lines("fourth", [((MARGIN, y[first]), (x(died), y[first]))], width=14)
    canvas.lines("second", [((x(boss[second]), y[second]), (WIDTH - MARGIN, y[second]))], width=14)
    canvas.crosses("alarm", [(x(died), y[first])], size=44, width=BOLD)
    return canvas


def incident_agent() -> Canvas:
    """A shift on call: hundreds of notices, and what four filters leave of them."""
    desk = chapter("15_incident_agent")
    fleet = desk.Fleet(desk.SHIFT, seed=desk.SEED, flapping=desk.FLAPPING)
    ringing = desk.notices(desk.Watch(fleet, desk.RULES), 600)
    shift = [each if isinstance(each, desk.Alert) else desk.from_datadog(each) for each in ringing]
    canvas = Canvas(
        "Ten hours on call, an incident in each shaded band. From row to row a filter removes notices: 707 "
        "at the top, and at the bottom seven calls that ring a telephone."
    )
    x = lambda minute: across(minute, 0, 600)
    bands = [(x(f.at), 26, x(f.until + 5) - x(f.at), HEIGHT - 52) for f in desk.SHIFT]
    canvas.boxes("haze", bands, corner=8)
    steps = [desk.FILTERS[:n] for n in range(len(desk.FILTERS) + 1)]
    for row, chosen in enumerate(steps):
        triage = desk.Triage(chosen)
        pages = [alert.at for alert in shift if triage.rings(alert)]
        base = 82 + 50 * row
        if row < len(steps) - 1:
            five = Counter(at // 5 for at in pages)  # notices in each five minutes
            ticks = [(x(5 * b + 2.5), min(36, 5 * many)) for b, many in sorted(five.items())]
            strokes = [((at, base), (at, base - tall)) for at, tall in ticks]
            canvas.lines("measured" if row else "ink", strokes, width=5)
    assert (len(shift), len(pages)) == (707, 7)
    beside = [
        (x(at) + 34 * pages[:n].count(at), base - 14) for n, at in enumerate(pages)
    ]  # two in one minute
    canvas.dots("alarm", beside, size=30)
    return canvas


COVERS: dict[str, Callable[[], Canvas]] = {
    "12_agent_frameworks": agent_frameworks,
    "13_multi_agent_systems": multi_agent_systems,
    "14_multi_agent_in_practice": multi_agent_in_practice,
    "15_incident_agent": incident_agent,
}
