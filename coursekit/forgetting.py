"""Which case a full memory forgets: a rule gives each held case a number, and the lowest one goes.

    hits(kinds_of_case(Random(1)), 20, lambda slot, now: slot.last)      # forgets what is unused longest

Taught in: notebooks/17_agent_components.ipynb
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

HALF_LIFE = 100  # requests


@dataclass
class Slot:
    """A case in memory: when it came, when it was used last (numbers of requests), and how often."""

    came: int
    last: int
    uses: int = 1
    strength: float = 1.0


def decayed(slot: Slot, now: int) -> float:
    """What is left of a case's strength: half after HALF_LIFE requests unused."""
    return slot.strength * 0.5 ** ((now - slot.last) / HALF_LIFE)


def hits(requests: Sequence[int], room: int, rule: Callable[[Slot, int], float]) -> float:
    """Share of requests whose case was in memory. room: how many cases it holds; ties: the smaller goes."""
    memory, found = {}, 0
    for now, kind in enumerate(requests):
        if slot := memory.get(kind):
            found += 1
            slot.strength = 1 + decayed(slot, now)
            slot.uses, slot.last = slot.uses + 1, now
            continue
        if len(memory) == room:
            del memory[min(memory, key=lambda held: (rule(memory[held], now), held))]
        memory[kind] = Slot(now, now)
    return found / len(requests)


def kinds_of_case(rng: Random, number: int = 2000, kinds: int = 60, every: int = 500) -> list[int]:
    """A stream of requests, each a kind of case, by Zipf's law; which are frequent changes after `every`."""
    weights = [1 / (rank + 1) for rank in range(kinds)]
    orders = [rng.sample(range(kinds), kinds) for _ in range(-(-number // every))]
    return [orders[i // every][rng.choices(range(kinds), weights)[0]] for i in range(number)]
