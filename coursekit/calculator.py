"""A calculator that is safe to put behind a model: it walks the syntax tree and knows five operators.

>>> reckon("(2850 - 1233) / 2")
808.5

`eval` in its place would be a shell for whoever talks to the model. The idea is taught in:
notebooks/06_llm_prompting_and_rag.ipynb; used in: notebooks/20_langchain.ipynb
"""

import ast
import operator

OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
}


def reckon(expression: str) -> float:
    """The value of numbers with + - * / and brackets. Raises: ValueError for anything else, and for x / 0."""
    try:
        return float(_value(ast.parse(expression.strip(), mode="eval")))  # an integer may be too large
    except (SyntaxError, RecursionError, MemoryError, ArithmeticError):
        raise ValueError(
            f"{expression[:60]!r} has no value; write numbers with + - * / and brackets"
        ) from None


def _value(node: ast.AST) -> float:
    match node:
        case ast.Expression(body):
            return _value(body)
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.BinOp(left, how, right) if type(how) in OPERATORS:
            return OPERATORS[type(how)](_value(left), _value(right))
        case ast.UnaryOp(how, inner) if type(how) in OPERATORS:
            return OPERATORS[type(how)](_value(inner))
    raise ValueError(f"only numbers and + - * / are allowed, got {ast.unparse(node)[:60]!r}")
