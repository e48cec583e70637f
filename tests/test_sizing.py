"""The size of a machine for a class: cases by hand, and what must hold for every class."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.sizing import (
    SURE,
    Habits,
    Machine,
    Measured,
    enough_cores,
    in_a_lesson,
    in_own_time,
    poisson_quantile,
)

STUDENT = Measured(memory_mb=500, startup_cpu_s=3, chapter_cpu_s=36, cell_cpu_s=0.2)
HABITS = Habits(session_min=60, arrive_min=5, idle_min=60, visits_per_week=2, busy_hours_per_week=40)
MACHINE = Machine(cores=8, memory_gb=32, own_gb=2)


def test_thirty_in_a_lesson_by_hand():
    need = in_a_lesson(30, STUDENT, HABITS, MACHINE)
    # 30 x 500 MB and 2 GB; 30 x 3 s of work in 300 s keep 0.3 cores busy, and one would be waited for by 30 %
    assert (need.inside, need.memory_gb, need.cores, need.machines) == (30, 17, 2, 1)


def test_three_hundred_who_all_run_a_cell_at_once_have_it_within_five_seconds():
    need = in_a_lesson(300, STUDENT, HABITS, MACHINE)
    assert need.cores == 12 and need.cores * 5 == 300 * 0.2  # more than the 3 erlangs of their start ask for


def test_three_thousand_on_their_own_time_by_hand():
    need = in_own_time(3000, STUDENT, HABITS, MACHINE)
    # 150 an hour stay two hours: 300 inside by Little's law, and sqrt(300) = 17.3 around it
    assert need.inside == pytest.approx(300 + 3.09 * math.sqrt(300), abs=3)
    assert need.machines == math.ceil(need.inside / 60)  # 30 GB hold sixty of 500 MB


def test_a_class_that_comes_at_once_needs_cores_where_one_that_trickles_in_does_not():
    quick = Measured(memory_mb=500, startup_cpu_s=3, chapter_cpu_s=36, cell_cpu_s=0.01)
    rush = in_a_lesson(300, quick, Habits(arrive_min=1), MACHINE)
    trickle = in_a_lesson(300, quick, Habits(arrive_min=20), MACHINE)
    assert rush.cores >= 15 > trickle.cores and rush.memory_gb >= trickle.memory_gb


@given(st.integers(1, 3000), st.integers(1, 500), st.floats(50, 2000), st.floats(0.5, 10), st.floats(1, 300))
def test_more_students_never_need_less(students, more, memory, startup, chapter):
    measured = Measured(memory, startup, chapter, chapter / 100)
    for way in (in_a_lesson, in_own_time):
        few, many = (way(number, measured, HABITS, MACHINE) for number in (students, students + more))
        assert many.inside >= few.inside and many.memory_gb >= few.memory_gb
        assert many.cores >= few.cores and many.machines >= few.machines


@given(st.integers(1, 3000), st.floats(1, 4))
def test_a_larger_machine_never_makes_more_machines(students, times):
    large = Machine(cores=16, memory_gb=32 * times, own_gb=2)
    small, fewer = (in_a_lesson(students, STUDENT, HABITS, machine) for machine in (MACHINE, large))
    assert fewer.machines <= small.machines


@pytest.mark.parametrize(
    ("mean", "share", "number"), [(0.01, 0.9, 0), (1, 0.95, 3), (10, 0.95, 15), (100, 0.99, 124)]
)
def test_the_quantile_of_poisson_is_that_of_the_tables(mean, share, number):
    assert poisson_quantile(mean, share) == number


def test_room_is_short_once_in_a_thousand_moments(mean=20.0):
    import random

    rng = random.Random(1961)
    room = poisson_quantile(mean, SURE)

    def inside() -> int:
        count, passed = -1, 0.0
        while passed < mean:
            passed += rng.expovariate(1)
            count += 1
        return count

    short = sum(inside() > room for _ in range(20_000))
    assert 5 <= short <= 40  # of 20 000, so about 20 or fewer


@pytest.mark.parametrize(("busy", "cores"), [(0.1, 1), (0.2, 1), (0.5, 2), (1.0, 3)])
def test_enough_cores_by_hand(busy, cores):
    # with one core a share of `busy` waits; with two, busy^2 / (2 + busy): 0.1 at a half, 0.33 at one
    assert enough_cores(busy) == cores


def test_the_largest_run_is_what_counts():
    def run(students: int, memory: float) -> dict:
        chapters = {
            "01": {"cpu_s": 10.0, "cells": 100},
            "02": {"cpu_s": 20.0, "cells": 50},
            "05": {"cells": 0},
        }
        measured = {"startup_cpu_s": 2.0, "memory_p95_mb": memory, "finished": students}
        return {"students": students, "by_chapter": chapters, **measured}

    assert Measured.from_runs([run(5, 300), run(30, 400)]) == Measured(400, 2.0, 15.0, 0.2)
    with pytest.raises(ValueError, match="make load"):
        Measured.from_runs([run(5, 300) | {"startup_cpu_s": None}])


def test_a_machine_that_holds_nobody_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match="500 MB: take more"):
        in_a_lesson(1, STUDENT, HABITS, Machine(memory_gb=2.1))
