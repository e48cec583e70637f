"""Is B better than A? Shares compared: tests, intervals, sizes, and rules for looking early.

    two_proportions(41, 100, 60, 100).p        # z-test
    newcombe(41, 100, 60, 100)                 # interval of the difference B - A
    sample_size(0.70, 0.80)                    # in each arm
    boundaries(20, shape="obrien-fleming")     # a limit for |z| at each of 20 looks

Sources: Newcombe 1998 (method 10); Fisher 1922; Armitage, McPherson & Rowe 1969; Pocock 1977;
O'Brien & Fleming 1979; Robbins 1970 and Johari et al. 2022 for the test that is always valid.
Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

from functools import cache
from math import ceil, comb, erfc, exp, log, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from coursekit.shares import wilson

NORMAL = NormalDist()


class Compared(NamedTuple):
    difference: float  # B - A
    z: float
    p: float  # two-sided


def _counts(a: int, n_a: int, b: int, n_b: int) -> None:
    if not (0 <= a <= n_a and 0 <= b <= n_b and n_a > 0 and n_b > 0):
        raise ValueError(f"needs 0 to n successes of at least one trial, got {a} of {n_a} and {b} of {n_b}")


def two_proportions(a: int, n_a: int, b: int, n_b: int) -> Compared:
    """The z-test with the pooled share; `a` of `n_a` in the control, `b` of `n_b` in the treatment.

    >>> round(two_proportions(50, 100, 65, 100).p, 3)
    0.032
    """
    _counts(a, n_a, b, n_b)
    pooled, difference = (a + b) / (n_a + n_b), b / n_b - a / n_a
    spread = sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    z = difference / spread if spread else 0.0
    return Compared(difference, z, erfc(abs(z) / sqrt(2)))


def newcombe(a: int, n_a: int, b: int, n_b: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of B - A, out of Wilson's two.

    >>> tuple(round(end, 4) for end in newcombe(48, 80, 56, 70))  # Newcombe's own example
    (0.0524, 0.3339)
    """
    _counts(a, n_a, b, n_b)
    z = NORMAL.inv_cdf((1 + level) / 2)
    (low_a, high_a), (low_b, high_b) = wilson(a, n_a, z), wilson(b, n_b, z)
    p_a, p_b = a / n_a, b / n_b
    low = p_b - p_a - sqrt((p_b - low_b) ** 2 + (high_a - p_a) ** 2)
    return low, p_b - p_a + sqrt((high_b - p_b) ** 2 + (p_a - low_a) ** 2)


def fisher(a: int, n_a: int, b: int, n_b: int) -> float:
    """Exact two-sided p: all tables with these margins that are at most as likely as this one.

    >>> fisher(5, 10, 6, 10)
    1.0
    """
    _counts(a, n_a, b, n_b)
    total = a + b
    ways = {k: comb(n_a, k) * comb(n_b, total - k) for k in range(max(0, total - n_b), min(n_a, total) + 1)}
    return sum(w for w in ways.values() if w <= ways[a]) / sum(ways.values())


def power(p_a: float, p_b: float, n: int, alpha: float = 0.05) -> float:
    """The chance that `n` in each arm show a difference that is there (normal approximation).

    >>> round(power(0.7, 0.8, 10), 2), round(power(0.7, 0.8, 293), 2)
    (0.08, 0.8)
    """
    pooled = (p_a + p_b) / 2
    under_null, under_other = sqrt(2 * pooled * (1 - pooled)), sqrt(p_a * (1 - p_a) + p_b * (1 - p_b))
    critical, shift = NORMAL.inv_cdf(1 - alpha / 2) * under_null, abs(p_b - p_a) * sqrt(n)
    return NORMAL.cdf((shift - critical) / under_other) + NORMAL.cdf((-shift - critical) / under_other)


def sample_size(p_a: float, p_b: float, alpha: float = 0.05, wanted: float = 0.8) -> int:
    """How many in each arm make the difference visible with the power `wanted`.

    >>> sample_size(0.7, 0.8), sample_size(0.90, 0.91)
    (294, 13495)
    """
    if p_a == p_b:
        raise ValueError(
            f"no sample shows a difference between {p_a} and {p_b}; name the smallest that matters"
        )
    pooled = (p_a + p_b) / 2
    z = NORMAL.inv_cdf(1 - alpha / 2) * sqrt(2 * pooled * (1 - pooled))
    z += NORMAL.inv_cdf(wanted) * sqrt(p_a * (1 - p_a) + p_b * (1 - p_b))
    return ceil((z / (p_b - p_a)) ** 2)


def balance(a: int, b: int) -> float:
    """p of a chi-square test: would a fair coin give such a split? Tiny where assignment is broken.

    >>> balance(500, 500), balance(560, 440) < 0.001
    (1.0, True)
    """
    return erfc(sqrt((a - b) ** 2 / (a + b) / 2))


