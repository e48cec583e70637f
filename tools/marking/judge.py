"""Is it right? Compares what a submission answered with what the reference did, both as plain JSON."""

import json
import math
from collections.abc import Mapping
from typing import NamedTuple

from tools.marking.inside import MIME

RIGHT, WRONG, NOT_TRIED, NO_ANSWER = "right", "wrong", "not tried", "no answer"
Json = object


class Verdict(NamedTuple):
    state: str
    said: str


def answers(outputs: list[Mapping]) -> dict | None:
    """What a hidden test wrote down: the last that it wrote, if that has the form."""
    written = [
        output.get("data", {}).get(MIME) for output in outputs if output.get("output_type") == "display_data"
    ]
    for text in reversed(written):
        try:
            found = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            continue
        if isinstance(found, dict) and isinstance(found.get("answers"), list):
            return found
    return None


def judge(given: dict, reference: dict, tolerance: float) -> Verdict:
    """What to think of the answers to one exercise."""
    found, expected = given["answers"], reference["expected"]
    if all(is_open(each) for each in found) and not all(each is None for each in expected):
        return Verdict(NOT_TRIED, "")
    if len(found) != len(expected):
        return Verdict(WRONG, f"{len(found)} answers came to {len(expected)} questions")
    for said, right, call in zip(found, expected, reference["calls"], strict=True):
        if not agree(said, right, tolerance):
            other = given.get("inputs") != reference["inputs"]
            more = " (this notebook changes what the check draws from)" if other else ""
            return Verdict(WRONG, _difference(said, right, call) + more)
    return Verdict(RIGHT, f"agrees on {len(found)} hidden inputs" if len(found) > 1 else "")


def is_open(answer: Json) -> bool:
    return answer is None or answer == {"dots": True}


def _difference(said: Json, right: Json, call: str) -> str:
    if isinstance(said, dict) and "raised" in said:
        return f"{call} raised {said['raised']}: {said.get('said')}"[:600].lstrip()
    if not call:
        return f"{text(said)} is not it"
    return f"{call} gave {text(said)}, expected {text(right)}"


def number(value: Json) -> float | int | None:
    """The number that a JSON stands for, if it does."""
    if isinstance(value, bool | int | float):
        return value
    try:
        if isinstance(value, dict) and "float" in value:
            return float.fromhex(value["float"])
        if isinstance(value, dict) and "int" in value:
            return int(value["int"], 16)
    except (TypeError, ValueError, OverflowError):
        pass
    return None


def agree(said: Json, right: Json, tolerance: float) -> bool:
    """As coursekit.check compares: numbers within the tolerance, the rest exactly."""
    one, other = number(said), number(right)
    if one is not None and other is not None:
        return _close(one, other, tolerance)
    if isinstance(said, dict) and isinstance(right, dict):
        return (
            said.keys() == right.keys()
            and not {"other", "raised"} & right.keys()
            and all(agree(said[key], right[key], tolerance) for key in right)
        )
    if isinstance(said, list) and isinstance(right, list):
        return len(said) == len(right) and all(map(agree, said, right, [tolerance] * len(right)))
    return type(said) is type(right) and said == right


def _close(one: float, other: float, tolerance: float) -> bool:
    try:
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=min(tolerance, 1e-9))
    except OverflowError:
        return one == other


def text(value: Json) -> str:
    """A JSON as its Python value looked, shortened."""
    try:
        said = _text(value)
    except (RecursionError, ValueError):  # nested, or a number, beyond what can be written down
        said = "something very long"
    return said if len(said) <= 300 else said[:297] + "…"


def _text(value: Json) -> str:
    if (found := number(value)) is not None:
        return repr(found)
    if not isinstance(value, dict):
        return repr(value) if not isinstance(value, list) else "?"
    kind = next(iter(value), "")
    inner = value.get(kind)
    if kind == "list" and isinstance(inner, list):
        return f"[{', '.join(map(_text, inner[:50]))}]"
    if kind == "set" and isinstance(inner, list):
        return f"{{{', '.join(map(_text, inner[:50]))}}}"
    if kind == "dict" and isinstance(inner, list):
        pairs = [pair for pair in inner[:50] if isinstance(pair, list) and len(pair) == 2]
        return f"{{{', '.join(f'{_text(key)}: {_text(each)}' for key, each in pairs)}}}"
    if kind == "of" and isinstance(value.get("fields"), dict):
        return f"{inner}({', '.join(f'{name}={_text(each)}' for name, each in value['fields'].items())})"
    if kind == "dots":
        return "..."
    if kind == "raised":
        return f"an exception, {inner}"
    return f"something of type {inner}" if kind == "other" else str(inner)
