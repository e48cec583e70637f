"""What exercises answer: a check compares with an independent witness, and each try brings one hint more."""

import html
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

CASES = 30
_tries: Counter = Counter()


class Verdict:
    """The answer to one try: true when the exercise is solved."""

    def __init__(self, solved: bool, text: str) -> None:
        self.solved, self.text = solved, text

    def __bool__(self) -> bool:
        return self.solved

    def __repr__(self) -> str:
        return f"{'✓' if self.solved else '○'} {self.text}"

    def _repr_html_(self) -> str:
        said = re.sub(r"`(.+?)`", r"<code>\1</code>", html.escape(repr(self)))
        return f'<p class="verdict {"solved" if self.solved else "open"}">{said}</p>'


def close(
    name: str, given: object, expected: float, *, hints: Sequence[str] = (), tolerance: float = 0.01
) -> Verdict:
    """Is the number `given` within `tolerance` (relative) of `expected`? Open while it is `...` or None."""
    if given is ... or given is None:
        return _open(name)
    if not isinstance(given, int | float):
        return _not_yet(name, f"a number is wanted, {given!r} came.", hints)
    if math.isclose(given, expected, rel_tol=tolerance):
        return Verdict(True, f"{name}: {given:g} it is.")
    return _not_yet(name, f"{given:g} is {'above' if given > expected else 'below'} it.", hints)


def same(
    name: str,
    function: Callable,
    witness: Callable,
    draw: Callable[[Random], tuple],
    *,
    hints: Sequence[str] = (),
    tolerance: float = 1e-9,
) -> Verdict:
    """Does `function` agree with `witness` on 30 inputs that `draw(rng)` makes anew at every try?

    draw: returns the arguments as a tuple.   tolerance: relative, for numbers.
    The inputs are fresh each time, so an answer that was copied from the screen does not pass.
    """
    rng = (
        Random()
    )  # not seeded on purpose; a solved or an untouched exercise prints the same words every time
    for _ in range(CASES):
        arguments = draw(rng)
        try:
            given = function(*arguments)
        except Exception as error:  # a learner's slip is an answer too
            return _not_yet(
                name, f"{_call(function, arguments)} raised {type(error).__name__}: {error}.", hints
            )
        expected = witness(*arguments)
        if given is ... or (given is None and expected is not None):
            return _open(name)
        if not _agree(given, expected, tolerance):
            return _not_yet(
                name, f"{_call(function, arguments)} gave {given!r}, expected {expected!r}.", hints
            )
    return Verdict(True, f"{name}: agrees with an independent answer on {CASES} random cases.")


def _agree(given: object, expected: object, tolerance: float) -> bool:
    if isinstance(expected, int | float) and isinstance(given, int | float):
        return math.isclose(given, expected, rel_tol=tolerance, abs_tol=tolerance)
    if isinstance(expected, list | tuple) and isinstance(given, list | tuple):
        return len(given) == len(expected) and all(map(_agree, given, expected, [tolerance] * len(given)))
    return given == expected


def _call(function: Callable, arguments: tuple) -> str:
    said = f"{function.__name__}({', '.join(map(repr, arguments))})"
    return said if len(said) <= 200 else said[:197] + "…)"


def _open(name: str) -> Verdict:
    return Verdict(False, f"{name}: not solved yet. Replace the `...` and run this cell again.")


def _not_yet(name: str, what: str, hints: Sequence[str]) -> Verdict:
    """Each further try shows one hint more; after the last the solution below may be opened."""
    _tries[name] += 1
    shown = " ".join(f"Hint {i}: {hint}" for i, hint in enumerate(hints[: _tries[name]], 1))
    more = "" if _tries[name] < len(hints) else " The solution is folded below, if this copy has it."
    return Verdict(False, f"{name}: not yet. {what} {shown}{more}".strip())
