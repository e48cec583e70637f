"""A hash table to step through: each probe and each move of a key, in seven schemes.

The page itself plays the table, so that a reader without a kernel can put in keys of their own; a test proves
that it does what the Python tables do, probe by probe.
"""

from collections.abc import Iterable

import anywidget
import traitlets

from coursekit.widgets import CSS, STATIC

SCHEMES = ("chaining", "linear", "back-shift", "Robin Hood", "quadratic", "double", "cuckoo")
FRUIT = (
    "apple", "pear", "plum", "fig", "kiwi", "lemon", "lime", "mango",
    "melon", "peach", "grape", "cherry", "quince", "date", "guava", "olive",
)  # fmt: skip
LONGEST_KEY, MOST_KEYS = 8, 28


class TableStepper(anywidget.AnyWidget):
    """Insert, find and delete key by key, forwards and back.

    keys: words or whole numbers, which a slider puts in one after the other; numbers hash to themselves,
    words by the 32-bit FNV-1a, and home is the hash mod `size`.   start: how many are in at first; None: all.
    scheme: one of `SCHEMES`.   size: 8, 16 or 32 slots at first.   limit: the load above which the slots
    double, from 1/8 to 1; if None, what is usual for the scheme.   ops: what comes then: ("find", "fig"), …
    Raises: ValueError for a scheme, size, limit, key or operation that there is not.
    Taught in: notebooks/02_hash_tables.ipynb
    """

    _esm = (STATIC / "table_stepper.js").read_text(encoding="utf-8")
    _css = CSS + (STATIC / "table_stepper.css").read_text(encoding="utf-8")
    scheme = traitlets.Unicode().tag(sync=True)
    size = traitlets.Int().tag(sync=True)
    limit = traitlets.Float().tag(sync=True)
    sample = traitlets.List().tag(sync=True)
    start = traitlets.Int().tag(sync=True)
    ops = traitlets.List().tag(sync=True)
    at = traitlets.Int(-1).tag(sync=True)

    def __init__(
        self,
        keys: Iterable[str | int] = FRUIT,
        *,
        start: int | None = None,
        scheme: str = "linear",
        size: int = 16,
        limit: float | None = None,
        ops: Iterable[tuple[str, str | int]] = (),
    ) -> None:
        keys = [_key(key) for key in keys]
        ops = [[what, _key(key)] for what, key in ops]
        if scheme not in SCHEMES:
            raise ValueError(f"no scheme {scheme!r}; there is {', '.join(SCHEMES)}")
        if size not in (8, 16, 32):
            raise ValueError(f"size must be 8, 16 or 32 slots, got {size}")
        if limit is not None and not 1 / 8 <= limit <= 1:
            raise ValueError(f"limit must be a load from 1/8 to 1, got {limit}")
        if len(keys) > MOST_KEYS or len(set(keys)) < len(keys):
            raise ValueError(f"at most {MOST_KEYS} keys, each once; got {', '.join(keys)}")
        start = len(keys) if start is None else start
        if not 0 <= start <= len(keys):
            raise ValueError(f"start must be from 0 to {len(keys)} keys, got {start}")
        for what, key in ops:
            if what not in ("insert", "find", "delete"):
                raise ValueError(f"an operation is insert, find or delete; got {what!r} for {key}")
        super().__init__(scheme=scheme, size=size, limit=limit or 0, sample=keys, start=start, ops=ops)

    def __repr__(self) -> str:
        return f"A hash table to step through: {self.scheme}, {self.size} slots, {self.start} keys at first"


def _key(key: str | int) -> str:
    text = str(key).strip()
    if not 1 <= len(text) <= LONGEST_KEY:
        raise ValueError(f"a key has 1 to {LONGEST_KEY} signs, got {key!r}")
    return text
