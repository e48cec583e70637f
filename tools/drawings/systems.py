"""Covers of Part I: a law, a table, an agreement."""

from collections.abc import Callable
from itertools import pairwise
from random import Random

from coursekit.chapters import chapter
from tools.drawings.canvas import HEIGHT, MARGIN, PEN, THIN, WIDTH, Box, Canvas, Point, across


def littles_law() -> Canvas:
    """A morning's visits, one row each, and the same pieces fallen onto N(t)."""
    law = chapter("01_littles_law")
    visits = sorted(law.random_morning(Random(935), customers=9))
    by_row, by_column = law.both_areas(visits)
    assert by_row == by_column
    canvas = Canvas(
        "Nine visits as bars, one row each, and below them the same pieces dropped onto the time axis: "
        "the two areas are equal, which is Little's Law."
    )
    start, stop = visits[0][0], max(went for _, went in visits)
    colours, thick = ("measured", "second", "fourth", "third", "alarm"), 16
    x = lambda moment: across(moment, start, stop)
    edges = sorted({moment for visit in visits for moment in visit})
    for number, (came, went) in enumerate(visits):
        pieces: list[Box] = []
        for left, right in pairwise(edges):
            if came <= left and right <= went:
                under = sum(a <= left and right <= b for a, b in visits[:number])
                floor = HEIGHT - MARGIN - 6 - thick * (under + 1)
                pieces.append((x(left), floor, x(right) - x(left), thick - 3))
        role = colours[number % len(colours)]
        canvas.boxes(role, [(x(came), MARGIN - 8 + thick * number, x(went) - x(came), thick - 3)])
        canvas.boxes(role, pieces, corner=0)
    canvas.lines("ink", [((MARGIN, HEIGHT - MARGIN), (WIDTH - MARGIN, HEIGHT - MARGIN))], width=THIN)
    return canvas


def hash_tables() -> Canvas:
    """One table, nine tenths full: how far each key stands from home, and how far with Robin Hood."""
    tables = chapter("02_hash_tables")
    size, keys = 64, Random(13).sample(range(10**9), 58)
    canvas = Canvas(
        "Sixty-four slots with fifty-eight keys, a bar for each as long as its search: above, linear "
        "probing with a few towers; below, Robin Hood, the same keys and no tower."
    )
    slot, step, middle = (WIDTH - 2 * MARGIN) / size, 3.9, 218
    for scheme, role, up in ((tables.LinearTable, "alarm", 1), (tables.RobinHoodTable, "measured", 0)):
        table = tables.filled(scheme, keys, size=size, fullest=1.0)
        bars = []
        for place, entry in enumerate(table.slots):
            if entry is not None:
                tall = step * ((place - entry.code) % size)
                left = MARGIN + slot * place + 2
                bars.append((left, middle - 15 - tall if up else middle + 15, slot - 4, tall))
        canvas.boxes(role, [bar for bar in bars if bar[3]])
    taken = [entry is not None for entry in table.slots]
    cell = lambda place: (MARGIN + slot * place + 2, middle - 8, slot - 4, 16)
    canvas.boxes("ink", [cell(place) for place in range(size) if taken[place]])
    canvas.frames("theory", [cell(place) for place in range(size) if not taken[place]])
    return canvas


def consensus() -> Canvas:
    """Five machines in time: a leader, a split, lost messages, a second leader, and the network heals."""
    raft = chapter("03_consensus")
    world, _, old = raft.cut_off_leader()
    reigns = {}

    def watch(event) -> None:
        for name in [name for name in raft.FIVE if world[name].role == "leader"]:
            reigns[name] = (reigns.get(name, (event.time,))[0], event.time)

    world.watchers.append(watch)
    raft.later(world, 20, 1, old)
    world.run(until=1000, stop=lambda: raft.leader(world) not in (None, old))
    new = raft.leader(world)
    world.plan([(world.now + 110, "heal")])
    world.run(until=world.now + 290)
    canvas = Canvas(
        "Five machines as lines in time. A leader is cut off and its messages are lost; the others elect a "
        "leader of the next term, and when the network heals all follow it."
    )
    begin, end, way = 230, world.now, 10
    elected = next(event.time for event in world.log if event.kind == "note" and event.node == old)
    reigns[old] = elected, reigns[old][1]
    order = [old, "n1", new, *sorted(set(raft.FIVE) - {old, "n1", new})]
    y = {name: MARGIN + 60 * place for place, name in enumerate(order)}
    x = lambda moment: across(moment, begin, end)

    def ray(event, far: float) -> list[Point]:
        """What a message travelled, or a part of it."""
        start, goal = y[event.other], y[event.node]
        return [(x(event.time - way), start), (x(event.time - way * (1 - far)), start + far * (goal - start))]

    seen = {
        kind: [e for e in world.log if e.kind == kind and e.time - way > begin] for kind in ("arrive", "lost")
    }
    canvas.lines("faint", [((MARGIN, at), (WIDTH - MARGIN, at)) for at in y.values()], width=PEN)
    canvas.lines("theory", [ray(event, 1) for event in seen["arrive"]], width=THIN)
    canvas.lines("alarm", [ray(event, 0.55) for event in seen["lost"]], width=THIN)
    canvas.dots("alarm", [ray(event, 0.55)[1] for event in seen["lost"]], size=12)
    for role, name in (("measured", old), ("second", new)):
        canvas.lines(role, [[(x(moment), y[name]) for moment in reigns[name]]], width=14)
    return canvas


COVERS: dict[str, Callable[[], Canvas]] = {
    "01_littles_law": littles_law,
    "02_hash_tables": hash_tables,
    "03_consensus": consensus,
}
