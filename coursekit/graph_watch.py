"""What a run of a graph does, seen through callbacks that LangGraph really calls: nodes, changes, errors.

    watch = GraphWatch()
    app.invoke(state, {"callbacks": [watch], ...})
    watch.last.nodes, summary(watch.last), diagnose(watch.last)

A node is known by the id of its run, so that the same node may run many times at once.
Taught in: notebooks/21_langgraph.ipynb
"""

import copy
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.errors import GraphBubbleUp
from langgraph.graph import START

from coursekit.graph_trace import changes

SLOW_S, MANY = 5.0, 10  # a node that is a bottleneck; keys changed at once


@dataclass
class NodeRun:
    """One run of one node: times in seconds of the watch's clock, the state before, and what it returned."""

    node: str
    began_s: float
    before: dict
    ended_s: float | None = None
    update: dict | None = None
    error: str | None = None
    paused: bool = False

    @property
    def took_s(self) -> float:
        return (self.ended_s if self.ended_s is not None else self.began_s) - self.began_s

    @property
    def changed(self) -> dict[str, dict]:
        """Added and modified keys, by the update that the node returned."""
        return changes(self.before, self.before | (self.update or {}))


@dataclass
class Run:
    """One run of a graph; `ended_s` is None as long as it goes on."""

    thread: str
    began_s: float
    ended_s: float | None = None
    nodes: list[NodeRun] = field(default_factory=list)
    error: str | None = None
    events: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        if self.ended_s is None:
            return "running"
        if self.error:
            return "failed"
        return "paused" if any(node.paused for node in self.nodes) else "completed"


class GraphWatch(BaseCallbackHandler):
    """Give it as a callback to one or many runs.

    clock: seconds, for tests.   `runs`: every run, in order of their beginnings.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.runs: list[Run] = []
        self._runs: dict[UUID, Run] = {}
        self._nodes: dict[UUID, tuple[Run, NodeRun]] = {}
        self._lock = threading.Lock()  # nodes that run side by side call from threads of their own

    @property
    def last(self) -> Run:
        return self.runs[-1]

    def on_chain_start(
        self, serialized, inputs, *, run_id, parent_run_id=None, metadata=None, name=None, **_
    ):
        metadata = metadata or {}
        with self._lock:
            if parent_run_id is None:
                run = Run(str(metadata.get("thread_id", "")), self.clock(), events=["workflow starts"])
                self.runs.append(run)
            else:
                run = self._runs.get(parent_run_id)
                if run is None:
                    return  # it began before we watched
                if name is not None and name == metadata.get("langgraph_node") and name != START:
                    before = copy.deepcopy(inputs) if isinstance(inputs, dict) else {}
                    self._nodes[run_id] = run, NodeRun(name, self.clock(), before)
                    run.nodes.append(self._nodes[run_id][1])
                    run.events.append(f"{name} begins")
            self._runs[run_id] = run

    def on_chain_end(self, outputs, *, run_id, **_):
        with self._lock:
            if run_id in self._nodes:
                run, node = self._nodes.pop(run_id)
                node.ended_s, node.update = self.clock(), _update(outputs)
                run.events.append(f"{node.node} ends")
            self._close(run_id, None)

    def on_chain_error(self, error, *, run_id, **_):
        asks = isinstance(error, GraphBubbleUp)
        with self._lock:
            if run_id in self._nodes:
                run, node = self._nodes.pop(run_id)
                node.ended_s, node.paused = self.clock(), asks
                node.error = None if asks else f"{type(error).__name__}: {error}"
                run.events.append(f"{node.node} {'asks' if asks else 'fails'}")
            self._close(run_id, None if asks else f"{type(error).__name__}: {error}")

    def _close(self, run_id: UUID, error: str | None) -> None:
        run = self._runs.pop(run_id, None)
        if run is not None and not any(other is run for other in self._runs.values()):
            run.ended_s, run.error = self.clock(), error
            run.events.append(f"workflow {run.status}")


def statistics(nodes: list[NodeRun]) -> dict[str, dict]:
    """Of each node: runs, total, shortest, longest and mean time in s. Nodes still running are left out.

    >>> statistics([NodeRun("a", 0, {}, 2), NodeRun("a", 1, {}, 5)])
    {'a': {'runs': 2, 'total_s': 6, 'min_s': 2, 'max_s': 4, 'mean_s': 3.0}}
    """
    times = defaultdict(list)
    for one in nodes:
        if one.ended_s is not None:
            times[one.node].append(one.took_s)
    return {
        node: {"runs": len(t), "total_s": sum(t), "min_s": min(t), "max_s": max(t), "mean_s": sum(t) / len(t)}
        for node, t in times.items()
    }


def summary(run: Run) -> dict:
    """A run in numbers, also one that failed or still goes on.

    busy: share of the time in which a node was at work, at most 1.   overlap: how many were on average; a
    node that is a graph counts beside the nodes within.
    """
    nodes = [one for one in run.nodes if one.ended_s is not None]
    end = run.ended_s if run.ended_s is not None else max([one.ended_s for one in nodes], default=run.began_s)
    took, covered, until = end - run.began_s, 0.0, run.began_s
    for one in sorted(nodes, key=lambda one: one.began_s):
        covered += max(0.0, one.ended_s - max(one.began_s, until))
        until = max(until, one.ended_s)
    total = sum(one.took_s for one in nodes)
    return {
        "status": run.status, "took_s": took, "nodes": len(nodes),
        "changes": sum(bool(n.update) for n in nodes), "errors": sum(n.error is not None for n in nodes),
        "busy": covered / took if took else 0.0, "overlap": total / took if took else 0.0,
    }  # fmt: skip


def diagnose(run: Run, slow_s: float = SLOW_S, many: int = MANY) -> list[str]:
    """What to look at, in words: slow nodes, large changes, errors, time in which nothing worked."""
    found, numbers = [], statistics(run.nodes)
    for node in sorted(numbers, key=lambda name: -numbers[name]["max_s"]):
        if numbers[node]["max_s"] > slow_s:
            found.append(
                f"{node} took more than {slow_s:g} s: split it, cache it, or let it run beside others"
            )
    for one in run.nodes:
        keys = sum(len(one.changed[kind]) for kind in ("added", "modified"))
        if keys > many:
            found.append(f"{one.node} changed {keys} keys at once: split it")
    found += [f"{one.node} failed with {one.error}" for one in run.nodes if one.error]
    if run.error and not any(one.error for one in run.nodes):
        found.append(f"the run failed outside its nodes with {run.error}")
    return found


def _update(outputs) -> dict:
    if isinstance(outputs, dict):
        return copy.deepcopy(outputs)
    update = getattr(outputs, "update", None)  # a Command
    return copy.deepcopy(update) if isinstance(update, dict) else {}
