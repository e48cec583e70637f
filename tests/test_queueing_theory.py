from fractions import Fraction
from math import exp, factorial, lgamma, log

import numpy as np
import pytest

from coursekit.queueing_theory import (
    allen_cunneen,
    erlang_b,
    erlang_c,
    kingman,
    mm1,
    mmc,
    pollaczek_khinchine,
)


def powers(offered, servers):
    return [Fraction(offered) ** n / factorial(n) for n in range(servers + 1)]


@pytest.mark.parametrize("servers", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("load", [0.125, 0.5, 0.9375])
def test_erlangs_formulas_agree_with_their_sums_of_factorials_in_exact_fractions(servers, load):
    weights = powers(load * servers, servers)
    assert erlang_b(load * servers, servers) == pytest.approx(float(weights[-1] / sum(weights)), rel=1e-13)
    waiting = weights[-1] / (1 - Fraction(load))
    assert erlang_c(load * servers, servers) == pytest.approx(float(waiting / (sum(weights[:-1]) + waiting)))


def test_erlang_b_gives_the_numbers_of_the_printed_traffic_tables():
    assert erlang_b(4.461, 10) == pytest.approx(0.01, rel=1e-3)  # 10 trunks carry 4.461 erlangs at 1 % loss
    assert erlang_b(84.064, 100) == pytest.approx(0.01, rel=1e-3)  # 100 trunks 84.064


def test_erlang_c_is_right_for_two_thousand_servers():
    servers, offered = 2000, 1980.0
    logs = np.array([n * log(offered) - lgamma(n + 1) for n in range(servers + 1)])
    weights = np.exp(logs - logs.max())
    waiting = weights[-1] / (1 - offered / servers)
    assert erlang_c(offered, servers) == pytest.approx(waiting / (weights[:-1].sum() + waiting), rel=1e-9)


@pytest.mark.parametrize(
    ("rate", "service", "servers"), [(0.8, 1, 1), (3.2, 1, 4), (4, 0.5, 3), (90, 0.2, 20)]
)
def test_mmc_agrees_with_the_balance_of_its_states(rate, service, servers):
    states = np.arange(2000)
    upward = rate * service / np.minimum(states[1:], servers)
    shares = np.cumprod(np.concatenate([[1.0], upward]))
    shares /= shares.sum()
    line = mmc(rate, service, servers)
    assert line.mean_in_system == pytest.approx(np.sum(states * shares))
    assert line.mean_in_line == pytest.approx(np.sum(np.maximum(states - servers, 0) * shares))
    assert line.must_wait == pytest.approx(shares[servers:].sum())
    assert line.offered == pytest.approx(np.sum(np.minimum(states, servers) * shares))


@pytest.mark.parametrize(("rate", "servers"), [(0.8, 1), (3.2, 4), (2, 3), (2.0000001, 3)])
def test_tails_enclose_the_area_of_their_mean(rate, servers):
    line = mmc(rate, 1, servers)  # at 2 customers and 3 servers two rates coincide
    times = np.linspace(0, 200, 200_001)
    for tail, mean in (line.wait_tail, line.mean_wait), (line.stay_tail, line.mean_stay):
        assert np.trapezoid([tail(time) for time in times], times) == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("share", [0, 0.5, 0.95, 0.999])
def test_a_quantile_is_where_the_tail_has_that_much_left(share):
    line = mmc(4, 0.5, 3)
    assert line.stay_tail(line.stay_quantile(share)) == pytest.approx(1 - share)
    assert line.wait_tail(line.wait_quantile(share)) == pytest.approx(min(1 - share, line.must_wait))


def test_with_one_server_stays_are_exponential():
    line = mm1(8, 0.1)
    assert line.mean_stay == pytest.approx(1 / (10 - 8))
    assert line.stay_quantile(0.95) == pytest.approx(-log(0.05) * line.mean_stay)
    assert line.stay_tail(1.0) == pytest.approx(exp(-1.0 / line.mean_stay))


def test_nobody_waits_for_two_thousand_servers_with_the_work_of_ten():
    assert mmc(10, 1, 2000).wait_quantile(0.999) == 0


def test_the_general_formulas_contain_the_special_ones():
    assert pollaczek_khinchine(0.8, 1, 1) == pytest.approx(mm1(0.8, 1).mean_wait)
    assert kingman(0.8, 1, 1, 4) == pytest.approx(pollaczek_khinchine(0.8, 1, 4))
    assert allen_cunneen(0.8, 1, 1, 0.5, 4) == pytest.approx(kingman(0.8, 1, 0.5, 4))
    assert allen_cunneen(3.2, 1, 4, 1, 1) == pytest.approx(mmc(3.2, 1, 4).mean_wait)
    assert kingman(0.8, 1, 0, 0) == 0  # a timetable that is kept


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda: mmc(200, 0.1, 20), "load 1.00: 20 erlangs of work need 21 servers or more, got 20"),
        (lambda: mm1(200, 3), "load 600.00: 600 erlangs of work need 601 servers"),
        (lambda: pollaczek_khinchine(2, 1, 0), "load 2.00"),
        (lambda: kingman(1, 1, 0, 1), "load 1.00"),
        (lambda: erlang_c(3, 2), "need 4 servers or more, got 2"),
        (lambda: erlang_b(-1, 2), "got -1 and 2"),
        (lambda: mmc(1, 0.1, 0), "servers=0"),
        (lambda: mm1(1, 0.5).wait_quantile(95), "got 95; p95 is 0.95"),
    ],
)
def test_a_mistake_is_answered_with_the_value_that_was_wrong(mistake, said):
    with pytest.raises(ValueError, match=said):
        mistake()
