"""Waiting lines as sample paths: who came when, who was served when, and Little's law measured on it.

Times and durations share one unit of your choice. The fast simulation of millions of customers is in
`coursekit.queueing_fast`, the formulas of the textbooks are in `coursekit.queueing_theory`.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapreplace
from math import inf
from random import Random

import numpy as np

Window = tuple[float, float]  # (start, stop): what an observer sees from `start` until `stop`


@dataclass(frozen=True)
class Visits:
    """One column per moment, one row per customer: came in, began to be served, went away.

    A log of a real system fits too, in any order; if the start of service is unknown, give `arrived` twice.
    Measures look through a window. By default it opens with the first arrival and closes with the last
    departure, so that the system is empty at both ends and Little's law holds exactly, not on average.

    >>> visits = Visits(arrived=[0, 1, 2], started=[0, 2, 4], left=[2, 4, 6])
    >>> visits.waits.tolist(), visits.mean_in_system(), visits.arrival_rate() * visits.mean_stay()
    ([0, 1, 2], 1.5, 1.5)
    """

    arrived: Sequence[float]
    started: Sequence[float]
    left: Sequence[float]

    def __post_init__(self):
        lengths = len(self.arrived), len(self.started), len(self.left)
        if len(set(lengths)) > 1:
            raise ValueError(f"as many arrivals as starts and departures are needed, got {lengths}")

    def __len__(self) -> int:
        return len(self.arrived)

    def __repr__(self) -> str:
        return f"<Visits of {len(self)} customers>"

    @property
    def waits(self) -> np.ndarray:
        """Time of each customer before service."""
        return np.subtract(self.started, self.arrived)

    @property
    def stays(self) -> np.ndarray:
        """Time of each customer inside: wait and service. Its mean is the W of Little's law."""
        return np.subtract(self.left, self.arrived)

    def in_system(self, times: Sequence[float]) -> np.ndarray:
        """N(t): how many customers are inside at each of `times`; a departure counts from its very moment."""
        came = np.searchsorted(np.sort(self.arrived), times, side="right")
        gone = np.searchsorted(np.sort(self.left), times, side="right")
        return came - gone

    def staircase(self) -> tuple[np.ndarray, np.ndarray]:
        """The moments at which N(t) may change, and N from each of them on; draw with `where="post"`."""
        times = np.unique(np.concatenate([self.arrived, self.left]))
        return times, self.in_system(times)

    def mean_in_system(self, window: Window | None = None) -> float:
        """L: the area under the staircase N(t) per unit of time. It uses neither λ nor W."""
        start, stop = self._window(window)
        times = np.concatenate([self.arrived, self.left, [start, stop]])
        edges = np.unique(np.clip(times, start, stop))
        area = np.sum(self.in_system(edges[:-1]) * np.diff(edges))
        return float(area / (stop - start))

    def arrival_rate(self, window: Window | None = None) -> float:
        """λ: arrivals per unit of time, from the opening of the window up to its close."""
        start, stop = self._window(window)
        return float(np.count_nonzero(self._arrive_within(start, stop)) / (stop - start))

    def throughput(self, window: Window | None = None) -> float:
        """Departures per unit of time, after the opening of the window and until its close."""
        start, stop = self._window(window)
        left = np.asarray(self.left)
        return float(np.count_nonzero((start < left) & (left <= stop)) / (stop - start))

    def mean_stay(self, window: Window | None = None) -> float:
        """W: mean stay of those who arrive in the window, whenever they leave."""
        start, stop = self._window(window)
        stays = self.stays[self._arrive_within(start, stop)]
        if len(stays) == 0:
            raise ValueError(f"nobody arrives between {start} and {stop}; choose a longer window")
        return float(np.mean(stays))

    def _arrive_within(self, start: float, stop: float) -> np.ndarray:
        arrived = np.asarray(self.arrived)
        return (start <= arrived) & (arrived < stop)

    def _window(self, window: Window | None) -> Window:
        if window is None and len(self) == 0:
            raise ValueError("no customer came, so there is nothing to measure; give a window, as in (0, 60)")
        start, stop = (min(self.arrived), max(self.left)) if window is None else window
        if not start < stop:
            raise ValueError(f"a window must open before it closes, got {start} to {stop}")
        return start, stop


