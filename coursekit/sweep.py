"""Parameter sweeps: one function over a grid of parameters, on this machine's cores or on a Dask cluster.

Whatever computes them, results come in the order of the grid and are the same to the last bit: the randomness
of a point depends on the seed and on its place in the grid, on nothing else.
"""

import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config

from coursekit import display
from coursekit.errors import CourseError

Point = dict[str, Any]  # the parameters of one call
PATIENCE_S = 2  # for a Dask scheduler to answer


class SweepError(RuntimeError):
    """One point failed. `finished` keeps what was computed until then: place in the grid → result."""

    def __init__(self, point: Point, reason: str, where: str, finished: dict[int, Any]):
        super().__init__(f"the sweep stopped at {point}: {reason}")
        self.add_note(where)
        self.finished = finished


def grid(**values: Sequence) -> list[Point]:
    """Every combination of the values; the last parameter changes fastest.

    >>> grid(load=[0.5, 0.9], servers=[1])
    [{'load': 0.5, 'servers': 1}, {'load': 0.9, 'servers': 1}]
    """
    return [dict(zip(values, combination, strict=True)) for combination in product(*values.values())]


def sweep(
    function: Callable,
    points: Iterable[Point],
    *,
    seed: int | None = None,
    workers: str | int = "processes",
    progress: bool = True,
) -> list:
    """`[function(**point) for point in points]`, many at a time.

    function: may be defined in a notebook. If there is a `seed`, it also gets `rng`, a NumPy generator of its
    own.
    workers: "processes" or "threads" (one per core), a number of processes (1: this one alone), or the
    address of a Dask scheduler, such as "tcp://127.0.0.1:8786".
    progress: show a bar while it runs; it leaves no text behind that would change from run to run.
    Raises: SweepError at the first point that fails, and names it; CourseError if no Dask scheduler answers.
    Taught in: notebooks/01_littles_law.ipynb

    >>> sweep(pow, grid(base=[2, 3], exp=[1, 2]), workers=1, progress=False)
    [2, 4, 3, 9]
    """
    points, finished = list(points), {}
    calls = [delayed(_attempt)(function, place, point, seed) for place, point in enumerate(points)]
    with _crew(workers) as crew, display.progress(len(points), "point", visible=progress) as bar:
        outcomes = crew(calls)
        try:
            for place, result, failure in outcomes:
                if failure:
                    raise SweepError(points[place], *failure, finished)
                finished[place] = result
                bar.update()
        finally:
            with warnings.catch_warnings(action="ignore"):  # of having stopped some
                outcomes.close()  # stops those who still work, after a failure and after Ctrl-C
    return [finished[place] for place in range(len(points))]


def _attempt(function: Callable, place: int, point: Point, seed: int | None) -> tuple[int, Any, list[str]]:
    """Where in the grid, the result, and what went wrong: nothing, or its last line and its traceback."""
    chance = {} if seed is None else {"rng": np.random.default_rng(np.random.SeedSequence([seed, place]))}
    try:
        return place, function(**point, **chance), []
    except Exception as error:  # told in words, as not every exception survives the way back
        return place, None, [f"{type(error).__name__}: {error}", traceback.format_exc()]


@contextmanager
def _crew(workers: str | int) -> Iterator[Parallel]:
    """Those who compute, ready to take calls."""
    if isinstance(workers, int) and workers >= 1:
        yield Parallel(n_jobs=workers, return_as="generator_unordered")
    elif workers in ("processes", "threads"):
        yield Parallel(n_jobs=-1, prefer=workers, return_as="generator_unordered")
    elif "://" in str(workers):
        with _dask_client(workers), parallel_config(backend="dask"):
            yield Parallel(return_as="generator_unordered")
    else:
        raise ValueError(
            f'workers are "processes", "threads", a number from 1 up, or the address of a Dask '
            f'scheduler such as "tcp://127.0.0.1:8786"; got {workers!r}'
        )


def _dask_client(address: str):
    """A client of the Dask scheduler at `address`, which must have a worker."""
    try:
        from distributed import Client  # here, as it takes a second and few sweeps need it

        client = Client(address, timeout=PATIENCE_S)
    except ImportError as error:
        raise CourseError(
            "sweeps on a cluster need Dask; install it with `pip install distributed`"
        ) from error
    except OSError as error:
        raise CourseError(
            f"no Dask scheduler answers at {address}; start one with `dask scheduler`, "
            f'or leave workers="processes"'
        ) from error
    if not client.scheduler_info()["workers"]:
        client.close()
        raise CourseError(
            f"the Dask scheduler at {address} has no workers yet; add one with `dask worker {address}`"
        )
    return client
