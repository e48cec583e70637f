"""A world to break: one seeded clock, a network that delays, drops, doubles and splits, machines that crash.

Everything that happens is an event on one heap, and all chance comes from one `random.Random`: the same seed
gives the same world, event by event. Whoever plays the adversary picks events out of order, with `do`.

A process is any object with `receive(sender, message)`; it talks through its `Machine`. Messages are not
copied, so they must never change (a `NamedTuple` is right). An event runs whole: no crash in its middle.
Taught in: notebooks/03_consensus.ipynb
"""

import heapq
from collections import Counter
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any, NamedTuple

FAULTS = ("crash", "restart", "partition", "heal", "cut")  # what a plan may ask for


class Event(NamedTuple):
    """What happened: arrive, lost, timer, act, crash, restart, partition, heal, cut or note (`kind`)."""

    time: float
    kind: str
    node: str  # "" where no single node is meant
    other: str  # the sender of a message
    what: Any  # the message, the name of the timer, or words


class Pending(NamedTuple):
    """What may happen: a message, a timer or an act (`kind`); `label` says it in words."""

    time: float
    number: int
    kind: str
    node: str
    other: str  # the sender, the name of the timer, or words
    what: Any  # the message, or what to call

    @property
    def label(self) -> str:
        if self.kind == "message":
            return f"{self.other} → {self.node} {type(self.what).__name__}"
        return f"{self.node} {self.other}".strip()


class Machine:
    """What a process may touch: its name, its clock, its disk, its timers and the network."""

    def __init__(self, world: "World", name: str, start: Callable[["Machine"], Any]) -> None:
        self.world, self.name, self.start, self.rng = world, name, start, world.rng
        self.disk: dict = {}  # survives a crash
        self.timers: dict[str, int] = {}  # the running ones: name -> number of the pending event
        self.clock_rate = 1.0  # 1.01: its clock is one percent too fast
        self.process: Any = None  # None while it is down

    def now(self) -> float:
        """The time on this machine's own clock."""
        return self.world.now * self.clock_rate

    def send(self, to: str, message: Any) -> None:
        """Hand a message to the network, which promises nothing."""
        self.world.send(self.name, to, message)

    def timer(self, name: str, delay: float, action: Callable[[], Any]) -> None:
        """Call `action` after `delay` on this clock; replaces a running timer of that name."""
        moment = self.world.now + delay / self.clock_rate
        self.timers[name] = self.world._put(moment, "timer", self.name, name, action)

    def stop(self, name: str) -> None:
        """Forget a timer, if it runs."""
        self.timers.pop(name, None)

    def note(self, what: Any) -> None:
        """Write into the world's log."""
        self.world._happened("note", self.name, "", what)


