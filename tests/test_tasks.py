"""Tasks in Redis, and programs that are killed: against the table of moves, threads, and real SIGKILLs."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from coursekit import response_plan, valkey, web
from coursekit.desk import Desk
from coursekit.tasks import MOVES, IllegalMove, TaskState, TaskStateManager, progress


@pytest.fixture
def tasks():
    client = valkey.client()
    space = f"test-tasks-{secrets.token_hex(3)}"
    yield TaskStateManager(client, space)
    for key in client.scan_iter(f"{space}:*"):
        client.delete(key)


@pytest.mark.parametrize(("a", "b"), list(product(TaskState, TaskState)))
def test_exactly_the_moves_of_the_table_are_made(tasks, a, b):
    key = f"{tasks.space}:task:t"
    tasks.redis.set(key, json.dumps({"state": a.value, "steps": {}, "data": {}, "progress": 0.4}))
    if b in MOVES[a]:
        assert tasks.update_task_state("t", b)["state"] == b.value
    else:
        with pytest.raises(IllegalMove, match=f"{a.value} -> {b.value}"):
            tasks.update_task_state("t", b)
        assert tasks.get_task_status("t")["state"] == a.value


def test_what_has_ended_cannot_move_and_what_has_not_can_end():
    assert not MOVES[TaskState.COMPLETED] and not MOVES[TaskState.FAILED]
    assert all(TaskState.FAILED in MOVES[s] for s in TaskState if MOVES[s])


def test_progress_follows_its_rule():
    works = [progress(TaskState.IN_PROGRESS, n, 0) for n in range(8)]
    assert works == [0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.9, 0.9]
    assert progress(TaskState.COMPLETED, 0, 0) == 1.0 and progress(TaskState.FAILED, 5, 0.4) == 0.4


def test_no_step_is_lost_when_many_report_at_once(tasks):
    tasks.create_task("t", {"agent_id": "a"})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: tasks.update_task_state("t", TaskState.IN_PROGRESS, f"s{n}"), range(40)))
    assert set(tasks.get_task_status("t")["steps"]) == {f"s{n}" for n in range(40)}


def test_a_task_is_not_overwritten_does_not_expire_and_is_listed_until_it_ends(tasks):
    assert tasks.create_task("t", {"agent_id": "a"}) and not tasks.create_task("t", {"agent_id": "b"})
    tasks.update_task_state("t", TaskState.IN_PROGRESS, "one", {"n": 1})
    tasks.update_task_state("t", TaskState.IN_PROGRESS, "one", {"n": 2})
    assert tasks.get_task_status("t")["steps"]["one"]["result"] == {"n": 1}
    assert tasks.redis.ttl(f"{tasks.space}:task:t") == -1
    assert [task["task_id"] for task in tasks.get_active_tasks("a")] == ["t"] and tasks.get_active_tasks(
        "b"
    ) == []
    tasks.update_task_state("t", TaskState.COMPLETED)
    assert tasks.get_active_tasks("a") == [] and tasks.redis.ttl(f"{tasks.space}:task:t") > 0
    with pytest.raises(KeyError, match="create it first"):
        tasks.update_task_state("nosuch", TaskState.COMPLETED)


@pytest.fixture(scope="module")
def place():
    desk = Desk()
    with web.serve(desk.app, "desk of plans") as office:
        yield (
            desk,
            response_plan.Place(valkey.url(), office.url, desk.token, f"test-plan-{secrets.token_hex(3)}"),
        )


def test_the_careful_program_does_all_once_wherever_it_is_killed(place):
    rows = response_plan.after_kills(response_plan.respond, response_plan.BOUNDARIES, *place)
    assert len(rows) == 15
    assert {(row["tickets"], row["messages"], row["exit codes"]) for row in rows} == {(1, 1, (-9, 0))}


@pytest.mark.parametrize(("way", "done"), [(response_plan.forgetful, 2), (response_plan.hopeful, 0)])
def test_the_two_others_do_too_much_or_too_little_between_deed_and_note(place, way, done):
    hurts = ["ticket: done, not noted", "notify: done, not noted"]
    rows = response_plan.after_kills(way, hurts, *place)
    assert [(row["tickets"], row["messages"]) for row in rows] == [(done, 1), (1, done)]


def test_the_desk_finds_tickets_by_label_and_messages_by_channel(place):
    _, where = place
    hand = response_plan.Hand(where)
    assert hand.found("ticket", "new-task") is None and hand.found("notify", "new-task") is None
    made = hand.do("ticket", "new-task"), hand.do("notify", "new-task")
    assert (hand.found("ticket", "new-task"), hand.found("notify", "new-task")) == made
