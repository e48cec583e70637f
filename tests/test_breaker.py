"""The breaker: open after failures in a row, then one call may try."""

from concurrent.futures import ThreadPoolExecutor

from coursekit.breaker import CircuitBreaker


def test_a_breaker_opens_after_failures_in_a_row_and_lets_one_try_after_its_rest():
    now = [0.0]
    breaker = CircuitBreaker(lambda: now[0], most=2, rest_s=10)
    breaker.note(False)
    breaker.note(True)
    breaker.note(False)
    assert breaker.state == "closed" and breaker.admits()
    breaker.note(False)
    assert breaker.state == "open" and not breaker.admits()
    now[0] = 10.5
    assert breaker.state == "half open" and breaker.admits()
    breaker.note(False)
    assert breaker.state == "open" and not breaker.admits()
    now[0] = 21
    assert breaker.admits()
    breaker.note(True)
    assert breaker.state == "closed" and breaker.failures == 0


def test_of_many_that_ask_after_its_rest_one_is_admitted_and_another_if_that_one_never_tells():
    now = [0.0]
    breaker = CircuitBreaker(lambda: now[0], most=1, rest_s=10)
    breaker.note(False)
    for now[0] in (10.0, 20.0):
        with ThreadPoolExecutor(8) as crowd:
            assert sum(crowd.map(lambda _: breaker.admits(), range(40))) == 1


def test_no_failure_of_many_at_once_goes_uncounted():
    breaker = CircuitBreaker(most=10**6)
    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(lambda _: breaker.note(False), range(2000)))
    assert breaker.failures == 2000
