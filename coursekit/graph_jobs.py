"""A large job as tasks that wait for each other: all that is ready runs at once, failures are tried again.

    job_graph(work).invoke({"needs": {"publish": ["build"], "build": []}})      # work(name, results of needs)

Taught in: notebooks/21_langgraph.ipynb
"""

import operator
from collections.abc import Callable
from enum import Enum
from graphlib import CycleError, TopologicalSorter
from typing import Annotated

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict

MOST_TRIES = 3


class Status(Enum):
    PENDING = "pending"
    IN_PROGRESS = "in progress"
    COMPLETED = "completed"
    FAILED = "failed"
    REQUIRES_HUMAN = "requires human"


class Job(TypedDict, total=False):
    """needs: task -> the tasks it waits for.   waves: what was started together."""

    needs: dict[str, list[str]]
    status: Annotated[dict[str, str], operator.or_]
    tries: Annotated[dict[str, int], operator.or_]
    results: Annotated[dict[str, str], operator.or_]
    errors: Annotated[dict[str, str], operator.or_]
    waves: Annotated[list[list[str]], operator.add]


def order(needs: dict[str, list[str]]) -> list[str]:
    """An order in which nothing comes before what it needs.

    Raises: ValueError for tasks that wait for each other, or for one that there is not.

    >>> order({"publish": ["build"], "build": []})
    ['build', 'publish']
    """
    unknown = sorted({need for each in needs.values() for need in each} - needs.keys())
    if unknown:
        raise ValueError(f"nobody does {', '.join(unknown)}; there are {', '.join(needs)}")
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise ValueError(f"these wait for each other: {' → '.join(error.args[1])}") from None


def ready(needs: dict[str, list[str]], status: dict[str, str]) -> list[str]:
    """Every task that is pending or failed, and whose needs are all completed."""
    done = {name for name, now in status.items() if now == Status.COMPLETED.value}
    due = (Status.PENDING.value, Status.FAILED.value)
    return [name for name in sorted(needs) if status[name] in due and done.issuperset(needs[name])]


def plan(state: Job) -> Job:
    """The first time: check the plan and set all to pending. Each time: start what is ready."""
    order(state["needs"])
    status = dict.fromkeys(state["needs"], Status.PENDING.value) | state.get("status", {})
    wave = ready(state["needs"], status)
    return {"status": status | dict.fromkeys(wave, Status.IN_PROGRESS.value), "waves": [wave] if wave else []}


def start_ready(state: Job) -> list[Send] | str:
    """One `do` for each task in progress, with the results it needs; if there is none, consolidate."""
    begun = [name for name, status in state["status"].items() if status == Status.IN_PROGRESS.value]
    given = lambda name: {need: state["results"][need] for need in state["needs"][name]}
    tries = state.get("tries", {})
    return [
        Send("do", {"name": name, "tries": tries.get(name, 0), "given": given(name)}) for name in begun
    ] or "consolidate"


def doer(work: Callable) -> Callable:
    """A node that does one task; an error ends this task, not the job."""

    def do(one: dict) -> Job:
        name, tries = one["name"], one["tries"] + 1
        try:
            result = work(name, one["given"])
        except Exception as error:  # whatever a task may raise: it is reported
            status = Status.FAILED if tries < MOST_TRIES else Status.REQUIRES_HUMAN
            return {"status": {name: status.value}, "tries": {name: tries}, "errors": {name: str(error)}}
        return {"status": {name: Status.COMPLETED.value}, "tries": {name: tries}, "results": {name: result}}

    return do


def consolidate(state: Job) -> Job:
    """Say in one line what became of it all, under the name `all`."""
    left = sorted(name for name, status in state["status"].items() if status != Status.COMPLETED.value)
    return {"results": {"all": f"open: {', '.join(left)}" if left else "done"}}


def job_graph(work: Callable, saver=None):
    """The compiled graph. work(name, results of its needs) -> result; it may raise."""
    graph = StateGraph(Job).add_node(plan).add_node("do", doer(work)).add_node(consolidate)
    graph.add_edge(START, "plan").add_conditional_edges("plan", start_ready, ["do", "consolidate"])
    return graph.add_edge("do", "plan").add_edge("consolidate", END).compile(saver)
