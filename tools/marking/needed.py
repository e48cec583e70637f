"""Which cells some other cells need, told by names: the rest need not be run to mark an exercise.

A cell is needed if it gives a name to one that is, acts on a value that one takes, or acts on what all share.
A reference run tells whether that was enough, and a submission that misses a name is run whole.
"""

import ast
from collections.abc import Iterator, Sequence
from functools import cache

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from tools import editions

CALM = {"cache", "dataclass", "lru_cache", "contextmanager", "total_ordering", "runtime_checkable"}
SHOWS = {"print", "display", "show", "table", "plots", "widgets", "check", "len", "round", "sorted"}
DEFINES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
LATER = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def needed(cells: Sequence[NotebookNode], wanted: set[int]) -> set[int]:
    """The cells, by position, without which those that are `wanted` could not run as they do."""
    sources = [cell.source for cell in cells]
    gives = [editions.names([cell])[0] for cell in cells]
    values = frozenset().union(*map(stored, sources))
    acts = [acts_on(source) & values for source in sources]
    own = frozenset().union(*gives)
    last = max(wanted, default=0)
    found = set(wanted) | {here for here in range(last) if acts_on_all(sources[here], own)}
    todo = list(found)
    while todo:
        here = todo.pop()
        at_once, later = taken(sources[here])
        more = {other for other in range(last) if (gives[other] | acts[other]) & later}
        for name in at_once:
            giver = max((other for other in range(here) if name in gives[other]), default=here)
            more |= {giver} | {other for other in range(giver, here) if name in acts[other]}
        todo += more - found
        found |= more
    return found


@cache
def parsed(source: str) -> ast.Module:
    return ast.parse(TransformerManager().transform_cell(source))


@cache
def taken(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names that a cell takes from others: when it runs, and when what it defines is called."""
    known, at_once, later = set(), set(), set()
    used = editions.names([NotebookNode(source=source)])[1]
    for statement in parsed(source).body:
        within = {
            id(each) for node in ast.walk(statement) if isinstance(node, LATER) for each in ast.walk(node)
        }
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in used - known:
                (later if id(node) in within else at_once).add(node.id)
        known |= bound(statement)
    return frozenset(at_once), frozenset(later - known)


def bound(statement: ast.stmt) -> frozenset[str]:
    return editions.names([NotebookNode(source=ast.unparse(statement))])[0]


@cache
def stored(source: str) -> frozenset[str]:
    """Names of values, which a call may change; functions and classes it may not."""
    top = [node for node in parsed(source).body if not isinstance(node, DEFINES)]
    named = (each for node in top for each in ast.walk(node) if isinstance(each, ast.Name))
    return frozenset(name.id for name in named if isinstance(name.ctx, ast.Store))


@cache
def acts_on(source: str) -> frozenset[str]:
    """Names whose values the statements of a cell may change: what they call, hand over, or assign into."""
    top = [node for node in parsed(source).body if not isinstance(node, DEFINES | ast.Assert)]
    changed = [part for node in top for each in ast.walk(node) for part in changes(each)]
    return frozenset(name.id for part in changed for name in ast.walk(part) if isinstance(name, ast.Name))


def changes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call):
        if root(node.func) in SHOWS:
            return
        yield from node.args
        yield from (word.value for word in node.keywords)
        if not isinstance(node.func, ast.Name):
            yield node.func
    elif isinstance(node, ast.AugAssign):
        yield node.target
    elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        yield node.value


@cache
def acts_on_all(source: str, own: frozenset[str]) -> bool:
    """Does it import, register, or call for the effect alone?   own: names that the notebook itself gives."""
    for node in parsed(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            return True
        if isinstance(node, DEFINES) and {root(each) for each in node.decorator_list} - CALM - own:
            return True
        called = node.value if isinstance(node, ast.Expr) else None
        called = called.value if isinstance(called, ast.Await) else called
        if isinstance(called, ast.Call) and root(called) not in SHOWS | own:
            return True
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else []
        if any(isinstance(each, ast.Attribute | ast.Subscript) and root(each) not in own for each in targets):
            return True
    return False


def root(node: ast.expr) -> str:
    """`plots` for `plots.axes(…).plot`."""
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return getattr(node, "id", "")
