"""A desk at which somebody answers the questions of a paused graph: a widget, all of whose ends were run.

    view = ApprovalView.of(begin, OPTIONS)      # begin() -> (app, state, config), anew at each call
    view.path                                   # what was pressed: `answer_all(begin, view.path)` replays it

Every path of answers was run on the real graph, so the desk also works in a page without a kernel.
Taught in: notebooks/21_langgraph.ipynb
"""

import json
from collections.abc import Callable, Iterable, Sequence

import anywidget
import traitlets
from langgraph.types import Command

from coursekit.widgets import CSS, STATIC

MOST_PATHS = 60


def answer_all(begin: Callable, answers: Iterable) -> dict:
    """Run a graph and answer its questions in turn. Returns its last result; a question may be left open.

    begin: gives (app, state, config) anew.   Raises: ValueError for an answer to a graph that asks nothing.
    """
    app, state, config = begin()
    result = app.invoke(state, config)
    for answer in answers:
        if not result.get("__interrupt__"):
            raise ValueError(f"nothing is asked, so {answer!r} answers nothing")
        result = app.invoke(Command(resume=answer), config)
    return result


class ApprovalView(anywidget.AnyWidget):
    """Questions and their answers as buttons; `path` says what was pressed.

    frames: path of answers as JSON -> (is it open?, what is asked or what came of it).
    """

    _esm = (STATIC / "approval.js").read_text(encoding="utf-8")
    _css = CSS + (STATIC / "approval.css").read_text(encoding="utf-8")
    options = traitlets.List().tag(sync=True)
    frames = traitlets.Dict().tag(sync=True)
    path = traitlets.List().tag(sync=True)

    @classmethod
    def of(cls, begin: Callable, options: Sequence[str], tell: Callable[[dict], str] = str) -> "ApprovalView":
        """Run every path of answers. tell: a result in words. Raises: ValueError for more than 60 paths."""
        frames, open_paths = {}, [[]]
        while open_paths:
            path = open_paths.pop()
            result = answer_all(begin, path)
            asks = result.get("__interrupt__")
            frames[json.dumps(path, separators=(",", ":"))] = [bool(asks), tell(result)]
            if asks:
                open_paths += [[*path, option] for option in options]
            if len(frames) + len(open_paths) > MOST_PATHS:
                raise ValueError(f"more than {MOST_PATHS} paths of answers: bound how often the graph asks")
        return cls(options=list(options), frames=dict(sorted(frames.items())))

    def __repr__(self) -> str:
        return f"A desk with {len(self.options)} answers and {len(self.frames)} ways it may go"
