"""Squared paper: cells, distances, and moves that are made all at once."""

from collections import deque
from collections.abc import Mapping
from functools import lru_cache

Cell = tuple[int, int]  # row, column; (0, 0) is the north-west corner
STEPS = {"north": (-1, 0), "east": (0, 1), "south": (1, 0), "west": (0, -1)}


def ahead(cell: Cell, action: str) -> Cell:
    """The cell that a step leads to; any other action stays.

    >>> ahead((2, 2), "north"), ahead((2, 2), "wait")
    ((1, 2), (2, 2))
    """
    down, right = STEPS.get(action, (0, 0))
    return cell[0] + down, cell[1] + right


@lru_cache(10_000)
def distances(floor: frozenset[Cell], goals: tuple[Cell, ...]) -> Mapping[Cell, int]:
    """Steps from every cell of the floor to the nearest goal, if nobody stands in the way. Cost: O(cells).

    >>> distances(frozenset({(0, 0), (0, 1), (0, 2)}), ((0, 0),))[0, 2]
    2
    """
    far, queue = dict.fromkeys(goals, 0), deque(goals)
    while queue:
        here = queue.popleft()
        for cell in beside(here):
            if cell in floor and cell not in far:
                far[cell] = far[here] + 1
                queue.append(cell)
    return far


def beside(cell: Cell) -> list[Cell]:
    """The four neighbours, north, east, south, west."""
    return [ahead(cell, step) for step in STEPS]


def apart(one: Cell, other: Cell) -> int:
    """Steps between two cells on an empty floor."""
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def settle(start: Mapping[str, Cell], goal: dict[str, Cell]) -> dict[str, str]:
    """Take back moves in `goal` until no two bodies share a cell or swap places. Returns: who met whom.

    >>> goal = {"a": (0, 1), "b": (0, 0), "c": (0, 3)}
    >>> settle({"a": (0, 0), "b": (0, 1), "c": (0, 2)}, goal), goal["a"], goal["c"]
    ({'a': 'b', 'b': 'a'}, (0, 0), (0, 3))
    """
    met: dict[str, str] = {}
    while True:
        back, at, taken = {}, {cell: name for name, cell in start.items()}, {}
        for name, cell in goal.items():
            other = at.get(cell)
            if other not in (None, name) and goal[other] == start[name]:  # a swap
                back[name] = other
            if cell in taken:
                back |= {name: taken[cell], taken[cell]: name}
            taken[cell] = name
        back = {name: other for name, other in back.items() if goal[name] != start[name]}
        if not back:
            return met
        for name, other in back.items():
            goal[name], met[name] = start[name], other
