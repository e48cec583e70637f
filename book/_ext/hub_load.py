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
COLUMNS = (
    "Students",
    "come",
    "finished",
    "cells that failed",
    "link to open notebook",
    "a cell",
    "memory of one",
    "of all",
    "cores: ours, others'",
)
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
    """A row for each run, in the order that is stored."""
    return [
        [
            str(run["students"]),
            f"within {run['arrive_s'] / 60:g} min" if run["arrive_s"] else "all at once",
            str(run["finished"]),
            f"{sum(run['failed_cells'].values())} of {run['cells']:,}",
            pair(run["startup_p50_s"], run["startup_p95_s"]),
            pair(run["cell_p50_s"], run["cell_p95_s"]),
            f"{run['memory_p50_mb']:.0f} MB",
            f"{run['together_mb'] / 1000:.1f} GB",
            f"{run['own_cores']:.1f}, {run['others_cores']:.1f}",
        ]
        for run in stored["runs"]
    ]


def sizing_rows(stored: dict) -> list[list[str]]:
    """For each size of a class: in a lesson, and on their own time."""
    measured, habits, machine = sizing.Measured.from_runs(stored["runs"]), sizing.Habits(), sizing.Machine()
    ways = {"in a lesson": sizing.in_a_lesson, "on their own time": sizing.in_own_time}
    rows = []
    for students in STUDENTS:
        for words, way in ways.items():
            need = way(students, measured, habits, machine)
            memory = f"{need.memory_gb:,.0f} GB"
            rows.append(
                [f"{students:,}", words, f"{need.inside:,}", memory, str(need.cores), str(need.machines)]
            )
    return rows


def pair(half: float | None, most: float | None) -> str:
    """What half and 95 % of the students do not exceed: `0.05, 2.1 s`."""
    if half is None or most is None:
        return "–"
    return ", ".join(f"{value:.2f}" if value < 1 else f"{value:.1f}" for value in (half, most)) + " s"


class HubLoad(SphinxDirective):
    """`{hub-load}`: the runs as a table."""

    columns, rows = COLUMNS, staticmethod(load_rows)

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(HOME)
        rows = [list(self.columns), *self.rows(read_runs(self.env.srcdir))]
        return [table(rows)]


class HubSizing(HubLoad):
    """`{hub-sizing}`: machines for classes of three sizes."""

    columns, rows = NEEDS, staticmethod(sizing_rows)


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
