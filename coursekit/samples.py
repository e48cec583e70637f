"""Scraped metrics over time, and the two sums monitoring lives on: growth of a counter, and quantiles.

    samples = Samples()
    samples.scrape(text, at=15, job="llm-service")       # as often as you like

`coursekit.promql` asks them questions. Prometheus 3 is the reference for `increase` and `quantile`.
"""

import math
from collections.abc import Iterable
from itertools import pairwise

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]  # sorted; the metric's name is the label __name__
Vector = dict[Labels, float]


class Samples:
    """What was scraped: for each series its points (time in s, value); nan marks where it ended."""

    def __init__(self) -> None:
        self.series: dict[Labels, list[tuple[float, float]]] = {}

    def scrape(self, text: str | None, at: float, **target: str) -> None:
        """Keep one answer of `target`, a page in the text format; None when nothing answered.

        As in Prometheus each scrape also writes `up`, 1 or 0, and a series that is missing has ended.
        """
        page = {} if text is None else {
            key(sample.name, **sample.labels | target): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }  # fmt: skip
        self._write(page | {key("up", **target): float(text is not None)}, at, target)

    def forget(self, at: float, **target: str) -> None:
        """`target` has left service discovery: all its series end, `up` too."""
        self._write({}, at, target)

    def _write(self, page: Vector, at: float, target: dict[str, str]) -> None:
        gone = [name for name in self.series if set(target.items()) <= set(name) and name not in page]
        for name, value in (page | dict.fromkeys(gone, math.nan)).items():
            self.series.setdefault(name, []).append((at, value))

    def names(self) -> set[str]:
        """Every metric's name that was ever seen."""
        return {dict(labels)["__name__"] for labels in self.series}


def key(name: str, /, **labels: str) -> Labels:
    """The identity of a series.

    >>> key("up", job="llm-service")
    (('__name__', 'up'), ('job', 'llm-service'))
    """
    return tuple(sorted({"__name__": name, **labels}.items()))


def increase(points: Iterable[tuple[float, float]], start: float, end: float) -> float | None:
    """How much a counter grew from `start` to `end`, restarts allowed for; None with fewer than two points.

    Samples seldom lie on the edges of the window, so the growth between the first and the last is stretched
    to the edges; not beyond half a gap if the series begins or ends inside, and not below zero.

    >>> increase([(0, 0), (15, 3), (30, 6)], 0, 30)   # the point at 0 is not in the window (0, 30]
    6.0
    """
    points = [(at, value) for at, value in points if start < at <= end and not math.isnan(value)]
    if len(points) < 2:
        return None
    (first_at, first), (last_at, last) = points[0], points[-1]
    grown = last - first + sum(before for (_, before), (_, after) in pairwise(points) if after < before)
    sampled, gap = last_at - first_at, (last_at - first_at) / (len(points) - 1)
    before, after = first_at - start, end - last_at
    before = before if before < 1.1 * gap else gap / 2
    after = after if after < 1.1 * gap else gap / 2
    if grown > 0 and first >= 0:
        before = min(before, sampled * first / grown)
    return grown * (sampled + before + after) / sampled


def quantile(q: float, buckets: Iterable[tuple[float, float]]) -> float:
    """The `q`-quantile of a cumulative histogram, (upper bound, count) each; linear inside a bucket.

    What lies beyond the last finite bound is reported as that bound: a histogram cannot see further.

    >>> quantile(0.5, [(1, 10), (2, 30), (float("inf"), 40)])
    1.5
    """
    buckets = sorted(buckets)
    total = buckets[-1][1]
    if not total or buckets[-1][0] != math.inf or len(buckets) < 2:
        return math.nan
    rank, lower, below = q * total, 0.0, 0.0
    for upper, count in buckets[:-1]:
        if count >= rank:
            return lower + (upper - lower) * ((rank - below) / (count - below) if count > below else 0)
        lower, below = upper, count
    return lower
