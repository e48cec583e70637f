"""Collecting, analysing, deciding: against numpy, brute force and sources that fail."""

from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.team_roles import (
    CRITERIA,
    WEIGHTINGS,
    Analyst,
    Collector,
    Decider,
    anomaly,
    pattern,
    statistic,
    trend,
)

values = st.lists(st.integers(-1000, 1000), min_size=3, max_size=40).filter(lambda v: len(set(v)) > 1)
options = st.dictionaries(
    st.sampled_from("abcde"),
    st.fixed_dictionaries({c: st.integers(0, 10).map(lambda n: n / 10) for c in CRITERIA}),
    min_size=1,
)


def test_a_source_that_fails_counts_no_data_and_stops_no_other():
    def broken(request):
        raise OSError("disk gone\nsecond line")

    seconds = iter([10.0, 12.5])
    collector = Collector("c", {"good": lambda r: [1, 2], "bad": broken}, lambda: next(seconds))
    got = collector.collect(["bad", "good", "ghost"], since=3)
    assert got["data"] == {"good": [1, 2]} and got["errors"]["bad"] == "OSError: disk gone"
    assert got["metadata"] == {"sources": 1, "points": 2, "took_s": 2.5}
    assert collector.history[0]["request"] == {"since": 3} and set(got["errors"]) == {"bad", "ghost"}


@given(values)
def test_statistics_and_trend_agree_with_numpy(v):
    assert isclose(statistic(v)["mean"], np.mean(v), abs_tol=1e-9)
    assert isclose(statistic(v)["stdev"], np.std(v, ddof=1))
    assert isclose(trend(v)["per_step"], np.polyfit(range(len(v)), v, 1)[0], abs_tol=1e-6)


def test_a_trend_is_clear_when_it_is_and_noise_has_none():
    rng = np.random.default_rng(1)
    assert trend((np.arange(50) + rng.normal(0, 3, 50)).tolist())["clear"]
    clear = sum(trend(rng.normal(0, 1, 50).tolist())["clear"] for _ in range(400)) / 400
    assert 0.02 < clear < 0.1  # twice the standard error: about one in twenty


@pytest.mark.parametrize("period", [5, 12, 24])
def test_a_rhythm_is_found(period):
    x = 10 * np.sin(2 * np.pi * np.arange(120) / period) + np.random.default_rng(2).normal(0, 1, 120)
    assert pattern(x.tolist())["period"] == period


def test_odd_values_are_found_and_a_calm_series_has_none():
    calm = np.random.default_rng(3).normal(0, 1, 200).tolist()
    assert anomaly(calm) == {"at": []}
    calm[17], calm[99] = 30, -30
    assert anomaly(calm) == {"at": [17, 99]}
    assert anomaly([5.0] * 10) == {"at": []} and anomaly([5.0] * 10 + [99.0]) == {"at": [10]}


def test_an_answer_is_kept_for_an_hour_and_by_content():
    now = [0.0]
    analyst = Analyst("a", lambda: now[0])
    first = analyst.analyse([1, 2, 3], "trend")
    for moment, computed in ((3599.9, 1), (3600, 2), (7199, 2)):
        now[0] = moment
        assert analyst.analyse([1, 2, 3], "trend") == first and analyst.computed == computed
    analyst.analyse([1, 2, 4], "trend")
    analyst.analyse([1, 2, 3], "statistic")
    assert analyst.computed == 4


def test_every_advertised_ability_works_and_others_are_refused():
    analyst = Analyst("a", lambda: 0.0)
    assert all(analyst.analyse([1, 5, 2, 6, 1, 7], kind) for kind in analyst.capabilities)
    with pytest.raises(ValueError, match="'horoscope' is not known; there are pattern"):
        analyst.analyse([1], "horoscope")


@given(options)
def test_the_recommended_option_has_the_best_score_and_the_others_follow(opts):
    decision = Decider("d", CRITERIA).decide(opts, harm={})
    score = {name: sum(CRITERIA[c] * v[c] for c in CRITERIA) for name, v in opts.items()}
    assert isclose(score[decision["recommended"]], max(score.values()))
    ranking = [decision["recommended"], *decision["alternatives"]]
    assert [score[n] for n in ranking] == sorted((score[n] for n in ranking), reverse=True)
    assert len(ranking) == min(3, len(opts)) and decision["risk"] == 0


def test_confidence_is_one_where_an_option_is_best_in_everything():
    best, worst = dict.fromkeys(CRITERIA, 0.9), dict.fromkeys(CRITERIA, 0.1)
    decision = Decider("d", CRITERIA).decide({"x": best, "y": worst}, {"x": (0.5, 10)})
    assert decision["confidence"] == 1 and decision["risk"] == 5
    assert len(WEIGHTINGS) == 286 and len(set(WEIGHTINGS)) == 286


def test_without_options_there_is_nothing_to_decide():
    with pytest.raises(ValueError, match="at least one option"):
        Decider("d", CRITERIA).decide({}, {})


def test_confidence_is_the_share_of_weightings_that_agree():
    x = {"relief": 1.0, "safety": 0.0, "speed": 0.5, "cheapness": 0.5}
    y = {"relief": 0.0, "safety": 1.0, "speed": 0.5, "cheapness": 0.5}
    decision = Decider("d", CRITERIA).decide({"x": x, "y": y}, {})
    tenths = [(a, b) for a in range(11) for b in range(11 - a) for _ in range(11 - a - b)]
    wins = sum(a >= b for a, b in tenths)  # of equals the first by name
    assert decision["recommended"] == "x" and isclose(decision["confidence"], wins / 286)
    assert 0.5 < decision["confidence"] < 0.7


def test_what_is_kept_is_not_changed_by_who_got_it():
    analyst = Analyst("a", lambda: 0.0)
    analyst.analyse([5, 5, 5, 5, 99], "anomaly")["at"].clear()
    assert analyst.analyse([5, 5, 5, 5, 99], "anomaly") == {"at": [4]} and analyst.computed == 1


def test_criteria_may_have_other_names():
    judge = Decider("d", {"a": 0.7, "b": 0.1, "c": 0.1, "d": 0.1})
    assert judge.decide({"x": dict.fromkeys("abcd", 1.0)}, {})["confidence"] == 1