class World:
    """Machines, the network between them, and the order in which things happen.

    seed: of all chance.   delay: shortest and longest way of a message, drawn evenly; messages overtake.
    loss, duplication: chance that a message vanishes, or comes twice. All three may be changed on the way.
    Raises: ValueError for a node that does not exist, a negative delay, a chance outside 0 to 1.

    >>> world = World(seed=1, delay=(2, 2))
    >>> class Echo:
    ...     def __init__(self, machine): self.machine = machine
    ...     def receive(self, sender, message): self.machine.note(f"heard {message} from {sender}")
    >>> world.add("a", Echo); world.add("b", Echo); world.send("a", "b", "hello")
    >>> world.run(until=10); world.now, world.log[0].node, world.log[0].what
    (10, 'b', 'heard hello from a')
    """

    def __init__(
        self, seed: int, *, delay: tuple[float, float] = (1, 10), loss: float = 0.0, duplication: float = 0.0
    ) -> None:
        if not 0 <= delay[0] <= delay[1]:
            raise ValueError(f"delay is (shortest, longest) with 0 ≤ shortest ≤ longest, got {delay}")
        if not (0 <= loss <= 1 and 0 <= duplication <= 1):
            raise ValueError(f"loss and duplication are chances from 0 to 1, got {loss} and {duplication}")
        self.rng, self.delay, self.loss, self.duplication = Random(seed), delay, loss, duplication
        self.now, self.heap, self.numbers = 0.0, [], count()
        self.machines: dict[str, Machine] = {}
        self.group: dict[str, int] = {}  # of each machine in a partition; those in none reach all
        self.cuts: set[tuple[str, str]] = set()  # (sender, receiver)
        self.log: list[Event] = []
        self.sent: Counter = Counter()  # messages handed to the network, by type
        self.watchers: list[Callable[[Event], Any]] = []  # called after every event

    def add(self, name: str, start: Callable[[Machine], Any]) -> None:
        """A new machine; `start(machine)` makes its process, now and after each restart."""
        if name in self.machines:
            raise ValueError(f"there is already a node named {name!r}")
        machine = self.machines[name] = Machine(self, name, start)
        machine.process = start(machine)

    def __getitem__(self, name: str) -> Any:
        """The process on a machine, None while it is down."""
        return self._machine(name).process

    def send(self, sender: str, to: str, message: Any) -> None:
        """What `Machine.send` calls: the network loses the message, or delivers it later, perhaps twice."""
        self._machine(to)
        self.sent[type(message).__name__] += 1
        if self.loss and self.rng.random() < self.loss:
            return self._happened("lost", to, sender, message)
        twice = self.duplication and self.rng.random() < self.duplication
        for _ in range(2 if twice else 1):
            way = self.rng.uniform(*self.delay)
            self._put(self.now + way, "message", to, sender, message)

    def at(self, moment: float, what: str, action: Callable[[], Any]) -> None:
        """Call `action` at a moment; `what` says it in words."""
        self._put(max(moment, self.now), "act", "", what, action)

    # ---- faults

    def crash(self, name: str) -> None:
        """The process and its timers are gone, the disk stays. Nothing, if it is down already."""
        machine = self._machine(name)
        if machine.process is not None:
            machine.process, machine.timers = None, {}
            self._happened("crash", name, "", "crashes")

    def restart(self, name: str) -> None:
        """A new process on the old disk. Nothing, if it is up already."""
        machine = self._machine(name)
        if machine.process is None:
            machine.process = machine.start(machine)
            self._happened("restart", name, "", "restarts")

    def partition(self, *groups: list[str]) -> None:
        """From now on nothing arrives from another group. A machine named in no group reaches everybody."""
        self.group = {self._machine(name).name: i for i, names in enumerate(groups) for name in names}
        self._happened("partition", "", "", "split: " + " | ".join(" ".join(names) for names in groups))

    def cut(self, sender: str, to: str) -> None:
        """From now on nothing that `sender` sent arrives at `to`; the way back stays open."""
        self.cuts.add((self._machine(sender).name, self._machine(to).name))
        self._happened("cut", to, sender, f"is cut off from what {sender} says")

    def heal(self) -> None:
        """Ends partitions and cuts."""
        self.group, self.cuts = {}, set()
        self._happened("heal", "", "", "the network heals")

    def plan(self, faults: list[tuple]) -> None:
        """Faults to come: (moment, "crash", "n1"), (moment, "partition", ["n1"], ["n2", "n3"]), …

        Raises: ValueError for a fault or a node that does not exist; then nothing is planned.
        """
        for moment, fault, *names in faults:
            if fault not in FAULTS:
                raise ValueError(f"{fault!r} at {moment} is no fault; there are {', '.join(FAULTS)}")
            for name in names:
                for one in [name] if isinstance(name, str) else name:
                    self._machine(one)
        for moment, fault, *names in faults:
            self.at(moment, fault, lambda fault=fault, names=names: getattr(self, fault)(*names))

    # ---- time

    def step(self) -> bool:
        """Let the next event happen. Returns whether there was one."""
        while self.heap:
            pending = heapq.heappop(self.heap)
            if self._may_happen(pending):
                self._do(pending)
                return True
        return False

    def run(self, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Let everything happen up to a moment, or until `stop()` is true after an event."""
        while self.heap and self.heap[0].time <= until:
            if self._may_happen(pending := heapq.heappop(self.heap)):
                self._do(pending)
                if stop():
                    return
        self.now = max(self.now, until)

    def pending(self) -> list[Pending]:
        """All that may happen, soonest first."""
        return sorted(pending for pending in self.heap if self._may_happen(pending))

    def do(self, label: str, *, again: bool = False) -> bool:
        """Let the newest pending event with this label happen now, ahead of all others.

        again: it stays pending, as if the network had doubled it.   Returns whether there was one.
        """
        found = [pending for pending in self.heap if self._may_happen(pending) and pending.label == label]
        if found:
            chosen = max(found, key=lambda pending: pending.number)
            if not again:
                self.heap.remove(chosen)
                heapq.heapify(self.heap)
            self._do(chosen)
        return bool(found)

    def _machine(self, name: str) -> Machine:
        if name not in self.machines:
            raise ValueError(f"no node is named {name!r}; there are {', '.join(self.machines) or 'none yet'}")
        return self.machines[name]

    def _put(self, moment: float, kind: str, node: str, other: str, what: Any) -> int:
        number = next(self.numbers)
        heapq.heappush(self.heap, Pending(moment, number, kind, node, other, what))
        return number

    def _may_happen(self, pending: Pending) -> bool:
        """Not so a timer that was set anew, stopped, or lost in a crash."""
        if pending.kind != "timer":
            return True
        return self.machines[pending.node].timers.get(pending.other) == pending.number

    def _is_cut(self, sender: str, to: str) -> bool:
        if sender in self.group and to in self.group and self.group[sender] != self.group[to]:
            return True
        return (sender, to) in self.cuts

    def _do(self, pending: Pending) -> None:
        moment, _, kind, node, other, what = pending
        self.now = max(self.now, moment)
        if kind != "message":
            if kind == "timer":
                del self.machines[node].timers[other]
            what()
            self._happened(kind, node, "", other)
        elif (process := self.machines[node].process) is None or self._is_cut(other, node):
            self._happened("lost", node, other, what)
        else:
            process.receive(other, what)
            self._happened("arrive", node, other, what)

    def _happened(self, kind: str, node: str, other: str, what: Any) -> None:
        event = Event(self.now, kind, node, other, what)
        self.log.append(event)
        if kind != "note":  # a note is about an event, which follows
            for watch in self.watchers:
                watch(event)
