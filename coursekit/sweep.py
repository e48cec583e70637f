"""Parameter sweeps: one function over a grid of parameters, on this machine's cores or on a Dask cluster.

Whatever computes them, results come in the order of the grid and are the same to the last bit: the randomness
of a point depends on the seed and on its place in the grid, on nothing else.
"""

import os
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from coursekit import display
from coursekit.errors import CourseError

Point = dict[str, Any]  # the parameters of one call
Outcome = tuple[int, Any, list[str]]  # place in the grid, result, and what went wrong: two texts, or nothing
VARIABLE = "DASK_SCHEDULER_ADDRESS"  # the one that Dask's own Client reads


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
    workers: str | int | None = None,
    progress: bool = True,
) -> list:
    """`[function(**point) for point in points]`, many at a time.

    function: may be defined in a notebook. If there is a `seed`, it also gets `rng`, a NumPy generator of its
    own.
    workers: "processes" or "threads" (one per core), a number of processes (1: this one alone), or the
    address of a Dask scheduler, such as "tcp://127.0.0.1:8786". When left out: the address in the environment
    variable DASK_SCHEDULER_ADDRESS, or else "processes".
    progress: show a bar while it runs; it leaves no text behind that would change from run to run.
    Raises: SweepError at the first point that fails, and names it; CourseError if no Dask scheduler answers,
    or if its workers lack what the function needs.
    Taught in: notebooks/01_littles_law.ipynb

    >>> sweep(pow, grid(base=[2, 3], exp=[1, 2]), workers=1, progress=False)
    [2, 4, 3, 9]
    """
    points, finished = list(points), {}
    if workers is None:
        workers = os.environ.get(VARIABLE) or "processes"
    with _crew(workers) as crew, display.progress(len(points), "point", visible=progress) as bar:
        outcomes = crew(partial(_attempt, function, seed), points)
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


def _attempt(function: Callable, seed: int | None, place: int, point: Point) -> Outcome:
    """The function at one point; what goes wrong is told by its last line and its traceback."""
    chance = {} if seed is None else {"rng": np.random.default_rng(np.random.SeedSequence([seed, place]))}
    try:
        return place, function(**point, **chance), []
    except Exception as error:  # told in words, as not every exception survives the way back
        return place, None, [f"{type(error).__name__}: {error}", traceback.format_exc()]


Crew = Callable[[Callable[[int, Point], Outcome], list[Point]], Generator[Outcome]]


@contextmanager
def _crew(workers: str | int) -> Iterator[Crew]:
    """Those who compute, ready to take an attempt and its points."""
    if isinstance(workers, int) and workers >= 1:
        yield partial(_on_this_machine, Parallel(n_jobs=workers, return_as="generator_unordered"))
    elif workers in ("processes", "threads"):
        yield partial(_on_this_machine, Parallel(n_jobs=-1, prefer=workers, return_as="generator_unordered"))
    elif ":" in str(workers):
        try:
            from coursekit import sweep_cluster  # here, as Dask takes a second and few sweeps need it
        except ImportError as error:
            raise CourseError(
                "sweeps on a cluster need Dask; install it with `pip install distributed`"
            ) from error
        with sweep_cluster.connected(workers) as client:
            yield partial(sweep_cluster.outcomes, client)
    else:
        raise ValueError(
            f'workers are "processes", "threads", a number from 1 up, or the address of a Dask '
            f'scheduler such as "tcp://127.0.0.1:8786"; got {workers!r}'
        )


def _on_this_machine(parallel: Parallel, attempt: Callable, points: list[Point]) -> Generator[Outcome]:
    return parallel(delayed(attempt)(place, point) for place, point in enumerate(points))
