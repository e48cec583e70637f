import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.durations import constant, erlang, exponential, hyperexponential, lognormal
from coursekit.queueing import serve
from coursekit.queueing_fast import Estimate, serve_many, simulate
from coursekit.queueing_theory import allen_cunneen, mmc, pollaczek_khinchine


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 5), st.integers(1, 6))
def test_many_lines_at_once_are_each_the_line_of_the_visible_loop_to_the_last_bit(
    seed, customers, lines, servers
):
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(1 / servers, (customers, lines))
    services = rng.lognormal(0, 2, (customers, lines))
    waits = serve_many(gaps, services, servers)
    for line in range(lines):
        slow = serve(np.cumsum(gaps[:, line]), services[:, line], servers).waits
        assert np.array_equal(waits[:, line], slow)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1), st.integers(1, 6))
def test_they_agree_too_where_many_things_happen_at_one_moment(customers, servers):
    gaps, services = np.array(customers).T
    slow = serve(np.cumsum(gaps), services, servers).waits
    assert np.array_equal(serve_many(gaps[:, None], services[:, None], servers)[:, 0], slow)


EXACT = {
    "M/M/1": (exponential(1.25), exponential(1), 1, 4.0),
    "M/M/1, in ms": (exponential(1250), exponential(1000), 1, 4000.0),
    "M/M/4": (exponential(0.3125), exponential(1), 4, mmc(3.2, 1, 4).mean_wait),
    "M/M/20": (exponential(1 / 18), exponential(1), 20, mmc(18, 1, 20).mean_wait),
    "M/D/1": (exponential(1.25), constant(1), 1, pollaczek_khinchine(0.8, 1, 0)),
    "M/E3/1": (exponential(1.25), erlang(1, 3), 1, pollaczek_khinchine(0.8, 1, 1 / 3)),
    "M/H2/1": (exponential(1.25), hyperexponential(1, 4), 1, pollaczek_khinchine(0.8, 1, 4)),
    "M/LN/1": (exponential(2), lognormal(1, 2), 1, pollaczek_khinchine(0.5, 1, 2)),
}


@pytest.mark.parametrize(("gaps", "services", "servers", "theory"), EXACT.values(), ids=EXACT)
def test_the_simulated_wait_is_the_wait_of_theory(gaps, services, servers, theory):
    run = simulate(gaps, services, servers, rng=np.random.default_rng(1961), customers=2_000_000)
    assert run.mean_wait.margin < 0.05 * theory
    assert abs(run.mean_wait.mean - theory) < 2 * run.mean_wait.margin
    assert abs(run.mean_stay.mean - theory - services.mean) < 2 * run.mean_stay.margin


def test_a_timetable_of_arrivals_gives_the_wait_of_the_gi_m_1_equation():
    root = 0.5
    for _ in range(200):
        root = np.exp(-1.25 * (1 - root))  # share that waits, if gaps are 1.25 and services 1 on average
    run = simulate(constant(1.25), exponential(1), rng=np.random.default_rng(1961), customers=2_000_000)
    assert abs(run.mean_wait.mean - root / (1 - root)) < 2 * run.mean_wait.margin


def test_the_approximation_for_any_gaps_services_and_servers_is_good_to_a_tenth():
    gaps, services = erlang(1 / 3.6, stages=2), lognormal(1, scv=2)
    run = simulate(gaps, services, 4, rng=np.random.default_rng(1961), customers=4_000_000)
    assert run.mean_wait.mean == pytest.approx(allen_cunneen(3.6, 1, 4, gaps.scv, services.scv), rel=0.1)


def test_simulated_tails_are_the_tails_of_theory():
    run = simulate(
        exponential(0.3125), exponential(1), 4, rng=np.random.default_rng(1961), customers=8_000_000
    )
    line = mmc(3.2, 1, 4)
    for share in 0.5, 0.95, 0.99:
        assert run.wait_quantile(share) == pytest.approx(line.wait_quantile(share), rel=0.05, abs=0.01)
        assert run.stay_quantile(share) == pytest.approx(line.stay_quantile(share), rel=0.05)


def test_the_margin_holds_the_truth_in_about_95_of_100_runs():
    rng = np.random.default_rng(1961)
    runs = (simulate(exponential(2), exponential(1), rng=rng, customers=1, lines=256) for _ in range(300))
    held = sum(1.0 in run.mean_wait for run in runs)
    assert 270 <= held <= 297  # 285 ± four standard deviations


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    def wait(seed):
        return simulate(
            exponential(2), exponential(1), rng=np.random.default_rng(seed), customers=1
        ).mean_wait

    assert wait(7) == wait(7) != wait(8)


def test_at_least_as_many_customers_count_as_were_asked_for():
    for customers in 1, 65_536, 65_537, 1_000_000:
        run = simulate(
            exponential(2), exponential(1), rng=np.random.default_rng(7), customers=customers, lines=100
        )
        assert customers <= run.customers < customers + 65_536


def test_an_estimate_reads_as_a_mean_and_its_margin():
    estimate = Estimate.of(np.array([3.0, 5.0] * 50))
    assert estimate.mean == 4
    assert estimate.margin == pytest.approx(1.96 / 10, rel=0.01)
    assert str(estimate) == "4 ± 0.2"
    assert 4.1 in estimate
    assert 4.3 not in estimate


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda: simulate(exponential(1), exponential(1), rng=None), "load 1.00: gaps of 1 are too short"),
        (lambda: simulate(exponential(2), exponential(1), rng=None, lines=5), "30 lines or more, got 5"),
        (lambda: serve_many(np.ones((2, 3)), np.ones((3, 2))), r"got \(2, 3\) and \(3, 2\)"),
        (
            lambda: serve_many(np.ones((2, 3)), np.ones((2, 3)), servers=0),
            "one server are needed, got 3 and 0",
        ),
    ],
)
def test_a_mistake_is_answered_with_the_value_that_was_wrong(mistake, said):
    with pytest.raises(ValueError, match=said):
        mistake()
