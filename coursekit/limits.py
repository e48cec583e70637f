"""Limits that hold over all replicas of a service: each is decided by one script inside Redis.

    limits = Limits(valkey.async_client(), "my-service")
    decision = await limits.window("ada", limit=100, window_s=3600)      # sliding window
    decision = await limits.bucket("ada", rate=2, burst=10, cost=3)      # token bucket
    async with limits.slot("ada", limit=4): ...                          # at most four at once

Only what was admitted is remembered, so whoever is refused may come again and is told when.
Taught in: notebooks/07_llm_production.ipynb
"""

import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import redis.asyncio

from coursekit.apps import Problem

# How the three keep their books: a sorted set of moments, a level and its moment, a sorted set of leases.
TIME = """
local now = tonumber(ARGV[1])
if now < 0 then local t = redis.call('TIME'); now = t[1] + t[2] / 1e6 end
"""
WINDOW = """
local limit, window = tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local inside, ok = redis.call('ZCARD', KEYS[1]), 0
if inside < limit then
    redis.call('ZADD', KEYS[1], now, ARGV[4])
    redis.call('PEXPIRE', KEYS[1], math.ceil(window * 1000))
    inside, ok = inside + 1, 1
end
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or now
return {ok, limit - inside, tostring(oldest + window - now)}
"""
BUCKET = """
local rate, burst, cost = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local kept, ok = redis.call('HMGET', KEYS[1], 'level', 'at'), 0
local level = kept[1] and math.min(burst, kept[1] + rate * math.max(0, now - kept[2])) or burst
if level + 1e-6 >= cost then level, ok = math.max(0, level - cost), 1 end
local at = string.format('%.6f', math.max(now, kept[2] or now))  -- earn nothing twice
redis.call('HSET', KEYS[1], 'level', string.format('%.9f', level), 'at', at)
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000))
return {ok, math.floor(level), tostring(math.max(0, cost - level) / rate)}
"""
SLOT = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local inside, ok = redis.call('ZCARD', KEYS[1]), 0
if inside < tonumber(ARGV[2]) then
    redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[4])
    redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[3] * 1000))
    inside, ok = inside + 1, 1
end
return {ok, ARGV[2] - inside, '1'}
"""


@dataclass(frozen=True)
class Decision:
    admitted: bool
    left: int  # how many more would be admitted now
    wait_s: float  # until the next one will be; for a window, until its oldest entry leaves


class Limits:
    """Limits for all replicas together. `space` stands before every name in Redis.

    Left out, `now` is Redis' own clock, the one that all replicas share; given, it is for experiments.
    """

    def __init__(self, redis: redis.asyncio.Redis, space: str) -> None:
        self.redis, self.space = redis, space
        texts = {"window": WINDOW, "bucket": BUCKET, "slot": SLOT}
        self.scripts = {name: redis.register_script(TIME + text) for name, text in texts.items()}

    async def ask(self, kind: str, key: str, *numbers, now: float | None = None) -> Decision:
        place, arguments = f"{self.space}:{kind}:{key}", [-1 if now is None else now, *numbers]
        admitted, left, wait = await self.scripts[kind](keys=[place], args=arguments)
        return Decision(bool(admitted), int(left), float(wait))

    async def window(self, key: str, limit: int, window_s: float, now: float | None = None) -> Decision:
        """At most `limit` in any stretch of `window_s` seconds."""
        return await self.ask("window", key, limit, window_s, secrets.token_hex(8), now=now)

    async def bucket(
        self, key: str, rate: float, burst: float, cost: float = 1, now: float | None = None
    ) -> Decision:
        """Pay `cost` out of a bucket that holds `burst` at most and gains `rate` a second."""
        return await self.ask("bucket", key, rate, burst, cost, now=now)

    @contextlib.asynccontextmanager
    async def slot(self, key: str, limit: int, lease_s: float = 60) -> AsyncIterator[None]:
        """Be one of at most `limit` inside; a lease, should its holder die. Raises: Problem 429."""
        mine = secrets.token_hex(8)
        if not (await self.ask("slot", key, limit, lease_s, mine)).admitted:
            raise Problem(429, "Too many at once", "", {"Retry-After": "1"})
        try:
            yield
        finally:
            await self.redis.zrem(f"{self.space}:slot:{key}", mine)
