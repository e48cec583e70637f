"""A small PromQL: the part of Prometheus' query language that alert rules and dashboards here are written in.

    query("sum by (job) (rate(llm_requests_total[5m]))", samples, at=300)     # Samples: coursekit.samples

Known: selectors with matchers, ranges, numbers, rate, increase, histogram_quantile, absent, clamp_min,
sum, max, min, avg and count with `by`, + - * /, comparisons (filters), and, or, unless. Vectors match one to
one on all labels, as in Prometheus; `on`, `ignoring`, subqueries and offsets raise CourseError.
"""

import math
import operator
import re
from collections.abc import Callable

from coursekit.errors import CourseError
from coursekit.samples import Labels, Samples, Vector, increase, quantile

LOOK_BACK_S = 300  # how old a sample may be and still count as the present
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
TOKEN = re.compile(
    r"\s*(?:#[^\n]*\s*)*(?:(?P<duration>\d+(?:ms|[smhd]))(?!\w)|(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)"
    r'|(?P<name>[a-zA-Z_:][\w:]*)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>[=!]~|[=!<>]=|[-+*/<>=(){}\[\],]))'
)
MATCH: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq, "!=": operator.ne,
    "=~": lambda has, wanted: re.fullmatch(wanted, has) is not None,
    "!~": lambda has, wanted: re.fullmatch(wanted, has) is None,
}  # fmt: skip
COMPARE = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le,
           "==": operator.eq, "!=": operator.ne}  # fmt: skip
ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul,
              "/": lambda a, b: a / b if b else math.copysign(math.inf, a) if a else math.nan}  # fmt: skip
LOOSEST_FIRST = [("or",), ("and", "unless"), tuple(COMPARE), ("+", "-"), ("*", "/")]
AGGREGATE = {"sum": sum, "max": max, "min": min, "avg": lambda v: sum(v) / len(v), "count": len}


def query(expression: str, samples: Samples, at: float) -> Vector | float:
    """The value of `expression` at time `at`: a vector (labels -> value), or a number."""
    return _Reader(expression, samples, at).whole()


def metric_names(expression: str) -> set[str]:
    """The metrics that `expression` asks for.

    >>> metric_names("sum(rate(llm_errors_total[5m]))")
    {'llm_errors_total'}
    """
    asked: set[str] = set()
    _Reader(expression, Samples(), 0, asked).whole()
    return asked


