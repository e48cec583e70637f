"""The course about itself: what each finished chapter promises, needs and takes, read from the notebooks.

Made by `tools/catalogue.py` whenever a notebook is stored, so that a notebook knows the others without their
files. Used by the two series maps, 04 and 16.
"""

import functools
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from coursekit import plots
from coursekit.errors import CourseError

HOME = Path(__file__).parent / "data" / "catalogue.json"
WORDS_PER_MINUTE = 200  # of technical prose; Brysbaert 2019 finds 238 for plain non-fiction
SWEEPS = 8  # of moving boxes beside their neighbours
LINES_PER_MINUTE = 20  # of code that is read, run and tried


@dataclass(frozen=True)
class Chapter:
    """One notebook, as its own first cell describes it."""

    name: str  # 05_llm_foundation_models
    title: str
    part: str  # I to IV
    promise: str
    needs: tuple[str, ...]  # names of the chapters that it builds on
    takes_min: int  # with the exercises, as the author says
    runs_s: int
    words: int
    code_lines: int

    @property
    def number(self) -> int:
        return int(self.name[:2])

    @property
    def reading_min(self) -> int:
        """Minutes to read the text and follow the code, exercises not counted, rounded to five."""
        minutes = self.words / WORDS_PER_MINUTE + self.code_lines / LINES_PER_MINUTE
        return max(5, 5 * round(minutes / 5))

    @property
    def link(self) -> str:
        return f"{self.name}.html"


@functools.cache
def chapters() -> tuple[Chapter, ...]:
    """The finished chapters, in the order of their numbers."""
    read = json.loads(HOME.read_text(encoding="utf-8"))
    return tuple(Chapter(**{**chapter, "needs": tuple(chapter["needs"])}) for chapter in read)


def chapter(name: str) -> Chapter:
    """The chapter of this name. Raises CourseError, with the names there are, for any other."""
    known = {one.name: one for one in chapters()}
    if name not in known:
        raise CourseError(f"no finished chapter is called {name!r}; there are {', '.join(known)}")
    return known[name]


def needed_for(names: Iterable[str]) -> list[Chapter]:
    """These chapters and all that they build on, each after what it needs."""
    found: dict[str, Chapter] = {}

    def add(name: str) -> None:
        if name not in found:
            for need in chapter(name).needs:
                add(need)
            found[name] = chapter(name)

    for name in names:
        add(name)
    return list(found.values())


def draw(names: Iterable[str], title: str, *, into: Iterable[str] | None = None) -> Axes:
    """These chapters as boxes, what comes first on the left, an arrow from each need to its chapter.

    into: chapters whose needs are drawn; all when left out.
    """
    chosen = sorted(map(chapter, names), key=lambda one: one.number)
    inside = {one.name for one in chosen}
    shown = inside if into is None else set(into)
    needs = {one.name: [need for need in one.needs if need in inside and one.name in shown] for one in chosen}
    places = _places(needs)
    xs, ys = zip(*places.values(), strict=True)
    said = [f"{chapter(name).title} needs {_and(needs[name])}" for name in needs if name in shown]
    ax = plots.axes(title, "", "", alt=". ".join(said) + ".", size=(7, 1.1 + max(ys) - min(ys)))
    ax.set_axis_off()
    ax.set(xlim=(min(xs) - 0.5, max(xs) + 0.5), ylim=(min(ys) - 0.5, max(ys) + 0.5))
    boxes = {one.name: _box(ax, one, *places[one.name]) for one in chosen}
    for first, then in [(need, name) for name in needs for need in needs[name]]:
        ends = {"patchA": boxes[first], "patchB": boxes[then]}
        style = {"arrowstyle": "-|>", "color": plots.COLOURS["theory"], "shrinkA": 2, "shrinkB": 2}
        ax.annotate("", places[then], places[first], arrowprops=style | ends)
    return ax


def _box(ax: Axes, one: Chapter, x: float, y: float) -> Patch:
    blue = plots.COLOURS["measured"]
    box = {"boxstyle": "round,pad=0.5", "facecolor": "none", "edgecolor": blue}
    label = f"{one.number}\n{_two_lines(one.title)}"
    written = ax.text(x, y, label, ha="center", va="center", fontsize=9, color=blue, bbox=box)
    return written.get_bbox_patch()


def _and(names: Iterable[str]) -> str:
    return " and ".join(chapter(name).title for name in names) or "nothing"


def _places(needs: dict[str, list[str]]) -> dict[str, tuple[float, float]]:
    """x: a column, so that arrows are short; y: beside its neighbours.

    needs: in the order of the chapters' numbers, so who needs one comes after it.   Source: Sugiyama 1981.
    """
    depth = min(_from_the_right(needs), _from_the_left(needs), key=lambda depth: _crossed(depth, needs))
    columns = {x: [name for name in needs if depth[name] == x] for x in sorted(set(depth.values()))}
    for _ in range(SWEEPS):
        height = _heights(columns)
        for column in columns.values():
            column.sort(key=lambda name: -_mean(height, name, needs))
            height |= _heights({0: column})
    height = _heights(columns)
    return {name: (depth[name], height[name]) for name in needs}


def _from_the_right(needs: dict[str, list[str]]) -> dict[str, int]:
    """Columns: each chapter just before the first that needs it."""
    depth: dict[str, int] = {}
    for name in reversed(needs):
        depth[name] = min((depth[other] for other in depth if name in needs[other]), default=1) - 1
    return depth


def _from_the_left(needs: dict[str, list[str]]) -> dict[str, int]:
    """Columns: each chapter just after the last that it needs."""
    depth: dict[str, int] = {}
    for name in needs:
        depth[name] = max((depth[other] for other in needs[name]), default=-1) + 1
    return depth


def _crossed(depth: dict[str, int], needs: dict[str, list[str]]) -> int:
    """How many columns arrows pass through."""
    return sum(depth[name] - depth[first] - 1 for name in needs for first in needs[name])


def _heights(columns: dict[int, list[str]]) -> dict[str, float]:
    """Boxes one below the other, each column around 0."""
    return {
        name: (len(column) - 1) / 2 - row for column in columns.values() for row, name in enumerate(column)
    }


def _mean(height: dict[str, float], name: str, needs: dict[str, list[str]]) -> float:
    """Where a box would like to be: at the mean of those it is joined to."""
    joined = [*needs[name], *(other for other in needs if name in needs[other])]
    return sum(height[other] for other in joined) / len(joined) if joined else height[name]


def _two_lines(title: str) -> str:
    words = title.split()
    half = math.ceil(len(words) / 2)
    return " ".join(words[:half]) + ("\n" + " ".join(words[half:]) if words[half:] else "")
