"""Workers that share claims to pay: processes over one checkpointer and one Redis, one of which is killed.

    one_dies(url)      # a worker is killed in the middle of a claim, two more finish; what became of it all

The programs live here, not in a notebook, since other processes must import them.
Taught in: notebooks/21_langgraph.ipynb
"""

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from coursekit import crash, valkey
from coursekit.graph_service import WorkflowService

PATIENCE_S = 60.0
LEASE_S = 30.0  # of those that live: a machine that is busy must not look dead
SHORT_S = 1.0  # of the one that dies: nobody is there to take what it holds, so it may be short
PLACES = ("begins", "paid, not noted", "told, not finished")  # of a claim, where a worker may die


class Claim(TypedDict, total=False):
    claim: str
    paid: bool


def paying(connection: redis.Redis, prefix: str) -> Callable:
    """A workflow of three nodes with two effects in Redis, each under a key; it counts how often it tried."""

    def check(state: Claim) -> Claim:
        crash.boundary(f"{state['claim']} begins")
        return {"paid": False}

    def pay(state: Claim) -> Claim:
        connection.incr(f"{prefix}:tries")
        connection.hsetnx(f"{prefix}:payments", f"pay:{state['claim']}", "240")
        crash.boundary(f"{state['claim']} paid, not noted")
        return {"paid": True}

    def note(state: Claim) -> Claim:
        connection.hsetnx(f"{prefix}:notes", state["claim"], "paid")
        crash.boundary(f"{state['claim']} told, not finished")
        return {}

    def build(saver):
        return StateGraph(Claim).add_sequence([check, pay, note]).add_edge(START, "check").compile(saver)

    return build


@contextmanager
def saver_at(place: str) -> Iterator[BaseCheckpointSaver]:
    """A checkpointer for an address of Postgres, or for a file of SQLite."""
    if place.startswith("postgres") or "host=" in place:
        with PostgresSaver.from_conn_string(place) as saver:
            saver.setup()
            yield saver
    else:
        connection = sqlite3.connect(Path(place), check_same_thread=False, timeout=PATIENCE_S)
        try:
            yield SqliteSaver(connection)
        finally:
            connection.close()


def work(
    place: str, redis_url: str, prefix: str, jobs: list[str], me: str, meet: int = 1, lease_s: float = LEASE_S
) -> None:
    """A worker: a process that takes every job that is free until all are completed.

    place: see `saver_at`.   jobs: threads.   meet: after its first job it waits until so many have one.
    Raises: TimeoutError if the jobs are not done in 60 s.
    """
    connection = redis.Redis.from_url(redis_url, decode_responses=True)
    with saver_at(place) as saver:
        service = WorkflowService(saver, connection, prefix=prefix, lease_s=lease_s)
        service.register("claim", paying(connection, prefix))
        deadline = time.monotonic() + PATIENCE_S
        while open_jobs := [job for job in jobs if service.status(job)["status"] != "completed"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{me} waited {PATIENCE_S:g} s for {', '.join(open_jobs)}")
            for job in open_jobs:
                _take(service, job, me)
                while _first(connection, prefix, me) and connection.hlen(f"{prefix}:workers") < meet:
                    time.sleep(0.01)
            time.sleep(0.01)


def _first(connection: redis.Redis, prefix: str, me: str) -> bool:
    return connection.hget(f"{prefix}:workers", me) == "1"


def _take(service: WorkflowService, job: str, me: str) -> None:
    found = service.status(job)["status"]
    if found == "not found":
        outcome = service.start("claim", {"claim": job}, thread=job)
    elif found == "stalled":
        outcome = service.resume(job)
    else:
        return
    if "result" in outcome:  # and not, by now, somebody else's
        service.redis.hincrby(f"{service.prefix}:workers", me, 1)


def one_dies(place: str, jobs: int = 8, where: str = PLACES[1]) -> dict:
    """Pay so many claims with three workers; the first is killed in the third, and two finish.

    place: see `saver_at`.   where: one of PLACES, by default between a payment and its checkpoint.
    Returns exit codes, the status of the dead worker's thread, how many workers had work, payments, tries to
    pay, and the claims that were noted as paid.
    """
    connection, prefix = valkey.client(), f"workers:{uuid.uuid4().hex[:8]}"
    names = [f"claim-{i}" for i in range(jobs)]
    given = (place, valkey.url(), prefix, names)
    with saver_at(place) as saver:
        service = WorkflowService(saver, connection, prefix=prefix)
        codes = [crash.trial(work, *given, "first", 1, SHORT_S, kill_at=f"claim-2 {where}")]
        while service.status("claim-2")["status"] == "running":
            time.sleep(0.05)  # until its lease has run out
        seen = service.status("claim-2")["status"]
    run = lambda me: codes.append(crash.trial(work, *given, me, 3, timeout_s=2 * PATIENCE_S))
    threads = [threading.Thread(target=run, args=(me,)) for me in ("second", "third")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "codes": codes,
        "dead": seen,
        "workers": connection.hlen(f"{prefix}:workers"),
        "paid": connection.hlen(f"{prefix}:payments"),
        "tries": int(connection.get(f"{prefix}:tries")),
        "noted": sorted(connection.hkeys(f"{prefix}:notes")),
    }