class _Reader:
    """Reads an expression from left to right, and evaluates as it reads."""

    def __init__(self, expression: str, samples: Samples, at: float, asked: set[str] | None = None) -> None:
        self.expression, self.samples, self.at, self.asked = expression, samples, at, asked
        self.tokens, position, end = [], 0, len(expression.rstrip())
        while position < end:
            found = TOKEN.match(expression, position)
            if found is None:
                raise CourseError(f"cannot read {expression[position:].strip()!r} in {expression!r}")
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            position = found.end()

    def whole(self) -> Vector | float:
        value = self.level(0)
        if self.tokens or isinstance(value, list):
            left = " ".join(text for _, text in self.tokens)
            raise CourseError(f"cannot read {self.expression!r} to its end: {left!r} is left")
        return value

    def next(self, *wanted: str) -> str:
        """The next token's text, which must be one of `wanted` if any are named."""
        _, text = self.tokens.pop(0) if self.tokens else ("", "its end")
        if wanted and text not in wanted:
            raise CourseError(f"expected {' or '.join(wanted)} instead of {text} in {self.expression!r}")
        return text

    def peek(self, *texts: str) -> bool:
        return bool(self.tokens) and self.tokens[0][0] != "text" and self.tokens[0][1] in texts

    def level(self, depth: int) -> Vector | float:
        """Operators of one strength and all stronger ones."""
        if depth == len(LOOSEST_FIRST):
            return self.atom()
        value = self.level(depth + 1)
        while self.peek(*LOOSEST_FIRST[depth]):
            value = _combine(self.next(), value, self.level(depth + 1))
        return value

    def atom(self):
        if self.peek("("):
            return self.inside(1)[0]
        if not self.tokens or self.tokens[0][0] not in ("number", "name"):
            raise CourseError(f"expected a value instead of {self.next()} in {self.expression!r}")
        kind, text = self.tokens.pop(0)
        if kind == "number":
            return float(text)
        if text in AGGREGATE and self.peek("(", "by"):
            return self.aggregate(AGGREGATE[text])
        return getattr(self, f"do_{text}")() if hasattr(self, f"do_{text}") else self.selector(text)

    def inside(self, count: int) -> list:
        """`count` values in parentheses."""
        self.next("(")
        values = [self.level(0)]
        for _ in range(count - 1):
            self.next(",")
            values.append(self.level(0))
        self.next(")")
        return values

    def aggregate(self, fold: Callable) -> Vector:
        by = self.by()
        (vector,) = self.inside(1)
        by = by or self.by()
        groups: dict[Labels, list[float]] = {}
        for labels, value in vector.items():
            groups.setdefault(tuple(pair for pair in labels if pair[0] in by), []).append(value)
        return {labels: float(fold(values)) for labels, values in groups.items()}

    def by(self) -> list[str]:
        if not self.peek("by"):
            return []
        self.next()
        self.next("(")
        names = [self.next()]
        while self.next(",", ")") == ",":
            names.append(self.next())
        return names

    def selector(self, name: str):
        """A vector; or, if a range follows, a list of (labels, points, start)."""
        matchers = []
        if self.peek("{"):
            while self.next("{", ",") and not self.peek("}"):
                matchers.append((self.next(), MATCH[self.next(*MATCH)], self.next().strip('"')))
                if self.peek("}"):
                    break
            self.next("}")
        if self.asked is not None:
            self.asked.add(name)
        found = [
            (labels, points)
            for labels, points in self.samples.series.items()
            if ("__name__", name) in labels
            and all(match(dict(labels).get(label, ""), wanted) for label, match, wanted in matchers)
        ]
        if not self.peek("["):
            self.matched = [(label, wanted) for label, match, wanted in matchers if match is operator.eq]
            values = {labels: self.present(points) for labels, points in found}
            return {labels: value for labels, value in values.items() if not math.isnan(value)}
        self.next()
        start = self.at - seconds(self.next())
        self.next("]")
        return [(labels, points, start) for labels, points in found]

    def present(self, points: list[tuple[float, float]]) -> float:
        past = [(at, value) for at, value in points if at <= self.at]
        return past[-1][1] if past and past[-1][0] > self.at - LOOK_BACK_S else math.nan

    def do_increase(self) -> Vector:
        (ranges,) = self.inside(1)
        grown = ((_unnamed(labels), increase(points, start, self.at)) for labels, points, start in ranges)
        return {labels: value for labels, value in grown if value is not None}

    def do_rate(self) -> Vector:
        window = seconds(next(text for kind, text in self.tokens if kind == "duration"))
        return {labels: value / window for labels, value in self.do_increase().items()}

    def do_histogram_quantile(self) -> Vector:
        q, vector = self.inside(2)
        histograms: dict[Labels, list[tuple[float, float]]] = {}
        for labels, count in vector.items():
            rest = tuple(pair for pair in _unnamed(labels) if pair[0] != "le")
            histograms.setdefault(rest, []).append((float(dict(labels)["le"]), count))
        return {labels: quantile(q, buckets) for labels, buckets in histograms.items()}

    def do_absent(self) -> Vector:
        (vector,) = self.inside(1)
        return {} if vector else {tuple(sorted(self.matched)): 1.0}

    def do_clamp_min(self) -> Vector:
        vector, least = self.inside(2)
        return {_unnamed(labels): max(value, least) for labels, value in vector.items()}


def seconds(duration: str) -> float:
    """
    >>> seconds("5m"), seconds("250ms")
    (300.0, 0.25)
    """
    number, unit = re.fullmatch(r"(\d+)(ms|[smhd])", duration).groups()
    return int(number) * float(UNITS[unit])


def _unnamed(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != "__name__")


def _combine(sign: str, left: Vector | float, right: Vector | float) -> Vector | float:
    """One operator. Two vectors meet where all labels but the name agree; elsewhere there is no result."""
    if sign in ("and", "or", "unless"):
        here, there = ({_unnamed(labels) for labels in side} for side in (left, right))
        if sign == "or":
            return left | {labels: value for labels, value in right.items() if _unnamed(labels) not in here}
        return {k: value for k, value in left.items() if (_unnamed(k) in there) == (sign == "and")}
    if isinstance(left, float) and isinstance(right, float):
        return float(COMPARE[sign](left, right)) if sign in COMPARE else ARITHMETIC[sign](left, right)
    if isinstance(right, dict):
        others = {_unnamed(labels): value for labels, value in right.items()}
    if isinstance(left, float):
        pairs = [(labels, left, value) for labels, value in right.items()]
    elif isinstance(right, float):
        pairs = [(labels, value, right) for labels, value in left.items()]
    else:
        pairs = [(k, value, others[_unnamed(k)]) for k, value in left.items() if _unnamed(k) in others]
    if sign in COMPARE:
        kept = [(labels, b if isinstance(left, float) else a, a, b) for labels, a, b in pairs]
        return {labels: value for labels, value, a, b in kept if COMPARE[sign](a, b)}
    return {_unnamed(labels): ARITHMETIC[sign](a, b) for labels, a, b in pairs}
