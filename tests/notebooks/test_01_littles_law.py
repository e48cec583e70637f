"""The definitions of the notebook, held against naive versions, theory and hand-made cases."""

from fractions import Fraction
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from chapters import chapter
from hypothesis import given
from hypothesis import strategies as st

from coursekit import queueing, queueing_theory

law = chapter("01_littles_law")

quarters = st.integers(0, 400).map(lambda n: n / 4)
visits = st.lists(st.tuples(quarters, quarters).filter(lambda v: v[0] < v[1]), min_size=1, max_size=12)
arrivals = st.lists(quarters, min_size=1, max_size=30).map(sorted).map(np.array)


@given(visits)
def test_both_ways_to_count_the_area_agree_exactly(path):
    rows, under = law.both_areas(path)
    assert Fraction(rows) == Fraction(under)


@given(visits, quarters, quarters)
def test_the_solution_of_exercise_1_counts_every_quarter_of_a_minute_in_the_window(path, start, length):
    stop = start + length + 0.25
    looks = np.arange(start, stop, 0.25)  # all visits change on quarters, so this is the whole staircase
    naive = np.mean([sum(came <= look < went for came, went in path) for look in looks])
    assert law.mean_inside(path, start, stop) == pytest.approx(naive)


@given(st.integers(1, 5000))
def test_the_solution_of_exercise_3_finds_every_answer_in_thirteen_questions(need):
    fits = law.Patient(need)
    assert law.fewest(fits, 5000) == need and fits.asked <= 13


def test_a_stub_left_as_it_is_is_not_a_solution():
    untouched = chapter("01_littles_law", without="solution")
    assert untouched.mean_inside([(0, 1)], 0, 1) is None and untouched.fewest(lambda n: True, 9) is None


@given(arrivals, st.integers(1, 5))
def test_a_token_bucket_never_lets_through_more_than_burst_and_rate_allow(moments, burst):
    rate = 0.5
    passed = moments[law.admitted(moments, rate, burst)]
    for i, start in enumerate(passed):
        for j in range(i, len(passed)):
            assert j - i + 1 <= burst + rate * (passed[j] - start) + 1e-9


@given(arrivals, st.integers(1, 4))
def test_a_limit_is_never_exceeded_and_nobody_is_refused_while_there_is_room(moments, limit):
    needs = [1.0] * len(moments)
    line, refused = law.limited(moments, needs, limit)
    assert max(line.in_system(moments)) <= limit
    if limit >= len(moments):
        assert refused == 0 and list(line.left) == list(queueing.serve(moments, needs).left)


def test_the_share_refused_at_a_full_single_server_is_that_of_erlang():
    for load in (0.3, 0.9, 1.5):
        assert law.refused_in_theory(load, 1) == pytest.approx(queueing_theory.erlang_b(load, 1))


@given(arrivals)
def test_a_batch_leaves_together_and_after_its_fixed_and_single_costs(moments):
    line = law.batched(moments, fixed=2.0, each=0.5)
    leaves, sizes = np.unique(line.left, return_counts=True)
    starts = leaves - 2.0 - 0.5 * sizes
    assert (np.diff(leaves) >= 2.0 + 0.5 * sizes[1:] - 1e-9).all()  # one batch at a time
    assert (starts >= [moments[line.left == left].max() - 1e-9 for left in leaves]).all()  # all had come


@given(arrivals)
def test_the_shorter_line_is_chosen_as_a_naive_count_would(moments):
    needs = [3.0] * len(moments)
    left = ([], [])
    for moment, need, pick in zip(moments, needs, law.to_the_shorter_line(moments, needs), strict=True):
        inside = [sum(leaves > moment for leaves in line) for line in left]
        assert inside[pick] == min(inside)
        left[pick].append(max(moment, left[pick][-1] if left[pick] else 0) + need)


def test_a_circuit_breaker_opens_after_five_failures_tries_once_and_closes_on_success():
    breaker = law.CircuitBreaker(failures_allowed=5, rest_s=2.0)
    for second in range(5):
        assert breaker.allows(second)
        breaker.saw(False, second)
    assert not breaker.allows(5.9)
    assert breaker.allows(6.0) and not breaker.allows(6.1)  # half open: one may try
    breaker.saw(False, 7.0)
    assert not breaker.allows(7.5) and breaker.allows(8.0)
    breaker.saw(True, 8.1)
    assert all(breaker.allows(8.1 + i) for i in range(9))


@pytest.mark.parametrize(("share", "target"), [(None, 0.16), (0.95, 0.46)])
def test_the_fewest_slots_hold_the_target_and_one_less_does_not(share, target):
    slots = law.slots_for(target, 300, 0.15, share)
    assert law.response(300, 0.15, slots, share) <= target < law.response(300, 0.15, slots - 1, share)


def test_a_target_below_the_service_time_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"longer than 0.1 s; make it faster"):
        law.slots_for(0.1, 300, 0.15)


def test_stages_in_series_conserve_the_customers():
    rng = np.random.default_rng(3)
    came = law.come(50, 2000, rng)
    lines = list(law.in_series(came, law.STAGES, rng).values())
    for before, after in pairwise(lines):
        assert list(np.sort(before.left)) == list(after.arrived)


def test_a_random_morning_comes_in_quarters_of_a_minute():
    assert all(came * 4 == int(came * 4) and came < went for came, went in law.random_morning(Random(1)))


def test_two_lines_seen_as_one_box_keep_every_customer_and_the_law():
    chosen = np.arange(len(law.CAME)) % 2
    row = law.split("by turns", chosen)
    assert row["L"] == pytest.approx(row["λ"] * row["W (ms)"] / 1000)
    alone = [queueing.serve(law.CAME[i::2], law.NEEDS[i::2]).stays.sum() for i in (0, 1)]
    assert row["W (ms)"] == pytest.approx(1000 * sum(alone) / len(law.CAME))
