"""Long-running tasks as records in Redis: five states, legal moves only, no update lost, no end forgotten.

    tasks = TaskStateManager(valkey.client(), space="agent")
    tasks.create_task("t1", {"agent_id": "a"})
    tasks.update_task_state("t1", TaskState.IN_PROGRESS, step="gather", result={"lines": 9})
    tasks.get_task_status("t1")["progress"]            # 0.2

A step that is reported again changes nothing, so a program that was killed may start over.
Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import json
from datetime import UTC, datetime
from enum import Enum

import redis

KEEP_S = 7 * 24 * 3600  # a task that has ended; one that has not ended never expires


class TaskState(Enum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    ESCALATED = "escalated"


WAITS, WORKS, DONE, FAILED, ASKS = TaskState
MOVES = {
    WAITS: {WORKS, FAILED, ASKS}, WORKS: {WORKS, DONE, FAILED, ASKS}, ASKS: {WORKS, DONE, FAILED},
    DONE: set(), FAILED: set(),
}  # fmt: skip


class IllegalMove(ValueError):
    """A transition that MOVES does not allow."""


def progress(state: TaskState, steps: int, before: float) -> float:
    """A fifth for each step, never above 0.9 before the end; a task that failed keeps what it had.

    >>> progress(TaskState.IN_PROGRESS, 3, 0), progress(TaskState.IN_PROGRESS, 7, 0), progress(DONE, 0, 0)
    (0.6, 0.9, 1.0)
    """
    if state is DONE:
        return 1.0
    return before if state is FAILED else min(0.9, steps / 5)


class TaskStateManager:
    """redis: with text replies.   space: before every key."""

    def __init__(self, redis: redis.Redis, space: str = "agent") -> None:
        self.redis, self.space = redis, space

    def _key(self, kind: str, name: str) -> str:
        return f"{self.space}:{kind}:{name}"

    def create_task(self, task_id: str, task_data: dict) -> bool:
        """True if it is new; a task that there is already stays as it is."""
        task = {"task_id": task_id, "state": WAITS.value, "created_at": _now(), "data": task_data,
                "steps": {}, "progress": 0.0}  # fmt: skip
        if not self.redis.set(self._key("task", task_id), json.dumps(task), nx=True):
            return False
        self.redis.sadd(self._key("active", task_data.get("agent_id", "")), task_id)
        return True

    def update_task_state(
        self, task_id: str, state: TaskState, step: str | None = None, result: dict | None = None
    ) -> dict:
        """Move it, and note a step under its name. Returns the task.

        Raises: KeyError if there is no such task, IllegalMove if it cannot go there from where it is.
        """
        key = self._key("task", task_id)

        def change(pipe) -> dict:
            found = pipe.get(key)
            if found is None:
                raise KeyError(f"no task {task_id!r}; create it first")
            task = json.loads(found)
            if state not in MOVES[TaskState(task["state"])]:
                allowed = ", ".join(sorted(s.value for s in MOVES[TaskState(task["state"])])) or "nothing"
                raise IllegalMove(f"{task_id}: {task['state']} -> {state.value}; allowed: {allowed}")
            if step and step not in task["steps"]:
                task["steps"][step] = {"at": _now(), "result": result or {}}
            task |= {"state": state.value, "updated_at": _now()}
            task["progress"] = progress(state, len(task["steps"]), task["progress"])
            pipe.multi()
            pipe.set(key, json.dumps(task), ex=None if MOVES[state] else KEEP_S)
            if not MOVES[state]:
                pipe.srem(self._key("active", task["data"].get("agent_id", "")), task_id)
            return task

        return self.redis.transaction(change, key, value_from_callable=True)  # again, if somebody was quicker

    def get_task_status(self, task_id: str) -> dict | None:
        found = self.redis.get(self._key("task", task_id))
        return json.loads(found) if found else None

    def get_active_tasks(self, agent_id: str) -> list[dict]:
        """Its tasks that have not ended, by id; without a search through all keys."""
        names = sorted(self.redis.smembers(self._key("active", agent_id)))
        return [task for task in map(self.get_task_status, names) if task]


def _now() -> str:
    return datetime.now(UTC).isoformat()
