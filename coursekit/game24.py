"""The game of 24: combine four numbers by + − × ÷ so that 24 comes out, each used once.

    solvable(start(4, 9, 10, 13))        # True

A state is what numbers are left, in order; a move takes two of them and puts their result back.
Taught in: notebooks/17_agent_components.ipynb
"""

from fractions import Fraction
from functools import cache
from itertools import combinations

State = tuple[Fraction, ...]


def start(*numbers: int) -> State:
    """The state in which these numbers are left."""
    return tuple(sorted(map(Fraction, numbers)))


@cache
def moves(state: State) -> tuple[State, ...]:
    """All states that one operation leads to, each once, in a fixed order.

    >>> [str(*state) for state in moves(start(2, 4))]
    ['-2', '1/2', '2', '6', '8']
    """
    found = set()
    for i, j in combinations(range(len(state)), 2):
        a, b = state[i], state[j]
        rest = [state[k] for k in range(len(state)) if k not in (i, j)]
        results = {a + b, a - b, b - a, a * b} | ({a / b} if b else set()) | ({b / a} if a else set())
        found |= {tuple(sorted([*rest, result])) for result in results}
    return tuple(sorted(found))


@cache
def solvable(state: State) -> bool:
    """Can 24 be reached? Found by trying everything."""
    return state == (24,) or any(map(solvable, moves(state)))
