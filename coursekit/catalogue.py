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

from coursekit import plots
from coursekit.errors import CourseError

HOME = Path(__file__).parent / "data" / "catalogue.json"
WORDS_PER_MINUTE = 200  # of technical prose; Brysbaert 2019 finds 238 for plain non-fiction
LINES_PER_MINUTE = 12  # of code that is read, run and tried


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


def draw(names: Iterable[str], title: str, size: tuple[float, float] = (7, 2.6)) -> Axes:
    """These chapters as boxes, from what comes first on the left, an arrow from each need to its chapter."""
    chosen = [chapter(name) for name in names]
    places = _places(chosen)
    said = [
        f"{one.title} needs {' and '.join(chapter(need).title for need in one.needs) or 'nothing'}"
        for one in chosen
    ]
    ax = plots.axes(title, "", "", alt=". ".join(said) + ".", size=size)
    ax.set_axis_off()
    for one in chosen:
        for need in one.needs:
            if need in places:
                ax.annotate(
                    "", places[one.name], places[need],
                    arrowprops={"arrowstyle": "-|>", "color": "theory", "shrinkA": 32, "shrinkB": 34},
                )  # fmt: skip
    for one in chosen:
        x, y = places[one.name]
        label = f"{one.number}\n{_two_lines(one.title)}"
        box = {"boxstyle": "round,pad=0.5", "facecolor": plots.PAPER, "edgecolor": plots.COLOURS["measured"]}
        ax.text(x, y, label, ha="center", va="center", fontsize=9, color=plots.COLOURS["measured"], bbox=box)
    xs, ys = zip(*places.values(), strict=True)
    ax.set(xlim=(min(xs) - 0.6, max(xs) + 0.6), ylim=(min(ys) - 0.7, max(ys) + 0.7))
    return ax


def _places(chosen: list[Chapter]) -> dict[str, tuple[float, float]]:
    """x: how many steps come before; y: spread over those of the same x."""
    depth: dict[str, int] = {}
    for one in chosen:  # in the order of their numbers, so needs come first
        depth[one.name] = 1 + max((depth[need] for need in one.needs if need in depth), default=-1)
    columns = {x: [name for name, at in depth.items() if at == x] for x in depth.values()}
    return {
        name: (x, (len(column) - 1) / 2 - row)
        for x, column in columns.items()
        for row, name in enumerate(column)
    }


def _two_lines(title: str) -> str:
    words = title.split()
    half = math.ceil(len(words) / 2)
    return " ".join(words[:half]) + ("\n" + " ".join(words[half:]) if words[half:] else "")
