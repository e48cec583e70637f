"""Covers of Part IV: the course as a net of needs, fences, kills, three teams, retries, a fork in time."""

import secrets
from collections.abc import Callable

from coursekit import catalogue, response_plan, valkey, web
from coursekit.chapters import chapter
from coursekit.desk import Desk
from tools.drawings.canvas import BOLD, HEIGHT, MARGIN, PEN, THIN, WIDTH, Canvas, across


def agent_development_map() -> Canvas:
    """All chapters in a row, an arc from each to those that need it; the last part stands out."""
    known = catalogue.chapters()
    canvas = Canvas(
        "The twenty-one chapters as dots in a row, an arc from each to every chapter that builds on it; the "
        "arcs of the part about agent development stand out."
    )
    x = lambda number: across(number, 1, 21, 60, WIDTH - 60)
    last = [one for one in known if one.part == "IV"]
    others = [one for one in known if one.part != "IV"]
    for role, mine, width in (("theory", others, THIN), ("measured", last, PEN)):
        spans = [(x(catalogue.chapter(need).number), x(one.number)) for one in mine for need in one.needs]
        canvas.arcs(role, spans, 250, width=width)
    canvas.dots("theory", [(x(one.number), 250) for one in others], size=26)
    canvas.dots("measured", [(x(one.number), 250) for one in last], size=34)
    return canvas


def agent_components() -> Canvas:
    """Twenty-five attacks and twenty honest calls against four executors."""
    parts = chapter("17_agent_components")
    desk = Desk()
    canvas = Canvas(
        "Four rows of twenty-five attacks, one row for each executor: a filled square got through, an empty "
        "one was stopped. Dots on the right are honest calls that were refused."
    )
    cell, through, stopped, refused = 36, [], [], []
    with web.serve(desk.app, "support desk") as service:
        office = parts.Office(service.url, desk.token)
        place = parts.Workplace(office, parts.ReadOnly(parts.shop(), {"orders"}))
        for row, new in enumerate(parts.guards(place).values()):
            attacks = [attack for kind in parts.ATTACKS.values() for attack in kind]
            for column, attack in enumerate(attacks):
                guard = new()
                done = [parts.tried(guard, *call) for call in attack][-1] == "done"
                box = MARGIN + cell * column, 52 + 60 * row, cell - 6, cell
                (through if done else stopped).append(box)
            guard = new()
            no = sum(parts.tried(guard, *call) != "done" for call in parts.HONEST)
            refused += [(980 + 21 * n, 52 + 60 * row + 18) for n in range(no)]
    canvas.frames("measured", stopped, width=4)
    canvas.boxes("alarm", through)
    canvas.dots("fourth", refused, size=15)
    return canvas


def concept_to_production() -> Canvas:
    """A program of five steps, killed at each of fifteen places and started again."""
    desk = Desk()
    with web.serve(desk.app, "desk") as office:
        place = response_plan.Place(valkey.url(), office.url, desk.token, f"covers-{secrets.token_hex(2)}")
        rows = response_plan.after_kills(response_plan.forgetful, response_plan.BOUNDARIES, desk, place)
    canvas = Canvas(
        "Fifteen rows, in each a program is killed one step later and started again; dots at the end are the "
        "ticket and the message it left, and at two places there is one too many."
    )
    x = lambda units: across(units, 0, 15, MARGIN, 1040)
    first, second, again, once, twice = [], [], [], [], []
    for number, row in enumerate(rows):
        y = 34 + 18 * number
        start = number // 3 * 3 + (3 if number % 3 == 2 else 0)
        hurt = row["tickets"] + row["messages"] > 2
        first.append(((MARGIN, y - 4), (x(number + 1), y - 4)))
        (again if hurt else second).append(((x(start) + 4, y + 4), (x(15), y + 4)))
        effects = [(1080 + 27 * n, y) for n in range(row["tickets"] + row["messages"])]
        (twice if hurt else once).extend(effects)
    assert (len(again), len(rows)) == (2, 15)
    canvas.lines("theory", first)
    canvas.lines("second", second)
    canvas.lines("alarm", again)
    canvas.dots("ink", [end for _, end in first], size=14)
    canvas.dots("second", once, size=13)
    canvas.dots("alarm", twice, size=18)
    return canvas


