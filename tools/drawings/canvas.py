"""A strip to draw a cover on: squares, dots and lines from computed numbers, in the colours of course.css.

All covers share one grammar: 1200 by 320 units, a margin of 40, no text, few pens. What is drawn at once in
one colour becomes one `<path>`, so that a picture of two hundred squares is a kilobyte.
"""

from collections.abc import Iterable, Sequence
from html import escape

WIDTH, HEIGHT, MARGIN = 1200, 320, 40
THIN, PEN, BOLD = 4, 6, 10  # the widths of all lines

INK = {  # role: as a page sees it, with a fallback for a file that stands alone
    "ink": "currentColor",
    "measured": "var(--measured,#0072b2)",
    "alarm": "var(--alarm,#d04f00)",
    "second": "var(--second,#00845f)",
    "third": "var(--third,#b5558c)",
    "fourth": "var(--fourth,#a86f00)",
    "theory": "var(--theory,#5f6770)",
    "faint": "var(--faint,#ccd4dd)",
    "haze": "var(--color-background-border,#dfe4ea)",
    "page": "var(--color-background-secondary,#f6f8fa)",
}

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, width, height


class Canvas:
    """One cover. label: what is seen and what it means, in one sentence."""

    def __init__(self, label: str) -> None:
        self.label, self.paths = label, []

    def boxes(self, role: str, boxes: Iterable[Box], *, corner: float = 4, fall: float = 0) -> None:
        """Filled rectangles with round corners. fall: how far they drop when the page opens (course.css)."""
        drawn = []
        for x, y, w, h in boxes:
            w, h = max(w - corner, 0), max(h - corner, 0)
            drawn.append(f"M{_n(x + corner / 2)} {_n(y + corner / 2)}h{_n(w)}v{_n(h)}h{_n(-w)}z")
        falls = f' class="fall" style="--fall:{_n(fall)}px"' if fall else ""
        self._put(f'fill="{INK[role]}" stroke="{INK[role]}" stroke-width="{_n(corner)}"{falls}', drawn)

    def frames(self, role: str, boxes: Iterable[Box], *, width: float = THIN) -> None:
        """Rectangles that are only outlined, inside their bounds."""
        inside = [(x + width / 2, y + width / 2, w - width, h - width) for x, y, w, h in boxes]
        drawn = [f"M{_n(x)} {_n(y)}h{_n(w)}v{_n(h)}h{_n(-w)}z" for x, y, w, h in inside]
        self._put(f'stroke="{INK[role]}" stroke-width="{_n(width)}"', drawn)

    def dots(self, role: str, centres: Iterable[Point], *, size: float = 16) -> None:
        """Filled circles: lines of no length with round ends."""
        drawn = [f"M{_n(x)} {_n(y)}h0" for x, y in centres]
        self._put(f'stroke="{INK[role]}" stroke-width="{_n(size)}"', drawn)

    def rings(self, role: str, centres: Iterable[Point], *, size: float = 20, width: float = PEN) -> None:
        """Circles that are only outlined."""
        r = (size - width) / 2
        arc = f"a{_n(r)} {_n(r)} 0 1 0 {_n(-2 * r)} 0a{_n(r)} {_n(r)} 0 1 0 {_n(2 * r)} 0"
        drawn = [f"M{_n(x + r)} {_n(y)}{arc}" for x, y in centres]
        self._put(f'stroke="{INK[role]}" stroke-width="{_n(width)}"', drawn)

    def lines(self, role: str, lines: Iterable[Sequence[Point]], *, width: float = PEN) -> None:
        """Broken lines through their points."""
        drawn = []
        for (x, y), *rest in lines:
            drawn.append(f"M{_n(x)} {_n(y)}" + "".join(f"L{_n(a)} {_n(b)}" for a, b in rest))
        self._put(f'stroke="{INK[role]}" stroke-width="{_n(width)}"', drawn)

    def curves(self, role: str, curves: Iterable[tuple[Point, Point]], *, width: float = PEN) -> None:
        """Lines from left to right that leave and arrive level."""
        drawn = []
        for (x, y), (a, b) in curves:
            middle = (x + a) / 2
            drawn.append(f"M{_n(x)} {_n(y)}C{_n(middle)} {_n(y)} {_n(middle)} {_n(b)} {_n(a)} {_n(b)}")
        self._put(f'stroke="{INK[role]}" stroke-width="{_n(width)}"', drawn)

    def arcs(
        self, role: str, spans: Iterable[tuple[float, float]], base: float, *, width: float = PEN
    ) -> None:
        """Half ellipses over a line: left end, right end."""
        half = [(a, (b - a) / 2) for a, b in spans]
        drawn = [f"M{_n(a)} {_n(base)}a{_n(r)} {_n(0.56 * r)} 0 0 1 {_n(2 * r)} 0" for a, r in half]
        self._put(f'stroke="{INK[role]}" stroke-width="{_n(width)}"', drawn)

    def area(self, role: str, outline: Sequence[Point]) -> None:
        """A filled shape."""
        drawn = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in outline) + "z"
        self._put(f'fill="{INK[role]}"', [drawn])

    def crosses(self, role: str, centres: Iterable[Point], *, size: float = 20, width: float = PEN) -> None:
        """Where something was lost or ended."""
        r = size / 2
        ends = [((x - r, y - r, x + r, y + r), (x - r, y + r, x + r, y - r)) for x, y in centres]
        self.lines(role, [((a, b), (c, d)) for pair in ends for a, b, c, d in pair], width=width)

    def svg(self) -> str:
        """The whole picture as text."""
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        label = f'aria-label="{escape(self.label)}"'
        pen = 'fill="none" stroke-linecap="round" stroke-linejoin="round"'
        return "\n".join([f"{head} {label} {pen}>", *self.paths, "</svg>\n"])

    def _put(self, style: str, drawn: Sequence[str]) -> None:
        if drawn:
            self.paths.append(f'<path {style} d="{"".join(drawn)}"/>')


def across(
    value: float, low: float, high: float, start: float = MARGIN, end: float = WIDTH - MARGIN
) -> float:
    """A value between low and high as a place between start and end."""
    return start + (value - low) / (high - low) * (end - start)


def _n(number: float) -> str:
    """Half a unit is finer than any screen shows."""
    rounded = round(float(number) * 2) / 2
    return f"{rounded:g}" if rounded else "0"
