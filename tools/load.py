"""`make load`: as many students as a class has, at the hub at once, and what that takes of the machine.

Each logs in, starts a server, pulls the course, opens a chapter and runs every cell of it with its solutions,
over HTTP and WebSockets as a browser does. Students come over `--arrive` seconds and think an exponential
time of mean `--think` before each cell, drawn with `--seed`. The worst case is `--think 0 --arrive 0`.
The hub is started here, with an empty folder, unless `--url` and `--link` name one that runs.
"""

import argparse
import asyncio
import json
import math
import os
import platform
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from statistics import median

import nbformat
import psutil
from tqdm import tqdm

from tools import editions, hub, node, student
from tools.hub_course import GitFailed
from tools.hub_server import Hub, NoHub, check_reach
from tools.load_meter import Meter
from tools.load_student import Student, Visit, thinking
from tools.project import ROOT, notebooks

HOME = ROOT / "_build" / "load"
KEPT = ROOT / "book" / "load.json"  # what the page of the book shows
MOST, SPARE_GB = 200, 1.5


@dataclass(frozen=True)
class Plan:
    """What is simulated."""

    students: int
    arrive_s: float
    think_s: float
    chapters: list[Path]
    seed: int = 1961
    limit_s: float = 3600


def cells(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


async def simulate(plan: Plan, url: str, link: str, password: str, meter: Meter | None) -> list[Visit]:
    """All students at once; returns what each of them met."""
    rng = Random(plan.seed)
    taken = [plan.chapters[number % len(plan.chapters)] for number in range(plan.students)]
    sources = {path: cells(path) for path in plan.chapters}
    visits = [Visit(f"student{number:02}", path.stem) for number, path in enumerate(taken, 1)]
    total = sum(len(sources[path]) for path in taken)
    with tqdm(total=total, unit=" cells", desc=f"{plan.students} students", leave=False, disable=None) as bar:

        def tell(name: str, moment: str) -> None:
            if moment == "cell":
                bar.update()
            elif meter:
                meter.note(name, moment)

        async def one(visit: Visit, path: Path, after: float, draws: Random) -> None:
            person = Student(url, link, password, visit, thinking(plan.think_s, draws))
            try:
                async with asyncio.timeout(plan.limit_s):
                    await asyncio.sleep(after)
                    await person.come(sources[path], tell)
            except TimeoutError:
                visit.failure = "not finished when time was up"
            except asyncio.CancelledError:
                visit.failure = f"stopped: less than {SPARE_GB} GB of memory left"

        together = [
            asyncio.create_task(one(visit, path, rng.uniform(0, plan.arrive_s), Random(rng.random())))
            for visit, path in zip(visits, taken, strict=True)
        ]
        guard = asyncio.create_task(spare(together))
        await asyncio.gather(*together)
        guard.cancel()
    return visits


async def spare(tasks: list[asyncio.Task]) -> None:
    """Stop all before the machine, and what else runs on it, is out of memory."""
    while psutil.virtual_memory().available > SPARE_GB * 1e9:
        await asyncio.sleep(1)
    for task in tasks:
        task.cancel()


# ---- the figures


def quantile(values: list[float], share: float) -> float | None:
    """The smallest value that `share` of the values do not exceed; None without values."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None


def figures(plan: Plan, visits: list[Visit], meter: Meter | None) -> dict:
    """What is stored of a run."""
    ran = [seconds for visit in visits for seconds in visit.cells_s]
    open_s = [visit.startup_s for visit in visits if visit.startup_s is not None]
    found = {
        "students": plan.students,
        "arrive_s": plan.arrive_s,
        "think_s": plan.think_s,
        "chapters": [path.stem for path in plan.chapters],
        "seed": plan.seed,
        "finished": sum(visit.failure is None for visit in visits),
        "failures": dict(Counter(visit.failure for visit in visits if visit.failure)),
        "asked_to_wait": sum(visit.asked_to_wait for visit in visits),
        "cells": len(ran),
        "failed_cells": dict(Counter(one["error"] for visit in visits for one in visit.failed_cells)),
        "startup_p50_s": quantile(open_s, 0.5),
        "startup_p95_s": quantile(open_s, 0.95),
        "cell_p50_s": quantile(ran, 0.5),
        "cell_p95_s": quantile(ran, 0.95),
        "by_chapter": {path.stem: by_chapter(path.stem, visits, meter) for path in plan.chapters},
    }
    if meter:
        peaks = list(meter.peaks.values())
        opened = [moments["open"] for moments in meter.cpu.values() if "open" in moments]
        found |= {
            "wall_s": meter.wall_s,
            "memory_p50_mb": quantile(peaks, 0.5),
            "memory_p95_mb": quantile(peaks, 0.95),
            "server_p50_mb": quantile(list(meter.servers.values()), 0.5),
            "together_mb": meter.together,
            "hub_mb": meter.hub_mb,
            "proxy_mb": meter.proxy_mb,
            "startup_cpu_s": median(opened) if opened else None,
            "own_cores": meter.own_cores,
            "others_cores": meter.others_cores,
        }
    return rounded(found)


def by_chapter(name: str, visits: list[Visit], meter: Meter | None) -> dict:
    """What a student of one chapter needs."""
    done = [visit for visit in visits if visit.chapter == name and visit.failure is None]
    found = {"finished": len(done), "cells": max((len(visit.cells_s) for visit in done), default=0)}
    failed = Counter(one["cell"] for visit in visits if visit.chapter == name for one in visit.failed_cells)
    found["failed_at"] = {str(cell): times for cell, times in sorted(failed.items())}
    if done:
        found["cells_together_s"] = median(sum(visit.cells_s) for visit in done)
    spent = [meter.cpu[visit.name] for visit in done] if meter else []
    if spent:
        found["cpu_s"] = median(moments["done"] - moments["open"] for moments in spent)
        found["memory_mb"] = median(meter.peaks.get(visit.name, 0.0) for visit in done)
    return found


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(inside) for key, inside in value.items()}
    return round(value, 2) if isinstance(value, float) else value


def machine() -> dict:
    return {
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def keep(run: dict) -> None:
    """Put a run among those that the book shows, in the place of one that simulated the same."""
    stored = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {"runs": []}
    same = ("students", "arrive_s", "think_s", "chapters")
    others = [one for one in stored["runs"] if any(one[key] != run[key] for key in same)]
    runs = sorted([*others, run], key=lambda one: (one["arrive_s"] == 0, one["students"]))
    KEPT.write_text(json.dumps({"machine": machine(), "runs": runs}, indent=1) + "\n", encoding="utf-8")


# ---- the command


def measure(plan: Plan, one_user: bool) -> tuple[dict, list[Visit]]:
    """Start a hub with an empty folder, let the students in, and stop it."""
    shutil.rmtree(HOME / "hub", ignore_errors=True)
    HOME.mkdir(parents=True, exist_ok=True)
    course = editions.build("student", student.student, notebooks())
    names = hub.class_list(plan.students, None)
    with Hub(HOME / "hub", course, hub.choose_port(None), names, one_user=one_user) as running:
        meter = Meter(running.pid)
        try:
            visits = asyncio.run(simulate(plan, running.url, running.link, running.password(), meter))
        finally:
            meter.stop()
    return figures(plan, visits, meter), visits


def show(run: dict) -> None:
    """A line for each thing that was measured."""
    for key, value in run.items():
        print(f"  {key:16} {value if value not in ({}, None) else 'none'}")


def options(arguments: list[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="make load", description=__doc__, formatter_class=raw)
    parser.add_argument("--students", type=int, default=5)
    parser.add_argument("--chapters", nargs="+", default=["01", "02", "05"], help="taken in turn")
    parser.add_argument(
        "--arrive", type=float, default=0, help="seconds over which they come (default: all at once)"
    )
    parser.add_argument("--think", type=float, default=2, help="mean seconds before a cell (default: 2)")
    parser.add_argument("--seed", type=int, default=1961)
    parser.add_argument("--limit", type=float, default=60, help="minutes, then it is stopped")
    parser.add_argument("--one-user", action="store_true", help="as root: no system users")
    parser.add_argument(
        "--keep", action="store_true", help="keep the figures for the book, in book/load.json"
    )
    parser.add_argument("--url", help="a hub that runs, whose names are student01 …; with --link")
    parser.add_argument("--link", help="the link that its class gets; its password in HUB_PASSWORD")
    given = parser.parse_args(arguments)
    if not 1 <= given.students <= MOST:
        parser.error(f"--students goes from 1 to {MOST}, got {given.students}")
    if bool(given.url) != bool(given.link):
        parser.error("--url and --link go together: give both, or neither")
    return given


def main(arguments: list[str] | None = None) -> int:
    given = options(arguments)
    try:
        times = (given.arrive, given.think)
        plan = Plan(given.students, *times, notebooks(given.chapters), given.seed, given.limit * 60)
        if given.url:
            password = os.environ.get("HUB_PASSWORD", "")
            visits = asyncio.run(simulate(plan, given.url.rstrip("/"), given.link, password, None))
            run = figures(plan, visits, None)
        else:
            check_reach(given.one_user)
            run, visits = measure(plan, given.one_user)
    except (ValueError, NoHub, GitFailed, node.NoNode) as error:
        sys.exit(f"make load: {error}")
    run = {"date": date.today().isoformat(), **run}
    (HOME / "visits.json").parent.mkdir(parents=True, exist_ok=True)
    (HOME / "visits.json").write_text(json.dumps([vars(visit) for visit in visits], indent=1) + "\n")
    (HOME / "load.json").write_text(json.dumps({"machine": machine(), "runs": [run]}, indent=1) + "\n")
    if given.keep:
        keep(run)
    show(run)
    wrong = plan.students - run["finished"] + sum(run["failed_cells"].values())
    print(f"{run['finished']} of {plan.students} students finished, {run['cells']} cells, {wrong} failures")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
