"""Figures that move: the same in JupyterLab with a kernel and in the published page with none.

Whatever a widget shows is computed by Python beforehand and travels in its synced traits; its JavaScript only
chooses what to show. So the state that a notebook stores is all that a page needs.
"""

import inspect
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import anywidget
import matplotlib.pyplot as plt
import numpy as np
import traitlets

from coursekit import display, plots

STATIC = Path(__file__).parent / "static"
CSS = (STATIC / "widgets.css").read_text()
MOST_FRAMES = 150


class Explorer(anywidget.AnyWidget):
    """A drawing function behind sliders; `value` says where they stand."""

    _esm = (STATIC / "explorer.js").read_text()
    _css = CSS
    sliders = traitlets.List().tag(sync=True)
    frames = traitlets.List().tag(sync=True)
    at = traitlets.List().tag(sync=True)

    def __init__(self, values: dict[str, list], frames: list[str], at: list[int]) -> None:
        self.values = values
        sliders = [
            {"name": _words(name), "labels": [_label(v) for v in grid]} for name, grid in values.items()
        ]
        super().__init__(sliders=sliders, frames=frames, at=at)

    @property
    def value(self) -> dict:
        """The parameters that the picture now shows."""
        return {name: grid[i] for (name, grid), i in zip(self.values.items(), self.at, strict=True)}

    def __repr__(self) -> str:
        spans = (
            f"{_words(name)} {_label(grid[0])} to {_label(grid[-1])}" for name, grid in self.values.items()
        )
        return f"A figure with sliders: {', '.join(spans)}"


def explore(draw: Callable[..., object], **sliders: Iterable) -> Explorer:
    """Put `draw` behind sliders: one still picture for every combination of their values.

    sliders: parameter = (low, high, step), both ends included, or a list of values.
    A parameter starts at the default that `draw` gives it, else in the middle.
    Raises ValueError for more than 150 pictures: a page should stay light.
    """
    takes = inspect.signature(draw).parameters
    for name in sliders.keys() - takes.keys():
        raise ValueError(f"{draw.__name__} takes {', '.join(takes)}; it has no {name}")
    if not sliders:
        raise ValueError(f"no slider given; {draw.__name__} takes {', '.join(takes)}")
    values = {name: _grid(name, span) for name, span in sliders.items()}
    count = int(np.prod([len(grid) for grid in values.values()]))
    if count > MOST_FRAMES:
        raise ValueError(
            f"{count} pictures for {', '.join(values)}: at most {MOST_FRAMES}; take larger steps"
        )
    frames = []
    with display.progress(count, "picture") as bar:
        for each in itertools.product(*values.values()):
            frames.append(_frame(draw, dict(zip(values, each, strict=True))))
            bar.update()
    return Explorer(values, frames, [_start(draw, name, grid) for name, grid in values.items()])


class SamplePath(anywidget.AnyWidget):
    """Visits as rows that fall onto the staircase N(t): the proof of Little's law in one picture.

    visits: (arrived, left) of each visitor, arrivals in order.   horizon: the end of the time axis.
    Source: Little 1961; the picture is that of Stidham 1974, "A last word on L = λW".
    """

    _esm = (STATIC / "sample_path.js").read_text()
    _css = CSS
    visits = traitlets.List().tag(sync=True)
    original = traitlets.List().tag(sync=True)
    horizon = traitlets.Int().tag(sync=True)
    unit = traitlets.Unicode().tag(sync=True)

    def __init__(self, visits: Iterable[tuple[float, float]], horizon: int, unit: str = "min") -> None:
        rows = [list(map(float, visit)) for visit in visits]
        for arrived, left in rows:
            if not 0 <= arrived < left <= horizon:
                raise ValueError(
                    f"visit ({arrived:g}, {left:g}) must start at 0 or later and end by {horizon}"
                )
        super().__init__(visits=rows, original=rows, horizon=horizon, unit=unit)

    def __repr__(self) -> str:
        return f"{len(self.original)} visits in {self.horizon} {self.unit}, to step through and to change"


class Quiz(anywidget.AnyWidget):
    """One question; each option answers with its reason."""

    _esm = (STATIC / "quiz.js").read_text()
    _css = CSS
    question = traitlets.Unicode().tag(sync=True)
    options = traitlets.List().tag(sync=True)
    choice = traitlets.Int(-1).tag(sync=True)

    def __repr__(self) -> str:
        return f"{self.question} ({' / '.join(option['text'] for option in self.options)})"


def quiz(question: str, right: dict[str, str], wrong: dict[str, str]) -> Quiz:
    """A question with one right option; `right` and `wrong` map an option to its reason. Shown sorted."""
    if len(right) != 1 or not wrong:
        raise ValueError(f"a quiz needs one right and some wrong options, got {len(right)} and {len(wrong)}")
    options = [
        {"text": text, "why": why, "right": text in right} for text, why in sorted((right | wrong).items())
    ]
    return Quiz(question=question, options=options)


def _grid(name: str, span: Iterable) -> list:
    if not isinstance(span, tuple):
        return list(span)
    if len(span) != 3 or not span[0] < span[1] or span[2] <= 0:
        raise ValueError(f"{name}={span}: give (low, high, step) with low < high, or a list of values")
    low, high, step = span
    grid = low + step * np.arange(int((high - low) / step + 1e-9) + 1)
    return [round(float(v), 10) if any(isinstance(s, float) for s in span) else int(v) for v in grid]


def _start(draw: Callable, name: str, grid: list) -> int:
    default = inspect.signature(draw).parameters[name].default
    if default is inspect.Parameter.empty:
        return len(grid) // 2
    return grid.index(default) if default in grid else int(np.argmin(np.abs(np.array(grid) - default)))


def _frame(draw: Callable, parameters: dict) -> str:
    before = set(plt.get_fignums())
    draw(**parameters)
    made = [plt.figure(number) for number in plt.get_fignums() if number not in before]
    if len(made) != 1:
        raise ValueError(f"{draw.__name__}({parameters}) made {len(made)} figures; it must make one")
    picture = plots.svg(made[0])
    plt.close(made[0])
    return picture


def _label(value) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _words(name: str) -> str:
    return name.replace("_", " ")