def agent_teams() -> Canvas:
    """The same six jobs given to three teams: who works when, and the messages that it took."""
    teams = chapter("19_agent_teams")
    canvas = Canvas(
        "Six jobs done by a hierarchy, by peers and by a market: above, seven agents and their work, which "
        "takes about as long in each; below, a dot for each message: few, more, and many."
    )
    coming, block, gap = teams.stream(teams.Random(5), 6, 6), 346, 41
    floors = [teams.play(teams.TEAMS[name](), coming) for name in ("hierarchy", "peers", "market")]
    last = max(floor.now for floor in floors)
    for number, floor in enumerate(floors):
        left = MARGIN + number * (block + gap)
        x = lambda minute, left=left: across(minute, 0, last, left, left + block)
        y = {name: 34 + 16 * row for row, name in enumerate(teams.CREW)}
        canvas.lines("faint", [((left, at), (left + block, at)) for at in y.values()], width=2)
        work = [(x(one.started), y[one.agent] - 6, x(one.ended) - x(one.started), 12) for one in floor.log]
        canvas.boxes("measured", work)
        sent = sum(run.messages for run in floor.runs)
        canvas.dots(
            "fourth", [(left + 5 + 10.5 * (n // 10), 170 + 12 * (n % 10)) for n in range(sent)], size=7
        )
    return canvas


def langchain() -> Canvas:
    """Three tries around three tries: nine requests to one server that says no."""
    chains = chapter("20_langchain")
    tries = 3
    requests = chains.requests_sent(tries - 1, tries)
    canvas = Canvas(
        "One call on the left fans out to three attempts of a chain and nine requests of its client, all of "
        "which meet the same server on the right: retries in two layers multiply."
    )
    middle = HEIGHT / 2
    spread = lambda n, gap: [middle + gap * (i - (n - 1) / 2) for i in range(n)]
    first, second = spread(tries, 90), spread(requests, 30)
    canvas.curves("theory", [((90, middle), (400, y)) for y in first], width=PEN)
    canvas.curves("theory", [((400, first[i // tries]), (740, y)) for i, y in enumerate(second)], width=4)
    canvas.curves("alarm", [((740, y), (1100, middle)) for y in second], width=4)
    canvas.dots("ink", [(90, middle)], size=44)
    canvas.dots("measured", [(400, y) for y in first], size=34)
    canvas.dots("alarm", [(740, y) for y in second], size=22)
    canvas.boxes("ink", [(1100, middle - 70, 44, 140)], corner=10)
    return canvas


def langgraph() -> Canvas:
    """Checkpoints of one payment: it waits for answers, and is taken up at old places with other ones."""
    graphs = chapter("21_langgraph")
    app, at, desk = graphs.payment_desk(graphs.InMemorySaver()), graphs.thread("cover"), graphs.every(1)
    go = lambda given, config: app.invoke(given, config, context=desk)
    waits = lambda: next(shot for shot in app.get_state_history(at) if shot.next == ("ask",))
    answer = lambda decision: graphs.Command(resume=graphs.said(decision))
    go({"euros": 240}, at)
    first = waits()
    go(answer("request_more_info"), at)
    second = waits()
    go(answer("request_more_info"), at)
    go(answer("approve"), at)
    for shot, decision in ((second, "modify"), (first, "reject")):
        go(None, app.update_state(shot.config, {"euros": 240}))
        go(answer(decision), at)
    canvas = Canvas(
        "The checkpoints of one payment as a line of dots: rings wait for a person, two are taken up again "
        "with another answer, and each of the three lines has an end of its own."
    )
    known = lambda config: config["configurable"]["checkpoint_id"]
    spot, ways, lanes = {}, {0: [], 1: [], 2: []}, -1
    shots = list(app.get_state_history(at))[::-1]
    for shot in shots:
        parent = spot.get(shot.parent_config and known(shot.parent_config))
        if parent is None or shot.metadata["source"] == "update":
            lanes += 1
        here = (parent[0] + 134 if parent else 58), 70 + 90 * lanes
        spot[known(shot.config)] = here
        ways[lanes] += [(parent, here)] if parent else []
    for lane, role in ((2, "third"), (1, "fourth"), (0, "measured")):
        canvas.curves(role, ways[lane], width=BOLD)
        mine = [(shot, spot[known(shot.config)]) for shot in shots]
        mine = [(shot, here) for shot, here in mine if here[1] == 70 + 90 * lane]
        canvas.dots(role, [here for _, here in mine], size=34)
        canvas.dots("page", [here for shot, here in mine if shot.next == ("ask",)], size=18)
    for role, outcome in (("second", "paid"), ("alarm", "refused")):
        ends = [spot[known(s.config)] for s in shots if not s.next and s.values["outcome"] == outcome]
        canvas.dots(role, ends, size=56)
    return canvas


COVERS: dict[str, Callable[[], Canvas]] = {
    "16_agent_development_series": agent_development_map,
    "17_agent_components": agent_components,
    "18_agent_concept_to_production": concept_to_production,
    "19_agent_teams": agent_teams,
    "20_langchain": langchain,
    "21_langgraph": langgraph,
}
