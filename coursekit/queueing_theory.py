"""What the textbooks say about waiting lines: exact where the formula is exact, approximate where it says so.

`arrival_rate` counts customers per unit of time; `mean_service`, waits and stays are in that unit. An `scv`
is a squared coefficient of variation, variance / mean², as in `coursekit.durations`. A wait ends when service
starts, a stay when it ends.
"""

from dataclasses import dataclass
from math import exp, floor, isclose, log


def erlang_b(offered: float, servers: int) -> float:
    """Share of customers turned away by `servers` without a waiting room (M/G/c/c), exact.

    offered: arrival rate × mean service, in erlangs; it may exceed `servers`.   Cost: O(servers).
    Source: A. K. Erlang 1917; by recursion, as factorials would overflow.

    >>> erlang_b(1, 1)
    0.5
    """
    if not (offered >= 0 and servers >= 1):
        raise ValueError(f"0 erlangs or more meet at least one server, got {offered} and {servers}")
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = offered * blocked / (server + offered * blocked)
    return blocked


def erlang_c(offered: float, servers: int) -> float:
    """Share of customers that must wait before one of `servers` is free (M/M/c).

    offered: arrival rate × mean service, in erlangs.   Raises: ValueError if the servers cannot keep up.
    Source: Erlang 1917.

    >>> round(erlang_c(2, 3), 4)
    0.4444
    """
    load = _load(offered, servers)
    blocked = erlang_b(offered, servers)
    return blocked / (1 - load * (1 - blocked))


@dataclass(frozen=True)
class SteadyLine:
    """M/M/c in the steady state: random arrivals, exponential services, first come, first served."""

    arrival_rate: float
    mean_service: float
    servers: int

    def __post_init__(self):
        if self.servers < 1 or self.arrival_rate <= 0 or self.mean_service <= 0:
            raise ValueError(f"rate, service and servers must be positive, got {self}")
        _load(self.offered, self.servers)

    @property
    def offered(self) -> float:
        """Mean number of busy servers, in erlangs: Little's law for the servers alone."""
        return self.arrival_rate * self.mean_service

    @property
    def load(self) -> float:
        """Share of its time that a server is busy, from 0 to 1."""
        return self.offered / self.servers

    @property
    def must_wait(self) -> float:
        """Share of customers that find every server busy."""
        return erlang_c(self.offered, self.servers)

    @property
    def mean_wait(self) -> float:
        """Mean time before service, counting those who do not wait."""
        return self.must_wait / self._spare

    @property
    def mean_stay(self) -> float:
        """W: mean time inside."""
        return self.mean_wait + self.mean_service

    @property
    def mean_in_line(self) -> float:
        """Mean number of customers that wait."""
        return self.arrival_rate * self.mean_wait

    @property
    def mean_in_system(self) -> float:
        """L: mean number of customers inside."""
        return self.arrival_rate * self.mean_stay

    def wait_tail(self, time: float) -> float:
        """Share of customers that wait longer than `time`."""
        return self.must_wait * exp(-self._spare * time)

    def stay_tail(self, time: float) -> float:
        """Share of customers that stay longer than `time`."""
        served = exp(-time / self.mean_service)  # still in service, had they not waited
        drift = self._spare * self.mean_service - 1
        if isclose(drift, 0, abs_tol=1e-9):
            waited = self.must_wait * served * time / self.mean_service
        else:
            waited = self.must_wait * (served - exp(-self._spare * time)) / drift
        return served + waited

    def wait_quantile(self, share: float) -> float:
        """The wait that `share` of the customers do not exceed: 0.95 gives p95."""
        _check_share(share)
        if share <= 1 - self.must_wait:
            return 0.0
        return log(self.must_wait / (1 - share)) / self._spare

    def stay_quantile(self, share: float) -> float:
        """The stay that `share` of the customers do not exceed, to 12 digits, found by halving."""
        _check_share(share)
        low, high = 0.0, self.mean_service
        while self.stay_tail(high) > 1 - share:
            low, high = high, 2 * high
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.stay_tail(middle) > 1 - share else (low, middle)
        return high

    @property
    def _spare(self) -> float:
        """Customers per unit of time that the servers could take on top."""
        return self.servers / self.mean_service - self.arrival_rate


def mmc(arrival_rate: float, mean_service: float, servers: int) -> SteadyLine:
    """M/M/c: every mean and every quantile of the line, exact.

    Raises: ValueError if the servers cannot keep up.   Source: Erlang 1917.

    >>> line = mmc(arrival_rate=4, mean_service=0.5, servers=3)
    >>> round(line.mean_stay, 4), round(line.mean_in_system, 4), round(line.wait_quantile(0.95), 4)
    (0.7222, 2.8889, 1.0924)
    """
    return SteadyLine(arrival_rate, mean_service, servers)


def mm1(arrival_rate: float, mean_service: float) -> SteadyLine:
    """M/M/1: `mmc` with one server.

    >>> mm1(arrival_rate=8, mean_service=0.1).mean_stay
    0.5
    """
    return mmc(arrival_rate, mean_service, servers=1)


def pollaczek_khinchine(arrival_rate: float, mean_service: float, service_scv: float) -> float:
    """Mean wait at one server with random arrivals and any services (M/G/1), exact.

    Source: F. Pollaczek 1930 and A. Y. Khinchine 1932, found independently.

    >>> pollaczek_khinchine(0.5, 1, service_scv=1), pollaczek_khinchine(0.5, 1, service_scv=0)
    (1.0, 0.5)
    """
    load = _load(arrival_rate * mean_service, servers=1)
    mean_square = mean_service**2 * (1 + service_scv)
    return arrival_rate * mean_square / (2 * (1 - load))


def kingman(arrival_rate: float, mean_service: float, arrival_scv: float, service_scv: float) -> float:
    """Mean wait at one server with any arrivals and services (G/G/1), approximate, good near load 1.

    Three factors: how full it is, how variable, how slow. Exact for random arrivals.
    Source: J. F. C. Kingman 1961, The single server queue in heavy traffic.

    >>> kingman(0.5, 1, arrival_scv=1, service_scv=0) == pollaczek_khinchine(0.5, 1, service_scv=0)
    True
    """
    load = _load(arrival_rate * mean_service, servers=1)
    return load / (1 - load) * (arrival_scv + service_scv) / 2 * mean_service


def allen_cunneen(
    arrival_rate: float, mean_service: float, servers: int, arrival_scv: float, service_scv: float
) -> float:
    """Mean wait at several servers with any arrivals and services (G/G/c), approximate; exact for M/M/c.

    Source: A. O. Allen 1990, Probability, Statistics, and Queueing Theory, 2nd edition.

    >>> allen_cunneen(4, 0.5, 3, arrival_scv=1, service_scv=1) == mmc(4, 0.5, 3).mean_wait
    True
    """
    return mmc(arrival_rate, mean_service, servers).mean_wait * (arrival_scv + service_scv) / 2


def _load(offered: float, servers: int) -> float:
    load = offered / servers
    if load >= 1:
        raise ValueError(
            f"the line never settles at load {load:.2f}: {offered:g} erlangs of work need "
            f"{floor(offered) + 1} servers or more, got {servers}; add servers or slow arrivals"
        )
    return load


def _check_share(share: float) -> None:
    if not 0 <= share < 1:
        raise ValueError(f"a share lies from 0 up to 1, got {share}; p95 is 0.95")
