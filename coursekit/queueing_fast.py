"""Waiting lines by the million: many independent lines advance side by side, one NumPy call for all of them.

The loop of `coursekit.queueing.serve` takes one customer at a time. Here a row holds one customer of every
line, so that Python's cost is shared by a thousand of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import ceil, sqrt
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from coursekit.durations import Durations

BLOCK = 2**16  # customers that advance at a time: three arrays of 512 kB stay in the second-level cache


@dataclass(frozen=True)
class Lines:
    """Independent first-come-first-served lines with the moments at which their servers will be free."""

    clock: np.ndarray  # (lines,) latest arrival
    free: np.ndarray  # (servers + 1, lines) rising; the last row is infinity, a server that never frees

    @classmethod
    def empty(cls, lines: int, servers: int) -> "Lines":
        if not (lines >= 1 and servers >= 1):
            raise ValueError(f"at least one line and one server are needed, got {lines} and {servers}")
        free = np.full((servers + 1, lines), -np.inf)
        free[-1] = np.inf
        return cls(np.zeros(lines), free)

    def advance(self, gaps: np.ndarray, services: np.ndarray, waits: np.ndarray) -> None:
        """Take one customer a row through every line, and write the waits; all three (customers, lines).

        A server that takes a customer is free again at `leave`. That moment finds its place in the rising
        column when each value becomes the larger of itself and of the smaller of `leave` and the next value.
        Cost: O(servers) a customer.
        Source: D. V. Lindley 1952 for one server, J. Kiefer and J. Wolfowitz 1955 for several.
        """
        clock, free, following = self.clock, self.free[:-1], self.free[1:]
        several = len(free) > 1
        leave = np.empty_like(clock) if several else free[0]  # one server is free when its customer leaves
        placed = np.empty_like(free)
        for gap, service, wait in zip(gaps, services, waits, strict=True):
            np.add(clock, gap, out=clock)
            start = np.maximum(clock, free[0], out=leave)
            np.subtract(start, clock, out=wait)
            np.add(start, service, out=leave)
            if several:
                np.minimum(leave, following, out=placed)
                np.maximum(free, placed, out=free)


def serve_many(gaps: np.ndarray, services: np.ndarray, servers: int = 1) -> np.ndarray:
    """Waits of the customers of many lines: the very numbers of `queueing.serve`, to the last bit.

    gaps, services: (customers, lines). A column is one line, whose arrivals are `np.cumsum(column)`.

    >>> serve_many(np.ones((3, 2)), np.array([[2, 0], [2, 2], [2, 2]])).T.tolist()
    [[0.0, 1.0, 2.0], [0.0, 0.0, 1.0]]
    """
    gaps, services = np.asarray(gaps, float), np.asarray(services, float)
    if gaps.ndim != 2 or gaps.shape != services.shape:
        raise ValueError(
            f"gaps and services need one shape (customers, lines), got {gaps.shape} and {services.shape}"
        )
    waits = np.empty_like(gaps)
    Lines.empty(gaps.shape[1], servers).advance(gaps, services, waits)
    return waits


@dataclass(frozen=True)
class Estimate:
    """A mean over independent lines, with the half width of its 95 % confidence interval."""

    mean: float
    margin: float

    @classmethod
    def of(cls, lines: np.ndarray) -> "Estimate":
        z = NormalDist().inv_cdf(0.975)
        return cls(float(lines.mean()), float(z * lines.std(ddof=1) / sqrt(len(lines))))

    def __contains__(self, value: float) -> bool:
        return abs(value - self.mean) <= self.margin

    def __str__(self) -> str:
        return f"{self.mean:.4g} ± {self.margin:.2g}"


@dataclass(frozen=True)
class Simulation:
    """What `simulate` saw after the warm-up."""

    customers: int
    mean_wait: Estimate
    mean_stay: Estimate
    waits: np.ndarray = field(repr=False)  # (sample,) one customer in some dozens, for tails
    stays: np.ndarray = field(repr=False)  # (sample,) of the same customers

    def wait_quantile(self, share: float) -> float:
        """The wait that `share` of the sampled customers do not exceed: 0.95 gives p95."""
        return float(np.quantile(self.waits, share))

    def stay_quantile(self, share: float) -> float:
        """The stay that `share` of the sampled customers do not exceed."""
        return float(np.quantile(self.stays, share))


def simulate(
    gaps: Durations,
    services: Durations,
    servers: int = 1,
    *,
    rng: Generator,
    customers: int = 10_000_000,
    lines: int = 1024,
    warm_up: int | None = None,
) -> Simulation:
    """G/G/c in its steady state: first come, first served, by the first of `servers` that is free.

    customers: how many count, at least.   lines: independent repetitions whose spread gives the margins.
    warm_up: customers of each line that come before, since lines begin empty; by default long enough.
    Memory: some MB, and 16 bytes for one customer in 64.
    Cost: about 10 ns a customer and 1 ns a server; beyond 200 servers the loop of `serve` is quicker.
    Raises: ValueError if the servers cannot keep up.

    >>> from coursekit.durations import exponential
    >>> rng = np.random.default_rng(1961)
    >>> 4 in simulate(exponential(1.25), exponential(1), rng=rng, customers=1_000_000).mean_wait
    True
    """
    if lines < 30:
        raise ValueError(f"margins need 30 lines or more, got {lines}")
    load = services.mean / (gaps.mean * servers)
    if load >= 1:
        raise ValueError(
            f"this never settles at load {load:.2f}: gaps of {gaps.mean:g} are too short for "
            f"services of {services.mean:g} by {servers}; add servers or slow arrivals"
        )
    if warm_up is None:
        warm_up = _long_enough(gaps.scv + services.scv, servers, load)
    rows = max(1, BLOCK // lines)
    blocks = _blocks(gaps, services, Lines.empty(lines, servers), rows, rng)
    for _ in islice(blocks, ceil(warm_up / rows)):
        continue
    counted = ceil(customers / (rows * lines))
    wait_sums, stay_sums, some_waits, some_stays = np.zeros(lines), np.zeros(lines), [], []
    for waits, stays in islice(blocks, counted):
        wait_sums += waits.sum(axis=0)
        stay_sums += stays.sum(axis=0)
        some_waits.append(waits[-1].copy())
        some_stays.append(stays[-1].copy())
    each = counted * rows
    return Simulation(
        each * lines,
        Estimate.of(wait_sums / each),
        Estimate.of(stay_sums / each),
        np.concatenate(some_waits),
        np.concatenate(some_stays),
    )


def _long_enough(variability: float, servers: int, load: float) -> int:
    """Customers until a line forgets that it began empty: ten relaxation times, and ten for each server.

    Source: A. R. Odoni and E. Roth 1983, An empirical investigation of the transient behavior of stationary
    queueing systems.
    """
    return ceil(10 * load * variability / (2.8 * (1 - sqrt(load)) ** 2) + 10 * servers)


def _blocks(
    gaps: Durations, services: Durations, state: Lines, rows: int, rng: Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Waits and stays of `rows` customers of every line, again and again, in the same two arrays."""
    gap, service, wait = (np.empty((rows, len(state.clock))) for _ in range(3))
    while True:
        gaps.fill(rng, gap)
        services.fill(rng, service)
        state.advance(gap, service, wait)
        service += wait
        yield wait, service
