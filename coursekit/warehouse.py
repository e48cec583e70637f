"""A warehouse on squared paper: robots fetch orders from shelves and bring them to docks, people walk about.

    world = Warehouse(seed=8, robots=2, people=2)
    journal = run(world, {"r1": agent, "r2": other}, turns=200)

Time goes in turns. In each turn every robot perceives, then all act at once. An agent is any callable from a
`Percept` to an action: "north", "east", "south", "west", "wait", "pick", "drop", "charge", or `say(message,
action)`. The layout is known to everybody; what moves, and what waits on the shelves, is seen only within
`radius` steps. Orders, people and all else follow from the seed; orders do not depend on what robots do.
Taught in: notebooks/08_what_is_an_agent.ipynb
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import nan
from random import Random
from typing import NamedTuple

from coursekit.floor import STEPS, Cell, ahead, apart, beside, distances, settle

LAYOUT = """
D..........C
............
..####.####.
............
..####.####.
............
D..........C
"""  # . floor  # shelf  D dock  C charger
ACTIONS = (*STEPS, "wait", "pick", "drop", "charge")
CHARGE = 12  # energy per turn on a charger
STOP, RESCUE = 3, 25  # turns that a robot stands still after a collision; or empty, until people help


class Order(NamedTuple):
    """Bring what lies on `shelf` to `dock` by turn `due`; worth `value`, half of it when late."""

    number: int
    shelf: Cell
    dock: Cell
    placed: int
    due: int
    value: int


class Say(NamedTuple):
    """A message to all other robots, heard in the next turn, and what to do meanwhile."""

    message: object
    action: str = "wait"


class Percept(NamedTuple):
    """All that a robot knows of this turn. `around` and `orders` reach as far as its radius, in steps."""

    name: str
    turn: int
    cell: Cell
    load: Order | None
    battery: int
    last: str  # what became of the last action: "ok", or why not
    around: dict[Cell, str]  # robots and people in sight, itself left out
    orders: tuple[Order, ...]  # waiting on shelves in sight
    heard: tuple[tuple[str, object], ...]  # sender, message
    called: tuple[Order, ...]  # orders about which somebody called in this turn; heard everywhere


Action = str | Say
Agent = Callable[[Percept], Action]
say = Say


@dataclass
class Robot:
    """What the world knows of a robot."""

    cell: Cell
    battery: int
    load: Order | None = None
    last: str = "ok"
    heard: list = field(default_factory=list)
    stopped: int = 0
    empty_since: int | None = None


class Warehouse:
    """The world: `step(actions)` is one turn, `percepts()` what the robots see, `score()` how it went.

    rate: chance of a new order in a turn.   radius: how many steps a robot sees.   battery: energy when full;
    a step, a pick or a drop takes 1.   patience: turns after which somebody calls for an order not picked.
    due: turns from an order to its due time.   Raises: ValueError if the layout cannot hold all that.
    """

    def __init__(
        self, layout=LAYOUT, *, seed=0, robots=2, people=2, rate=0.06, radius=3, battery=120, patience=30,
        due=60,
    ) -> None:  # fmt: skip
        rows = layout.split()
        cells = {(r, c): sign for r, row in enumerate(rows) for c, sign in enumerate(row)}
        if unknown := set(cells.values()) - set(".#DC"):
            raise ValueError(f"a layout is drawn with . # D C; got {', '.join(sorted(unknown))}")
        of = lambda sign: tuple(sorted(cell for cell, found in cells.items() if found == sign))
        self.rows, self.docks, self.chargers, aisle = rows, of("D"), of("C"), of(".")
        self.floor = frozenset(cells) - frozenset(of("#"))
        self.shelves = tuple(cell for cell in of("#") if self.floor.intersection(beside(cell)))
        if not (self.shelves and self.docks and self.chargers):
            raise ValueError("a warehouse needs a shelf beside the floor, a dock D and a charger C")
        reached = distances(self.floor, self.chargers[:1])
        if len(reached) < len(self.floor) or robots + people > len(aisle):
            raise ValueError(
                f"{robots} robots and {people} people need one connected floor with room for all"
            )
        self.rate, self.radius, self.full, self.patience, self.due = rate, radius, battery, patience, due
        self._demand, self._walks = Random(f"{seed} orders"), Random(f"{seed} people")
        places = Random(f"{seed} places").sample(aisle, robots + people)
        self.robots = {f"r{i + 1}": Robot(cell, battery) for i, cell in enumerate(places[:robots])}
        self.people = {f"p{i + 1}": cell for i, cell in enumerate(places[robots:])}
        self.aisle, self.turn, self.arrived, self.called = frozenset(aisle), 0, 0, ()
        self.waiting: dict[int, Order] = {}
        self.delivered: list[tuple[int, Order]] = []  # turn, order
        self.log: list[tuple[int, str, str]] = []  # turn, kind, in words
        self.counts = dict.fromkeys(
            ("collisions", "moves", "energy", "rescues", "failed picks", "messages"), 0
        )
        self.counts |= {"picked": 0, "picked before a call": 0}

    def percepts(self) -> dict[str, Percept]:
        """What each robot sees now."""
        bodies = [(robot.cell, name) for name, robot in self.robots.items()]
        bodies += [(cell, name) for name, cell in self.people.items()]
        seen, waiting, near = {}, self.waiting.values(), self.radius
        for name, robot in self.robots.items():
            row, column = here = robot.cell
            around = {at: who for at, who in bodies if abs(at[0] - row) + abs(at[1] - column) <= near}
            del around[here]
            orders = tuple(order for order in waiting if apart(order.shelf, here) <= near)
            seen[name] = Percept(
                name, self.turn, here, robot.load, robot.battery, robot.last, around, orders,
                tuple(robot.heard), self.called,
            )  # fmt: skip
        return seen

    def step(self, actions: Mapping[str, Action] = {}) -> dict[str, Percept]:
        """One turn; robots not named wait. Raises: ValueError for an action that there is not."""
        wanted, spoken = {}, []
        for name, robot in self.robots.items():
            action = actions.get(name, "wait")
            if isinstance(action, Say):
                spoken.append((name, action.message))
                action = action.action
            if action not in ACTIONS:
                raise ValueError(f"{name} wants {action!r}; the actions are {', '.join(ACTIONS)} and say(…)")
            able = not robot.stopped and (robot.battery or action == "charge")
            wanted[name] = action if able else "wait"
        self._move(wanted)
        for name, action in wanted.items():
            self._handle(name, self.robots[name], action)
        self.counts["messages"] += len(spoken)
        for name, message in spoken:
            words = isinstance(message, str)
            self._note("says" if words else "sends", f"{name} says {message if words else 'something'}")
        for name, robot in self.robots.items():
            robot.heard = [(sender, message) for sender, message in spoken if sender != name]
        self.turn += 1
        self._new_orders()
        return self.percepts()

    def _note(self, kind: str, words: str) -> None:
        self.log.append((self.turn, kind, words))

    def _move(self, wanted: dict[str, str]) -> None:
        """All at once; a robot that could not go because of another body has collided."""
        start = {name: robot.cell for name, robot in self.robots.items()} | self.people
        goal = {name: ahead(start[name], action) for name, action in wanted.items()}
        for name, robot in self.robots.items():
            robot.last = "ok" if goal[name] in self.floor else "a shelf or a wall is there"
            robot.last, robot.stopped = ("stopped", robot.stopped - 1) if robot.stopped else (robot.last, 0)
            goal[name] = goal[name] if goal[name] in self.floor else robot.cell
        standing = {robot.cell for robot in self.robots.values()}
        for name, cell in self.people.items():
            to, walks = ahead(cell, self._walks.choice(ACTIONS[:4])), self._walks.random() < 0.6
            goal[name] = to if walks and to in self.aisle and to not in standing else cell
        met = settle(start, goal)
        for pair in sorted({tuple(sorted(pair)) for pair in met.items()}):
            if not set(pair) <= self.people.keys():
                self.counts["collisions"] += 1
                self._note("collision", f"{' and '.join(pair)} collide")
        self.people = {name: goal[name] for name in self.people}
        for name, robot in self.robots.items():
            if wanted[name] in STEPS:
                self._spend(name, robot)
            if name in met:
                robot.last, robot.stopped = f"collided with {met[name]}", STOP
            self.counts["moves"] += goal[name] != robot.cell
            robot.cell = goal[name]

    def _spend(self, name: str, robot: Robot) -> None:
        robot.battery -= 1
        self.counts["energy"] += 1
        if robot.battery == 0:
            robot.empty_since = self.turn
            self._note("empty", f"{name} has run empty")

    def _handle(self, name: str, robot: Robot, action: str) -> None:
        """Pick, drop and charge; and the people who help a robot that has stood empty for too long."""
        if action == "pick":
            found = [order for order in self.waiting.values() if apart(order.shelf, robot.cell) == 1]
            if robot.load or not found:
                robot.last = "it carries one already" if robot.load else "nothing waits here"
                self.counts["failed picks"] += 1
            else:
                order = robot.load = self.waiting.pop(found[0].number)  # the oldest
                self.counts["picked"] += 1
                self.counts["picked before a call"] += self.turn < order.placed + self.patience
                self._note("pick", f"{name} picks order {order.number}")
            self._spend(name, robot)
        elif action == "drop":
            if robot.load and robot.load.dock == robot.cell:
                self.delivered.append((self.turn, robot.load))
                self._note("drop", f"{name} delivers order {robot.load.number}")
                robot.load = None
            else:
                robot.last = "not the dock of its order" if robot.load else "it carries nothing"
            self._spend(name, robot)
        elif action == "charge":
            if robot.cell in self.chargers:
                robot.battery, robot.empty_since = min(self.full, robot.battery + CHARGE), None
            else:
                robot.last = "no charger here"
        if robot.battery == 0 and self.turn - robot.empty_since >= RESCUE:
            robot.battery, robot.empty_since = (self.full + 1) // 2, None
            self.counts["rescues"] += 1
            self._note("rescue", f"people bring {name} half a battery")

    def _new_orders(self) -> None:
        """The same number of draws in every turn, whatever the robots do: so the same orders come."""
        draw = self._demand
        comes, shelf, dock = draw.random() < self.rate, draw.choice(self.shelves), draw.choice(self.docks)
        value = draw.choice((1, 1, 2, 4))
        if comes:
            self.arrived += 1
            order = Order(self.arrived, shelf, dock, self.turn, self.turn + self.due, value)
            self.waiting[order.number] = order
            self._note("order", f"order {order.number}: {shelf} to {dock}")
        self.called = tuple(o for o in self.waiting.values() if o.placed + self.patience == self.turn)
        for order in self.called:
            self._note("call", f"somebody calls for order {order.number}")

    def score(self) -> dict[str, float]:
        """What was reached, and at what price; `turns per order` from placing to delivery."""
        took = [turn - order.placed for turn, order in self.delivered]
        late = [turn > order.due for turn, order in self.delivered]
        values = [order.value for _, order in self.delivered]
        return {
            "arrived": self.arrived, "delivered": len(took), "late": sum(late),
            "value": sum(worth / (1 + tardy) for worth, tardy in zip(values, late, strict=True)),
            "turns per order": sum(took) / len(took) if took else nan,
        } | self.counts  # fmt: skip


class Journal(NamedTuple):
    """What happened: the layout, one frame per turn (the first before anybody acted), and the score."""

    rows: list[str]
    shelves: tuple[Cell, ...]
    frames: list[dict]
    score: dict[str, float]


def run(world: Warehouse, agents: Mapping[str, Agent] | Iterable[Agent], turns: int) -> Journal:
    """Let the agents live for so many turns; given as a list they are those of r1, r2, …

    Deterministic if the agents are. Cost: about 40 µs per robot and turn, and what the agents think.
    """
    named = agents if isinstance(agents, Mapping) else dict(zip(world.robots, agents, strict=True))
    percepts, frames, told = world.percepts(), [_frame(world, {}, 0)], len(world.log)
    for _ in range(turns):
        actions = {name: agent(percepts[name]) for name, agent in named.items()}
        percepts = world.step(actions)
        frames.append(_frame(world, actions, told))
        told = len(world.log)
    return Journal(world.rows, world.shelves, frames, world.score())


def _frame(world: Warehouse, actions: dict[str, Action], told: int) -> dict:
    """The world at a glance, what each robot had decided, and what came of it."""
    doing = {name: act.action if isinstance(act, Say) else act for name, act in actions.items()}
    robots = {
        name: (robot.cell, robot.battery, robot.load.number if robot.load else 0, doing.get(name, "wait"))
        for name, robot in world.robots.items()
    }
    waiting = {number: order.shelf for number, order in world.waiting.items()}
    told_now = [event[1:] for event in world.log[told:]]
    return {"turn": world.turn, "robots": robots, "people": dict(world.people), "waiting": waiting,
            "events": told_now, "delivered": len(world.delivered)}  # fmt: skip
