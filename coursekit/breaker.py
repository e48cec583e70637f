"""A circuit breaker: after failures in a row nothing is sent for a while; then one call may try.

    breaker = CircuitBreaker(clock, most=3, rest_s=30)
    if breaker.admits():
        breaker.note(ok)                               # what came of the call

The clock comes from outside, so that half a minute takes none in a test. Many threads may share one.
Source: M. Nygard, "Release It!" (2007), ch. 5. Taught in: notebooks/20_langchain.ipynb
"""

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Open for `rest_s` seconds after `most` failures in a row; then one call may try."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, most: int = 3, rest_s: float = 30.0
    ) -> None:
        self.clock, self.most, self.rest_s = clock, most, rest_s
        self.failures, self.until = 0, 0.0
        self._lock = threading.Lock()

    @property
    def state(self) -> str:
        """closed, open, or half open: rested, and not yet known to be well again."""
        if self.failures < self.most:
            return "closed"
        return "open" if self.clock() < self.until else "half open"

    def admits(self) -> bool:
        """May a call be sent? While it is half open, of many that ask only one: the rest wait for it."""
        with self._lock:
            state = self.state
            if state == "half open":
                self.until = self.clock() + self.rest_s
            return state != "open"

    def note(self, ok: bool) -> None:
        with self._lock:
            self.failures = 0 if ok else self.failures + 1
            self.until = self.clock() + self.rest_s
