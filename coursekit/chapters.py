"""Import what a notebook defines, without running its experiments.

Kept: imports, functions, classes, and assignments to Capitalised names. Everything else in a notebook is an
experiment and is skipped, so definitions must depend on definitions only. Tests import chapters this way, and
so does `deploy/app.py`: a container runs the code that was taught.

    law = chapter("01_littles_law")   # then law.serve, law.Visit, law.SEED, …
"""

import ast
import functools
import json
import linecache
import sys
from pathlib import Path
from types import ModuleType

from IPython.core.inputtransformer2 import TransformerManager

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def chapter(name: str | Path, without: str | None = None) -> ModuleType:
    """The definitions of a notebook as a module. A solution stands below its exercise's stub and replaces it.

    name: `01_littles_law`, or the path of a notebook.   without: a tag whose cells are left out (`solution`).
    """
    return _define(Path(name).stem, text(name, without))


def text(name: str | Path, without: str | None = None) -> str:
    """All code of a notebook: what `carried` makes a module of where there are no notebooks."""
    path = NOTEBOOKS / f"{name}.ipynb" if isinstance(name, str) else name
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    source = "\n\n".join(
        "".join(cell["source"])
        for cell in cells
        if cell["cell_type"] == "code" and without not in cell["metadata"].get("tags", [])
    )
    return TransformerManager().transform_cell(source)  # `%pip …` becomes Python, and is then skipped


@functools.cache
def carried(name: str, source: str) -> ModuleType:
    """The definitions in the `text` of a chapter, made once in each process, with what they keep."""
    return _define(name, source)


def _define(name: str, source: str) -> ModuleType:
    tree = ast.parse(source)
    tree.body = [statement for statement in tree.body if is_definition(statement)]
    module = ModuleType(name)
    module.__file__ = f"<{name}.ipynb>"
    sys.modules[name] = module  # dataclasses look here,
    lines = source.splitlines(True)
    linecache.cache[module.__file__] = (len(source), None, lines, module.__file__)  # inspect here
    exec(compile(tree, module.__file__, "exec"), module.__dict__)
    return module


def is_definition(statement: ast.stmt) -> bool:
    """Does a statement only name something, rather than try it out? A letter such as L is an experiment."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return all(isinstance(name, ast.Name) and name.id[0].isupper() and name.id[1:] for name in targets)
    return isinstance(
        statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    )
