"""A journal of the warehouse to look at: play it, step through it, or put the slider on any turn.

Everything shown was computed beforehand: each turn stores only what changed. So the same widget works in a
page without a kernel.
"""

import json

import anywidget
import traitlets

from coursekit.warehouse import Journal
from coursekit.widgets import CSS, STATIC

MOST_BYTES = 150_000
SPEEDS = (1, 2, 4, 8)  # turns a second


class WarehouseView(anywidget.AnyWidget):
    """Robots, people and orders, turn by turn; `turn` says which is shown.

    Raises: ValueError if the journal is empty, `turn` is not in it, or if a page should not carry so much.
    Taught in: notebooks/08_what_is_an_agent.ipynb
    """

    _esm = (STATIC / "warehouse.js").read_text(encoding="utf-8")
    _css = CSS + (STATIC / "warehouse.css").read_text(encoding="utf-8")
    rows = traitlets.List().tag(sync=True)
    changes = traitlets.List().tag(sync=True)
    turn = traitlets.Int(0).tag(sync=True)
    speed = traitlets.Int(SPEEDS[1]).tag(sync=True)

    def __init__(self, journal: Journal, *, turn: int = 0) -> None:
        if not 0 <= turn < len(journal.frames):
            raise ValueError(f"turn {turn} is not in this journal of {len(journal.frames)} frames")
        seen = [_picture(frame) for frame in journal.frames]
        changes = [_change(*both) for both in zip([{}, *seen], seen, strict=False)]
        size = len(json.dumps(changes))
        if size > MOST_BYTES:
            raise ValueError(
                f"{len(seen)} frames take {size:,} bytes; at most {MOST_BYTES:,} keep a page light"
            )
        super().__init__(rows=list(journal.rows), changes=changes, turn=turn)

    def __repr__(self) -> str:
        first = self.changes[0]
        robots, people = len(first.get("robots", {})), len(first.get("people", {}))
        return f"A warehouse of {robots} robots and {people} people, {len(self.changes) - 1} turns to play"


def _picture(frame: dict) -> dict:
    """A frame as the page sees it: cells as lists, names as keys."""
    robots = {name: [*cell, *rest] for name, (cell, *rest) in frame["robots"].items()}
    people = {name: list(cell) for name, cell in frame["people"].items()}
    waiting = {str(number): list(cell) for number, cell in frame["waiting"].items()}
    told = [list(event) for event in frame["events"] if event[0] != "sends"]
    seen = {"robots": robots, "people": people, "waiting": waiting}
    return seen | {"told": told, "delivered": frame["delivered"]}


def _change(before: dict, now: dict) -> dict:
    """What is new in `now`; None for an order that waits no longer."""
    changed = {"told": now["told"]} if now["told"] else {}
    if now["delivered"] != before.get("delivered", 0):
        changed["delivered"] = now["delivered"]
    for kind in ("robots", "people", "waiting"):
        old, new = before.get(kind, {}), now[kind]
        part = {name: value for name, value in new.items() if old.get(name) != value}
        part |= dict.fromkeys(old.keys() - new.keys())
        changed |= {kind: part} if part else {}
    return changed
