"""Jobs of dependent parts and agents that differ: a benchmark for teams, with the best plan by trying all.

    bill(job.parts, plan)        # money, minutes and the chance of an error in one number
    cheapest(CREW, job)          # the lowest bill over all assignments and orders

Times are minutes, money is in units.   Taught in: notebooks/19_agent_teams.ipynb
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from math import inf, prod
from typing import NamedTuple

PER_MINUTE, PER_ERROR = 1.0, 100.0  # what a minute of waiting, and a wrong job, costs its owner


class Part(NamedTuple):
    """`work` units that need all of the capabilities `needs`, after the parts named in `after`."""

    name: str
    needs: frozenset[str]
    work: float
    after: tuple[str, ...] = ()


class Job(NamedTuple):
    """Parts in an order in which one agent could do them."""

    name: str
    parts: tuple[Part, ...]

    @property
    def needs(self) -> frozenset[str]:
        return frozenset().union(*(part.needs for part in self.parts))


@dataclass(frozen=True)
class Agent:
    """skills: capability -> chance that its work is right.   pace: minutes a unit.   rate: money a minute."""

    name: str
    skills: Mapping[str, float]
    pace: float
    rate: float

    def can(self, part: Part) -> bool:
        return part.needs <= self.skills.keys()

    def minutes(self, part: Part) -> float:
        return part.work * self.pace

    def right(self, part: Part) -> float:
        return prod(self.skills[need] for need in part.needs)


def _agent(name: str, pace: float, rate: float, **skills: float) -> Agent:
    return Agent(name, skills, pace, rate)


CREW = {
    agent.name: agent
    for agent in (
        _agent("scout", 1.0, 1.0, collect=0.99),
        _agent("miner", 0.8, 1.2, collect=0.95, analyse=0.90),
        _agent("analyst", 1.0, 2.0, analyse=0.99),
        _agent("statistician", 1.3, 1.5, analyse=0.97, decide=0.90),
        _agent("judge", 1.0, 3.0, decide=0.99),
        _agent("scribe", 1.0, 1.0, write=0.99, collect=0.90),
        _agent("generalist", 1.5, 1.5, collect=0.93, analyse=0.93, decide=0.93, write=0.93),
    )
}


def _part(name: str, need: str, work: float, *after: str) -> Part:
    return Part(name, frozenset({need}), work, after)


JOBS = {
    name: Job(name, parts)
    for name, parts in {
        "report": (
            _part("logs", "collect", 4),
            _part("pattern", "analyse", 6, "logs"),
            _part("choice", "decide", 3, "pattern"),
            _part("text", "write", 2, "choice"),
        ),
        "audit": (
            _part("books", "collect", 4),
            _part("tickets", "collect", 5),
            _part("mails", "collect", 3),
            _part("check", "analyse", 6, "books", "tickets", "mails"),
            _part("text", "write", 3, "check"),
        ),
        "survey": (
            _part("north", "collect", 3),
            _part("south", "collect", 3),
            _part("east", "collect", 3),
            _part("west", "collect", 3),
            _part("text", "write", 4, "north", "south", "east", "west"),
        ),
        "twin": (
            _part("old", "collect", 3),
            _part("new", "collect", 3),
            _part("before", "analyse", 4, "old"),
            _part("after", "analyse", 4, "new"),
            _part("choice", "decide", 2, "before", "after"),
        ),
    }.items()
}


# A plan that somebody else has made.

ABILITIES = ("collect", "analyse", "decide", "write")


def in_order(parts: list[Part]) -> tuple[Part, ...]:
    """The parts, each after what it depends on (Kahn 1962). Raises: ValueError."""
    names = {part.name for part in parts}
    if not parts or len(names) < len(parts):
        raise ValueError("a plan needs at least one part, and a name of its own for each")
    for part in parts:
        if not 0 <= part.work < inf:
            raise ValueError(f"{part.name!r} has {part.work:g} work; it must be 0 or more, and finite")
        if unknown := part.needs - set(ABILITIES):
            known = ", ".join(ABILITIES)
            raise ValueError(f"{part.name!r} needs {', '.join(sorted(unknown))}; there are {known}")
        if missing := set(part.after) - names:
            raise ValueError(f"{part.name!r} waits for {', '.join(sorted(missing))}, no part of the plan")
    ordered: list[Part] = []
    while left := [part for part in parts if part not in ordered]:
        ready = [p for p in left if set(p.after) <= {done.name for done in ordered}]
        if not ready:
            raise ValueError(f"a circle: {', '.join(part.name for part in left)} wait for each other")
        ordered += ready
    return tuple(ordered)


def read_plan(text: str) -> tuple[Part, ...]:
    """A plan as a model writes it, JSON with name, needs, work, after for each part. Raises: ValueError."""
    words = lambda listed: map(str, listed)
    try:
        plan = [
            Part(str(p["name"]), frozenset(words(p["needs"])), float(p["work"]), tuple(words(p["after"])))
            for p in json.loads(text)
        ]
    except (TypeError, KeyError) as error:
        raise ValueError(f"no plan; name, needs, work, after are expected: {error!r}") from None
    return in_order(plan)


# The best there is, by trying everything.


def orders(job: Job) -> Iterator[tuple[Part, ...]]:
    """Every order of the parts that keeps to their dependencies."""
    for order in permutations(job.parts):
        place = {part.name: i for i, part in enumerate(order)}
        if all(place[name] < place[part.name] for part in order for name in part.after):
            yield order


def timetable(order: Sequence[Part], plan: Mapping[str, Agent]) -> dict[str, float]:
    """When each part ends if every agent takes its parts in this order, nothing else to do, no messages."""
    free, ends = {}, {}
    for part in order:
        agent = plan[part.name]
        start = max([free.get(agent.name, 0.0), *(ends[name] for name in part.after)])
        ends[part.name] = free[agent.name] = start + agent.minutes(part)
    return ends


def bill(order: Sequence[Part], plan: Mapping[str, Agent]) -> float:
    """Money, waiting and risk of one plan, as in `team_floor.Run.bill`."""
    cost = sum(plan[part.name].minutes(part) * plan[part.name].rate for part in order)
    right = prod(plan[part.name].right(part) for part in order)
    return cost + PER_MINUTE * max(timetable(order, plan).values()) + PER_ERROR * (1 - right)


def cheapest(crew: Mapping[str, Agent], job: Job) -> tuple[float, dict[str, str]]:
    """The lowest bill over all assignments and all orders, and who does what.

    Raises: ValueError if nobody can do some part.   Cost: orders × (able agents) ** parts.
    """
    able = [[agent for agent in crew.values() if agent.can(part)] for part in job.parts]
    for part, agents in zip(job.parts, able, strict=True):
        if not agents:
            raise ValueError(f"nobody can do {part.name}: it needs {', '.join(sorted(part.needs))}")
    names, ways, best = [part.name for part in job.parts], list(orders(job)), (float("inf"), {})
    for agents in product(*able):
        plan = dict(zip(names, agents, strict=True))
        lowest = min(bill(order, plan) for order in ways)
        if lowest < best[0]:
            best = lowest, {name: agent.name for name, agent in plan.items()}
    return best
