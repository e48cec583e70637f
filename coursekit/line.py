"""A line to another service: one pool of connections, retries whose pauses double, a breaker, a small cache.

    line = Line("http://127.0.0.1:9200", {"authorization": "…"})
    line.post("/logs-shop/_search", body)              # the JSON of the answer
    line.breaker.state                                 # open after too many failures in a row

A request is tried again only where that can help: no answer, 429 and 5xx. Clock and sleep come from outside.
Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import json
import threading
import time
from collections.abc import Callable

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from coursekit.breaker import CircuitBreaker


class LineError(Exception):
    """No answer of use came; the words hold no address and no key."""


class _Again(LineError):
    """One that may be different next time."""


class Line:
    """tries: in all.   pause_s: before the second try, doubled after each.   keep_s: for how long an answer
    serves equal requests, 0 for never.   size: connections at once.   sent: the requests that went out.
    """

    def __init__(
        self, url: str, headers: dict | None = None, *, tries: int = 3, pause_s: float = 0.1,
        keep_s: float = 0,
        timeout_s: float = 5, size: int = 10, sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic, breaker: CircuitBreaker | None = None,
    ) -> None:  # fmt: skip
        limits = httpx.Limits(max_connections=size, max_keepalive_connections=size)
        self.http = httpx.Client(
            base_url=url, headers=headers or {}, timeout=timeout_s, limits=limits, trust_env=False
        )
        self.breaker = breaker or CircuitBreaker(clock)
        self.tries, self.pause_s, self.keep_s, self.sleep, self.clock = tries, pause_s, keep_s, sleep, clock
        self.kept: dict[str, tuple[float, dict]] = {}
        self.sent, self._lock = 0, threading.Lock()

    def post(self, path: str, body: dict) -> dict:
        """Raises: LineError when the tries are used up, or at once while the breaker is open."""
        key = path + json.dumps(body, sort_keys=True)
        at, answer = self.kept.get(key, (0.0, {}))
        if self.keep_s and answer and self.clock() - at < self.keep_s:
            return answer
        retrying = Retrying(
            stop=stop_after_attempt(self.tries), wait=wait_exponential(self.pause_s, min=self.pause_s),
            retry=retry_if_exception_type(_Again), sleep=self.sleep, reraise=True,
        )  # fmt: skip
        answer = retrying(self._once, path, body)
        if self.keep_s:
            with self._lock:
                self.kept = {k: v for k, v in self.kept.items() if self.clock() - v[0] < self.keep_s}
                self.kept[key] = self.clock(), answer
        return answer

    def _once(self, path: str, body: dict) -> dict:
        if not self.breaker.admits():
            raise LineError("the circuit breaker is open")
        with self._lock:
            self.sent += 1
        try:
            reply = self.http.post(path, json=body)
        except httpx.HTTPError as error:
            self.breaker.note(False)
            raise _Again(f"no answer ({type(error).__name__})") from None
        failed = reply.status_code >= 500 or reply.status_code == 429
        self.breaker.note(not failed)
        if failed:
            raise _Again(f"it answered {reply.status_code}")
        if reply.is_error:
            raise LineError(f"it refused the request ({reply.status_code})")
        try:
            return reply.json()
        except ValueError:
            raise LineError("its answer is not JSON") from None

    def close(self) -> None:
        self.http.close()
