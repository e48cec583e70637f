"""Health: the formulas as stated, and what a monitor sees of a floor."""

from math import isclose
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.team_floor import Choice, Floor, stream
from coursekit.team_health import Together, Vitals, agent_health, grade, recommendations, team_health, vitals
from coursekit.team_jobs import CREW, JOBS

share = st.floats(0, 1)
a_state = st.builds(Vitals, share, st.floats(0, 100), share)


@given(st.lists(a_state, min_size=1, max_size=5), share, st.floats(0, 100))
def test_health_is_the_stated_mixture_and_lies_between_0_and_1(states, success, coordination):
    team = dict(enumerate(states))
    each = [0.4 * (1 - e) + 0.3 * (1 / r if r > 1 else 1) + 0.3 * a for e, r, a in states]
    assert all(isclose(agent_health(s), h) for s, h in zip(states, each, strict=True))
    joint = success / coordination if coordination > 1 else success
    health = team_health(team, Together(success, coordination))
    assert isclose(health, 0.7 * sum(each) / len(each) + 0.3 * joint, abs_tol=1e-12)
    assert -1e-9 <= health <= 1 + 1e-9 and grade(health) in "ABCDF"


@pytest.mark.parametrize(
    ("health", "letter"),
    [
        (1, "A"),
        (0.9, "A"),
        (0.899, "B"),
        (0.75, "B"),
        (0.74, "C"),
        (0.6, "C"),
        (0.5, "D"),
        (0.4, "D"),
        (0.39, "F"),
        (0, "F"),
    ],
)
def test_grades_begin_where_they_should(health, letter):
    assert grade(health) == letter


@pytest.mark.parametrize(
    ("state", "joint", "words"),
    [
        (Vitals(error_rate=0.1), Together(), "nothing to do"),
        (Vitals(error_rate=0.11), Together(), "a: 11% errors"),
        (Vitals(response_s=30), Together(), "nothing to do"),
        (Vitals(response_s=31), Together(), "a: answers after 31 s"),
        (Vitals(availability=0), Together(), "a: gone"),
        (Vitals(), Together(success_rate=0.81), "nothing to do"),
        (Vitals(), Together(success_rate=0.79), "21% of joint work fails"),
    ],
)
def test_each_limit_brings_its_own_advice(state, joint, words):
    (said,) = recommendations({"a": state}, joint)
    assert said.startswith(words)


def test_a_team_of_nobody_has_the_health_of_its_joint_work_only():
    assert team_health({}, Together()) == 0.3


class First:
    def choose(self, floor, run, part):
        return Choice(floor.able(part)[0].name, 0.0, 1)

    def learn(self, *_):
        """Nothing."""


@pytest.mark.parametrize("minute", [0, 50, 130, 1e6])
def test_the_monitor_counts_what_the_floor_knows(minute):
    floor = Floor(CREW, First(), seed=2, deaths={"judge": 90})
    for at, job in stream(Random(2), 20, every_min=10):
        floor.submit(job, at)
    floor.run()
    agents, joint, under_way = vitals(floor, minute)
    assert set(agents) == set(CREW) and agents["judge"].availability == float(minute < 90)
    assert under_way == sum(run.arrived <= minute for run in floor.runs) - sum(
        run.finished is not None and run.finished <= minute for run in floor.runs
    )
    recent = [entry for entry in floor.log if minute - 60 < entry.ended <= minute]
    for name, state in agents.items():
        wells = [entry.well for entry in recent if entry.agent == name]
        assert isclose(state.error_rate, wells.count(False) / len(wells) if wells else 0.0)
    assert 0 <= joint.success_rate <= 1 and joint.coordination_s >= 0


def test_the_window_ends_with_the_minute_and_begins_after_its_first():
    floor = Floor(CREW, First(), truth={"scout": 0.0})
    floor.submit(JOBS["report"], at=0)
    floor.run()
    ended = floor.log[0].ended
    seen = {
        minute: vitals(floor, minute)[0]["scout"].error_rate
        for minute in (ended - 1, ended, ended + 59, ended + 60)
    }
    assert list(seen.values()) == [0, 1, 1, 0]
