"""A retry storm: a service that restarts, and everybody who comes back.

It can answer 400 requests a second and gets 200. At second 10 it restarts, which breaks off 2,000 answers,
and three seconds later it is back. The phenomenon: Bronson, Aghayev, Charapko & Zhu 2021, "Metastable
failures in distributed systems".

Taught in: notebooks/05_llm_foundation_models.ipynb
"""

import heapq
from collections.abc import Callable
from random import Random
from typing import Protocol

import numpy as np

SECONDS, PER_TICK = 60, 40  # a tick is a tenth of a second
DOWN = (10, 13)  # s
LOAD, BROKEN_OFF, TRIES = 200, 2000, 6  # first tries in a second, open answers, tries of a call


class Budget(Protocol):
    """What a retry budget must be able to do."""

    def first_try(self) -> None: ...

    def allows_retry(self) -> bool: ...


def storm(
    pause: Callable[[int, Random], float], budget: Budget | None = None, refusal: float = 0.0, seed: int = 1
) -> tuple[np.ndarray, list[float]]:
    """Requests in each tick of a minute, and the moments (s) at which calls failed for good.

    pause: seconds before the next try, from the number of failures so far less one, and a source of lots.
    refusal: the work of saying no, as a share of an answer; what a tick cannot do is left to the next.
    """
    rng = Random(seed)
    waiting = [(rng.uniform(0, SECONDS), 0) for _ in range(LOAD * SECONDS)] + [(DOWN[0], 0)] * BROKEN_OFF
    heapq.heapify(waiting)
    sent, work, lost, tick = np.zeros(10 * SECONDS, int), np.zeros(10 * SECONDS), [], 0
    while waiting and waiting[0][0] < SECONDS:
        moment, attempt = heapq.heappop(waiting)
        while tick < int(10 * moment):
            tick += 1
            work[tick] = max(0, work[tick - 1] - PER_TICK)
        sent[tick] += 1
        if budget and attempt == 0:
            budget.first_try()
        down = DOWN[0] <= moment < DOWN[1]
        refused = down or work[tick] + 1 > PER_TICK
        work[tick] += 0 if down else refusal if refused else 1
        if refused and (attempt + 1 == TRIES or (budget and not budget.allows_retry())):
            lost.append(moment)
        elif refused:
            heapq.heappush(waiting, (moment + pause(attempt, rng), attempt + 1))
    return sent, lost


def aftermath(sent: np.ndarray, lost: list[float]) -> dict[str, float]:
    """A storm in a row of a table: the largest tick and the end of overload, once the service is back."""
    back = 10 * DOWN[1]
    overload = np.flatnonzero(sent[back:] > PER_TICK)
    calm = (back + overload[-1] + 1) / 10 if len(overload) else float(DOWN[1])
    late = sum(moment >= DOWN[1] for moment in lost)
    most = int(sent[back:].max())
    return {"requests": int(sent.sum()), "most in a later tick": most, "calm from (s)": calm,
            "failed": len(lost), "once it was back": late}  # fmt: skip
