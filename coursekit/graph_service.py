"""Workflows by name, run by any number of workers that share a checkpointer and a Redis.

    service = WorkflowService(saver, valkey.client())
    service.register("claim", build)                  # build(saver) gives a compiled graph
    service.start("claim", {"euros": 240}, thread="claim-7")["status"]      # completed, paused or failed
    service.resume("claim-7", "approve"), service.status("claim-7"), service.metrics("claim")

The checkpointer holds the work, Redis who does it: a lock for each thread, with a lease that a living worker
renews and a dead one does not. A process that was frozen for longer than its lease goes on all the same,
beside the one that took over: against that only keys help. Taught in: notebooks/21_langgraph.ipynb
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import redis
from langgraph.types import Command

LEASE_S = 10.0


class WorkflowService:
    """A registry of graphs and the state of their runs.

    saver: any checkpointer.   connection: a Redis client with text replies.   prefix: of its keys in Redis,
    the same for all workers that share their work; without one it is new.   lease_s: so long after a worker's
    last sign of life its thread is free; it gives one every third of that.
    """

    def __init__(self, saver, connection: redis.Redis, *, prefix: str = "", lease_s: float = LEASE_S) -> None:
        self.saver, self.redis, self.lease_s = saver, connection, lease_s
        self.prefix = prefix or f"workflows:{uuid.uuid4().hex[:8]}"
        self.builders: dict[str, Callable] = {}

    def register(self, name: str, build: Callable) -> None:
        """Make `build(saver)` known under a name; every worker registers the same."""
        self.builders[name] = build

    def start(self, name: str, state: dict, *, thread: str = "", config: dict | None = None) -> dict:
        """Run a workflow to its end or its next question. Returns its status, with `result` or `error`.

        state: what JSON can hold, since it is kept for whoever takes over.   config: is added to, never
        changed.   thread: to be found again; one is made up without it. What was begun is not begun again.
        Raises: ValueError for a name that nobody registered.
        """
        if name not in self.builders:
            known = ", ".join(sorted(self.builders)) or "nothing"
            raise ValueError(f"no workflow {name!r} is registered; registered: {known}")
        return self._run(name, thread or uuid.uuid4().hex, state, config or {}, when=("not found",))

    def resume(self, thread: str, answer=None) -> dict:
        """Answer a question, or without an answer go on where a worker died or a node failed.

        Raises: KeyError for a thread that nobody began.
        """
        name = self.redis.hget(self._key(thread), "workflow")
        if name is None:
            raise KeyError(f"no workflow runs under {thread!r}")
        if answer is None:
            return self._run(name, thread, None, {}, when=("running", "failed"))
        return self._run(name, thread, Command(resume=answer), {}, when=("paused",))

    def status(self, thread: str) -> dict:
        """running, stalled (its worker is gone), paused, completed, failed, or not found."""
        with self.redis.pipeline(transaction=True) as both:  # at one moment: workers end between two looks
            found, held = both.hgetall(self._key(thread)).exists(self._key(thread, "lock")).execute()
        if not found:
            return {"thread": thread, "status": "not found"}
        if found["status"] == "running" and not held:
            found["status"] = "stalled"
        error = {"error": found["error"]} if found.get("error") else {}
        return {"thread": thread, "status": found["status"]} | error

    def metrics(self, name: str) -> dict:
        """Runs, share of successes, and the mean time of those that were completed, in s."""
        count = {key: float(value) for key, value in self.redis.hgetall(self._key(name, "metrics")).items()}
        good, bad = count.get("completed", 0), count.get("failed", 0)
        return {
            "runs": int(good + bad),
            "success_rate": good / (good + bad) if good + bad else None,
            "mean_s": count["seconds"] / good if good else None,
        }

    def _key(self, name: str, kind: str = "thread") -> str:
        return f"{self.prefix}:{kind}:{name}"

    def _run(self, name: str, thread: str, given, config: dict, when: tuple[str, ...]) -> dict:
        key = self._key(thread)
        with self._lock(thread) as mine:
            if not mine:
                return {"thread": thread, "status": "running", "error": "another worker is at it"}
            found = self.redis.hget(key, "status") or "not found"  # under the lock nobody changes it
            if found not in when:
                return self.status(thread) | {"status": found}
            kept = {"input": json.dumps(given)} if found == "not found" else {}
            self.redis.hset(key, mapping=kept | {"workflow": name, "status": "running", "error": ""})
            outcome = self._invoke(name, thread, given, config)
            self.redis.hset(key, mapping={"status": outcome["status"], "error": outcome.get("error", "")})
        return {"thread": thread} | outcome

    @contextmanager
    def _lock(self, thread: str) -> Iterator[bool]:
        """Is the thread ours? If so, the lease is renewed until the block ends."""
        key, done = self._key(thread, "lock"), threading.Event()
        lock = self.redis.lock(key, timeout=self.lease_s, blocking=False, thread_local=False)
        if not lock.acquire():
            yield False
            return

        def renew() -> None:
            with suppress(redis.exceptions.LockError):  # frozen for too long: it is another's by now
                while not done.wait(self.lease_s / 3):
                    lock.reacquire()

        renewing = threading.Thread(target=renew, daemon=True)
        renewing.start()
        try:
            yield True
        finally:
            done.set()
            renewing.join()
            with suppress(redis.exceptions.LockError):
                lock.release()

    def _invoke(self, name: str, thread: str, given, config: dict) -> dict:
        began = time.perf_counter()
        whole = config | {"configurable": config.get("configurable", {}) | {"thread_id": thread}}
        if given is None and self.saver.get_tuple(whole) is None:  # it died before its first checkpoint
            given = json.loads(self.redis.hget(self._key(thread), "input"))
        try:
            result = self.builders[name](self.saver).invoke(given, whole, durability="sync")
        except Exception as error:  # a workflow may fail in any way; it is reported, not hidden
            self.redis.hincrby(self._key(name, "metrics"), "failed", 1)
            return {"status": "failed", "error": f"{type(error).__name__}: {error}"}
        if "__interrupt__" in result:
            return {"status": "paused", "asks": [one.value for one in result["__interrupt__"]]}
        self.redis.hincrby(self._key(name, "metrics"), "completed", 1)
        self.redis.hincrbyfloat(self._key(name, "metrics"), "seconds", time.perf_counter() - began)
        return {"status": "completed", "result": result}
