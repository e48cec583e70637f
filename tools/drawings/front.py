"""The picture of the landing page: twenty squares by row, and the same twenty fallen into columns."""

from collections.abc import Callable

from coursekit.chapters import chapter
from tools.drawings.canvas import HEIGHT, THIN, Box, Canvas

STAYS = [(0, 3), (1, 5), (2, 8), (5, 8), (6, 10)]  # came in, went out; in seconds
COLOURS = ("measured", "second", "fourth", "third", "alarm")
CELL, LEFT, RIGHT, TOP = 50, 45, 655, 30


def course() -> Canvas:
    """Five stays of four seconds are ten seconds with two inside."""
    by_row, by_column = chapter("01_littles_law").both_areas(STAYS)
    assert by_row == by_column == 20
    canvas = Canvas(
        "Twenty squares, counted twice: on the left in five rows, one for each request and as long as it "
        "stays; on the right the same squares, fallen down: how many are inside in each second."
    )
    square = lambda left, second, row: (left + CELL * second, TOP + CELL * row, CELL - 5, CELL - 5)
    for row, ((came, went), role) in enumerate(zip(STAYS, COLOURS, strict=True)):
        canvas.boxes(role, [square(LEFT, second, row) for second in range(came, went)], corner=8)
    for row, ((came, went), role) in enumerate(zip(STAYS, COLOURS, strict=True)):
        falls: dict[int, list[Box]] = {}
        for second in range(came, went):
            under = sum(a <= second < b for a, b in STAYS[row + 1 :])
            falls.setdefault(4 - under - row, []).append(square(RIGHT, second, 4 - under))
        for rows, boxes in sorted(falls.items()):
            canvas.boxes(role, boxes, corner=8, fall=CELL * rows)
    floor = TOP + 5 * CELL + 4
    canvas.lines("ink", [((at, floor), (at + 10 * CELL - 5, floor)) for at in (LEFT, RIGHT)], width=THIN)
    canvas.lines("ink", [((578, y), (622, y)) for y in (HEIGHT / 2 - 11, HEIGHT / 2 + 11)], width=8)
    return canvas


COVERS: dict[str, Callable[[], Canvas]] = {"course": course}
