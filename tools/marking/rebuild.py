"""What is run: the assignment as it was handed out, with what the submission answers and adds put into it.

So a test that was deleted is there again, a locked cell that was changed is as it was, nothing stands twice.
"""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

MOST_CELLS = 2000


def rebuild(released: NotebookNode, submitted: NotebookNode) -> list[str]:
    """Put what was submitted into the notebook that was handed out. Returns what was put right."""
    known = {key(cell): cell for cell in released.cells}
    texts = {cell.source for cell in released.cells}
    seen, changed, after = set(), 0, {}
    last = None
    for cell in submitted.cells[:MOST_CELLS]:
        own = known.get(key(cell))
        if own is not None and key(cell) not in seen:
            last = key(cell)
            seen.add(last)
            if is_theirs(own):
                take(own, cell)
            elif own.source.rstrip() != cell.source.rstrip():
                changed += 1
        elif cell.source.strip() and cell.source not in texts:
            after.setdefault(last, []).append(added(cell, sum(map(len, after.values()))))
    missing = sum(key(cell) not in seen for cell in released.cells if "nbgrader" in cell.metadata)
    released.cells = after.pop(None, []) + [
        each for cell in released.cells for each in (cell, *after.get(key(cell), []))
    ]
    said = [f"{changed} locked cells were changed: put back"] if changed else []
    return said + ([f"{missing} cells of the assignment were missing: put back"] if missing else [])


def key(cell: NotebookNode) -> str:
    """By what nbgrader calls a cell, or by its own id."""
    known = cell.metadata.get("nbgrader")
    name = known.get("grade_id") if isinstance(known, dict) else None
    return f"nbgrader {name}" if name else f"id {cell.get('id')}"


def is_theirs(own: NotebookNode) -> bool:
    """May whoever works on the assignment change this cell? Text they may, but it stays as it is."""
    known = own.metadata.get("nbgrader")
    return known.solution if known else own.cell_type == "code"


def take(own: NotebookNode, cell: NotebookNode) -> None:
    if "nbgrader" not in own.metadata and own.source.rstrip() != cell.source.rstrip():
        own.metadata["changed"] = True
    own.source = cell.source


def added(cell: NotebookNode, number: int) -> NotebookNode:
    """A cell of their own: its text, and nothing else that it carries."""
    make = new_code_cell if cell.cell_type == "code" else new_markdown_cell
    return make(cell.source, id=f"added-{number}", metadata={"changed": True})
