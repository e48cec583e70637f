"""Where a team works, on a simulated clock: who gets which part is asked of the team, the rest happens here.

    floor = Floor(CREW, team, seed=1)           # team: see `Team`
    floor.submit(JOBS["report"], at=0)
    floor.run()
    floor.runs[0].bill

Times are minutes. Whether a part is right is drawn from the seed, the job, the part and the agent alone, so
that two teams which make the same choice have the same luck. A question that is asked again because nobody
had time costs no message here.   Taught in: notebooks/19_agent_teams.ipynb
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import NamedTuple, Protocol

from coursekit.team_jobs import CREW, JOBS, PER_ERROR, PER_MINUTE, Agent, Job, Part

WAY_MIN = 0.1  # a message under way
PATIENCE_MIN = 5.0  # silence beyond the promised end before somebody is taken for dead


class Choice(NamedTuple):
    """Who gets a part, after how many minutes of deciding, and for how many messages."""

    agent: str
    delay: float
    messages: int


class Team(Protocol):
    """What decides. `choose` returns None while nobody fits: the part waits until something changes."""

    def choose(self, floor: "Floor", run: "Run", part: Part) -> Choice | None: ...

    def learn(self, floor: "Floor", run: "Run", part: Part, agent: str, well: bool) -> None: ...


@dataclass
class Run:
    """One job: when it came, when it was finished (None: never), what it took."""

    job: Job
    arrived: float
    number: int = 0
    finished: float | None = None
    cost: float = 0.0
    messages: int = 0
    right: float = 1.0  # chance that all its parts are right, given who did them
    ready: dict[str, float] = field(default_factory=dict)  # since when each part could begin
    who: dict[str, str] = field(default_factory=dict)
    well: dict[str, bool] = field(default_factory=dict)

    @property
    def minutes(self) -> float:
        return self.finished - self.arrived

    @property
    def bill(self) -> float:
        return self.cost + PER_MINUTE * self.minutes + PER_ERROR * (1 - self.right)


class Entry(NamedTuple):
    """One piece of work; `waited`: minutes from when it could begin until it did."""

    started: float
    ended: float
    agent: str
    job: str
    part: Part
    waited: float
    well: bool


class Floor:
    """Where the work is done: a clock, agents with one pair of hands each, a queue of parts nobody has taken.

    deaths: agent -> minute.   truth: agent -> how often its work is right, whatever it claims.
    Raises: ValueError for an agent that is chosen and cannot do the part.
    """

    def __init__(self, crew: Mapping[str, Agent], team: Team, seed: int = 1, deaths=None, truth=None) -> None:
        self.crew, self.team, self.seed = dict(crew), team, seed
        self.deaths, self.truth = dict(deaths or {}), dict(truth or {})
        self.now, self.heap, self.numbers = 0.0, [], count()
        self.free = dict.fromkeys(crew, 0.0)  # when each will have done what it was given
        self.busy = dict.fromkeys(crew, 0.0)  # minutes of work done
        self.known_dead: set[str] = set()
        self.waiting: list[tuple[Run, Part]] = []
        self.runs: list[Run] = []
        self.log: list[Entry] = []  # work done, in the order in which it ended

    def submit(self, job: Job, at: float) -> None:
        run = Run(job, at, len(self.runs))
        self.runs.append(run)
        for part in job.parts:
            if not part.after:
                self._at(at, self._ready, run, part)

    def wake(self, at: float) -> None:
        """Ask the team again about all that waits, at a moment."""
        self._at(at, lambda: None)

    def run(self, until: float = 1e9) -> None:
        while self.heap and self.heap[0][0] <= until:
            self.now, _, action, args = heapq.heappop(self.heap)
            action(*args)
            self._hand_out()

    def backlog(self, name: str) -> float:
        """Minutes of work that an agent still has before it."""
        return max(0.0, self.free[name] - self.now)

    def able(self, part: Part) -> list[Agent]:
        """Who could do it and is not known to be dead."""
        return [agent for name, agent in self.crew.items() if name not in self.known_dead and agent.can(part)]

    def is_dead(self, name: str) -> bool:
        return self.now >= self.deaths.get(name, float("inf"))

    def chance(self, part: Part, agent: Agent) -> float:
        """How often this agent's work on this part is right."""
        return self.truth.get(agent.name, agent.right(part))

    def luck(self, run: Run, part: Part, agent: Agent) -> bool:
        draw = Random(f"{self.seed} {run.arrived} {run.job.name} {part.name} {agent.name}").random()
        return draw < self.chance(part, agent)

    def _at(self, moment: float, action, *args) -> None:
        heapq.heappush(self.heap, (moment, next(self.numbers), action, args))

    def _ready(self, run: Run, part: Part) -> None:
        run.ready[part.name] = self.now
        self.waiting.append((run, part))

    def _hand_out(self) -> None:
        """Offer what waits, oldest first; whoever is free now takes what fits."""
        still = []
        for run, part in self.waiting:
            choice = self.team.choose(self, run, part)
            if choice is None:
                still.append((run, part))
            else:
                self._start(run, part, choice)
        self.waiting = still

    def _start(self, run: Run, part: Part, choice: Choice) -> None:
        agent = self.crew[choice.agent]
        if not agent.can(part):
            raise ValueError(f"{agent.name} cannot do {part.name}: it needs {', '.join(sorted(part.needs))}")
        run.messages += choice.messages
        start = max(self.now + choice.delay, self.free[agent.name])
        end = self.free[agent.name] = start + agent.minutes(part)
        if end >= self.deaths.get(agent.name, float("inf")):
            self._at(end + PATIENCE_MIN, self._given_up, run, part, agent.name)
        else:
            self._at(end, self._finished, run, part, agent, start)

    def _given_up(self, run: Run, part: Part, name: str) -> None:
        self.known_dead.add(name)
        self.team.learn(self, run, part, name, False)
        self.waiting.append((run, part))

    def _finished(self, run: Run, part: Part, agent: Agent, started: float) -> None:
        well = run.well[part.name] = self.luck(run, part, agent)
        run.who[part.name] = agent.name
        run.cost += agent.minutes(part) * agent.rate
        run.right *= self.chance(part, agent)
        self.busy[agent.name] += agent.minutes(part)
        self.log.append(
            Entry(started, self.now, agent.name, run.job.name, part, started - run.ready[part.name], well)
        )
        self.team.learn(self, run, part, agent.name, well)
        for other in run.job.parts:
            if part.name in other.after and all(name in run.who for name in other.after):
                self._ready(run, other)
        if len(run.who) == len(run.job.parts):
            run.finished = self.now


def stream(
    rng: Random, jobs: int, every_min: float, kinds: Mapping[str, Job] = JOBS
) -> list[tuple[float, Job]]:
    """Jobs of random kinds that arrive at random, on average `every_min` minutes apart."""
    now, made = 0.0, []
    for _ in range(jobs):
        now += rng.expovariate(1 / every_min)
        made.append((now, kinds[rng.choice(sorted(kinds))]))
    return made


def play(team: Team, coming: Sequence, crew: Mapping = CREW, seed: int = 1, wake=(), **faults) -> Floor:
    """A floor after all jobs of `coming`, (minute, job) each. wake: minutes; faults: as in `Floor`."""
    floor = Floor(crew, team, seed, **faults)
    for at, job in coming:
        floor.submit(job, at)
    for at in wake:
        floor.wake(at)
    floor.run()
    return floor
