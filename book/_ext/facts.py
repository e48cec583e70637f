"""What a chapter costs and how it was proved: the fact card on its page, and `{status}`, the table of all.

Nothing here is typed in: the numbers come from the last run that compared every stored output
(tools/record.py), from the notebooks themselves, and from the catalogue that is made of them.
"""

import ast
import re
import sys
from datetime import date
from functools import cache
from importlib import metadata
from pathlib import Path

import nbformat
from course_map import read_chapters
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # Jupyter Book does not add it
from coursekit import catalogue
from tools import record
from tools.tidy import VIEW

SEED = re.compile(r"^SEED = (\d+)", re.MULTILINE)
UNNAMED = {
    "IPython",
    "matplotlib_inline",
    "traitlets",
    "google",
}  # the kernel; Colab
COLUMNS = ("", "Chapter", "Verified", "Cells run", "Outputs compared", "Runs in", "Memory", "Reading")


def day(text: str) -> str:
    """2026-11-29 as 29 November 2026."""
    known = date.fromisoformat(text)
    return f"{known.day} {known:%B %Y}"


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def imported(source: str) -> set[str]:
    """The modules that a piece of code imports by name, ours with their own name: `coursekit.plots`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if node.module == "coursekit" else {node.module}
    return found


@cache
def _behind(module: str) -> frozenset[str]:
    """What a module of ours imports, through others of ours."""
    home = record.ROOT / f"{module.replace('.', '/')}.py"
    return frozenset(_followed(imported(home.read_text(encoding="utf-8")))) if home.exists() else frozenset()


def _followed(modules: set[str]) -> set[str]:
    found = set()
    for module in modules:
        found |= _behind(module) if module.startswith("coursekit.") else {module.partition(".")[0]}
    return found


def packages(sources: list[str]) -> dict[str, str]:
    """The packages behind these cells, our own modules looked through, each with its installed version."""
    found: dict[str, str] = {}
    for top in _followed(set().union(*map(imported, sources))) - UNNAMED - sys.stdlib_module_names:
        for one in _distributions().get(top, [])[:1]:
            found[one] = metadata.version(one)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def of_notebook(path: Path) -> dict:
    """Seed, packages, exercises and moving figures of a notebook, as they stand in it."""
    cells = nbformat.read(path, as_version=4).cells
    code = [c for c in cells if c.cell_type == "code" and "remove-cell" not in c.metadata.get("tags", [])]
    sources = [cell.source for cell in code]
    seed = next((match[1] for source in sources if (match := SEED.search(source))), None)
    heads = [c.source.lstrip("# ") for c in cells if c.cell_type == "markdown" and c.source.startswith("#")]
    return {
        "seed": seed,
        "packages": packages([re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE) for source in sources]),
        "exercises": sum(head.startswith("Exercise") for head in heads),
        "moving": sum(VIEW in output.get("data", {}) for cell in code for output in cell.outputs),
    }


def facts(path: Path) -> dict:
    """All that the card of a chapter says."""
    known = catalogue.chapter(path.stem)
    proof = record.verified(path)
    return of_notebook(path) | {
        "reading": min(known.reading_min, known.takes_min),
        "takes": known.takes_min,
        "needs": [catalogue.chapter(name) for name in known.needs],
        "proof": proof | {"day": day(proof["date"])} if proof else {},
    }


def _said(proof: dict) -> list[str]:
    """A proof in the columns of the table."""
    stale = " (an earlier version)" if proof.get("stale") else ""
    when, seconds = f"{proof.get('date', '')}{stale}", f"{proof['seconds']:.0f} s"
    return [when, f"{proof['cells']:,}", f"{proof['compared']:,}", seconds, f"{proof['memory_mb']:,} MB"]


class Status(SphinxDirective):
    """`{status}`: every finished chapter with its proof, one row each, and what they come to together."""

    def run(self) -> list[nodes.Node]:
        every = read_chapters(self.env.srcdir)
        chapters = [one for page, one in every.items() if page in self.env.found_docs]
        files = [f"{one['page']}.ipynb" for one in chapters]
        for file in [*files, str(record.FRESH), str(record.KEPT)]:
            self.env.note_dependency(file)
        known = [facts(Path(self.env.srcdir) / file) for file in files]
        return [self._table([*map(self._row, chapters, known), self._sum(known)])]

    def _row(self, chapter: dict, known: dict) -> list[nodes.Node]:
        proof = known["proof"]
        where = {"reftarget": f"/{chapter['page']}", "refdoc": self.env.docname, "refdomain": "std"}
        link = pending_xref("", nodes.inline("", chapter["title"]), reftype="doc", refexplicit=True, **where)
        said = _said(proof) if proof else ["not yet", "", "", "", ""]
        return [
            nodes.Text(str(chapter["number"])),
            link,
            *map(nodes.Text, [*said, f"{known['reading']} min"]),
        ]

    def _sum(self, known: list[dict]) -> list[nodes.Node]:
        proofs = [one["proof"] for one in known if one["proof"]]
        together = {key: sum(one[key] for one in proofs) for key in ("cells", "compared", "seconds")}
        together["memory_mb"] = max((one["memory_mb"] for one in proofs), default=0)
        hours = sum(one["reading"] for one in known) / 60
        said = ["", "Together; memory at most", *_said(together), f"{hours:.0f} h"]
        return [nodes.strong("", text) for text in said]

    def _table(self, rows: list[list[nodes.Node]]) -> nodes.table:
        head = [nodes.Text(name) for name in COLUMNS]
        group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in COLUMNS), cols=len(COLUMNS))
        group += nodes.thead("", _table_row(head))
        group += nodes.tbody("", *map(_table_row, rows))
        return nodes.table("", group, classes=["status"])


def _table_row(cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


def _hand_over(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    if "chapter" in context:
        context["facts"] = facts(Path(app.srcdir) / f"{pagename}.ipynb")


def setup(app) -> dict:
    app.add_directive("status", Status)
    app.connect("html-page-context", _hand_over, priority=600)  # after the map has said which chapter this is
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
