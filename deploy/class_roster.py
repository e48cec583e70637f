"""A class in Redis: who has a key, how many tokens each may use a day, and how many each has used.

    roster = Roster(client, budget=100_000)
    key = await roster.admit("ada")                        # readable only now; a digest is kept
    async with roster.call("ada", most=900) as call:       # 429 if 900 could pass what is left today
        ...
        await call.book(prompt=120, answer=80)             # 700 are given back

The most that a call can take is charged before it is made, in one step, so calls at once never pass the
budget together; what it did not take comes back. A call that broke off is charged in full: nobody learnt
what it took.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime, time, timedelta

import redis.asyncio

from coursekit.access import ApiKeys
from coursekit.apps import Problem

SPACE = "class"  # before every name in Redis
STUDENT, STAFF = "llm:chat", "class:staff"  # what a key allows
KEPT_S = 60 * 86_400  # usage is forgotten after two months
NUMBERS = ("calls", "prompt", "answer", "lost", "spent")  # of a student's day

HOLD = """
local spent = tonumber(redis.call('HGET', KEYS[1], 'spent') or 0)
local most, budget = tonumber(ARGV[1]), tonumber(ARGV[2])
if spent + most > budget then return {0, math.max(0, budget - spent)} end
redis.call('HINCRBY', KEYS[1], 'spent', most)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {1, budget - spent - most}
"""


class Call:
    """One call that is being paid for: `book` what it took, or `forget` it if it took nothing."""

    def __init__(self, redis: redis.asyncio.Redis, place: str, most: int) -> None:
        self.redis, self.place, self.most = redis, place, most
        self.begun, self.open = False, True  # begun: the model was asked

    async def book(self, prompt: int, answer: int) -> None:
        """Charge what was used instead of what was held. Only the first time counts."""
        await self._close(calls=1, prompt=prompt, answer=answer, spent=prompt + answer - self.most)

    async def forget(self) -> None:
        """Give everything back."""
        await self._close(spent=-self.most)

    async def end(self) -> None:
        """Nobody learnt what it took: what was held stays charged, if the model was asked at all."""
        await (self._close(calls=1, lost=self.most) if self.begun else self.forget())

    async def _close(self, **more: int) -> None:
        if not self.open:
            return
        self.open = False
        async with self.redis.pipeline(transaction=True) as together:
            for name, number in more.items():
                together.hincrby(self.place, name, number)
            await together.execute()


class Roster(ApiKeys):
    """The keys of chapter 7 with one for each student, and a budget of tokens for each day.

    budget: tokens a day of a student who has none of their own.   clock: the class's own, for its midnight.
    """

    def __init__(
        self, redis: redis.asyncio.Redis, budget: int, clock: Callable[[], datetime] = datetime.now
    ) -> None:
        super().__init__(redis, SPACE)
        self.default, self.clock = budget, clock
        self._hold = redis.register_script(HOLD)

    async def admit(self, student: str, scope: str = STUDENT) -> str:
        """A new key, which can be read only now; an older one of theirs is good no more."""
        await self.revoke(student, scope)
        key = await self.create(student, [scope])
        await self.redis.hset(f"{SPACE}:keys:{scope}", student, key.split("_", 2)[1])
        return key

    async def revoke(self, student: str, scope: str = STUDENT) -> None:
        """Their key opens nothing from now on; what they have used stays known."""
        if name := await self.redis.hget(f"{SPACE}:keys:{scope}", student):
            await self.redis.delete(f"{SPACE}:api_key:{name}")
            await self.redis.hset(f"{SPACE}:keys:{scope}", student, "")

    async def students(self) -> dict[str, str]:
        """Everybody who was ever admitted, with the name of their key; '' for one that was revoked."""
        return dict(sorted((await self.redis.hgetall(f"{SPACE}:keys:{STUDENT}")).items()))

    async def known(self, student: str) -> str:
        """The name itself. Raises: Problem 404, which lists nobody."""
        if not await self.redis.hexists(f"{SPACE}:keys:{STUDENT}", student):
            raise Problem(404, "Unknown student", f"nobody in this class is called {student!r}")
        return student

    async def grant(self, student: str, tokens: int) -> None:
        """So many tokens a day for one student."""
        await self.redis.hset(f"{SPACE}:budgets", await self.known(student), tokens)

    @contextlib.asynccontextmanager
    async def call(self, student: str, most: int) -> AsyncIterator[Call]:
        """Hold `most` tokens for one call. Raises: Problem 429 if that could pass today's budget."""
        place, budget = self._place(student), await self._budget(student)
        held, left = await self._hold(keys=[place], args=[most, budget, KEPT_S])
        if not held:
            raise self._spent(most, left, budget)
        call = Call(self.redis, place, most)
        try:
            yield call
        except Problem:  # refused, or nobody there
            await call.forget()
            raise
        finally:
            await call.end()

    async def day(self, student: str) -> dict[str, int]:
        """Calls, tokens read, tokens written, and what is charged and left of today's budget."""
        found, budget = await self.redis.hgetall(self._place(student)), await self._budget(student)
        used = {name: int(found.get(name, 0)) for name in NUMBERS}
        return used | {"budget": budget, "left": max(0, budget - used["spent"])}

    def _place(self, student: str) -> str:
        return f"{SPACE}:day:{self.clock().date()}:{student}"

    async def _budget(self, student: str) -> int:
        return int(await self.redis.hget(f"{SPACE}:budgets", student) or self.default)

    def _spent(self, most: int, left: int, budget: int) -> Problem:
        now = self.clock()
        midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
        words = (
            f"This call can take {most:,} tokens, and {left:,} of today's {budget:,} are left. Ask for fewer "
            "with max_tokens, shorten the prompt, or ask your instructor for more."
        )
        again = str(max(1, round((midnight - now).total_seconds())))
        return Problem(429, "Budget used up", words, {"Retry-After": again, "x-should-retry": "false"})
