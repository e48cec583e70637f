"""The retry storm, against what must hold in any of them."""

import numpy as np
import pytest

from coursekit import storm as storm_module
from coursekit.storm import BROKEN_OFF, DOWN, LOAD, PER_TICK, SECONDS, TRIES, aftermath, storm


class Never:
    """A budget that allows no retry."""

    def first_try(self):
        pass

    def allows_retry(self):
        return False


RULES = {
    "at once": lambda a, rng: 0.01,
    "doubling": lambda a, rng: 2.0**a,
    "lots": lambda a, rng: rng.random(),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("refusal", [0.0, 0.3])
def test_before_the_outage_nothing_fails_and_nobody_asks_twice(rule, refusal):
    sent, lost = storm(RULES[rule], None, refusal)
    before = sent[: 10 * DOWN[0]]
    assert min(lost, default=SECONDS) >= DOWN[0]
    assert abs(before.sum() / (LOAD * DOWN[0]) - 1) < 0.1


def test_without_retries_every_call_of_the_outage_fails_once_and_no_other():
    sent, lost = storm(RULES["doubling"], Never())
    assert sent.sum() == LOAD * SECONDS + BROKEN_OFF
    asked_in_vain = sent[10 * DOWN[0] : 10 * DOWN[1]].sum()
    assert len(lost) == asked_in_vain and max(lost) < DOWN[1]


@pytest.mark.parametrize("rule", RULES)
def test_no_call_is_sent_more_often_than_its_tries(rule):
    sent, lost = storm(RULES[rule], None, 0.5)
    assert sent.sum() <= TRIES * (LOAD * SECONDS + BROKEN_OFF)
    assert len(lost) <= LOAD * SECONDS + BROKEN_OFF


def test_in_an_outage_without_end_every_call_is_sent_as_often_as_it_may(monkeypatch):
    monkeypatch.setattr(storm_module, "DOWN", (0, SECONDS + 1))
    sent, lost = storm(lambda attempt, rng: 1e-6)
    calls = LOAD * SECONDS + BROKEN_OFF
    assert len(lost) == pytest.approx(calls, abs=2) and sent.sum() == pytest.approx(TRIES * calls, abs=9)


def test_what_the_server_answers_in_a_tick_never_exceeds_its_strength():
    sent, lost = storm(RULES["lots"])
    calls = LOAD * SECONDS + BROKEN_OFF
    answered = calls - len(lost)
    assert answered <= np.minimum(sent, PER_TICK).sum()


def test_the_same_seed_gives_the_same_storm_and_another_seed_another():
    one, again, other = (storm(RULES["lots"], seed=seed) for seed in (1, 1, 2))
    assert (one[0] == again[0]).all() and one[1] == again[1] and (one[0] != other[0]).any()


def test_the_aftermath_is_read_off_the_ticks():
    sent = np.zeros(10 * SECONDS, int)
    sent[[100, 131, 200]] = 5000, PER_TICK, PER_TICK + 1
    row = aftermath(sent, [12.0, 13.0, 20.0])
    assert row["most in a later tick"] == PER_TICK + 1 and row["calm from (s)"] == 20.1
    assert (row["failed"], row["once it was back"]) == (3, 2)
    assert aftermath(np.zeros(10 * SECONDS, int), [])["calm from (s)"] == DOWN[1]
