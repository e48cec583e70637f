"""Covers of Part III, first half: a hall, three lives in it, a market, an envelope."""

import itertools
from collections.abc import Callable
from functools import partial

from coursekit import wire
from coursekit.acl import Message, write
from coursekit.chapters import chapter
from coursekit.warehouse import Warehouse
from tools.drawings.canvas import BOLD, MARGIN, PEN, THIN, WIDTH, Canvas, across


def what_is_an_agent() -> Canvas:
    """Four programs in the same hall: where each went, and what it brought to the docks."""
    agents = chapter("08_what_is_an_agent")
    programs = [lambda world, act=act: act for act in agents.PROGRAMS.values()]
    cell, gap = 22, 21.25
    canvas = Canvas(
        "The same warehouse four times: two programs never leave their corner, a timetable goes its round, "
        "and an agent goes where the orders are; dots below are parcels delivered."
    )
    for number, make in enumerate([programs[0], programs[2], programs[1], agents.smallest_agent]):
        world = Warehouse(seed=agents.SEED, robots=1, people=0, radius=20)
        world.robots["r1"].cell = world.docks[0]
        act, perceived = make(world), world.percepts()["r1"]
        left, trail = MARGIN + number * (12 * cell + gap), [world.docks[0]]
        at = lambda spot, left=left: (left + cell * (spot[1] + 0.5), 48 + cell * (spot[0] + 0.5))
        for _ in range(300):
            perceived = world.step({"r1": act(perceived)})["r1"]
            trail.append(perceived.cell)
        ways = {tuple(sorted(pair)) for pair in itertools.pairwise(trail) if pair[0] != pair[1]}
        shelves = [(r, c) for r in range(7) for c in range(12) if (r, c) not in world.floor]
        canvas.frames("faint", [(left - 3, 45, 12 * cell + 6, 7 * cell + 6)])
        canvas.boxes("faint", [(left + cell * c + 2, 48 + cell * r + 2, 18, 18) for r, c in shelves])
        canvas.lines("measured", [(at(a), at(b)) for a, b in sorted(ways)], width=8)
        canvas.dots("ink", [at(trail[-1])], size=26)
        brought = int(world.score()["delivered"])
        spots = [(left + cell * (0.5 + n % 12), 244 + cell * (n // 12)) for n in range(brought)]
        canvas.dots("second", spots)
    return canvas


def agent_architectures() -> Canvas:
    """Two hundred turns of three robots in one world: steps, standing still, deliveries."""
    kinds = chapter("09_agent_architectures")
    canvas = Canvas(
        "Two hundred turns of three robots, a stroke for each step: rules keep moving, a planner stands "
        "still while it thinks, and a hybrid goes on meanwhile; dots are deliveries."
    )
    for row, (name, make) in enumerate(kinds.KIND.items()):
        world = Warehouse(seed=8, people=3, **kinds.HALL)
        act = make(world) if name == "reactive" else make(world, pace=2)
        perceived, base = world.percepts()["r1"], 110 + 90 * row
        moved, brought, before = [], [], 0
        for turn in range(kinds.TURNS):
            was = perceived.cell
            perceived = world.step({"r1": act(perceived)})["r1"]
            moved += [turn] * (perceived.cell != was)
            done = world.score()["delivered"]
            brought, before = brought + [turn] * (done > before), done
        x = partial(across, low=0, high=kinds.TURNS - 1)
        canvas.lines("faint", [((MARGIN, base), (WIDTH - MARGIN, base))], width=THIN)
        canvas.lines("measured", [((x(turn), base), (x(turn), base - 26)) for turn in moved], width=4)
        canvas.dots("second", [(x(turn), base - 50) for turn in brought], size=22)
    return canvas


def agent_design_patterns() -> Canvas:
    """A contract net: nine tasks announced, bid for and awarded; one contractor dies."""
    net = chapter("10_agent_design_patterns")
    world = net.market(net.CREW)
    died = 13
    world.plan([(died, "crash", "c1")])
    world.run(until=300)
    canvas = Canvas(
        "A manager's line with nine tasks, and three contractors below: each task goes to the best bid. One "
        "contractor dies, and what it had is awarded again."
    )
    notes = [(event.time, event.node, event.what) for event in world.log if event.kind == "note"]
    roles = {"database": "measured", "network": "third", "disk": "fourth"}
    free, bars = {}, []
    for when, name, task in notes:
        kind = task.split()[0]
        start = max(when, free.get(name, 0))
        free[name] = start + net.SKILLS[name][kind]
        bars.append((when, name, kind, start, free[name]))
    last = max(end for *_, end in bars)
    x = lambda moment: across(moment, 0, last)
    y = {"manager": 60, "c1": 140, "c2": 200, "c3": 260}
    canvas.lines("faint", [((MARGIN, at), (WIDTH - MARGIN, at)) for at in y.values()], width=PEN)
    for kind, role in roles.items():
        mine = [bar for bar in bars if bar[2] == kind]
        canvas.lines(role, [((x(when), 60), (x(when), y[name])) for when, name, *_ in mine], width=THIN)
        until = {"c1": died}  # what it has begun ends there, what it has not is never done
        work = [(name, start, min(end, until.get(name, end))) for _, name, _, start, end in mine]
        spans = [(name, start, end) for name, start, end in work if end > start]
        canvas.boxes(role, [(x(a), y[name] - 17, x(b) - x(a) - 3, 34) for name, a, b in spans])
    for n, task in enumerate(net.TASKS):
        canvas.dots(roles[task.split()[0]], [(x(3 * n), 60)], size=24)
    canvas.crosses("alarm", [(x(died), y["c1"])], size=44, width=BOLD)
    return canvas


def agent_communication() -> Canvas:
    """One message in five forms: how many bytes, and which of them are what is said."""
    talk = chapter("11_agent_communication")
    said = "(deliver p7 d2)"
    call = Message(
        "cfp", "manager", ("r1",), said, language="fipa-sl", ontology="warehouse-1",
        protocol="fipa-contract-net", conversation_id="c1", reply_with="m1",
    )  # fmt: skip
    forms = [
        talk.to_xml(call).encode(),
        write(call).encode(),
        talk.as_json(call).encode(),
        wire.as_cdr(call).serialize(),
        wire.as_proto(call).SerializeToString(),
    ]
    canvas = Canvas(
        "One message in five forms as bars as long as its bytes: what is said is the same green piece in "
        "each, and the envelope around it shrinks from XML to Protobuf."
    )
    most, pitch = max(map(len, forms)), 52
    x = lambda byte: across(byte, 0, most)
    values = [call.performative, call.sender, *call.receiver, call.language, call.ontology, call.protocol,
              call.conversation_id, call.reply_with]  # fmt: skip
    envelope, held, words = [], [], []
    for row, form in enumerate(forms):
        top = MARGIN + pitch * row
        envelope.append((MARGIN, top, x(len(form)) - MARGIN, 34))
        for value in values:
            at = form.find(value.encode())
            if at >= 0:
                held.append((x(at), top, x(at + len(value)) - x(at), 34))
        at = form.find(said.encode())
        words.append((x(at), top, x(at + len(said)) - x(at), 34))
    canvas.boxes("faint", envelope)
    canvas.boxes("measured", held)
    canvas.boxes("second", words)
    return canvas


COVERS: dict[str, Callable[[], Canvas]] = {
    "08_what_is_an_agent": what_is_an_agent,
    "09_agent_architectures": agent_architectures,
    "10_agent_design_patterns": agent_design_patterns,
    "11_agent_communication": agent_communication,
}
