import numpy as np
import pytest

from coursekit.durations import (
    Durations,
    constant,
    erlang,
    exponential,
    hyperexponential,
    lognormal,
    measured,
)

LAWS = {
    "constant": constant(0.2),
    "exponential": exponential(0.2),
    "erlang": erlang(0.2, stages=3),
    "lognormal": lognormal(0.2, scv=2),
    "hyperexponential": hyperexponential(0.2, scv=4),
    "hyperexponential at its edge": hyperexponential(0.2, scv=1),
    "measured": measured([0.1, 0.1, 0.4]),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_draws_have_the_mean_and_the_scv_that_the_law_promises(law):
    draws = law.draw(np.random.default_rng(1961), 1_000_000)
    squares = (draws - law.mean) ** 2
    error = 5 / np.sqrt(len(draws))  # five standard errors
    assert abs(draws.mean() - law.mean) <= error * draws.std() + 1e-12
    assert abs(squares.mean() / law.mean**2 - law.scv) <= error * squares.std() / law.mean**2 + 1e-12


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_same_seed_draws_the_same_durations_and_none_is_negative(law):
    first, second = (law.draw(np.random.default_rng(7), (50, 20)) for _ in range(2))
    assert first.shape == (50, 20)
    assert np.array_equal(first, second)
    assert first.min() >= 0


def test_measured_durations_are_drawn_as_they_were_measured():
    assert set(measured([3, 5, 5]).draw(np.random.default_rng(7), 100)) == {3, 5}


def test_a_law_of_ones_own_needs_mean_and_scv_and_a_function_that_fills():
    law = Durations(mean=2, scv=1 / 12, fill=lambda rng, out: np.add(rng.random(out=out) * 2, 1, out=out))
    draws = law.draw(np.random.default_rng(7), 1000)
    assert 1 <= draws.min() < 1.1
    assert 2.9 < draws.max() <= 3


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda: exponential(0), "a mean above 0 and an scv of 0 or more, got 0 and 1.0"),
        (lambda: lognormal(1, scv=-0.5), "got 1 and -0.5"),
        (lambda: hyperexponential(1, scv=0.5), "scv of 1 or more, got 0.5; erlang"),
        (lambda: erlang(1, stages=0), "at least one stage is needed, got 0"),
    ],
)
def test_a_mistake_is_answered_with_the_value_that_was_wrong(mistake, said):
    with pytest.raises(ValueError, match=said):
        mistake()
