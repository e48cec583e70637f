"""Is it well? Named checks, each timed and limited, together remembered for a while, since some cost money.

    checker = HealthChecker({"llm": ask_the_model, "disk": enough_room})
    (await checker.look())["healthy"]

Taught in: notebooks/07_llm_production.ipynb
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import psutil

Check = Callable[[], Awaitable[dict]]


class HealthChecker:
    """checks: name -> coroutine function that returns what it found, or raises.

    limit_s: for each, after which it counts as failed.   keep_s: for how long the answers are remembered.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        limit_s: float = 1.0,
        keep_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.checks, self.limit_s, self.keep_s, self.clock = checks, limit_s, keep_s, clock
        self.kept, self.lock = None, asyncio.Lock()

    async def look(self) -> dict:
        """`healthy`, `at` and `checks`: status, seconds, and what each found or the kind of its error."""
        async with self.lock:  # ten probes at once make one call
            if self.kept is None or self.clock() - self.kept["at"] >= self.keep_s:
                found = await asyncio.gather(*map(self.one, self.checks.values()))
                checks = dict(zip(self.checks, found, strict=True))
                healthy = all(check["status"] == "healthy" for check in found)
                self.kept = {"at": self.clock(), "healthy": healthy, "checks": checks}
            return self.kept

    async def one(self, check: Check) -> dict:
        start = time.perf_counter()
        try:
            async with asyncio.timeout(self.limit_s):
                said = {"status": "healthy", **(await check())}
        except Exception as error:
            said = {"status": "unhealthy", "cause": type(error).__name__}
        return said | {"seconds": time.perf_counter() - start}


async def enough_room(limit: float = 90) -> dict:
    """CPU, memory and disk in percent. Raises: RuntimeError if memory or disk is above `limit`.

    The processor does not count: readiness that fails when all are busy takes machines away just then.
    """
    used = {"cpu": psutil.cpu_percent(), "memory": psutil.virtual_memory().percent,
            "disk": psutil.disk_usage("/").percent}  # fmt: skip
    if full := [name for name in ("memory", "disk") if used[name] > limit]:
        raise RuntimeError(f"above {limit} %: {', '.join(full)}")
    return used