@cache
def boundaries(looks: int, alpha: float = 0.05, shape: str = "obrien-fleming") -> tuple[float, ...]:
    """Limits for |z| at `looks` equally spaced looks that err, all looks together, with probability `alpha`.

    shape: "pocock" (the same at each look), or "obrien-fleming" (hard at first, almost usual at the end).

    >>> [round(limit, 2) for limit in boundaries(5, shape="pocock")]
    [2.41, 2.41, 2.41, 2.41, 2.41]
    >>> [round(limit, 2) for limit in boundaries(5)]
    [4.56, 3.23, 2.63, 2.28, 2.04]
    """
    shapes = {"pocock": lambda k: 1.0, "obrien-fleming": lambda k: sqrt(looks / k)}
    if shape not in shapes:
        raise ValueError(f"no shape {shape!r}; there is {' and '.join(shapes)}")
    low, high = 1.0, 5.0
    for _ in range(22):
        middle = (low + high) / 2
        limits = tuple(middle * shapes[shape](k) for k in range(1, looks + 1))
        low, high = (middle, high) if crossing(limits) > alpha else (low, middle)
    return tuple(high * shapes[shape](k) for k in range(1, looks + 1))


def crossing(limits: tuple[float, ...], points: int = 301) -> float:
    """The probability that |z| crosses its limit at any look, where there is no difference.

    The sum of k equal normal steps is carried from look to look on a grid, and what has crossed is taken out.

    >>> round(crossing((1.96,)), 3), round(crossing((1.96,) * 5), 3)
    (0.05, 0.142)
    """
    inside, grid, density, before = 1.0, None, None, None
    for k, limit in enumerate(limits, 1):
        edge = limit * sqrt(k)
        new = np.linspace(-edge, edge, points)
        step = new[1] - new[0]
        weights = np.full(points, step)
        weights[[0, -1]] = step / 2
        if grid is None:
            density = np.exp(-(new**2) / 2) / sqrt(2 * np.pi)
        else:
            kernel = np.exp(-((new[:, None] - grid[None, :]) ** 2) / 2) / sqrt(2 * np.pi)
            density = kernel @ (density * before)
        grid, before = new, weights
        inside = float(density @ weights)
    return 1 - inside


def always_valid_p(difference: float, n: int, pooled: float, tau: float = 0.1) -> float:
    """p that may be looked at after every pair: a mixture over effects of size `tau`. n: in each arm.

    >>> always_valid_p(0.0, 100, 0.5)
    1.0
    """
    variance = 2 * pooled * (1 - pooled)
    if n == 0 or variance == 0:
        return 1.0
    evidence = sqrt(variance / (variance + n * tau**2))
    grows = n**2 * tau**2 * difference**2 / (2 * variance * (variance + n * tau**2))
    return min(1.0, 1 / (evidence * exp(grows))) if grows < 700 else 0.0


def always_valid_limit(n: int, pooled: float, tau: float = 0.1, alpha: float = 0.05) -> float:
    """The limit for |z| at which `always_valid_p` falls to `alpha`. n: in each arm.

    >>> limit = always_valid_limit(200, 0.5)
    >>> round(always_valid_p(limit * (0.5 / 200) ** 0.5, 200, 0.5), 6)
    0.05
    """
    variance, prior = 2 * pooled * (1 - pooled), n * tau**2
    total = variance + prior
    return sqrt(2 * total / prior * (log(1 / alpha) + log(total / variance) / 2))


def looks_worse(p_a: float, p_b: float, n: int) -> float:
    """The probability that B has fewer successes than A, exactly. n: in each arm.

    >>> looks_worse(0.5, 0.5, 1)
    0.25
    """
    chance = lambda p: [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    a, b = chance(p_a), chance(p_b)
    return sum(a[i] * sum(b[:i]) for i in range(n + 1))


def limits(rule: str, looks: int, each: int, pooled: float = 0.5) -> np.ndarray:
    """The limit of |z| at each look, after `each` more in both arms.

    rule: "peeking" (1.96 every time), "one look at the end", "pocock", "obrien-fleming" or "always valid".

    >>> limits("one look at the end", 3, 10)
    array([ inf,  inf, 1.96])
    """
    if rule in ("pocock", "obrien-fleming"):
        return np.array(boundaries(looks, shape=rule))
    if rule == "always valid":
        return np.array([always_valid_limit(each * k, pooled) for k in range(1, looks + 1)])
    if rule not in ("peeking", "one look at the end"):
        raise ValueError(f"no rule {rule!r}")
    return np.array([1.96 if rule == "peeking" or k == looks else np.inf for k in range(1, looks + 1)])
