"""Who gets the next task? A score that balances load, and rules to hold it against, on simulated lines.

    balancer = Balancer({"a": ({"search"}, 1.0), "b": ({"search"}, 1.0)})
    name = balancer.route("search"); balancer.finished(name)
    waits(RULES["best of two"](), load=0.9, seed=1)      # mean wait in mean task lengths

Sources: Mitzenmacher 1996, Vvedenskaya, Dobrushin and Karpelevich 1996 (two choices); Mitzenmacher 2000, "How
useful is old information?".   Taught in: notebooks/19_agent_teams.ipynb
"""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from random import Random

QUAD = {f"a{i}": ({"any"}, 1.0) for i in range(4)}


@dataclass
class Load:
    active: int = 0
    cpu: float = 0.0
    memory: float = 0.0
    recent: float = 1.0  # share of recent tasks done well


@dataclass
class Balancer:
    """The agent with the lowest score gets the task.

    agents: name -> what it can, its capability score.   releases: a finished task gives back what it used.
    """

    agents: Mapping[str, tuple[set, float]]
    releases: bool = True
    most_tasks: int = 5
    loads: dict[str, Load] = field(default_factory=lambda: defaultdict(Load))
    history: deque[tuple] = field(default_factory=lambda: deque(maxlen=1000))  # agent, all scores; the last

    def score(self, name: str, complexity: float = 1.0) -> float:
        load, mismatch = self.loads[name], abs(complexity - self.agents[name][1])
        return (
            0.3 * load.cpu
            + 0.2 * load.memory
            + 0.3 * load.active / self.most_tasks
            + 0.1 * mismatch
            + 0.1 * (1 - load.recent)
        )

    def route(self, needs: str, complexity: float = 1.0, cpu=0.1, memory=0.1) -> str:
        """Raises: LookupError if nobody can do it."""
        able = [name for name, (skills, _) in self.agents.items() if needs in skills]
        if not able:
            raise LookupError(f"no agent can {needs}; there are {', '.join(self.agents)}")
        scores = {name: self.score(name, complexity) for name in able}
        best = min(able, key=lambda name: (round(scores[name], 9), name))
        load = self.loads[best]
        load.active, load.cpu, load.memory = load.active + 1, load.cpu + cpu, load.memory + memory
        self.history.append((best, scores))
        return best

    def finished(self, name: str, well: bool = True, cpu=0.1, memory=0.1) -> None:
        load = self.loads[name]
        load.recent += 0.1 * (well - load.recent)
        if self.releases:
            load.active, load.cpu, load.memory = load.active - 1, load.cpu - cpu, load.memory - memory


def waits(
    rule: Callable, load: float, seed: int, agents: int = 4, tasks: int = 30_000, stale: float = 0.0
) -> float:
    """Mean wait, in mean task lengths; tasks come at random, their lengths are exponential.

    rule(number in each agent's hands, rng) -> agent; it sees numbers that are renewed every `stale`.
    All rules with one seed get the same tasks.
    """
    coming, work, rng = (Random(f"{seed} {what}") for what in ("coming", "work", "rule"))
    now, seen_at, free, queues, total = 0.0, -inf, [0.0] * agents, [[] for _ in range(agents)], 0.0
    for _ in range(tasks):
        now += coming.expovariate(load * agents)
        if now - seen_at >= stale:
            for queue in queues:
                while queue and queue[0] <= now:
                    queue.pop(0)
            seen, seen_at = [len(queue) for queue in queues], now
        at = rule(seen, rng)
        start = max(now, free[at])
        free[at] = start + work.expovariate(1)
        queues[at].append(free[at])
        total += start - now
    return total / tasks


def at_random(seen, rng):
    return rng.randrange(len(seen))


def best_of_two(seen, rng):
    """Ask two, take the shorter line (Mitzenmacher 1996; Vvedenskaya, Dobrushin, Karpelevich 1996)."""
    return min(rng.sample(range(len(seen)), 2), key=seen.__getitem__)


def shortest_line(seen, rng):
    return min(range(len(seen)), key=lambda i: (seen[i], rng.random()))


class InTurn:
    """What the score does that is never decreased."""

    def __init__(self):
        self.balancer = Balancer(QUAD, releases=False)

    def __call__(self, seen, rng):
        return int(self.balancer.route("any")[1:])


class ByScore:
    """The score, with loads that fall when tasks end."""

    def __init__(self):
        self.balancer = Balancer(QUAD)

    def __call__(self, seen, rng):
        self.balancer.loads.update((f"a{i}", Load(n, 0.1 * n, 0.1 * n)) for i, n in enumerate(seen))
        return int(self.balancer.route("any")[1:])


RULES = {
    "at random": lambda: at_random,
    "score, never decreased": InTurn,
    "best of two": lambda: best_of_two,
    "score, with release": ByScore,
    "shortest line": lambda: shortest_line,
}
