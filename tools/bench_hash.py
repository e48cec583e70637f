"""Our eight hash tables beside `dict` and multidict's pure-Python table, and their probes beside theory.

Speed is operations per second of CPU time on text keys, the best of ten runs that take turns; probes are the
mean of the runs. multidict (Apache-2.0, already here with aiohttp) holds CPython's compact layout in plain
Python: a table that others wrote, for use. Ends with 1 if probes disagree with Knuth's formulas, or if one of
our tables is slower than a tenth of multidict's.
"""

import gc
import os
import sys
import time
from collections.abc import Callable, MutableMapping
from itertools import product
from math import sqrt
from random import Random

import numpy as np
from tqdm import tqdm

from tools.project import ROOT

sys.path.insert(0, str(ROOT / "tests"))  # as for pytest
os.environ["MULTIDICT_NO_EXTENSIONS"] = "1"  # before its import: its Python, not its C
from chapters import chapter
from multidict import MultiDict

SIZE, SAMPLE, RUNS = 2**13, 2000, 10
LOADS = (0.5, 0.7, 0.9)
STUDENT = 2.262  # 95 % of Student's t with 9 degrees of freedom lie within ±
SLOWEST = 0.1  # of multidict's speed

hashing = chapter("02_hash_tables")


class Run:
    """One table filled to its load, asked for keys that are there and for keys that are not."""

    def __init__(self, make: Callable[[], MutableMapping], load: float, seed: int) -> None:
        rng = Random(seed)
        keys = [f"key {number}" for number in rng.sample(range(10**9), int(load * SIZE))]
        absent = [f"absent {number}" for number in range(SAMPLE)]
        table = make()
        gc.collect()
        self.store, _ = self._measure(table, lambda: [table.__setitem__(key, 1) for key in keys], len(keys))
        present = rng.choices(keys, k=SAMPLE)
        self.hit, self.hit_probes = self._measure(table, lambda: list(map(table.get, present)), SAMPLE)
        self.miss, self.miss_probes = self._measure(table, lambda: list(map(table.get, absent)), SAMPLE)

    def _measure(self, table: MutableMapping, work: Callable, operations: int) -> tuple[float, float]:
        """Operations per CPU second, and probes per operation (not a number where nobody counts)."""
        before, began = getattr(table, "probes", np.nan), time.process_time()
        work()
        seconds = time.process_time() - began
        return operations / seconds, (getattr(table, "probes", np.nan) - before) / operations


def tables() -> dict[tuple[str, float], Callable[[], MutableMapping]]:
    """(name, load): how to make an empty one. Those that cannot bear a load are left out."""
    made = {("dict", LOADS[0]): dict, ("multidict", LOADS[0]): MultiDict}
    for (name, scheme), load in product(hashing.SCHEMES.items(), LOADS):
        highest = 0.5 if name == "cuckoo" else scheme.most
        if load <= highest:
            limit = min(1.0, scheme.most)
            made[name, load] = lambda scheme=scheme, limit=limit: scheme(size=SIZE, fullest=limit)
    return made


def probes(name: str, load: float, which: int, runs: list[Run]) -> tuple[str, list[str]]:
    """Mean probes of hits (0) or misses (1) beside Knuth's formula, and what is wrong with them."""
    counts = np.array([(run.hit_probes, run.miss_probes)[which] for run in runs])
    if np.isnan(counts).any():
        return "–", []
    mean, margin = counts.mean(), STUDENT * counts.std(ddof=1) / sqrt(RUNS)
    if name not in hashing.KNUTH:
        return f"{mean:.2f}", []
    theory = hashing.KNUTH[name][which](load)
    allowed = (
        2 * margin + (0.05 if name in ("quadratic", "double") else 0.01) * theory
    )  # the first is approximate
    kind = ("hit", "miss")[which]
    wrong = (
        [f"{name} at {load}: {mean:.3g} probes a {kind}, theory {theory:.3g}"]
        if abs(mean - theory) > allowed
        else []
    )
    return f"{mean:.2f} ({theory:.2f})", wrong


def main() -> int:
    made = tables()
    runs = {which: [] for which in made}
    for run, which in tqdm(list(product(range(RUNS), made)), unit="run", leave=False):
        runs[which].append(Run(made[which], which[1], seed=1953 + run))
    best = {
        which: [max(getattr(run, kind) for run in done) for kind in ("store", "hit", "miss")]
        for which, done in runs.items()
    }
    plain = best["multidict", LOADS[0]][1]
    print(f"{SIZE} slots, text keys, best of {RUNS} runs; probes: measured (Knuth)")
    print(
        "| table      | load | store k/s | hit k/s | miss k/s | × multidict | probes, hit  | probes, miss   |"
    )
    print(
        "|------------|-----:|----------:|--------:|---------:|------------:|-------------:|---------------:|"
    )
    faults = []
    for (name, load), speeds in best.items():
        store, hit, miss = (speed / 1000 for speed in speeds)
        said = [probes(name, load, which, runs[name, load]) for which in (0, 1)]
        faults += [fault for _, wrong in said for fault in wrong]
        ratio = speeds[1] / plain
        if ratio < SLOWEST:
            faults.append(f"{name} at {load}: {ratio:.2f} times multidict, at least {SLOWEST} is wanted")
        grows = "own" if name in ("dict", "multidict") else f"{load}"
        print(f"| {name:10} | {grows:>4} | {store:9.0f} | {hit:7.0f} | {miss:8.0f} | {ratio:11.2f} "
              f"| {said[0][0]:>12} | {said[1][0]:>14} |")  # fmt: skip
    print("\n".join(faults) or "All probes agree with theory.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
