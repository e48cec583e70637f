"""`make bench`, cluster: three experiments of the course on processes and on Dask clusters of this machine.

Figures are the best of some runs, which take turns: the first also makes what a process keeps (a chapter's
definitions). CPU seconds are those of all processes, scheduler included; those of the busiest are what a run
takes where each process has a core to itself. Then a worker is killed half way.
`python -m tools.bench_cluster --record` keeps all that in book/cluster.json, from which the page
book/cluster.md has its tables. Ends with 1 if anybody's results differ by one bit.
"""

import argparse
import hashlib
import json
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import product

import numpy as np
import psutil
from distributed import LocalCluster, __version__
from tqdm import tqdm

from coursekit.chapters import carried, text
from coursekit.sweep import Point, grid, sweep
from tools import bench_consensus, bench_rag
from tools.page import put
from tools.project import ROOT

RECORD, PAGE = ROOT / "book" / "cluster.json", ROOT / "book" / "cluster.md"
RUNS, EMPTY = 3, 500  # EMPTY: points that compute nothing, to see what a point costs
SEED, FIRST = 1961, 200_000
LINES = "01_littles_law"
WORKERS = (1, 2, 4)


def wait(chapter: str, load: float, scv: float, again: int, rng: np.random.Generator) -> float:
    """The mean wait of chapter 1. again: the same point with other random numbers."""
    return carried(LINES, chapter).mean_wait(load, scv, rng)


def experiments() -> dict[str, tuple[Callable, list[Point], int | None]]:
    """Function, points and seed: what chapters and `make bench` compute, at a smaller size."""
    loads, unevenness = [0.3, 0.5, 0.7, 0.8, 0.9], [0.25, 0.5, 1.0, 2.0, 4.0]
    schedules = [
        point
        for kind, count in (("ordeals", 160), ("walks", 40))
        for point in grid(kind=[kind], first=range(FIRST, FIRST + count, 10), count=[10])
    ]
    questions = range(0, len(bench_rag.answerable()), bench_rag.BLOCK)
    return {
        "mean waits": (
            partial(wait, text(LINES)),
            grid(load=loads, scv=unevenness, again=range(2)),
            SEED,
        ),
        "fault schedules": (
            partial(bench_consensus.run, text(bench_consensus.NOTEBOOK)),
            schedules,
            None,
        ),
        "retrieval": (
            partial(bench_rag.graded, text(bench_rag.NOTEBOOK)),
            grid(search=["BM25", "dense", "hybrid (RRF)"], first=questions),
            None,
        ),
    }


def nothing(place: int) -> int:
    return place