def serve(arrivals: Sequence[float], services: Sequence[float], servers: int = 1) -> Visits:
    """First come, first served: each starts when it has come and one of the servers is free.

    arrivals: moments, never falling.   services: durations.   Cost: O(log servers) a customer.
    Raises: ValueError if a moment falls, a duration is negative, or there is no server.
    Taught in: notebooks/01_littles_law.ipynb

    >>> serve([0, 1, 2], [2, 2, 2], servers=2).started
    [0, 1, 2]
    """
    arrivals, services = _columns(arrivals, services)
    if servers < 1:
        raise ValueError(f"at least one server is needed, got {servers}")
    free = [-inf] * servers  # a heap of the moments at which each server is free; at first, always
    started, left = [], []
    for arrival, service in zip(arrivals, services, strict=True):
        start = free[0]
        if arrival > start:  # as max() would say, but quicker
            start = arrival
        leave = start + service
        heapreplace(free, leave)
        started.append(start)
        left.append(leave)
    return Visits(arrivals, started, left)


def serve_in_order(
    arrivals: Sequence[float],
    services: Sequence[float],
    order: str = "fifo",
    *,
    ranks: Sequence[float] = (),
    rng: Random | None = None,
) -> Visits:
    """One server that ends what it began, then takes from those who wait by `order`.

    order: "fifo" the first come, "lifo" the last come, "random" any (needs `rng`), "shortest" the shortest
    service, "priority" the lowest of `ranks`, one per customer. Ties go to the first come.
    Cost: O(customers waiting) a customer.   Raises: ValueError as `serve`, and for an unknown order.
    Taught in: notebooks/01_littles_law.ipynb

    >>> serve_in_order([0, 1, 2], [3, 3, 3], "lifo").started
    [0, 6, 3]
    """
    arrivals, services = _columns(arrivals, services)
    choose = _chooser(order, services, ranks, rng)
    coming, waiting, now = deque(range(len(arrivals))), [], -inf
    started, left = [None] * len(arrivals), [None] * len(arrivals)
    while coming or waiting:
        if not waiting:
            now = max(now, arrivals[coming[0]])  # idle until somebody comes
        while coming and arrivals[coming[0]] <= now:
            waiting.append(coming.popleft())
        customer = choose(waiting)
        waiting.remove(customer)
        started[customer] = now
        left[customer] = now = now + services[customer]
    return Visits(arrivals, started, left)


def _chooser(order, services, ranks, rng):
    """The function that picks one of the waiting customers, who are listed as they came."""
    if order == "random" and rng is None:
        raise ValueError("random order draws lots: pass rng=random.Random(SEED)")
    if order == "priority" and len(ranks) != len(services):
        raise ValueError(f"each of the {len(services)} customers needs one of the ranks, got {len(ranks)}")
    choosers = {
        "fifo": lambda waiting: waiting[0],
        "lifo": lambda waiting: waiting[-1],
        "random": lambda waiting: rng.choice(waiting),
        "shortest": lambda waiting: min(waiting, key=services.__getitem__),
        "priority": lambda waiting: min(waiting, key=ranks.__getitem__),
    }
    if order not in choosers:
        raise ValueError(f"unknown order {order!r}; choose one of {', '.join(choosers)}")
    return choosers[order]


def _columns(arrivals: Sequence[float], services: Sequence[float]) -> tuple[list, list]:
    """Both as plain lists, over which Python loops faster than over arrays, once they make sense."""
    arrivals, services = np.asarray(arrivals), np.asarray(services)
    if arrivals.ndim != 1 or arrivals.shape != services.shape:
        raise ValueError(f"each arrival needs one service, got {arrivals.size} and {services.size} of them")
    on_time = np.diff(arrivals) >= 0
    if not on_time.all():
        early = int(np.argmin(on_time))
        raise ValueError(
            f"arrivals must never fall, but {arrivals[early + 1]} follows {arrivals[early]}; "
            "sort them, or make moments out of gaps with numpy.cumsum"
        )
    if not (services >= 0).all():
        raise ValueError(f"a service takes 0 or more, got {services[np.argmin(services >= 0)]}")
    return arrivals.tolist(), services.tolist()
