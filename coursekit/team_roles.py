"""Three specialists: one collects, one analyses, one decides. The fourth, who acts, is in `team_saga`.

    found = Collector("scout", {"load": team_sources.from_csv(path)}, clock).collect(["load"])
    Analyst("analyst", clock).analyse(values, "anomaly")
    Decider("judge", CRITERIA).decide(options, harm={})

Each names what it can do in `capabilities`. Time comes from the `clock` it is given, in seconds.
Taught in: notebooks/19_agent_teams.ipynb
"""

import hashlib
import json
import statistics
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import product
from math import sqrt
from typing import ClassVar

import numpy as np

# Collecting.


@dataclass
class Collector:
    """sources: name -> function(request) that returns a list of rows.   clock: seconds."""

    name: str
    sources: Mapping[str, Callable]
    clock: Callable[[], float]
    capabilities = ("collect",)
    history: list[dict] = field(default_factory=list)

    def collect(self, sources, **request) -> dict:
        """Data and errors by source. A source that fails is an error, not a data point."""
        began, data, errors = self.clock(), {}, {}
        for source in sources:
            try:
                data[source] = self.sources[source](request)
            except Exception as error:  # whatever a source does, the others are asked
                errors[source] = f"{type(error).__name__}: {error}".split("\n")[0]
        about = {"sources": len(data), "points": sum(map(len, data.values())), "took_s": self.clock() - began}
        self.history.append({"request": request, "asked": list(sources), **about})
        return {"agent": self.name, "data": data, "errors": errors, "metadata": about}


# Analysing.


def statistic(values: list[float]) -> dict:
    return {"n": len(values), "mean": statistics.fmean(values), "stdev": statistics.stdev(values)}


def trend(values: list[float]) -> dict:
    """Least squares: growth per step, and whether it exceeds twice its standard error."""
    line = statistics.linear_regression(range(len(values)), values)
    left = [y - line.intercept - line.slope * x for x, y in enumerate(values)]
    middle = (len(values) - 1) / 2
    error = sqrt(
        sum(r * r for r in left) / (len(values) - 2) / sum((x - middle) ** 2 for x in range(len(values)))
    )
    return {"per_step": line.slope, "clear": abs(line.slope) > 2 * error}


def anomaly(values: list[float], limit: float = 6.0) -> dict:
    """Steps far from the median, in units of the median distance times 1.4826 (Hampel 1974)."""
    middle = statistics.median(values)
    spread = 1.4826 * statistics.median(abs(v - middle) for v in values) or 1.0
    return {"at": [i for i, v in enumerate(values) if abs(v - middle) > limit * spread]}


def pattern(values: list[float]) -> dict:
    """The lag with the strongest autocorrelation, after the first at which it is negative."""
    x = np.asarray(values, float) - np.mean(values)
    r = [float(x[:-lag] @ x[lag:] / (x @ x)) for lag in range(1, len(x) // 2)]
    begin = next((i for i, value in enumerate(r) if value < 0), None)
    lag = begin + int(np.argmax(r[begin:])) + 1 if begin is not None else None
    return {"period": lag, "strength": r[lag - 1] if lag else 0.0}


@dataclass
class Analyst:
    name: str
    clock: Callable[[], float]
    valid_s: float = 3600.0
    methods: ClassVar = {"pattern": pattern, "anomaly": anomaly, "trend": trend, "statistic": statistic}
    cache: dict = field(default_factory=dict)
    computed: int = 0

    @property
    def capabilities(self) -> tuple[str, ...]:
        return tuple(self.methods)

    def analyse(self, values: list[float], kind: str) -> dict:
        """Raises: ValueError for a kind it does not know."""
        if kind not in self.methods:
            raise ValueError(f"{kind!r} is not known; there are {', '.join(self.methods)}")
        key = hashlib.sha256(json.dumps([kind, values]).encode()).hexdigest()
        if key not in self.cache or self.clock() - self.cache[key][0] >= self.valid_s:
            self.cache[key], self.computed = (self.clock(), self.methods[kind](values)), self.computed + 1
        return deepcopy(self.cache[key][1])  # what is kept is nobody else's


# Deciding.

CRITERIA = {"relief": 0.4, "safety": 0.3, "speed": 0.2, "cheapness": 0.1}
WEIGHTINGS = [w for w in product(range(11), repeat=4) if sum(w) == 10]  # every way to share out ten tenths


@dataclass
class Decider:
    """weights: criterion -> share, four of them."""

    name: str
    weights: Mapping[str, float]
    capabilities = ("decide",)
    history: list[dict] = field(default_factory=list)

    def decide(
        self, options: Mapping[str, Mapping[str, float]], harm: Mapping[str, tuple[float, float]]
    ) -> dict:
        """What to do, how surely, and what else was near.

        options: name -> criterion -> 0 to 1.   harm: name -> (chance, cost).
        confidence: share of all WEIGHTINGS under which the same option wins.
        Raises: ValueError without options.
        """
        if not options:
            raise ValueError("nothing to decide: give at least one option")
        score = lambda name, weights: sum(w * options[name][c] for c, w in weights.items())
        ranked = sorted(options, key=lambda name: (-score(name, self.weights), name))
        best, values = ranked[0], {name: score(name, self.weights) for name in ranked}
        wins = []
        for weighting in WEIGHTINGS:
            weights = dict(zip(self.weights, weighting, strict=True))
            wins.append(max(sorted(options), key=lambda name: score(name, weights)))
        main = max(self.weights, key=lambda c: self.weights[c] * options[best][c])
        chance, cost = harm.get(best, (0.0, 0.0))
        decision = {
            "recommended": best,
            "scores": values,
            "confidence": wins.count(best) / len(wins),
            "reasoning": f"most of its {values[best]:.2f} comes from {main}",
            "alternatives": ranked[1:3],
            "risk": chance * cost,
        }
        self.history.append(decision)
        return decision
