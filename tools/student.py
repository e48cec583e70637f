"""`make student`: the notebooks without their solutions and outputs, to hand out, in _build/student.

Left out: cells tagged `solution`, all outputs, execution counts and the stored states of widgets. All else
stays, under the same ids and in the same order:

- the stub of an exercise and the cell of its check, with the hints and the independent witness that stand
  there. A witness is part of the check: it answers by another, slower way, and whoever reads it has learnt
  something too.
- the text, also where it goes on from an answer ("more, and not twice as many"): a chapter with holes
  teaches nobody. It says what comes out, not how to get there.
- later cells that use what an exercise asked for: they wait for the learner's answer, and a line above each
  says for which. The instructor's edition names those exercises.

What is handed out keeps a secret only as long as nobody looks for it: the course is published with its
solutions. For marks, change the numbers.
"""

import sys

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from tools import editions


def student(notebook: NotebookNode, name: str) -> NotebookNode:
    """The notebook as a learner gets it.   name: as of all editions; here it does not matter."""
    needs = waits(notebook)
    kept = [cell for cell in notebook.cells if not editions.is_solution(cell)]
    notebook.cells = [one for cell in kept for one in ([*needs.get(cell.id, []), cell])]
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def waits(notebook: NotebookNode) -> dict[str, list[NotebookNode]]:
    """The id of a cell that waits for an answer, and the line that says so."""
    found: dict[str, list[str]] = {}
    for section in editions.sections(notebook):
        if section.is_exercise and not section.is_open:
            for cell in editions.waiting(notebook, section):
                found.setdefault(cell.id, []).append(section.title.partition(":")[0])
    return {cell: [_line(cell, exercises)] for cell, exercises in found.items()}


def _line(cell: str, exercises: list[str]) -> NotebookNode:
    text = f"*The next cell needs your answer to {' and '.join(exercises)}; until then it fails.*"
    return new_markdown_cell(text, id=f"waits-{cell}", metadata={"tags": ["waits"]})


def main(arguments: list[str] | None = None) -> int:
    return editions.main("student", __doc__, student, arguments)


if __name__ == "__main__":
    sys.exit(main())
