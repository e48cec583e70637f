"""The points of a sweep on a Dask cluster: each is a task of its own, and is sent again when its worker dies.

A worker needs the course (`coursekit`) and what else the function imports, in the versions that this process
has; the function itself travels, and is unpacked once in each process. Who reaches a scheduler runs code on
its workers: keep it on loopback, or behind TLS (`tls://…`, with Dask's own settings for certificates).
"""

import functools
import hashlib
import traceback
import uuid
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cloudpickle
from distributed import Client, KilledWorker, as_completed

from coursekit.errors import CourseError

PATIENCE_S = 5  # for a Dask scheduler to answer, on a busy machine or a far one


class _Client(Client):
    """One that closes itself when it cannot begin, not when its garbage is collected: that may be never, or
    while another client holds the lock that closing needs."""

    def start(self, **options) -> None:
        try:
            super().start(**options)
        except BaseException:
            self.close()
            raise


@contextmanager
def connected(address: str) -> Iterator:
    """A client of the scheduler at `address`, which must have a worker. Raises: CourseError."""
    try:
        client = _Client(address, timeout=PATIENCE_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:  # nobody there, no such address, no certificate
        raise CourseError(
            f"no Dask scheduler answers at {address}; start one with `dask scheduler`, or compute here with "
            f'workers="processes" and without DASK_SCHEDULER_ADDRESS'
        ) from error
    try:
        if not client.scheduler_info()["workers"]:
            raise CourseError(
                f"the Dask scheduler at {address} has no workers yet; add one with `dask worker {address}`"
            )
        yield client
    finally:
        client.close()


def outcomes(client, attempt: Callable, points: list[dict]) -> Generator[tuple[int, Any, list[str]]]:
    """What `attempt(place, point)` returns, whichever is ready first, each place once.

    A task whose worker dies goes to another one. After some deaths Dask gives it up (`allowed-failures`), and
    with it whatever waited at the same workers; so what was given up is tried again at the end, one at a
    time, and what ends its workers even then is named last.
    Raises: CourseError if a worker lacks what the function needs.
    """
    sweep = f"sweep-{uuid.uuid4().hex}"
    function = client.submit(bytes, cloudpickle.dumps(attempt), key=f"{sweep}-function")

    def send(places: list[int], name: str) -> dict:
        keys, mine = [f"{sweep}-{name}-{place}" for place in places], [points[place] for place in places]
        return dict(zip(client.map(_run, places, mine, function=function, key=keys), places, strict=True))

    suspects, fatal = [], []
    try:
        for place, outcome in _gathered(client, send(list(range(len(points))), "point")):
            if isinstance(outcome, KilledWorker):
                suspects.append(place)
            else:
                yield outcome
        for suspect in suspects:
            for place, outcome in _gathered(client, send([suspect], "suspect")):
                if isinstance(outcome, KilledWorker):
                    fatal.append((place, None, ["its worker died each time", str(outcome)]))
                else:
                    yield outcome
        yield from fatal
    finally:
        function.release()


def _gathered(client, tasks: dict) -> Generator[tuple[int, Any]]:
    """Place, and outcome or KilledWorker, of each task as it ends; none is left at work."""
    course, warned = edition(), False
    try:
        for task, told in as_completed(list(tasks), loop=client.loop, with_results=True, raise_errors=False):
            place = tasks.pop(task)
            if task.status == "error":
                error = told[1]
                if not isinstance(error, KilledWorker):
                    raise CourseError(
                        f"a worker of {client.scheduler.address} cannot take part, {error}; start it in an "
                        f"environment like this one, with the same course and packages"
                    ) from error
                yield place, error
            elif task.status != "finished":
                gone = f"the Dask scheduler at {client.scheduler.address} went away"
                yield place, (place, None, [gone, "What was computed until then is in `finished`."])
            else:
                packed, theirs = told
                if theirs != course and not warned:
                    warned = True
                    warnings.warn(
                        f"a worker of {client.scheduler.address} has another edition of coursekit than this "
                        f"process; results may differ",
                        stacklevel=2,
                    )
                yield place, cloudpickle.loads(packed)
            task.release()
    finally:
        if tasks and client.status == "running":
            client.cancel(list(tasks), force=True)


def _run(place: int, point: dict, function: bytes) -> tuple[bytes, str]:
    """At a worker: the outcome, packed here as Dask would try for ever, and which edition computed it."""
    outcome = _unpacked(function)(place, point)
    try:
        return cloudpickle.dumps(outcome), edition()
    except Exception as error:
        failure = [f"its result cannot be sent: {error}", traceback.format_exc()]
        return cloudpickle.dumps((place, None, failure)), edition()


# Once in each process, so that what the function has made it finds again at its next point.
_unpacked = functools.lru_cache(maxsize=8)(cloudpickle.loads)


@functools.cache
def edition() -> str:
    """A name for the code of this package as it stands here: it changes with any of its lines."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]