def fingerprint(results: list) -> str:
    """A name for results that changes with any bit of them; clocks are no results."""
    kept = [
        {key: value for key, value in each.items() if key not in ("s", "checking")}
        if isinstance(each, dict)
        else each
        for each in results
    ]
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def cpu() -> dict[int, float]:
    """CPU seconds of this process and of each that it has started and that lives, by its number."""
    spent = {}
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            spent[process.pid] = sum(process.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return spent


def timed(function: Callable, points: list[Point], seed: int | None, workers: str | int) -> dict:
    """Seconds, CPU seconds of all and of the busiest of those who compute, and the results' fingerprint."""
    before, began = cpu(), time.perf_counter()
    results = sweep(function, points, seed=seed, workers=workers, progress=False)
    seconds = time.perf_counter() - began
    spent = {pid: total - before.get(pid, 0) for pid, total in cpu().items()}
    crew = {pid: each for pid, each in spent.items() if pid != os.getpid() or workers == 1}
    return {
        "s": seconds,
        "cpu_s": sum(spent.values()),
        "busiest_s": max(crew.values()),
        "same": fingerprint(results),
    }


def local_cluster(count: int) -> LocalCluster:
    return LocalCluster(
        n_workers=count, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )


def interrupted(after_s: float, *work) -> dict:
    """A run during which one of two worker processes is killed by its number, on a cluster of its own."""
    with local_cluster(2) as cluster:
        cluster.wait_for_workers(2, timeout=60)
        timed(nothing, grid(place=range(2)), None, cluster.scheduler_address)  # they have imported the course
        victim = next(iter(cluster.workers.values()))
        killer = threading.Timer(after_s, os.kill, (victim.pid, signal.SIGKILL))
        killer.start()
        try:
            return timed(*work, workers=cluster.scheduler_address)
        finally:
            killer.cancel()


def measure() -> dict:
    """All of it. Takes some minutes."""
    work, load = experiments(), os.getloadavg()[0]
    with ExitStack() as running:
        clusters = {count: running.enter_context(local_cluster(count)) for count in WORKERS}
        crews: dict[str, str | int] = {"this process": 1, "2 processes": 2}
        crews |= {
            f"Dask, {count} worker{'s' * (count > 1)}": each.scheduler_address
            for count, each in clusters.items()
        }
        turns = list(product(work, range(RUNS), crews))
        runs = {(name, crew): [] for name, _, crew in turns}
        for name, _, crew in tqdm(turns, unit="run", leave=False):
            runs[name, crew].append(timed(*work[name], crews[crew]))
        empty = (nothing, grid(place=range(EMPTY)), None)
        point_ms = {
            crew: min(timed(*empty, workers)["s"] for _ in range(RUNS)) / EMPTY * 1000
            for crew, workers in crews.items()
        }
        two = "Dask, 2 workers"
        half = {name: min(run["s"] for run in runs[name, two]) / 2 for name in work}
        killed = {name: [interrupted(half[name], *work[name]) for _ in range(RUNS)] for name in work}
    return {
        "machine": {
            "cores": os.cpu_count(),
            "load": round(load, 1),
            "python": platform.python_version(),
            "distributed": __version__,
        },
        "runs": RUNS,
        "experiments": {
            name: {
                "points": len(work[name][1]),
                "crews": {crew: told(runs[name, crew]) for crew in crews},
                "killed": told(killed[name]),
                "results": sorted(
                    {run["same"] for crew in crews for run in [*runs[name, crew], *killed[name]]}
                ),
            }
            for name in work
        },
        "point_ms": {crew: round(ms, 2) for crew, ms in point_ms.items()},
    }


def told(runs: list[dict]) -> dict[str, float]:
    """The best of some runs in each respect, and what the first took."""
    best = {key: round(min(run[key] for run in runs), 2) for key in ("s", "cpu_s", "busiest_s")}
    return {"first_s": round(runs[0]["s"], 2), **best}


def tables(found: dict) -> str:
    """Two tables in Markdown: who takes how long, and what a killed worker costs."""
    lines = ["| | seconds | CPU seconds | of the busiest | × |", "|---|---:|---:|---:|---:|"]
    for name, each in found["experiments"].items():
        lines.append(f"| **{name}**, {each['points']} points | | | | |")
        alone = each["crews"]["this process"]["busiest_s"]
        lines += [
            f"| {crew} | {one['s']:.1f} | {one['cpu_s']:.1f} | {one['busiest_s']:.1f} "
            f"| {alone / one['busiest_s']:.1f} |"
            for crew, one in each["crews"].items()
        ]
    lines += ["", "| | undisturbed | a worker killed half way | results |", "|---|---:|---:|---|"]
    for name, each in found["experiments"].items():
        calm, killed = each["crews"]["Dask, 2 workers"]["s"], each["killed"]["s"]
        same = "the same" if len(each["results"]) == 1 else "DIFFER"
        lines.append(f"| {name} | {calm:.1f} s | {killed:.1f} s | {same} |")
    cost = ", ".join(f"{ms:.1f} ms ({crew})" for crew, ms in found["point_ms"].items())
    return "\n".join([*lines, "", f"What a point costs that computes nothing: {cost}."])


def written(page: str, found: dict) -> str:
    """The page with these tables, and with the machine they are of."""
    machine = found["machine"]
    of = (
        f"{machine['cores']} cores, load {machine['load']} before the first run, Python {machine['python']}, "
        f"Dask {machine['distributed']}; best of {found['runs']} runs."
    )
    return put(page, "measured", f"{of}\n\n{tables(found)}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench_cluster", description=__doc__)
    parser.add_argument("--record", action="store_true", help=f"keep it in {RECORD.relative_to(ROOT)}")
    record = parser.parse_args(arguments).record
    found = measure()
    if record:
        RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    print(tables(found))
    differ = [name for name, each in found["experiments"].items() if len(each["results"]) > 1]
    print(
        f"Results differ: {', '.join(differ)}." if differ else "Whoever computed, the results are the same."
    )
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
