"""Laws of durations, for gaps between arrivals and for services, told by their mean and their variance.

Variance is given without unit, as a squared coefficient of variation, scv = variance / mean²: 0 for durations
that are all alike, 1 for exponential ones, 4 and more for a long tail. The formulas of `queueing_theory` take
the same two numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import log, sqrt

import numpy as np
from numpy.random import Generator


@dataclass(frozen=True)
class Durations:
    """A law: its mean, its scv, and `fill(rng, out)`, which fills the array `out` with draws in place."""

    mean: float
    scv: float
    fill: Callable[[Generator, np.ndarray], object] = field(repr=False)

    def __post_init__(self):
        if not (self.mean > 0 and self.scv >= 0):
            raise ValueError(
                f"durations need a mean above 0 and an scv of 0 or more, got {self.mean} and {self.scv}"
            )

    def draw(self, rng: Generator, size: int | tuple[int, ...]) -> np.ndarray:
        """A new array of draws."""
        out = np.empty(size)
        self.fill(rng, out)
        return out


def constant(mean: float) -> Durations:
    """All alike: scv 0."""
    return Durations(mean, 0.0, lambda rng, out: out.fill(mean))


def exponential(mean: float) -> Durations:
    """Without memory: scv 1. As gaps, they make arrivals random (a Poisson process)."""

    def fill(rng, out):
        rng.standard_exponential(out=out)
        out *= mean

    return Durations(mean, 1.0, fill)


def erlang(mean: float, stages: int) -> Durations:
    """The sum of `stages` exponential durations, steadier than one: scv 1 / stages."""
    if stages < 1:
        raise ValueError(f"at least one stage is needed, got {stages}")

    def fill(rng, out):
        rng.standard_gamma(stages, out=out)
        out *= mean / stages

    return Durations(mean, 1 / stages, fill)


def lognormal(mean: float, scv: float) -> Durations:
    """Skewed, as sizes of tasks and response times are: any scv."""

    def fill(rng, out):
        sigma = sqrt(log(1 + scv))
        rng.standard_normal(out=out)
        out *= sigma
        out += log(mean) - sigma**2 / 2
        np.exp(out, out=out)

    return Durations(mean, scv, fill)


def hyperexponential(mean: float, scv: float) -> Durations:
    """Many short and a few long, each kind exponential and half of the work: scv 1 or more."""
    if scv < 1:
        raise ValueError(f"a mix of exponentials has an scv of 1 or more, got {scv}; erlang() goes below 1")
    share = (1 + sqrt((scv - 1) / (scv + 1))) / 2  # of the short ones
    short, long = mean / 2 / share, mean / 2 / (1 - share)

    def fill(rng, out):
        is_short = rng.random(out=out) < share
        rng.standard_exponential(out=out)
        out *= is_short * (short - long) + long  # np.where would take longer

    return Durations(mean, scv, fill)


def measured(durations: Sequence[float]) -> Durations:
    """Durations of a real system, drawn again at random, with their own mean and scv."""
    values = np.asarray(durations, float)
    mean, variance = float(values.mean()), float(values.var())

    def fill(rng, out):
        np.take(values, rng.integers(len(values), size=out.shape), out=out, mode="clip")  # "raise" copies

    return Durations(mean, variance / mean**2, fill)
