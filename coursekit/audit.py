"""An audit log to which lines are only added, each with the hash of the one before it.

    audit = Audit()
    audit.add(25, "remediate", {"action": "rollback"}, "yes", "ada said so")
    first_forged(audit.lines, audit.head)           # None: nothing was changed, taken out or cut off

The chain cannot see that lines are missing at its end, so its `head` should also be kept elsewhere.
Source: Haber and Stornetta 1991.   Taught in: notebooks/15_incident_agent.ipynb
"""

import hashlib
import json
from collections.abc import Sequence

from coursekit.fleet import clock

START = "0" * 64


class Audit:
    """Lines of JSON, oldest first."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @property
    def head(self) -> str:
        """The hash of the last line."""
        return hashed(self.lines[-1]) if self.lines else START

    @property
    def entries(self) -> list[dict]:
        return [json.loads(line) for line in self.lines]

    def add(self, minute: float, tool: str, about: dict, verdict: str, why: str) -> None:
        entry = {"time": clock(minute), "tool": tool, "about": about, "verdict": verdict, "why": why}
        self.lines.append(json.dumps(entry | {"before": self.head}))


def hashed(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()


def first_forged(lines: Sequence[str], head: str) -> int | None:
    """The number of the first line that does not fit the chain up to `head`; None if all fit.

    >>> first_forged([], START) is None
    True
    """
    before = START
    for number, line in enumerate(lines):
        if json.loads(line)["before"] != before:
            return number
        before = hashed(line)
    return None if before == head else len(lines)
