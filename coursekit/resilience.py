"""Run what may fail: a rule for each kind of error, pauses that spread, a breaker, and one form of result.

    manager = Manager(rng=Random(1), clock=clock, sleep=sleep)
    result = manager.run(lambda: agent.invoke(question))    # never raises what the agent raised
    result.success, result.attempts, result.advice

Errors are told apart by their type, never by words in their text. Clock, sleep and rng come from outside, so
that a minute of waiting takes none in a test.
Source: M. Brooker, "Exponential Backoff and Jitter" (AWS, 2015). Taught in: notebooks/20_langchain.ipynb
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import openai
from langchain.agents.middleware import PIIDetectionError
from langchain.agents.middleware.model_call_limit import ModelCallLimitExceededError
from langchain.agents.middleware.tool_call_limit import ToolCallLimitExceededError
from langchain.agents.structured_output import StructuredOutputError
from langchain_core.exceptions import ModelError, OutputParserException
from langgraph.errors import GraphRecursionError
from pydantic import ValidationError

from coursekit.breaker import CircuitBreaker

BASE_S, CAP_S = 1.0, 60.0


@dataclass(frozen=True)
class Policy:
    """What to do about a kind of error. retries: after the first try.   harm: does the breaker count it?"""

    retries: int
    harm: bool
    advice: str


POLICIES = {
    "rate limit": Policy(5, False, "ask less often, or for a higher limit"),
    "timeout": Policy(3, True, "raise the timeout, or ask for a shorter answer"),
    "connection": Policy(3, True, "check that the server runs and can be reached"),
    "server": Policy(3, True, "wait for the provider, or fall back to another model"),
    "authentication": Policy(0, False, "check the API key and what it may do"),
    "request": Policy(0, False, "correct the request; the same one will fail again"),
    "answer": Policy(1, False, "show the model its mistake, or loosen the schema"),
    "limit": Policy(0, False, "raise max_iterations, or split the task"),
    "unknown": Policy(1, True, "read the log; then give this error a rule of its own"),
}

KINDS = (  # the first that fits
    ("rate limit", (openai.RateLimitError,)),
    ("timeout", (openai.APITimeoutError, TimeoutError)),
    ("connection", (openai.APIConnectionError, ConnectionError)),
    ("server", (openai.InternalServerError,)),
    ("authentication", (openai.AuthenticationError, openai.PermissionDeniedError, PermissionError)),
    ("answer", (ValidationError, OutputParserException, StructuredOutputError)),
    ("limit", (ModelCallLimitExceededError, ToolCallLimitExceededError, GraphRecursionError)),
    ("request", (openai.APIStatusError, ModelError, PIIDetectionError, TypeError, KeyError, ValueError)),
)


def kind_of(error: BaseException) -> str:
    """Which rule of POLICIES is meant.

    >>> kind_of(TimeoutError()), kind_of(ValueError("connection string is invalid"))
    ('timeout', 'request')
    """
    return next((kind for kind, types in KINDS if isinstance(error, types)), "unknown")


class HandClock:
    """Seconds that pass only when somebody sleeps, or sets `now`: for experiments and tests."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def pause_s(retry: int, rng: Random, base_s: float = BASE_S, cap_s: float = CAP_S) -> float:
    """Full jitter: anything from 0 to the doubled bound, which never exceeds the cap. retry: 1, 2, 3, …"""
    return rng.uniform(0, min(cap_s, base_s * 2 ** (retry - 1)))


def asked_s(error: BaseException) -> float:
    """The pause that the server asks for in `Retry-After`, in seconds; 0 if it says nothing."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        return max(0.0, min(CAP_S, float(headers.get("retry-after", 0))))
    except ValueError:  # a date; rare, and the pause that doubles will do
        return 0.0


@dataclass(frozen=True)
class Result:
    """The same fields whether it went well or not."""

    success: bool
    value: object
    attempts: int
    seconds: float
    kind: str = ""
    error: str = ""
    advice: str = ""


class Manager:
    """Runs calls one after another. max_retries: in place of each rule's number, except where that is 0."""

    def __init__(
        self,
        *,
        max_retries: int | None = None,
        rng: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        self.max_retries, self.rng, self.clock, self.sleep = max_retries, rng or Random(), clock, sleep
        self.breaker = breaker or CircuitBreaker(clock)

    def run(self, call: Callable[[], object]) -> Result:
        """Try, pause, try again, as the rule of the error says; never a pause after the last try."""
        start, attempts, last = self.clock(), 0, "nothing was sent"
        while True:
            if self.breaker.state == "open":
                rest = self.breaker.until - self.clock()
                why = f"the circuit breaker is open for {rest:.0f} s more; {last}"
                return Result(False, None, attempts, self.clock() - start, "breaker", why, "come back later")
            attempts += 1
            try:
                value = call()
            except Exception as error:
                kind = kind_of(error)
                rule, last = POLICIES[kind], f"{type(error).__name__}: {error}".splitlines()[0]
                if rule.harm:
                    self.breaker.note(False)
                if attempts > self._allowed(rule):
                    return Result(False, None, attempts, self.clock() - start, kind, last, rule.advice)
                if self.breaker.state != "open":
                    self.sleep(max(asked_s(error), pause_s(attempts, self.rng)))
            else:
                self.breaker.note(True)
                return Result(True, value, attempts, self.clock() - start)

    def _allowed(self, rule: Policy) -> int:
        return rule.retries if self.max_retries is None or not rule.retries else self.max_retries
