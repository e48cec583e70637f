"""`{hub-load}` and `{hub-sizing}`: what `make load` measured, from book/load.json, and what follows from it.

Nothing here is typed in: after `make load ARGS="… --keep"` the next build shows the new figures.
"""

import json
import sys
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # Jupyter Book does not add it
from tools import sizing

HOME = "book/load.json"
STUDENTS = (30, 300, 3000)
NEEDS = ("Students", "when", "inside at once", "memory", "cores", "machines")


def read_runs(source: Path) -> dict:
    """What is stored. Raises: ExtensionError in one line if nothing is."""
    file = Path(source) / HOME
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExtensionError(
            f'{HOME} cannot be read ({error}): make it with make load ARGS="--keep"'
        ) from None
    return stored


def load_rows(stored: dict) -> list[list[str]]:
    """What was measured, a row each; a column for each run. The first row is the head."""
    runs = stored["runs"]
    said = {
        "": [f"{run['students']} students, {coming(run)}" for run in runs],
        "finished their chapter": [str(run["finished"]) for run in runs],
        "cells that failed": [f"{sum(run['failed_cells'].values())} of {run['cells']:,}" for run in runs],
        "seconds from the link to the open notebook": [pair(run, "startup") for run in runs],
        "seconds that a cell takes": [pair(run, "cell") for run in runs],
        "processor seconds of a start": [f"{run['startup_cpu_s']:.1f}" for run in runs],
        "and of each chapter": [
            ", ".join(f"{one['cpu_s']:.0f}" for one in run["by_chapter"].values()) for run in runs
        ],
        "memory of a student": [f"{run['memory_p50_mb']:.0f} MB" for run in runs],
        "memory of all, with the hub": [f"{run['together_mb'] / 1000:.1f} GB" for run in runs],
        "cores busy with it": [f"{run['own_cores']:.1f}" for run in runs],
        "cores busy with other work": [f"{run['others_cores']:.1f}" for run in runs],
    }
    return [[words, *values] for words, values in said.items()]


def coming(run: dict) -> str:
    when = f"within {run['arrive_s'] / 60:g} min" if run["arrive_s"] else "all at once"
    return f"{when}, {run['think_s']:g} s to think" if run["think_s"] else f"{when}, without a thought"


def sizing_rows(stored: dict) -> list[list[str]]:
    """For each size of a class: in a lesson, and on their own time. The first row is the head."""
    measured, habits, machine = sizing.Measured.from_runs(stored["runs"]), sizing.Habits(), sizing.Machine()
    ways = {"in a lesson": sizing.in_a_lesson, "on their own time": sizing.in_own_time}
    rows = [list(NEEDS)]
    for students in STUDENTS:
        for words, way in ways.items():
            need = way(students, measured, habits, machine)
            memory = f"{need.memory_gb:,.0f} GB"
            rows.append(
                [f"{students:,}", words, f"{need.inside:,}", memory, str(need.cores), str(need.machines)]
            )
    return rows


def pair(run: dict, what: str) -> str:
    """What half and 95 % do not exceed: `0.05, 2.1`."""
    both = [run[f"{what}_{share}_s"] for share in ("p50", "p95")]
    return (
        "–" if None in both else ", ".join(f"{value:.2f}" if value < 1 else f"{value:.1f}" for value in both)
    )


class HubLoad(SphinxDirective):
    """`{hub-load}`: the runs as a table, and what must be said of one (its `note`)."""

    rows, notes = staticmethod(load_rows), True

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(HOME)
        stored = read_runs(self.env.srcdir)
        notes = [run["note"] for run in stored["runs"] if "note" in run and self.notes]
        return [table(self.rows(stored)), *(nodes.paragraph(text=note) for note in notes)]


class HubSizing(HubLoad):
    """`{hub-sizing}`: machines for classes of three sizes."""

    rows, notes = staticmethod(sizing_rows), False


def table(rows: list[list[str]]) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in rows[0]), cols=len(rows[0]))
    head, *body = (
        nodes.row("", *(nodes.entry("", nodes.paragraph(text=cell)) for cell in row)) for row in rows
    )
    group += nodes.thead("", head)
    group += nodes.tbody("", *body)
    return nodes.table("", group, classes=["measured"])


def setup(app) -> dict:
    app.add_directive("hub-load", HubLoad)
    app.add_directive("hub-sizing", HubSizing)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
