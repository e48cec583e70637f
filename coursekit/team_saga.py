"""A plan whose steps can be taken back: when one fails, what was done is undone, last first.

    Executor("executor").execute([Step("charge", do, undo), Step("ship", do, undo)])

Source: Garcia-Molina and Salem 1987, "Sagas".   Taught in: notebooks/19_agent_teams.ipynb
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Step(NamedTuple):
    name: str
    do: Callable[[], None]
    undo: Callable[[], None]  # must do no harm if there is nothing to undo


class Broken(RuntimeError):
    """A step, or an undo, that failed."""


@dataclass
class Executor:
    """tries: of an undo, before a person is asked."""

    name: str
    tries: int = 3
    capabilities = ("execute",)

    def execute(self, steps: list[Step]) -> dict:
        """completed, rolled back, or stuck: then `by_hand` names what a person must undo.

        Raises: ValueError for a plan without steps.
        """
        if not steps:
            raise ValueError("a plan needs at least one step")
        done, report = [], {"done": [], "undone": [], "by_hand": [], "error": ""}
        for step in steps:
            done.append(step)  # before it is tried: a step that fails may have had its effect
            try:
                step.do()
                report["done"].append(step.name)
            except Exception as error:
                report["error"] = f"{step.name}: {error}"
                self.undo(done, report)
                return {"status": "stuck" if report["by_hand"] else "rolled back"} | report
        return {"status": "completed"} | report

    def undo(self, done: list[Step], report: dict) -> None:
        """Last first. An undo that keeps failing does not keep the others from being tried."""
        for step in reversed(done):
            for _ in range(self.tries):
                try:
                    step.undo()
                    report["undone"].append(step.name)
                    break
                except Exception:
                    continue
            else:
                report["by_hand"].append(step.name)
