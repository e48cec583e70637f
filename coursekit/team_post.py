"""Letters on a network that loses them: sent once, until acknowledged, or until acknowledged and remembered.

    effects("at least once", loss=0.2)       # letter -> how often it had its effect

Source: Saltzer, Reed and Clark 1984, "End-to-end arguments in system design".
Taught in: notebooks/19_agent_teams.ipynb
"""

from collections import Counter
from typing import NamedTuple

from coursekit.world import World


class Letter(NamedTuple):
    """What must have its effect once."""

    number: int


class Ack(NamedTuple):
    """The letter with this number has come."""

    number: int


class Poster:
    """Sends letters 0 … n - 1; `insists`: again every 3 minutes until each is acknowledged."""

    def __init__(self, machine, n: int, insists: bool):
        self.machine, self.insists = machine, insists
        for number in range(n):
            self.send(number)

    def send(self, number: int) -> None:
        self.machine.send("reader", Letter(number))
        if self.insists:
            self.machine.timer(str(number), 3, lambda: self.send(number))

    def receive(self, sender, ack):
        self.machine.stop(str(ack.number))


class Reader:
    """Each letter has an effect, which the world's log counts; `remembers`: only the first time."""

    def __init__(self, machine, remembers: bool, memory: dict | None = None):
        self.machine, self.remembers = machine, remembers
        self.seen = machine.disk if memory is None else memory

    def receive(self, sender, letter):
        if not (self.remembers and letter.number in self.seen):
            self.seen[letter.number] = True
            self.machine.note(letter.number)
        self.machine.send(sender, Ack(letter.number))


# promise -> (does the sender insist? does the reader remember?)
PROMISES = {"at most once": (False, False), "at least once": (True, False), "effectively once": (True, True)}


def effects(
    promise: str, loss: float, n: int = 2000, on_disk=True, crash_at: float | None = None, seed=1
) -> Counter:
    """How often each of `n` letters had its effect; the reader may crash at a minute and restart at once.

    loss: chance that a message vanishes, acknowledgements too.   on_disk: what the reader has seen survives.
    """
    insists, remembers = PROMISES[promise]
    world = World(seed, delay=(0.5, 1), loss=loss)
    world.add("reader", lambda machine: Reader(machine, remembers, None if on_disk else {}))
    world.add("poster", lambda machine: Poster(machine, n, insists))
    if crash_at is not None:
        world.plan([(crash_at, "crash", "reader"), (crash_at + 0.1, "restart", "reader")])
    world.run(until=500)
    return Counter(event.what for event in world.log if event.kind == "note")
