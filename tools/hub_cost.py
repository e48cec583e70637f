"""What a learner's hour costs on Kubernetes: `python -m tools.hub_cost`, `--nodes 0.30` for a price of yours.

Prices are examples, in US dollars: of the order that the large providers listed for machines on demand in the
United States in 2025. What a student uses is read from book/load.json, where `make load` keeps it; what a
student is given, from deploy/hub-k8s. `--write` puts the table into the book.
"""

import argparse
import json
import sys
from dataclasses import dataclass, replace
from math import ceil, floor
from pathlib import Path

import yaml

from tools.page import put
from tools.project import ROOT

FILES = ROOT / "deploy" / "hub-k8s"
LOAD, PAGE = ROOT / "book" / "load.json", ROOT / "book" / "hub_kubernetes.md"
SIZES = {30: 1.0, 300: 0.5, 3000: 0.2}  # students, and which share of them works at the busiest hour
WEEK_H, MONTH_WEEKS = 168, 52 / 12


@dataclass(frozen=True)
class Place:
    """What one student takes of a node."""

    memory_gb: float
    cores: float


@dataclass(frozen=True)
class Assumptions:
    """Change any of them."""

    node_cores: float = 7.5  # of 8, and of 32 GB: what a provider leaves to pods
    node_memory_gb: float = 28.0
    node_pods: int = 100  # of 110, which Kubernetes allows by default
    node_hour: float = 0.39
    core_hour: float = 0.10  # a node of 2 cores and 8 GB for hub and proxy, day and night
    control_hour: float = 0.10  # Kubernetes itself, where the provider takes money for it
    disk_gb_month: float = 0.10
    weeks: int = 14
    hours_a_week: float = 4.0  # that a student works
    session_h: float = 1.5  # and goes; the server stays until it is culled
    filled: float = 0.6  # of the nodes that are on, on average: students leave, and nodes empty slowly
    open_hours_a_week: float = 60.0  # at least one node is on


def used(path: Path = LOAD) -> tuple[Place, bool]:
    """What one student uses, and whether that was measured. The one place where it is read."""
    if not path.exists():
        return Place(0.25, 0.1), False
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
    largest = max(runs, key=lambda run: run["students"])
    return Place(largest["memory_p50_mb"] / 1024, largest["own_cores"] / largest["students"]), True


def values(students: int) -> dict:
    """The settings for so many students: those for all, with those of this size over them."""
    both = [yaml.safe_load((FILES / name).read_text()) for name in ("values.yaml", f"class-{students}.yaml")]
    return merged(*both)


def merged(below: dict, above: dict) -> dict:
    """As Helm does: mappings are joined, anything else is replaced."""
    joined = {
        key: merged(below[key], value)
        if isinstance(value, dict) and isinstance(below.get(key), dict)
        else value
        for key, value in above.items()
    }
    return below | joined


def gigabytes(size: str) -> float:
    """Of `768M` as JupyterHub reads it, or `2Gi` as Kubernetes does: both count in steps of 1024.

    >>> gigabytes("768M"), gigabytes("2Gi")
    (0.75, 2.0)
    """
    number, unit = size.removesuffix("i")[:-1], size.removesuffix("i")[-1]
    return float(number) / {"M": 1024, "G": 1}[unit]


def place(settings: dict, use: Place) -> Place:
    """What the scheduler counts for a student: the guarantee, or the use where that is more."""
    given = settings["singleuser"]
    return Place(
        max(gigabytes(given["memory"]["guarantee"]), use.memory_gb), max(given["cpu"]["guarantee"], use.cores)
    )


def places(each: Place, given: Assumptions) -> int:
    """How many students one node takes."""
    found = min(given.node_memory_gb / each.memory_gb, given.node_cores / each.cores, given.node_pods)
    if found < 1:
        raise ValueError(
            f"no student fits a node: {each} is more than {given.node_memory_gb} GB or its cores"
        )
    return floor(found)


def cost(students: int, peak: float, settings: dict, use: Place, given: Assumptions) -> dict[str, float]:
    """Of a term, in dollars: by what it is for, and for one hour of one learner.

    Fixed nodes: as many as the busiest hour needs, day and night, to compare with.
    """
    a_node = places(place(settings, use), given)
    hours = students * given.hours_a_week * given.weeks
    culled = settings["cull"]["timeout"] / 3600
    node_hours = max(
        hours * (1 + culled / given.session_h) / (a_node * given.filled),
        given.open_hours_a_week * given.weeks,
    )
    at_once = ceil(students * peak)
    nodes = ceil(at_once / a_node)
    all_hours = WEEK_H * given.weeks
    disks = students * gigabytes(settings["singleuser"]["storage"]["capacity"])
    parts = {
        "nodes": node_hours * given.node_hour,
        "always on": all_hours * (given.core_hour + given.control_hour),
        "disks": disks * given.disk_gb_month * given.weeks / MONTH_WEEKS,
    }
    fixed = nodes * all_hours * given.node_hour + parts["always on"] + parts["disks"]
    return {
        "students": students,
        "at once": at_once,
        "a node": a_node,
        "most nodes": nodes,
        **parts,
        "term": sum(parts.values()),
        "learner-hour": sum(parts.values()) / hours,
        "fixed learner-hour": fixed / hours,
    }


def table(given: Assumptions, use: Place) -> str:
    """In Markdown, a line for each size."""
    heads = ["students", "at once", "nodes, at most", "for nodes", "hub, control", "disks", "a term"]
    lines = [
        " | ".join(["", *heads, "**a learner-hour**", "with fixed nodes", ""]).strip(),
        "|---:" * 9 + "|",
    ]
    for students, peak in SIZES.items():
        row = cost(students, peak, values(students), use, given)
        lines.append(
            f"| {students:,} | {row['at once']} | {row['most nodes']} | {row['nodes']:,.0f} "
            f"| {row['always on']:,.0f} | {row['disks']:,.0f} | {row['term']:,.0f} "
            f"| **{row['learner-hour']:.2f}** | {row['fixed learner-hour']:.2f} |"
        )
    return "\n".join(lines)


def written(page: str) -> str:
    """The page with the table as it is computed now."""
    use, _ = used()
    return put(page, "cost", table(Assumptions(), use))


def main(arguments: list[str] | None = None) -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m tools.hub_cost", description=__doc__, formatter_class=raw
    )
    parser.add_argument("--nodes", type=float, default=Assumptions.node_hour, help="dollars a node and hour")
    parser.add_argument(
        "--hours", type=float, default=Assumptions.hours_a_week, help="a student works a week"
    )
    parser.add_argument("--write", action="store_true", help="put the table of the defaults into the book")
    asked = parser.parse_args(arguments)
    use, measured = used()
    given = replace(Assumptions(), node_hour=asked.nodes, hours_a_week=asked.hours)
    print(table(given, use))
    print(
        f"In dollars, {given.weeks} weeks; a student uses {use.memory_gb * 1024:.0f} MB, "
        + ("as measured by `make load`." if measured else "which is assumed: `make load` measures it.")
    )
    if asked.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
