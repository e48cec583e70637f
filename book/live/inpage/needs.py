"""Which cells above a cell it needs: those that last gave its names a value, or changed them since.

Read from the code, without running it: what a statement binds, uses and changes in place.
"""

import ast
import symtable
from dataclasses import dataclass, field
from functools import lru_cache


@dataclass
class Names:
    """What one cell does to the notebook's names."""

    binds: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)  # that it expects from above
    changes: set[str] = field(default_factory=set)  # in place: `x[0] = 1`, `x.append(1)`
    imports: set[str] = field(default_factory=set)  # those of `binds` that are modules and parts of modules


@lru_cache(maxsize=1000)
def names(source: str) -> Names:
    """The names of a cell; of one that is no Python, none: running it will tell."""
    found, later = Names(), set()
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return found
    for statement in body:
        binds, uses, inside = _of_statement(statement)
        found.uses |= uses - found.binds
        later |= inside
        found.binds |= binds
        found.changes |= _changes(statement)
        found.imports |= _imports(statement)
    found.uses |= later - found.binds
    return found


def _of_statement(statement: ast.stmt) -> tuple[set[str], set[str], set[str]]:
    """Names that it binds; that it uses at once; that functions in it will use when they are called."""
    table = symtable.symtable(ast.unparse(statement), "cell", "exec")
    symbols = table.get_symbols()
    binds = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}
    uses = {s.get_name() for s in symbols if s.is_referenced()}
    if isinstance(statement, ast.For | ast.AsyncFor):
        uses -= _loaded(statement.target, ast.Store) - _loaded(statement.iter)
    if isinstance(statement, ast.With | ast.AsyncWith):
        given = set().union(*(_loaded(item.optional_vars, ast.Store) for item in statement.items))
        uses -= given - set().union(*(_loaded(item.context_expr) for item in statement.items))
    inside = {name for child in table.get_children() for name in _globals(child)}
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        uses -= {statement.name}
        return binds, uses, inside
    return binds, uses | inside - binds, inside & binds


def _loaded(node: ast.AST | None, context: type = ast.Load) -> set[str]:
    parts = ast.walk(node) if node else ()
    return {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, context)}


def _globals(table: symtable.SymbolTable) -> set[str]:
    own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return own.union(*(_globals(child) for child in table.get_children()))


def _changes(statement: ast.stmt) -> set[str]:
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return found  # what a function does happens when it is called
        if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            found.add(_root(node))
        if isinstance(node, ast.AugAssign):
            found.add(_root(node.target))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.add(_root(node.func))
    return found - {""}


def _imports(statement: ast.stmt) -> set[str]:
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return set()
    return {(name.asname or name.name).partition(".")[0] for name in statement.names}


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


class Memory:
    """What has been run in this session, and by which cell each name was last bound."""

    def __init__(self) -> None:
        self.ran: dict[str, str] = {}  # cell -> its source when it ran
        self.writer: dict[str, str] = {}  # name -> cell

    def note(self, cell: str, source: str) -> None:
        """A cell ran to its end."""
        self.ran[cell] = source
        self.writer |= dict.fromkeys(names(source).binds, cell)

    def needed(self, target: str, cells: dict[str, str]) -> list[str]:
        """The cells to run before `target`, in order.   cells: id -> source, in the order of the page."""
        order = list(cells)
        above = order[: order.index(target)]
        modules = set().union(*(names(cells[cell]).imports for cell in above))
        wanted, plan = set(names(cells[target]).uses), []
        for cell in reversed(above):
            its = names(cells[cell])
            bound, as_it_ran = its.binds & wanted, self.ran.get(cell) == cells[cell]
            changed = (its.changes & wanted) - modules
            fresh = as_it_ran and all(self.writer.get(name) == cell for name in bound)
            if (bound and not fresh) or (changed and not as_it_ran):
                plan.append(cell)
                wanted = (wanted - its.binds) | its.uses
            else:
                wanted -= bound
        return plan[::-1]
