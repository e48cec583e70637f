"""Is a team well? Health of each agent and of the whole, a grade, and what to do.

    agents, joint, under_way = vitals(floor, minute=150)
    grade(team_health(agents, joint)), recommendations(agents, joint)

Taught in: notebooks/19_agent_teams.ipynb
"""

from collections.abc import Mapping
from math import inf
from typing import NamedTuple

import numpy as np

from coursekit.team_floor import Floor

LIMITS = {"response_s": 30.0, "error_rate": 0.1, "failure_rate": 0.2}
GRADES = {"A": 0.9, "B": 0.75, "C": 0.6, "D": 0.4, "F": -inf}


class Vitals(NamedTuple):
    """An agent in three numbers; shares from 0 to 1."""

    error_rate: float = 0.0
    response_s: float = 1.0
    availability: float = 1.0


class Together(NamedTuple):
    """Joint work in two numbers."""

    success_rate: float = 1.0
    coordination_s: float = 1.0


def agent_health(v: Vitals) -> float:
    """40 % without errors, 30 % speed, 30 % there at all."""
    return 0.4 * (1 - v.error_rate) + 0.3 / max(v.response_s, 1.0) + 0.3 * v.availability


def team_health(agents: Mapping[str, Vitals], joint: Together) -> float:
    """70 % the mean of the agents, 30 % collaboration."""
    mean = sum(map(agent_health, agents.values())) / len(agents) if agents else 0.0
    return 0.7 * mean + 0.3 * joint.success_rate / max(joint.coordination_s, 1.0)


def grade(health: float) -> str:
    """A from 0.9, B from 0.75, C from 0.6, D from 0.4, else F."""
    return next(letter for letter, least in GRADES.items() if health >= least)


def recommendations(agents: Mapping[str, Vitals], joint: Together) -> list[str]:
    """What to do, agent by agent, whatever the grade is."""
    said = []
    for name, vitals in agents.items():
        if vitals.error_rate > LIMITS["error_rate"]:
            said.append(f"{name}: {vitals.error_rate:.0%} errors, look into its log")
        if vitals.response_s > LIMITS["response_s"]:
            said.append(f"{name}: answers after {vitals.response_s:.0f} s, speed it up or add another")
        if not vitals.availability:
            said.append(f"{name}: gone, restart it or give its skill to another")
    if 1 - joint.success_rate > LIMITS["failure_rate"]:
        said.append(f"{1 - joint.success_rate:.0%} of joint work fails, look into coordination")
    return said or ["nothing to do"]


def vitals(floor: Floor, minute: float, window: float = 60.0) -> tuple[dict[str, Vitals], Together, int]:
    """What a monitor knows at a moment: who is alive, and the work that ended within `window` minutes.

    Returns the vitals of each agent and of joint work, a minute counted as a second, and the jobs under way.
    """
    recent = [entry for entry in floor.log if minute - window < entry.ended <= minute]
    mean = lambda values, default: float(np.mean(values)) if values else default
    agents = {}
    for name in floor.crew:
        mine = [entry for entry in recent if entry.agent == name]
        errors, took = mean([not e.well for e in mine], 0.0), mean([e.ended - e.started for e in mine], 0.0)
        agents[name] = Vitals(errors, took, float(minute < floor.deaths.get(name, inf)))
    ended = [run for run in floor.runs if minute - window < (run.finished or inf) <= minute]
    good = mean([all(run.well.values()) for run in ended], 1.0)
    joint = Together(good, mean([e.waited for e in recent], 0.0))
    return agents, joint, sum(run.arrived <= minute < (run.finished or inf) for run in floor.runs)
