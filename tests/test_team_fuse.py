"""A breaker on a link, and the chain that it protects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.resilience import CircuitBreaker, HandClock
from coursekit.team_fuse import Refused, chain_of_agents, through


def test_a_link_opens_after_its_failures_rests_and_lets_one_try_through():
    clock, asked = HandClock(), []

    def act():
        asked.append(clock.now)
        if clock.now < 50:
            raise TimeoutError
        return "well"

    breaker = CircuitBreaker(clock, most=3, rest_s=30)
    for second in range(100):
        clock.now = float(second)
        try:
            assert through(breaker, act) == "well"
        except (TimeoutError, Refused):
            continue
    assert asked[:4] == [0, 1, 2, 32] and asked[4:] == [float(s) for s in range(62, 100)]


def test_a_success_in_between_makes_it_count_anew():
    outcomes, breaker = iter([0, 0, 1, 0, 0, 1]), CircuitBreaker(HandClock(), most=3)

    def act():
        if not next(outcomes):
            raise OSError

    for _ in range(6):
        try:
            through(breaker, act)
        except OSError:
            continue
    assert breaker.state == "closed" and next(outcomes, "all were tried") == "all were tried"


@pytest.mark.parametrize(("counts", "state"), [(False, "closed"), (True, "open")])
def test_a_refusal_further_down_is_a_failure_only_where_it_should_count(counts, state):
    def refuses():
        raise Refused("not asked")

    breaker = CircuitBreaker(HandClock(), most=1)
    with pytest.raises(Refused):
        through(breaker, refuses, counts)
    assert breaker.state == state


@given(st.integers(1, 3), st.integers(1, 4))
def test_without_breakers_each_question_becomes_tries_to_the_layers(layers, tries):
    seen = chain_of_agents(False, layers, tries, down=(5, 25), seconds=30)
    assert seen == {"calls while down": 20 * tries**layers, "answered": 10, "refused at once": 0,
                    "timed out": 20, "breakers opened": 0}  # fmt: skip


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_with_breakers_the_dead_one_is_hardly_asked_and_only_its_neighbour_opens(layers):
    seen = chain_of_agents(True, layers, tries=3, down=(10, 250), seconds=300)
    assert seen["calls while down"] == 3 + 7  # three to open, then one each half minute
    assert (seen["answered"], seen["refused at once"] + seen["timed out"]) == (60, 240)
    assert seen["breakers opened"] == 1
    climbs = chain_of_agents(True, layers, tries=3, down=(10, 250), seconds=300, refusals_count=True)
    assert climbs["breakers opened"] == layers and climbs["answered"] <= 60
