"""Three promises about a letter, against theory and crashes."""

from math import isclose

import pytest

from coursekit.team_post import PROMISES, effects


@pytest.mark.parametrize("promise", PROMISES)
def test_on_a_good_network_all_promises_are_one(promise):
    assert set(effects(promise, 0.0, n=50).values()) == {1} and len(effects(promise, 0.0, n=50)) == 50


@pytest.mark.parametrize("loss", [0.1, 0.4])
def test_effects_are_as_many_as_theory_says(loss):
    once = effects("at most once", loss, n=4000, seed=3)
    assert max(once.values()) == 1 and isclose(once.total() / 4000, 1 - loss, rel_tol=0.04)
    least = effects("at least once", loss, n=4000, seed=3)
    assert len(least) == 4000 and isclose(least.total() / 4000, 1 / (1 - loss), rel_tol=0.04)
    assert set(effects("effectively once", loss, n=4000, seed=3).values()) == {1}


@pytest.mark.parametrize("crash_at", [1.0, 4.0, 9.0])
def test_a_crash_costs_the_promise_only_where_memory_is_not_on_disk(crash_at):
    kept = effects("effectively once", 0.3, n=500, crash_at=crash_at)
    assert set(kept.values()) == {1} and len(kept) == 500
    assert max(effects("effectively once", 0.3, n=500, on_disk=False, crash_at=crash_at).values()) > 1
