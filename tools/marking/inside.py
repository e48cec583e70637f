"""What runs in the process of a submission: draws inputs from a seed, calls the answer, notes what comes.

The marker sends this text into the kernel; nothing here is trusted afterwards. What comes out is one JSON of
plain values, and whether it is right is decided elsewhere.
"""

import dataclasses
import enum
import hashlib
import json
import numbers
from random import Random

MIME = "application/vnd.course.answers+json"
MOST = 20_000  # values in one answer


def encode(value, left=None):
    """A value as JSON that says its type; what has no such form is told by the name of its type alone."""
    left = [MOST] if left is None else left
    left[0] -= 1
    if left[0] < 0:
        raise ValueError("the answer is too large")
    if value is None or isinstance(value, bool | str):
        return value
    if value is ...:
        return {"dots": True}
    if isinstance(value, enum.Enum):
        return {"of": type(value).__name__, "fields": {"name": value.name}}
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return encode(value.tolist(), left)
    if isinstance(value, int):
        return int(value) if abs(value) < 2**53 else {"int": hex(value)}
    if isinstance(value, float):
        return {"float": float(value).hex()}
    if isinstance(value, numbers.Number | bytes):
        return {"exact": repr(value)}
    if isinstance(value, dict):
        pairs = [[encode(key, left), encode(each, left)] for key, each in value.items()]
        return {"dict": sorted(pairs, key=lambda pair: json.dumps(pair[0], sort_keys=True))}
    if isinstance(value, set | frozenset):
        return {
            "set": sorted(
                (encode(each, left) for each in value), key=lambda one: json.dumps(one, sort_keys=True)
            )
        }
    names = getattr(value, "_fields", None) if isinstance(value, tuple) else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
    if names:
        return {
            "of": type(value).__name__,
            "fields": {name: encode(getattr(value, name), left) for name in names},
        }
    if isinstance(value, list | tuple):
        return {"list": [encode(each, left) for each in value]}
    return {"other": type(value).__name__}


def outcome(function, arguments):
    """What a call gives, or what it raises."""
    try:
        return encode(function(*arguments))
    except Exception as error:
        return {"raised": type(error).__name__, "said": str(error)[:300]}


def call(function, arguments):
    said = f"{getattr(function, '__name__', 'answer')}({', '.join(map(repr, arguments))})"
    return said if len(said) <= 300 else said[:297] + "…)"


def same(parts, seed, cases, reference):
    """Answers to inputs that follow from the seed; for the reference also the calls and what is right."""
    function, witness, draw = parts()
    found = {"answers": []} | ({"calls": [], "expected": []} if reference else {})
    drawn = hashlib.sha256()
    for case in range(cases):
        fresh = lambda case=case: draw(Random(f"{seed} {case}"))
        drawn.update(json.dumps([encode(each) for each in fresh()], sort_keys=True).encode())
        if reference:
            found["calls"].append(call(function, fresh()))
            found["expected"].append(outcome(witness, fresh()))
        found["answers"].append(outcome(function, fresh()))
    return found | {"inputs": drawn.hexdigest()}


def close(parts, reference):
    """The number that was given; for the reference also the right one."""
    given, expected = parts()
    found = {"answers": [outcome(lambda: given, ())], "inputs": ""}
    return found | ({"calls": [""], "expected": [outcome(lambda: expected, ())]} if reference else {})


def emit(found):
    from IPython.display import display

    display({MIME: json.dumps(found)}, raw=True)
