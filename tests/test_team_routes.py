"""Routing: the score as written, against queueing theory and against rules that know less."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.queueing_theory import mm1, mmc
from coursekit.team_routes import QUAD, RULES, Balancer, Load, at_random, shortest_line, waits


@given(*(st.floats(0, 1) for _ in range(3)), st.integers(0, 5), st.floats(0, 2))
def test_the_score_has_its_five_weights(cpu, memory, recent, active, complexity):
    balancer = Balancer({"a": ({"x"}, 1.0)})
    balancer.loads["a"] = Load(active, cpu, memory, recent)
    expected = 0.3 * cpu + 0.2 * memory + 0.3 * active / 5 + 0.1 * abs(complexity - 1) + 0.1 * (1 - recent)
    assert isclose(balancer.score("a", complexity), expected, abs_tol=1e-12)


@given(st.lists(st.booleans(), max_size=40))
def test_what_is_finished_is_given_back(steps):
    balancer, running = Balancer(QUAD), []
    for start in steps:
        if start or not running:
            running.append(balancer.route("any"))
        else:
            balancer.finished(running.pop())
    assert sum(load.active for load in balancer.loads.values()) == len(running)
    assert isclose(sum(load.cpu for load in balancer.loads.values()), 0.1 * len(running), abs_tol=1e-9)
    counts = [balancer.loads[name].active for name in QUAD]
    assert len(balancer.history) >= len(running) and min(counts) >= 0


def test_only_who_can_is_asked_and_the_history_says_why():
    balancer = Balancer({"a": ({"x"}, 1.0), "b": ({"x", "y"}, 1.0)})
    assert [balancer.route("y") for _ in range(3)] == ["b"] * 3 and balancer.route("x") == "a"
    who, scores = balancer.history[-1]
    assert who == "a" and scores["a"] < scores["b"]
    with pytest.raises(LookupError, match="no agent can fly; there are a, b"):
        balancer.route("fly")


def test_the_closest_agent_gets_a_task_of_its_size():
    balancer = Balancer({"small": ({"x"}, 0.5), "large": ({"x"}, 2.0)})
    assert balancer.route("x", complexity=2.0) == "large"


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_drawing_lots_makes_separate_lines(load):
    assert isclose(waits(at_random, load, seed=4, tasks=60_000), mm1(load, 1).mean_wait, rel_tol=0.08)


def test_one_agent_is_one_line_and_nobody_beats_the_common_one():
    assert isclose(waits(at_random, 0.7, 5, agents=1, tasks=60_000), mm1(0.7, 1).mean_wait, rel_tol=0.1)
    common = mmc(4 * 0.8, 1, 4).mean_wait
    assert all(waits(make(), 0.8, 6, tasks=20_000) > 0.9 * common for make in RULES.values())


def test_the_rules_stand_in_the_order_of_what_they_know():
    row = [waits(RULES[name](), 0.9, 7, tasks=20_000) for name in RULES]
    assert row[0] > row[1] > row[2] > max(row[3:]) and isclose(row[3], row[4], rel_tol=0.1)


def test_old_numbers_make_a_herd_of_the_shortest_line_only():
    fresh, old = (waits(shortest_line, 0.9, 8, tasks=20_000, stale=age) for age in (0, 10))
    assert old > 3 * fresh
    assert waits(at_random, 0.9, 8, tasks=5000, stale=10) == waits(at_random, 0.9, 8, tasks=5000)


def test_a_rule_made_anew_remembers_nothing_of_the_last_run():
    for make in RULES.values():
        assert waits(make(), 0.8, 9, tasks=2000) == waits(make(), 0.8, 9, tasks=2000)


def test_one_failure_makes_an_agent_the_last_choice_until_it_has_done_well():
    balancer = Balancer(QUAD)
    balancer.finished(balancer.route("any"), well=False)
    chosen = [balancer.route("any") for _ in range(3)]
    assert chosen == ["a1", "a2", "a3"] and balancer.route("any") == "a0"


def test_numbers_are_renewed_with_the_first_task_after_their_time():
    shown = []

    def rule(seen, rng):
        if not shown or seen is not shown[-1]:
            shown.append(seen)
        return 0

    waits(rule, 0.5, 10, agents=1, tasks=8000, stale=5)  # a task every 2: renewed every 5 + 2 on average
    assert isclose(len(shown), 8000 * 2 / 7, rel_tol=0.05)
