"""What the editions of a notebook have in common: its sections, its exercises, and how an edition is built.

The notebook is the one source: its `##` headings cut it, its tag `solution` says which cells answer an
exercise. `make student` and `make instructor` write what follows from that under _build/, and change nothing.
"""

import argparse
import ast
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from tqdm import tqdm

from tools.project import COLAB_CELL, ROOT, notebooks

HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
BOUND_WITHIN = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | ast.comprehension


@dataclass
class Section:
    """What stands under one `##` heading."""

    title: str
    words: int = 0
    cells: list[NotebookNode] = field(default_factory=list)  # of code

    @property
    def lines(self) -> int:
        """Lines of code that everybody reads; a solution is not for everybody."""
        shown = [cell.source for cell in self.cells if not is_solution(cell)]
        return sum(bool(line.strip()) for source in shown for line in source.splitlines())

    @property
    def is_exercise(self) -> bool:
        return self.title.startswith("Exercise ")

    @property
    def is_open(self) -> bool:
        """An exercise without one right answer."""
        return self.is_exercise and self.title.endswith(": open")

    @property
    def checked(self) -> list[NotebookNode]:
        """The cells that check an exercise: the stub's, then the solution's."""
        return [cell for cell in self.cells if re.search(r"^check\.\w+\(", cell.source, re.MULTILINE)]


def is_solution(cell: NotebookNode) -> bool:
    return "solution" in cell.metadata.get("tags", [])


def sections(notebook: NotebookNode) -> list[Section]:
    """The sections in their order; what stands above the first heading belongs to none."""
    found = [Section("")]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found[-1].cells.append(cell)
            continue
        before, *rest = HEADING.split(cell.source)
        found[-1].words += len(before.split())
        found += [
            Section(title, len(text.split())) for title, text in zip(rest[::2], rest[1::2], strict=True)
        ]
    return found[1:]


def waiting(notebook: NotebookNode, section: Section) -> list[NotebookNode]:
    """The cells below an exercise that need a name which it asks for."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    last = max(here for here, cell in enumerate(code) if is_solution(cell) and cell in section.cells)
    asked, found = names([code[last]])[0], []
    for cell in code[last + 1 :]:
        defined, used = names([cell])
        asked -= defined
        if asked & used:
            found.append(cell)
    return found


def names(cells: Iterable[NotebookNode]) -> tuple[frozenset[str], frozenset[str]]:
    """What cells name at their top level, and the names that they take from elsewhere or from themselves."""
    return _names("\n\n".join(cell.source for cell in cells if cell.source != COLAB_CELL))


@cache
def _names(source: str) -> tuple[frozenset[str], frozenset[str]]:
    tree = ast.parse(TransformerManager().transform_cell(source))
    nodes = list(ast.walk(tree))
    within = {name for node in nodes if isinstance(node, BOUND_WITHIN) for name in _bound(node)}
    defined = frozenset(_top_level(tree))
    used = frozenset(
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )
    return defined, used - (within - defined)


def _bound(node: ast.AST) -> Iterable[str]:
    """The parameters and variables of a function, the variables of a comprehension."""
    inside = ast.walk(node.target if isinstance(node, ast.comprehension) else node)
    for each in inside:
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id
        elif isinstance(each, ast.arg):
            yield each.arg


def _top_level(node: ast.AST) -> Iterable[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child.name
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        elif not isinstance(child, BOUND_WITHIN):
            yield from _top_level(child)


def write(notebook: NotebookNode, path: Path) -> None:
    """The whole file or nothing. Raises: nbformat.ValidationError if it is no notebook."""
    nbformat.validate(notebook)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    draft.replace(path)


def build(kind: str, edition: Callable[[NotebookNode, str], NotebookNode], paths: list[Path]) -> Path:
    """Write an edition of each notebook into _build/KIND, and return that folder.

    edition: makes it from a notebook, which it may change, and its name.
    """
    folder = ROOT / "_build" / kind
    if len(paths) == len(notebooks()):
        shutil.rmtree(folder, ignore_errors=True)  # no edition outlives its notebook
    folder.mkdir(parents=True, exist_ok=True)
    for path in tqdm(paths, desc=kind, unit=" notebooks", leave=False, disable=None):
        write(edition(nbformat.read(path, as_version=4), path.stem), folder / path.name)
    return folder


def asked(kind: str, what: str, arguments: list[str] | None) -> list[Path]:
    """The notebooks that a command names, or the end of the program in one line.   what: its docstring."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=f"make {kind}", description=what, formatter_class=raw)
    parser.add_argument("notebook", nargs="*", help="01, littles_law, …; all when left out")
    try:
        return notebooks(parser.parse_args(arguments).notebook)
    except ValueError as error:
        sys.exit(f"make {kind}: {error}")


def main(kind: str, what: str, edition: Callable, arguments: list[str] | None) -> int:
    """The command of an edition.   what: its docstring."""
    paths = asked(kind, what, arguments)
    try:
        folder = build(kind, edition, paths)
    except PermissionError as error:
        sys.exit(f"make {kind}: cannot write to {error.filename}; build in a folder that is yours.")
    print(f"{len(paths)} notebook{'s' if len(paths) > 1 else ''} in {folder.relative_to(ROOT)}/")
    return 0
