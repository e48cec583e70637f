"""The floor: work is done once, in order, by who can, and what dies with an agent is done again."""

from itertools import pairwise
from math import isclose, prod
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.team_floor import PATIENCE_MIN, WAY_MIN, Choice, Floor, stream
from coursekit.team_jobs import CREW, JOBS, bill


class Lots:
    """Any able agent, any delay."""

    def __init__(self, seed):
        self.rng = Random(seed)

    def choose(self, floor, run, part):
        if self.rng.random() < 0.2 and floor.heap:
            return None
        return Choice(self.rng.choice(floor.able(part)).name, self.rng.random(), 1)

    def learn(self, floor, run, part, agent, well):
        """Nothing."""


class Fixed:
    """By a table: part -> agent."""

    def __init__(self, table, delay=0.0):
        self.table, self.delay, self.learned = table, delay, []

    def choose(self, floor, run, part):
        who = [name for name in self.table[part.name] if name not in floor.known_dead]
        return Choice(who[0], self.delay, 2) if who else None

    def learn(self, floor, run, part, agent, well):
        self.learned.append((part.name, agent, well))


CHAIN = {"logs": ["scout"], "pattern": ["analyst", "miner"], "choice": ["judge"], "text": ["scribe"]}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_whatever_the_team_decides_the_rules_of_work_hold(seed):
    floor = Floor(CREW, Lots(seed), seed)
    for at, job in stream(Random(seed), 6, every_min=8):
        floor.submit(job, at)
    floor.run()
    for run in floor.runs:
        assert run.finished is not None and set(run.who) == {part.name for part in run.job.parts}
        assert isclose(run.right, prod(CREW[run.who[p.name]].right(p) for p in run.job.parts))
        assert run.messages == len(run.job.parts)
    for name in CREW:  # one pair of hands
        mine = sorted((e.started, e.ended) for e in floor.log if e.agent == name)
        assert all(before[1] <= after[0] + 1e-9 for before, after in pairwise(mine))
    ends = {}
    for entry in floor.log:  # nothing begins before what it waits for has ended
        ends.setdefault((entry.job, entry.part.name), []).append(entry.ended)
        assert entry.waited >= -1e-9
        assert all((entry.job, name) in ends for name in entry.part.after)


def test_a_plan_without_delay_costs_what_the_search_says():
    floor = Floor(CREW, Fixed(CHAIN))
    floor.submit(JOBS["report"], at=3)
    floor.run()
    plan = {part: CREW[who[0]] for part, who in CHAIN.items()}
    assert isclose(floor.runs[0].bill, bill(JOBS["report"].parts, plan))


def test_who_dies_at_work_is_replaced_after_the_patience():
    team = Fixed(CHAIN)
    floor = Floor(CREW, team, deaths={"analyst": 6})
    floor.submit(JOBS["report"], at=0)
    floor.run()
    run = floor.runs[0]
    assert run.who["pattern"] == "miner" and floor.known_dead == {"analyst"}
    assert ("pattern", "analyst", False) in team.learned
    assert isclose(run.finished, 4 + 6 + PATIENCE_MIN + 6 * 0.8 + 3 + 2)


def test_a_part_that_nobody_takes_waits_until_the_team_is_asked_again():
    team = Fixed(CHAIN | {"text": []})
    floor = Floor(CREW, team)
    floor.submit(JOBS["report"], at=0)
    floor.run()
    assert floor.runs[0].finished is None and [part.name for _, part in floor.waiting] == ["text"]
    team.table = CHAIN
    floor.wake(100)
    floor.run()
    assert floor.runs[0].finished == 102


def test_the_truth_decides_and_not_the_claim():
    floor = Floor(CREW, Fixed(CHAIN), truth={"scout": 0.0})
    floor.submit(JOBS["report"], at=0)
    floor.run()
    assert floor.runs[0].right == 0 and floor.runs[0].well["logs"] is False


def test_an_agent_is_right_as_often_as_it_should_be():
    class One(Fixed):
        def choose(self, floor, run, part):
            return Choice("generalist", 0, 0)

    floor = Floor(CREW, One({}))
    for i in range(400):
        floor.submit(JOBS["survey"], at=i * 100)
    floor.run()
    share = sum(entry.well for entry in floor.log) / len(floor.log)
    assert len(floor.log) == 2000 and abs(share - 0.93) < 0.02


def test_two_teams_with_the_same_choice_have_the_same_luck():
    wells = []
    for delay in (0.0, WAY_MIN):
        floor = Floor(CREW, Fixed(CHAIN, delay), seed=5)
        floor.submit(JOBS["report"], at=0)
        floor.run()
        wells.append(floor.runs[0].well)
    assert wells[0] == wells[1]


def test_who_cannot_do_a_part_is_refused():
    floor = Floor(CREW, Fixed(CHAIN | {"logs": ["judge"]}))
    floor.submit(JOBS["report"], at=0)
    with pytest.raises(ValueError, match="judge cannot do logs: it needs collect"):
        floor.run()
