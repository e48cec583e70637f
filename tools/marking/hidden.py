"""The hidden test of an exercise: made from its check when a submission is marked, never handed out."""

import ast
import json
from pathlib import Path
from typing import NamedTuple

from coursekit.check import CASES

INSIDE = Path(__file__).with_name("inside.py").read_text(encoding="utf-8")
TOLERANCE = {"same": 1e-9, "close": 0.01}  # as in coursekit/check.py


class Check(NamedTuple):
    """`check.same(name, function, witness, draw)` or `check.close(name, given, expected)`, as written."""

    kind: str
    parts: tuple[str, ...]
    tolerance: float


def read(test: str) -> Check:
    """The check that a test's cell ends in."""
    call = next(node.value for node in reversed(ast.parse(test).body) if isinstance(node, ast.Expr))
    kind = call.func.attr
    options = {word.arg: word.value for word in call.keywords}
    tolerance = ast.literal_eval(options["tolerance"]) if "tolerance" in options else TOLERANCE[kind]
    return Check(kind, tuple(ast.unparse(part) for part in call.args[1:]), tolerance)


def cell(test: str, seed: str, *, reference: bool = False) -> str:
    """The source of a cell that runs after a test and writes down answers."""
    check = read(test)
    if check.kind == "same":
        made = f"_m['same'](lambda: ({', '.join(check.parts)}), {seed!r}, {CASES}, {reference})"
    else:
        given, expected = check.parts
        made = f"_m['close'](lambda: ({given}, {expected if reference else None}), {reference})"
    begin = f"_m = {{'__name__': 'marking'}}; exec({json.dumps(INSIDE)}, _m)"
    return f"{begin}\ntry:\n    _m['emit']({made})\nfinally:\n    del _m"


def witnesses(test: str) -> set[str]:
    """Names in what a check holds for right: an answer that uses one of them was not found by thinking."""
    check = read(test)
    return {node.id for node in ast.walk(ast.parse(check.parts[1])) if isinstance(node, ast.Name)}
