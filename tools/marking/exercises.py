"""An assignment for nbgrader from a notebook's own tags: answers open, tests and all they build on locked.

The cell of a stub becomes up to three. What stands before the stub is given, the stub with the solution below
it is the answer (nbgrader takes the solution out before it hands out), the rest with its check is the test.
An open exercise gets a cell of text that somebody reads and marks.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from tools import editions
from tools.marking.needed import needed
from tools.student import student

POINTS = 1
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
TEXT_STUB = "*Write your answer here.*"
OPEN = re.compile(r"^## (Exercise (\d+): open)$", re.MULTILINE)


@dataclass
class Exercise:
    """A closed exercise: the cell of its stub, in three parts, and its solution."""

    title: str
    given: str
    answer: str
    test: str
    solution: str

    @property
    def id(self) -> str:
        return f"exercise-{self.title.split()[1].rstrip(':')}"


def exercises(notebook: NotebookNode) -> dict[str, Exercise]:
    """The closed exercises of a notebook, by the id of the cell that holds the stub."""
    found = {}
    for section in editions.sections(notebook):
        if section.is_exercise and not section.is_open:
            stub, solution = section.checked
            found[stub.id] = Exercise(section.title, *split(stub, solution), without_check(solution.source))
    return found


def split(stub: NotebookNode, solution: NotebookNode) -> tuple[str, str, str]:
    """What is given, what is asked for, what tests it: the statements of a stub's cell, in their order."""
    asked, _ = editions.names([solution])
    parts = ["", "", ""]
    now = 0
    for statement, text in statements(stub.source):
        is_answer = bool(editions.names([new_code_cell(ast.unparse(statement))])[0] & asked)
        now = 1 if is_answer else 2 if parts[1] else now
        parts[now] += text
    return tuple(part.strip("\n") for part in parts)


def statements(source: str) -> Iterator[tuple[ast.stmt, str]]:
    """Each statement at the top level, and its lines with the blank ones and comments that follow."""
    lines, body = source.splitlines(keepends=True), ast.parse(source).body
    starts = [min([node.lineno, *(each.lineno for each in decorators(node))]) - 1 for node in body]
    starts[0] = 0
    for node, start, stop in zip(body, starts, [*starts[1:], len(lines)], strict=True):
        yield node, "".join(lines[start:stop])


def decorators(node: ast.stmt) -> list[ast.expr]:
    return getattr(node, "decorator_list", [])


def without_check(solution: str) -> str:
    """The source of a solution up to its check."""
    return "".join(text for node, text in statements(solution) if not is_check(node)).rstrip()


def is_check(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith(("check.same(", "check.close("))


def assignment(notebook: NotebookNode, name: str) -> NotebookNode:
    """The notebook as nbgrader's source of an assignment, solutions included.   name: as of all editions."""
    by_stub = exercises(notebook)
    cells = []
    for cell in student(notebook, name).cells:
        if cell.id in by_stub:
            cells += parts(cell, by_stub[cell.id])
        else:
            cells.append(cell)
        if cell.cell_type == "markdown" and (found := OPEN.search(cell.source)):
            cells.append(open_answer(*found.groups()))
    code = [cell for cell in cells if cell.cell_type == "code"]
    for here in needed(code, {here for here, cell in enumerate(code) if "nbgrader" in cell.metadata}):
        if "nbgrader" not in code[here].metadata:
            mark(code[here], f"needed-{code[here].id}", locked=True)
    notebook.cells = cells
    return notebook


def parts(cell: NotebookNode, exercise: Exercise) -> Iterator[NotebookNode]:
    """The cells that stand for the one of a stub."""
    if exercise.given:
        yield mark(new_code_cell(exercise.given, id=f"{cell.id}-given"), f"{exercise.id}-given", locked=True)
    answer = f"{exercise.answer}\n{BEGIN}\n{exercise.solution}\n{END}"
    yield mark(new_code_cell(answer, id=f"{cell.id}-answer"), f"{exercise.id}-answer", solution=True)
    test = mark(new_code_cell(exercise.test, id=cell.id), exercise.id, grade=True, locked=True)
    test.metadata.nbgrader.points = POINTS
    yield test


def open_answer(title: str, number: str) -> NotebookNode:
    """A cell of text that nbgrader leaves to a reader."""
    cell = mark(new_markdown_cell(TEXT_STUB, id=f"exercise-{number}-text"), f"exercise-{number}", grade=True)
    cell.metadata.nbgrader |= {"solution": True, "points": POINTS}
    return cell


def mark(cell: NotebookNode, grade_id: str, **true: bool) -> NotebookNode:
    """The same cell with what nbgrader wants to know of it."""
    flags = dict.fromkeys(("grade", "locked", "solution", "task"), False) | true
    cell.metadata["nbgrader"] = NotebookNode(grade_id=grade_id, schema_version=3, **flags)
    return cell
