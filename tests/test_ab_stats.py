"""Comparing shares: against published examples, exact enumeration, and simulation."""

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit import ab_stats, valkey
from coursekit.ab_tests import ABTestManager, VariantType, assign

counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_newcombes_interval_agrees_with_his_own_table():
    assert np.allclose(ab_stats.newcombe(48, 80, 56, 70), (0.0524, 0.3339), atol=5e-5)
    assert np.allclose(ab_stats.newcombe(3, 10, 9, 10), (0.1705, 0.8090), atol=5e-5)
    assert np.allclose(ab_stats.newcombe(0, 10, 10, 10), (0.6075, 1.0), atol=5e-4)


@given(counts, counts)
def test_the_interval_turns_round_with_the_arms_and_holds_the_difference(a, b):
    low, high = ab_stats.newcombe(*a, *b)
    assert np.allclose((low, high), [-end for end in ab_stats.newcombe(*b, *a)[::-1]])
    assert low - 1e-12 <= b[0] / b[1] - a[0] / a[1] <= high + 1e-12


def test_newcombes_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(4)
    a, b = rng.binomial(60, 0.7, 2000), rng.binomial(60, 0.8, 2000)
    held = [ab_stats.newcombe(int(x), 60, int(y), 60) for x, y in zip(a, b, strict=True)]
    assert 0.94 < np.mean([low <= 0.1 <= high for low, high in held]) < 0.975


def test_fishers_test_agrees_with_counting_all_tables():
    for a, b in product(range(6), range(5)):
        total, n_a, n_b = a + b, 5, 4
        chance = {k: comb(n_a, k) * comb(n_b, total - k) / comb(n_a + n_b, total)
                  for k in range(6) if 0 <= total - k <= n_b}  # fmt: skip
        expected = sum(p for p in chance.values() if p <= chance[a] * (1 + 1e-9))
        assert ab_stats.fisher(a, n_a, b, n_b) == pytest.approx(expected)


def test_the_tea_tasting_has_its_famous_p():
    assert ab_stats.fisher(3, 4, 1, 4) == pytest.approx(34 / 70)


def test_power_and_size_agree_with_a_simulation():
    n = ab_stats.sample_size(0.7, 0.8)
    rng = np.random.default_rng(5)
    a, b = rng.binomial(n, 0.7, 4000), rng.binomial(n, 0.8, 4000)
    pooled = (a + b) / (2 * n)
    found = abs(b - a) / n / np.sqrt(2 * pooled * (1 - pooled) / n) > 1.96
    assert found.mean() == pytest.approx(ab_stats.power(0.7, 0.8, n), abs=0.02) and n == 294
    with pytest.raises(ValueError, match="name the smallest that matters"):
        ab_stats.sample_size(0.5, 0.5)


def test_the_worse_looking_better_arm_agrees_with_a_simulation():
    rng = np.random.default_rng(6)
    worse = rng.binomial(10, 0.8, 20_000) < rng.binomial(10, 0.7, 20_000)
    assert worse.mean() == pytest.approx(ab_stats.looks_worse(0.7, 0.8, 10), abs=0.01)


def test_boundaries_agree_with_the_published_constants():
    pocock = {2: 2.178, 5: 2.413, 10: 2.555}  # Jennison and Turnbull 2000, table 2.1
    assert all(
        ab_stats.boundaries(k, shape="pocock")[0] == pytest.approx(c, abs=2e-3) for k, c in pocock.items()
    )
    last = {2: 1.977, 5: 2.040, 10: 2.087}  # the same, table 2.3
    assert all(ab_stats.boundaries(k)[-1] == pytest.approx(c, abs=2e-3) for k, c in last.items())


def test_the_probability_of_crossing_agrees_with_random_walks():
    rng = np.random.default_rng(7)
    z = rng.normal(size=(40_000, 8)).cumsum(axis=1) / np.sqrt(np.arange(1, 9))
    limits = tuple(np.linspace(2.6, 1.9, 8))
    assert (abs(z) > limits).any(axis=1).mean() == pytest.approx(ab_stats.crossing(limits), abs=0.006)


