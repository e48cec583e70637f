"""What may fail: kinds by type, pauses under their bound, a breaker, one form of result."""

from random import Random

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain.agents.middleware import PIIDetectionError
from langchain.agents.middleware.model_call_limit import ModelCallLimitExceededError
from langchain.agents.structured_output import StructuredOutputValidationError
from langchain_core.messages import AIMessage
from pydantic import BaseModel, ValidationError

from coursekit import llm, rehearsal
from coursekit.resilience import POLICIES, CircuitBreaker, HandClock, Manager, kind_of, pause_s

REQUEST = httpx.Request("POST", "http://127.0.0.1/")


def status(kind, code, headers=None):
    return kind("no", response=httpx.Response(code, headers=headers, request=REQUEST), body=None)


def invalid():
    class Whole(BaseModel):
        n: int

    try:
        Whole(n="many")
    except ValidationError as error:
        return error


KINDS = [
    (status(openai.RateLimitError, 429), "rate limit"),
    (openai.APITimeoutError(REQUEST), "timeout"),
    (TimeoutError("invalid permission"), "timeout"),
    (openai.APIConnectionError(request=REQUEST), "connection"),
    (ConnectionResetError(), "connection"),
    (status(openai.InternalServerError, 503), "server"),
    (status(openai.AuthenticationError, 401), "authentication"),
    (status(openai.PermissionDeniedError, 403), "authentication"),
    (status(openai.BadRequestError, 400), "request"),
    (ValueError("connection timeout"), "request"),
    (PIIDetectionError("email", []), "request"),
    (invalid(), "answer"),
    (StructuredOutputValidationError("Ticket", ValueError(), AIMessage("")), "answer"),
    (ModelCallLimitExceededError(1, 1, None, 1), "limit"),
    (OSError("disk full"), "unknown"),
]


@pytest.mark.parametrize(
    ("error", "kind"), KINDS, ids=lambda value: getattr(value, "__class__", type(value)).__name__
)
def test_an_error_is_known_by_its_type_whatever_its_text_says(error, kind):
    assert kind_of(error) == kind and POLICIES[kind].advice


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_a_pause_lies_between_nothing_and_the_doubled_bound_which_stops_at_sixty(retry, seed):
    assert 0 <= pause_s(retry, Random(seed)) <= min(60, 2 ** (retry - 1))


def test_pauses_spread_evenly_over_their_whole_range():
    rng = Random(1)
    pauses = [pause_s(9, rng) for _ in range(4000)]
    assert 29 < sum(pauses) / 4000 < 31 and min(pauses) < 1 and max(pauses) > 59


def run(*errors, **settings):
    clock, left = HandClock(), list(errors)

    def call():
        if left:
            raise left.pop(0)
        return "done"

    manager = Manager(rng=Random(1), clock=clock, sleep=clock.sleep, **settings)
    return manager.run(call), clock


@pytest.mark.parametrize("kind", ["rate limit", "answer"])
def test_a_kind_is_tried_as_often_as_its_rule_says_with_no_pause_after_the_last(kind):
    error = next(error for error, name in KINDS if name == kind)
    retries = POLICIES[kind].retries
    result, clock = run(*[error] * retries)
    assert result.success and result.value == "done" and result.attempts == retries + 1
    result, clock = run(*[error] * (retries + 1))
    assert not result.success and result.attempts == retries + 1 and len(clock.slept) == retries
    assert (
        result.kind == kind and result.advice == POLICIES[kind].advice and result.seconds == sum(clock.slept)
    )


def test_max_retries_replaces_the_number_of_a_rule_but_never_makes_hopeless_kinds_be_tried_again():
    limited = KINDS[0][0]
    assert [run(*[limited] * 99, max_retries=n)[0].attempts for n in (0, 1, 10)] == [1, 2, 11]
    assert run(PermissionError("no key"), max_retries=10)[0].attempts == 1


def test_a_pause_is_at_least_what_the_server_asks_for_up_to_the_cap():
    for asked, least in (("7", 7), ("900", 60), ("Sun, 06 Nov 1994 08:49:37 GMT", 0)):
        _, clock = run(status(openai.RateLimitError, 429, {"retry-after": asked}))
        assert len(clock.slept) == 1 and least <= clock.slept[0] <= max(least, 1)


def test_three_failures_open_the_breaker_and_the_result_has_the_same_fields():
    result, clock = run(*[TimeoutError("slow")] * 9)
    assert (result.success, result.kind, result.attempts) == (False, "breaker", 3)
    assert "TimeoutError: slow" in result.error and result.advice and len(clock.slept) == 2


def test_an_open_breaker_sends_nothing_and_lets_one_call_try_after_its_rest():
    clock, sent = HandClock(), []
    breaker = CircuitBreaker(clock, most=2, rest_s=30)
    manager = Manager(max_retries=0, clock=clock, sleep=clock.sleep, breaker=breaker)

    def down():
        sent.append(clock.now)
        raise ConnectionError

    for _ in range(4):
        manager.run(down)
    assert len(sent) == 2 and breaker.state == "open"
    clock.now = 30
    assert breaker.state == "half open"
    manager.run(down)
    assert len(sent) == 3 and breaker.state == "open"
    clock.now = 60
    assert manager.run(lambda: "up").success and breaker.state == "closed"


def test_a_wrong_key_says_nothing_about_the_health_of_the_service():
    manager = Manager(clock=HandClock())

    def locked():
        raise PermissionError

    assert [manager.run(locked).kind for _ in range(5)] == ["authentication"] * 5


def test_real_errors_of_the_client_have_their_kinds():
    from langchain_openai import ChatOpenAI

    replies = {"limited": rehearsal.rate_limited(0.01), "broken": rehearsal.server_error()}
    for name, reply in replies.items():
        rehearsal.policy(name)(lambda request, reply=reply: reply)
    kinds = []
    for name in replies:
        model = ChatOpenAI(model=name, max_retries=0, **llm.connection())
        kinds.append(Manager(max_retries=1, sleep=lambda s: None).run(lambda m=model: m.invoke("hi")).kind)
    assert kinds == ["rate limit", "server"]
