"""Watching graphs: every node run found again, whatever runs beside it, also when it fails."""

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict

from coursekit.graph_watch import GraphWatch, NodeRun, Run, diagnose, statistics, summary


class State(TypedDict, total=False):
    x: int
    items: list


def graph(**nodes):
    return StateGraph(State).add_sequence(list(nodes.items())).add_edge(START, next(iter(nodes)))


def test_events_come_in_order_with_a_pause_between():
    watch, config = GraphWatch(), {"configurable": {"thread_id": "7"}}
    app = graph(ask=lambda s: {"x": interrupt("?")}, done=lambda s: {}).compile(InMemorySaver())
    app.invoke({}, config | {"callbacks": [watch]})
    app.invoke(Command(resume=3), config | {"callbacks": [watch]})
    assert watch.runs[0].events == ["workflow starts", "ask begins", "ask asks", "workflow paused"]
    assert watch.runs[1].events[-1] == "workflow completed" and watch.runs[1].thread == "7"
    assert watch.runs[1].nodes[0].changed["added"] == {"x": 3}


def test_the_state_before_is_a_copy_that_later_changes_do_not_reach():
    def mutates(state):
        state["items"].append("b")
        return {"items": state["items"]}

    watch = GraphWatch()
    graph(mutates=mutates).compile().invoke({"items": ["a"]}, {"callbacks": [watch]})
    assert watch.last.nodes[0].changed["modified"] == {"items": (["a"], ["a", "b"])}


def test_the_same_node_at_once_gets_each_its_own_end():
    """Three stay inside until all have begun; they leave in another order than they came."""
    inside, leave = threading.Barrier(3), {1: threading.Event(), 2: threading.Event()}

    def item(number):
        inside.wait(10)
        if number:
            leave[number].wait(10)
        if number < 2:
            leave[number + 1].set()
        return {}

    fan = StateGraph(State).add_node("item", item)
    fan.add_conditional_edges(START, lambda s: [Send("item", n) for n in (2, 1, 0)], ["item"])
    watch = GraphWatch()
    fan.compile().invoke({}, {"callbacks": [watch]})
    assert len(watch.last.nodes) == 3 and all(node.took_s > 0 for node in watch.last.nodes)
    assert max(node.began_s for node in watch.last.nodes) < min(node.ended_s for node in watch.last.nodes)
    assert len({node.ended_s for node in watch.last.nodes}) == 3 and 0 < summary(watch.last)["busy"] <= 1


def test_many_runs_at_once_spoil_no_bookkeeping():
    """A handler that raises would only be logged, and the run would never end."""
    fan = StateGraph(State).add_node("item", lambda number: {})
    fan.add_conditional_edges(START, lambda s: [Send("item", n) for n in range(20)], ["item"])
    app, before, watch = fan.compile(), sys.getswitchinterval(), GraphWatch()
    watch.raise_error = True
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: app.invoke({}, {"callbacks": [watch]}), range(60)))
    finally:
        sys.setswitchinterval(before)
    assert [(run.status, len(run.nodes)) for run in watch.runs] == [("completed", 20)] * 60
    assert not watch._runs and not watch._nodes


def test_a_failed_run_is_told_with_its_cause():
    def breaks(state):
        raise ZeroDivisionError("by zero")

    watch = GraphWatch()
    with pytest.raises(ZeroDivisionError):
        graph(fine=lambda s: {"x": 1}, breaks=breaks).compile().invoke({}, {"callbacks": [watch]})
    assert watch.last.status == "failed" and summary(watch.last)["errors"] == 1
    assert diagnose(watch.last) == ["breaks failed with ZeroDivisionError: by zero"]


def test_asynchronous_runs_are_watched_alike():
    async def wait(state):
        await asyncio.sleep(0)
        return {"x": 1}

    watch = GraphWatch()
    run = lambda: asyncio.run(graph(wait=wait).compile().ainvoke({}, {"callbacks": [watch]}))
    with ThreadPoolExecutor(1) as pool:  # in this thread a browser of another test may have a loop of its own
        pool.submit(run).result()
    assert watch.last.events == ["workflow starts", "wait begins", "wait ends", "workflow completed"]


def test_commands_count_as_updates():
    watch = GraphWatch()
    graph(go=lambda s: Command(update={"x": 2})).compile().invoke({}, {"callbacks": [watch]})
    assert watch.last.nodes[0].changed["added"] == {"x": 2}


def test_an_end_without_a_beginning_is_no_error():
    from uuid import uuid4

    watch = GraphWatch()
    watch.on_chain_end({}, run_id=uuid4())
    watch.on_chain_error(ValueError(), run_id=uuid4())
    assert watch.runs == []


def test_statistics_leave_out_what_still_runs():
    nodes = [NodeRun("a", 0, {}, 2), NodeRun("a", 0, {}, 6), NodeRun("b", 0, {})]
    assert statistics(nodes) == {"a": {"runs": 2, "total_s": 8, "min_s": 2, "max_s": 6, "mean_s": 4}}


def test_busy_is_the_union_of_the_times_and_never_more_than_one():
    both = Run("t", 0, 4, [NodeRun("a", 0, {}, 2), NodeRun("b", 1, {}, 3)])
    assert summary(both)["busy"] == 0.75 and summary(both)["overlap"] == 1
    assert summary(Run("t", 0, 2, [NodeRun("a", 0, {}, 2), NodeRun("b", 0, {}, 2)]))["busy"] == 1
    assert summary(Run("t", 5))["took_s"] == 0 and summary(Run("t", 5))["status"] == "running"


def test_slow_nodes_large_changes_and_failures_elsewhere_are_named():
    update = {f"key {i}": i for i in range(11)}
    run = Run("t", 0, 7, [NodeRun("slow", 0, {}, 6), NodeRun("large", 6, {}, 7, update)])
    assert [text.split()[0] for text in diagnose(run)] == ["slow", "large"]
    assert diagnose(Run("t", 0, 1, error="KeyError: 1")) == [
        "the run failed outside its nodes with KeyError: 1"
    ]
    assert diagnose(Run("t", 0, 5, [NodeRun("a", 0, {}, 5)])) == []


def test_the_clock_is_the_one_given():
    watch = GraphWatch(count(0, 5).__next__)
    graph(a=lambda s: {}).compile().invoke({"x": 1}, {"callbacks": [watch]})
    assert watch.last.nodes[0].took_s == 5