def test_an_always_valid_test_errs_seldom_however_often_one_looks():
    rng = np.random.default_rng(8)
    a, b = (rng.binomial(1, 0.7, (1000, 1500)).cumsum(axis=1) for _ in range(2))
    n = np.arange(1, 1501)
    p = (a + b) / (2 * n)
    with np.errstate(all="ignore"):
        z = np.nan_to_num((b - a) / n / np.sqrt(2 * p * (1 - p) / n))
    limits = np.array([ab_stats.always_valid_limit(int(k), 0.7) for k in n])
    assert (abs(z) > limits)[:, 30:].any(axis=1).mean() < 0.05 < (abs(z) > 1.96)[:, 30:].any(axis=1).mean()


def test_an_unknown_rule_or_shape_is_named():
    with pytest.raises(ValueError, match="no rule 'hope'"):
        ab_stats.limits("hope", 3, 10)
    with pytest.raises(ValueError, match="no shape 'round'"):
        ab_stats.boundaries(3, shape="round")


# The manager.


@pytest.fixture
def tests():
    client = valkey.client()
    yield ABTestManager(client, "test-ab")
    for key in client.scan_iter("test-ab:*"):
        client.delete(key)


def test_arms_are_half_and_half_stable_and_grow_by_adding():
    users = [f"u{i}" for i in range(4000)]
    treated = [assign("t", user) is VariantType.TREATMENT for user in users]
    assert ab_stats.balance(sum(treated), 4000 - sum(treated)) > 0.001
    few = [assign("t", user, 0.1) is VariantType.TREATMENT for user in users]
    assert all(later for first, later in zip(few, treated, strict=True) if first)
    assert not any(assign("t", user, 0) is VariantType.TREATMENT for user in users[:100])
    assert all(assign("t", user, 1) is VariantType.TREATMENT for user in users[:100])


def test_results_survive_a_restart_and_count_once(tests):
    assert tests.create_test("x", {"base": 0.3, "smallest": 0.5}) and not tests.create_test(
        "x", {"base": 0.1, "smallest": 0.1}
    )
    for i in range(60):
        good = assign("x", f"u{i}") is VariantType.TREATMENT
        assert tests.record_result("x", f"u{i}", success=good, seconds=1.0)
        assert not tests.record_result("x", f"u{i}", success=not good, seconds=9.0)
    report = ABTestManager(tests.redis, "test-ab").analyze_test_results("x")
    assert report["success_rates"] == {"control": 0.0, "treatment": 1.0}
    assert report["response_times"] == {"control": 1.0, "treatment": 1.0}
    assert report["recommendation"] == "take the treatment"


def test_no_verdict_below_the_planned_size_and_no_rate_of_nothing(tests):
    tests.create_test("y", {"base": 0.7, "smallest": 0.1})
    report = tests.analyze_test_results("y")
    assert "interval" not in report and "294 in each arm" in report["recommendation"]
    for what in (tests.calculate_success_rate, tests.calculate_avg_response_time):
        with pytest.raises(ValueError, match="no results yet"):
            what([])


def test_an_unknown_test_is_an_error_everywhere(tests):
    for action in (tests.analyze_test_results, lambda t: tests.assign_variant(t, "u")):
        with pytest.raises(KeyError, match="typing error"):
            action("nosuch")


@pytest.mark.parametrize(
    ("interval", "balance", "advice"),
    [((0.01, 0.2), 0.5, "take"), ((-0.2, -0.01), 0.5, "keep the control: the treatment is worse"),
     ((-0.1, 0.1), 0.5, "keep the control: no"), ((0.01, 0.2), 1e-9, "stop")],
)  # fmt: skip
def test_the_recommendation_follows_the_interval_unless_the_split_is_broken(interval, balance, advice):
    report = {"interval": interval, "balance_p": balance}
    assert ABTestManager.generate_test_recommendation(report).startswith(advice)
