"""A notebook as its questions and hints need it: cells by id, headings, all that is written in it."""

import ast
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_MARKS = re.compile(r"[`*_$\\]")
_STRAIGHT = str.maketrans("‘’“”", "''\"\"")


@dataclass(frozen=True)
class Cell:
    """One cell; what it printed or returned, as plain text."""

    id: str
    kind: str  # code or markdown
    source: str
    output: str
    tags: frozenset[str]
    shows: bool  # has outputs at all, pictures included


@cache
def read_cells(path: Path) -> tuple[Cell, ...]:
    """The cells of a notebook in order: the number of a cell in a built page is its place here."""
    stored = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return tuple(map(_cell, stored))


def _cell(stored: dict) -> Cell:
    outputs = stored.get("outputs", [])
    said = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return Cell(
        id=stored["id"],
        kind=stored["cell_type"],
        source="".join(stored["source"]),
        output="\n".join(map("".join, said)),
        tags=frozenset(stored["metadata"].get("tags", [])),
        shows=bool(outputs),
    )


def headings(cells: tuple[Cell, ...]) -> list[str]:
    """All headings as they are written, in order."""
    texts = (_FENCE.sub("", cell.source) for cell in cells if cell.kind == "markdown")
    return [heading for text in texts for heading in _HEADING.findall(text)]


def plain(heading: str) -> str:
    """A heading without marks and curls, so that source and page can be compared."""
    return _MARKS.sub("", heading).translate(_STRAIGHT).strip()


def stands(evidence: str, cells: tuple[Cell, ...]) -> bool:
    """Do these words, or this number, stand in a source or a text output? A line break is a space."""
    wanted = re.escape(" ".join(evidence.split()))
    whole = re.compile(rf"(?<![\w.]){wanted}(?!\w)" if evidence[0].isdigit() else wanted)
    return any(whole.search(" ".join(f"{cell.source}\n{cell.output}".split())) for cell in cells)


def hints(cells: tuple[Cell, ...]) -> dict[str, tuple[str, ...]]:
    """Cell id -> the literal hints of the check in it. Solutions, which repeat a check, are left out."""
    found, lists = {}, {}
    for cell in cells:
        if cell.kind != "code" or "solution" in cell.tags:
            continue
        for node in _statements(cell.source):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                lists[node.targets[0].id] = node.value
        if "hints=" in cell.source and (texts := _hints_of(cell.source, lists)):
            found[cell.id] = texts
    return found


def _statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:  # a magic of IPython
        return []


def _hints_of(source: str, lists: dict[str, ast.expr]) -> tuple[str, ...]:
    for node in (node for statement in _statements(source) for node in ast.walk(statement)):
        if isinstance(node, ast.keyword) and node.arg == "hints":
            value = lists.get(node.value.id) if isinstance(node.value, ast.Name) else node.value
            return _texts(value)
    return ()


def _texts(value: ast.expr | None) -> tuple[str, ...]:
    try:
        texts = ast.literal_eval(value) if value is not None else ()
    except ValueError:  # computed: nothing that a page could show
        return ()
    good = isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts)
    return tuple(texts) if good else ()
