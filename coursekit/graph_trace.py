"""A thread of a graph to step through: every checkpoint, what changed in it, and where it was forked.

    GraphTrace.of(app, config)          # from the checkpoints that are stored, newest last

Taught in: notebooks/21_langgraph.ipynb
"""

import json

import anywidget
import traitlets

from coursekit.graph_drawing import draw
from coursekit.widgets import CSS, STATIC

LONGEST = 90  # letters of a value


def changes(before: dict, after: dict) -> dict[str, dict]:
    """What is new, what is another, what is gone between two states.

    >>> changes({"a": 1, "b": 2}, {"b": 3, "c": 4})
    {'added': {'c': 4}, 'modified': {'b': (2, 3)}, 'removed': {'a': 1}}
    """
    return {
        "added": {key: value for key, value in after.items() if key not in before},
        "modified": {k: (before[k], v) for k, v in after.items() if k in before and before[k] != v},
        "removed": {key: value for key, value in before.items() if key not in after},
    }


def frames(app, config: dict) -> list[dict]:
    """The checkpoints of a thread, oldest first, in a form for JSON and for a page.

    Each has `step` and `source` (input, loop, update, fork), `ran` and `next` (names of nodes), the `parent`
    (an index, None for the first), its `lane` (0, and one more for each fork), `values` and `changed` (names
    of keys), and the questions it `asks`. Raises: ValueError if the thread has no checkpoint.
    """
    history = list(app.get_state_history(config))[::-1]
    if not history:
        raise ValueError(f"no checkpoint of thread {config['configurable'].get('thread_id')!r} is stored")
    number = {_id(shot.config): i for i, shot in enumerate(history)}
    found, lanes, taken = [], 0, set()
    for shot in history:
        parent = number.get(_id(shot.parent_config)) if shot.parent_config else None
        lane = 0 if parent is None else found[parent]["lane"]
        if parent in taken:
            lanes += 1
            lane = lanes
        taken.add(parent)
        source = shot.metadata["source"]
        before = history[parent].values if parent is not None else {}
        change = changes(before, shot.values)
        found.append({
            "step": shot.metadata["step"], "source": source, "parent": parent, "lane": lane,
            "ran": [name for name in history[parent].next if source == "loop"] if parent is not None else [],
            "next": list(shot.next),
            "values": {key: _short(value) for key, value in shot.values.items()},
            "changed": [*change["added"], *change["modified"]],
            "asks": [_short(one.value) for one in shot.interrupts],
        })  # fmt: skip
    return found


class GraphTrace(anywidget.AnyWidget):
    """A thread, checkpoint by checkpoint, under a drawing of its graph; `at` says which is shown."""

    _esm = (STATIC / "graph_trace.js").read_text(encoding="utf-8")
    _css = CSS + (STATIC / "graph_trace.css").read_text(encoding="utf-8")
    picture = traitlets.Unicode().tag(sync=True)
    frames = traitlets.List().tag(sync=True)
    at = traitlets.Int(0).tag(sync=True)

    @classmethod
    def of(cls, app, config: dict) -> "GraphTrace":
        return cls(picture=draw(app).svg, frames=frames(app, config))

    def __repr__(self) -> str:
        forks = max(frame["lane"] for frame in self.frames)
        return f"A thread of {len(self.frames)} checkpoints with {forks} forks, to step through"


def _id(config: dict) -> str:
    return config["configurable"]["checkpoint_id"]


def _short(value) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
