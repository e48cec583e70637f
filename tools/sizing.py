"""How large a machine a class needs: a pure calculation from what `make load` measured.

Two questions with two answers. In a lesson all are there at once, and the hard moments are the first minutes,
when every server starts, and each "now run this", when all run the same cell. On their own time students come
and go: Little's law (chapter 1) says how many are inside on average, arrival rate x time inside, and as they
come independently, the number at a moment is Poisson around that. Cores follow from Erlang's formula: so many
that little of the work finds all of them busy.
"""

import math
from dataclasses import dataclass

from coursekit.queueing_theory import erlang_c

MAY_WAIT = 0.2  # share of starts and cells that find every core busy
ALL_RUN_S = 5  # within which the last has an answer when all run the same cell at once
SURE = 0.999  # share of the moments at which there is room for all


@dataclass(frozen=True)
class Measured:
    """What one student takes, from `make load`.   memory_mb: server and kernels at their peak."""

    memory_mb: float
    startup_cpu_s: float
    chapter_cpu_s: float
    cell_cpu_s: float

    @classmethod
    def from_runs(cls, runs: list[dict]) -> "Measured":
        """From the run with the most students that looked at the machine. Raises: ValueError without one."""
        looked = [run for run in runs if run.get("startup_cpu_s") and run["finished"]]
        if not looked:
            raise ValueError("no run has measured memory and processor: `make load ARGS=--keep` makes one")
        run = max(looked, key=lambda one: one["students"])
        chapters = [one for one in run["by_chapter"].values() if "cpu_s" in one]
        spent = sum(one["cpu_s"] for one in chapters)
        a_cell = spent / sum(one["cells"] for one in chapters)
        return cls(run["memory_p95_mb"], run["startup_cpu_s"], spent / len(chapters), a_cell)


@dataclass(frozen=True)
class Habits:
    """What we assume of students; change it for yours."""

    session_min: float = 60  # at one chapter
    arrive_min: float = 5  # in which a class comes in
    idle_min: float = 60  # until a server at which nobody works is stopped
    visits_per_week: float = 3
    busy_hours_per_week: float = 40


@dataclass(frozen=True)
class Machine:
    """own_gb: what the system, the hub and its proxy keep for themselves."""

    cores: int = 8
    memory_gb: float = 64  # memory decides, so a machine with much of it
    own_gb: float = 2


@dataclass(frozen=True)
class Need:
    inside: int
    memory_gb: float
    cores: int
    machines: int


def in_a_lesson(students: int, measured: Measured, habits: Habits, machine: Machine) -> Need:
    """All at once: they start their servers in the first minutes, then work, and at times all on one cell."""
    starting = students * measured.startup_cpu_s / (habits.arrive_min * 60)
    working = students * measured.chapter_cpu_s / (habits.session_min * 60)
    together = math.ceil(students * measured.cell_cpu_s / ALL_RUN_S)
    cores = max(enough_cores(starting), enough_cores(working), together)
    return need(students, cores, measured, machine)


def in_own_time(students: int, measured: Measured, habits: Habits, machine: Machine) -> Need:
    """They come and go through the week; a server lingers after its student has left."""
    per_hour = students * habits.visits_per_week / habits.busy_hours_per_week
    inside = per_hour * (habits.session_min + habits.idle_min) / 60  # Little's law
    busy = per_hour / 3600 * (measured.startup_cpu_s + measured.chapter_cpu_s)  # and again, for the cores
    return need(poisson_quantile(inside, SURE), enough_cores(busy), measured, machine)


def need(inside: int, cores: int, measured: Measured, machine: Machine) -> Need:
    """Memory for all who are inside; machines for whichever asks for more, that or the cores."""
    per_machine = int((machine.memory_gb - machine.own_gb) * 1000 / measured.memory_mb)
    if per_machine < 1:
        raise ValueError(f"{machine.memory_gb} GB hold no student of {measured.memory_mb:.0f} MB: take more")
    machines = max(1, math.ceil(inside / per_machine), math.ceil(cores / machine.cores))
    return Need(inside, machines * machine.own_gb + inside * measured.memory_mb / 1000, cores, machines)


def enough_cores(busy: float) -> int:
    """The fewest cores at which no more than MAY_WAIT of the work finds all of them busy."""
    cores = math.floor(busy) + 1
    while erlang_c(busy, cores) > MAY_WAIT:
        cores += 1
    return cores


def poisson_quantile(mean: float, share: float) -> int:
    """The smallest number that a Poisson variable does not exceed with probability `share`.

    >>> poisson_quantile(1, 0.95)
    3
    """
    number, below = 0, math.exp(-mean)
    while below < share:
        number += 1
        below += math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))
    return number
