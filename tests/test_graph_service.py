"""Workflows by name, their status, and workers that die."""

import time

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from coursekit import postgres, valkey
from coursekit.graph_service import WorkflowService
from coursekit.graph_workers import PLACES, one_dies


class State(TypedDict, total=False):
    x: int


def one_node(node):
    return lambda saver: StateGraph(State).add_node("node", node).add_edge(START, "node").compile(saver)


def breaks(state):
    raise RuntimeError("the cause")


@pytest.fixture
def service():
    service = WorkflowService(InMemorySaver(), valkey.client())
    service.register("double", one_node(lambda s: {"x": s["x"] * 2}))
    service.register("ask", one_node(lambda s: {"x": interrupt("how many?")}))
    service.register("breaks", one_node(breaks))
    return service


def test_every_status_is_told(service):
    assert service.start("double", {"x": 2}, thread="a")["result"] == {"x": 4}
    service.start("ask", {"x": 2}, thread="b"), service.start("breaks", {"x": 2}, thread="c")
    told = [service.status(name)["status"] for name in "abcd"]
    assert told == ["completed", "paused", "failed", "not found"]
    assert service.status("c")["error"] == "RuntimeError: the cause"


def test_an_answer_goes_to_the_thread_that_asked(service):
    assert service.start("ask", {}, thread="b")["asks"] == ["how many?"]
    assert service.resume("b", 7)["result"] == {"x": 7} and service.status("b")["status"] == "completed"
    with pytest.raises(KeyError, match="'nobody'"):
        service.resume("nobody", 7)


def test_a_running_thread_is_seen_as_running_and_no_second_worker_enters(service):
    seen = []

    def looks(state):
        seen.append(service.status("r")["status"])
        seen.append(service.start("looks", {}, thread="r")["status"])
        return {}

    service.register("looks", one_node(looks))
    assert service.start("looks", {"x": 1}, thread="r")["status"] == "completed"
    assert seen == ["running", "running"]


def test_a_worker_that_is_gone_leaves_a_stalled_thread(service):
    lock = service.redis.lock(service._key("s", "lock"), timeout=0.05)
    lock.acquire()
    service.redis.hset(service._key("s"), mapping={"workflow": "double", "status": "running"})
    assert service.status("s")["status"] == "running"
    time.sleep(0.1)
    assert service.status("s")["status"] == "stalled"


def test_a_living_worker_keeps_its_thread_for_longer_than_a_lease(service):
    service.lease_s, seen = 0.9, []

    def slow(state):
        if not seen:
            time.sleep(1.4)
            seen.append(service.status("l")["status"])
            seen.append(service.resume("l")["status"])
        return {"x": 1}

    service.register("slow", one_node(slow))
    assert service.start("slow", {}, thread="l")["status"] == "completed"
    assert seen == ["running", "running"] and not service.redis.exists(service._key("l", "lock"))


def test_a_lease_that_was_lost_does_not_spoil_the_result_and_the_new_owner_keeps_the_lock(service):
    lock = service._key("l", "lock")
    service.lease_s = 0.3
    stolen = lambda s: (service.redis.set(lock, "another"), time.sleep(0.3), {"x": 1})[-1]
    service.register("frozen", one_node(stolen))
    assert service.start("frozen", {}, thread="l")["status"] == "completed"
    assert service.redis.get(lock) == "another"


def test_a_thread_is_begun_once_and_a_finished_one_is_not_run_again(service):
    ran = []
    service.register("counts", one_node(lambda s: ran.append(1) or {"x": 1}))
    assert service.start("counts", {}, thread="c")["result"] == {"x": 1}
    for again in (lambda: service.start("counts", {}, thread="c"), lambda: service.resume("c")):
        assert again() == {"thread": "c", "status": "completed"}
    assert len(ran) == 1 == service.metrics("counts")["runs"]


def test_an_answer_to_nothing_changes_nothing_and_a_failed_node_may_be_tried_again(service):
    tries = []

    def works_next_time(state):
        tries.append(state["x"])
        if len(tries) == 1:
            raise RuntimeError("not yet")
        return {"x": 5}

    service.register("later", one_node(works_next_time))
    assert service.start("later", {"x": 4}, thread="t")["status"] == "failed"
    assert service.resume("t", "yes") == {"thread": "t", "status": "failed", "error": "RuntimeError: not yet"}
    assert service.resume("t")["result"] == {"x": 5} and tries == [4, 4]
    assert service.status("t") == {"thread": "t", "status": "completed"}


def test_a_node_begins_when_the_checkpoint_before_it_is_written():
    class Slow(InMemorySaver):
        def put(self, *given):
            time.sleep(0.05)
            return super().put(*given)

    service, steps = WorkflowService(Slow(), valkey.client()), []
    config = {"configurable": {"thread_id": "n"}}
    note = lambda state: steps.append(service.saver.get_tuple(config).metadata["step"])
    chain = lambda saver: StateGraph(State).add_sequence([("a", note), ("b", note)]).add_edge(START, "a")
    service.register("chain", lambda saver: chain(saver).compile(saver))
    service.start("chain", {"x": 1}, thread="n")
    assert steps == [0, 1]


def test_a_worker_that_died_before_its_first_checkpoint_leaves_the_input(service):
    mapping = {"workflow": "double", "status": "running", "input": '{"x": 21}'}
    service.redis.hset(service._key("d"), mapping=mapping)
    assert service.status("d") == {"thread": "d", "status": "stalled"}
    assert service.resume("d")["result"] == {"x": 42}


def test_the_callers_thread_is_kept_and_the_callers_config_is_not_changed(service):
    config = {"configurable": {"tenant": "red"}, "tags": ["t"]}
    assert service.start("double", {"x": 1}, thread="mine", config=config)["thread"] == "mine"
    assert config == {"configurable": {"tenant": "red"}, "tags": ["t"]}
    assert service.start("double", {"x": 1})["thread"] != service.start("double", {"x": 1})["thread"]


def test_a_name_that_nobody_registered_is_told_with_those_that_are(service):
    with pytest.raises(ValueError, match=r"no workflow 'doble'.*ask, breaks, double"):
        service.start("doble", {})


def test_a_builder_that_fails_is_reported_with_its_own_error(service):
    service.register("broken", lambda saver: 1 / 0)
    assert service.start("broken", {}, thread="z")["error"] == "ZeroDivisionError: division by zero"


def test_failures_count_in_the_rate_and_not_in_the_mean(service):
    key = service._key("w", "metrics")
    service.redis.hset(key, mapping={"completed": 2, "failed": 1, "seconds": 50})  # 10 s, 40 s, and a failure
    assert service.metrics("w") == {"runs": 3, "success_rate": 2 / 3, "mean_s": 25}
    assert service.metrics("never") == {"runs": 0, "success_rate": None, "mean_s": None}


def claims(told, tries=7) -> None:
    assert told["codes"] == [-9, 0, 0] and told["dead"] == "stalled" and told["workers"] == 3
    assert told["paid"] == 6 and told["tries"] == tries and told["noted"] == [f"claim-{i}" for i in range(6)]


def test_a_dead_workers_claim_is_finished_by_another_over_postgres():
    with postgres.scratch() as url:
        claims(one_dies(url, jobs=6))


@pytest.mark.parametrize(("where", "tries"), list(zip(PLACES, (6, 7, 6), strict=True)))
def test_and_over_a_file_of_sqlite_wherever_it_dies(tmp_path, where, tries):
    """Only what was paid and not noted is tried again; what was told is told again under its own key."""
    claims(one_dies(str(tmp_path / "claims.db"), jobs=6, where=where), tries)
