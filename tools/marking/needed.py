"""Which cells some other cells need, told by names: the rest need not be run to mark an exercise.

Cautious on purpose: whatever might act on a name that is needed, or on the whole process, counts as needed. A
reference run tells whether that was cautious enough, and a submission that misses a name is run whole.
"""

import ast
from collections.abc import Sequence
from functools import cache

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from tools import editions

CALM = {"cache", "dataclass", "lru_cache", "contextmanager", "total_ordering", "runtime_checkable"}
SHOWS = {
    "print",
    "display",
    "show",
    "table",
    "plots",
    "widgets",
    "ax",
    "check",
    "figure",
    "len",
    "round",
    "sorted",
}
DEFINES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def needed(cells: Sequence[NotebookNode], wanted: set[int]) -> set[int]:
    """The cells, by position, without which those that are `wanted` could not run as they do."""
    found = set(wanted) | {here for here, cell in enumerate(cells) if acts_on_all(cell.source)}
    todo = list(found)
    while todo:
        here = todo.pop()
        defined, used = editions.names([cells[here]])
        for other, cell in enumerate(cells):
            gives = other < here and editions.names([cell])[0] & used
            if other not in found and (gives or acts_on(cell.source) & (defined | used) & variables(cells)):
                found.add(other)
                todo.append(other)
    return found


def variables(cells: Sequence[NotebookNode]) -> set[str]:
    """Names of values that cells make: what a call may change. Functions and classes it may not."""
    return set().union(*(_variables(cell.source) for cell in cells))


@cache
def parsed(source: str) -> ast.Module:
    return ast.parse(TransformerManager().transform_cell(source))


@cache
def _variables(source: str) -> frozenset[str]:
    top = [node for node in parsed(source).body if not isinstance(node, DEFINES)]
    named = (each for node in top for each in ast.walk(node) if isinstance(each, ast.Name))
    return frozenset(name.id for name in named if isinstance(name.ctx, ast.Store))


@cache
def acts_on(source: str) -> frozenset[str]:
    """Names whose values the statements of a cell may change: all they use beside a call or an assignment."""
    top = [node for node in parsed(source).body if not isinstance(node, DEFINES | ast.Assert)]
    return frozenset(
        each.id for node in top if may_change(node) for each in ast.walk(node) if isinstance(each, ast.Name)
    )


def may_change(node: ast.stmt) -> bool:
    changes = ast.Call | ast.AugAssign | ast.Delete
    return any(
        isinstance(each, changes)
        or (isinstance(each, ast.Attribute | ast.Subscript) and isinstance(each.ctx, ast.Store))
        for each in ast.walk(node)
    )


@cache
def acts_on_all(source: str) -> bool:
    """Does it import, or register something, or call for the effect alone?"""
    for node in parsed(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            return True
        if isinstance(node, DEFINES) and {root(each) for each in node.decorator_list} - CALM:
            return True
        called = node.value if isinstance(node, ast.Expr) else None
        called = called.value if isinstance(called, ast.Await) else called
        if isinstance(called, ast.Call) and root(called) not in SHOWS:
            return True
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else []
        if any(isinstance(target, ast.Attribute | ast.Subscript) for target in targets):
            return True
    return False


def root(node: ast.expr) -> str:
    """`plots` for `plots.axes(…).plot`."""
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return getattr(node, "id", "")
