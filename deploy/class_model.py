"""One model for a whole class: the gateway of chapter 7 in front of any server that speaks OpenAI's protocol.

    app = make_class_model(Upstream("http://127.0.0.1:11434/v1", "qwen3:8b"), roster, Rules(), Gate)

From chapter 7 come the line with places (`Gate`: one for the model, and one for each student), the keys and
their guard, the limit of requests, problems, deadlines, and answers that are passed on while they come. What
the chapter left out is added: OpenAI's own dialect, and a budget of tokens for each student.
What is asked and answered is written down nowhere.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import aiohttp
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from coursekit.access import BEARER, SafeHeaders, Tokens, make_guard
from coursekit.apps import Problem, new_app, time_left
from coursekit.hops import Live, hop, passed_on
from deploy import class_dialect as dialect
from deploy.class_roster import SPACE, STAFF, STUDENT, Roster

ANYBODY = 100_000  # calls in the line before the model: never reached, each student's own line is shorter
NO_MODEL = Problem(503, "No model", "The model of this class does not answer; tell your instructor.")
NO_STORE = Problem(503, "No limits", "The class server cannot count now.", {"Retry-After": "5"})
NOT_YOU = Problem(401, "Not authenticated", "This class does not know your key; copy it again.", BEARER)


@dataclass(frozen=True)
class Upstream:
    """Where the model is, and the one name under which it is asked."""

    url: str
    model: str
    key: str = "none"


@dataclass(frozen=True)
class Rules:
    """What each student may; `slots` is how many calls the model's server takes at once."""

    per_minute: int = 60
    at_once: int = 2
    in_line: int = 16  # more calls of one student wait here; a further one is told to come again
    answer: int = 512  # tokens of one answer
    body: int = 256 * 1024  # bytes of one call
    slots: int = 4
    timeout_s: float = 300


class Change(BaseModel):
    """What the instructor asks for."""

    student: str = Field(min_length=1, max_length=80)
    tokens: int = Field(0, ge=0)


def make_class_model(upstream: Upstream, roster: Roster, rules: Rules, gate: Callable) -> FastAPI:
    """The gateway. gate: chapter 7's `Gate`, which the caller has from the notebook."""

    @contextlib.asynccontextmanager
    async def to_model():
        # a connection that is kept open may be closed from there just as the next call goes out on it
        pool = aiohttp.TCPConnector(limit=0, force_close=True)
        heads = {"authorization": f"Bearer {upstream.key}"}
        async with aiohttp.ClientSession(connector=pool, headers=heads) as app.state.http:
            yield

    app = new_app("class model", timeout_s=rules.timeout_s, resources=[to_model()])
    app.add_middleware(SafeHeaders)
    app.add_exception_handler(Problem, _say)
    app.add_exception_handler(RedisError, lambda *_: _say(_, NO_STORE))
    model, lines = gate(rules.slots, ANYBODY), {}

    async def forward(who: str, asked: dialect.Asked) -> AsyncIterator:
        line = lines.setdefault(who, gate(rules.at_once, rules.in_line))
        if line.free.locked() and line.line >= rules.in_line:
            words = f"{rules.in_line} of your calls wait already; wait for their answers."
            raise Problem(429, "Too many at once", words, {"Retry-After": "2"})
        async with (
            asyncio.timeout(time_left()),
            line.enter(),
            roster.call(who, asked.most) as call,
            model.enter(),
        ):
            call.begun = True
            async with hop(app, f"{upstream.url}/{asked.path}", asked.body) as reply:
                if reply.status != 200:
                    await call.forget()
                if reply.status in (401, 403):
                    raise NO_MODEL  # our key is refused, not theirs
                yield reply.status, passed_on(reply.headers)
                async for part in dialect.told(reply, asked, call.book):
                    yield part

    def door(needs: str, limit: int) -> APIRouter:
        guard = make_guard(Tokens(), lambda: roster.redis, SPACE, needs=needs, limit=limit, window_s=60)
        return APIRouter(dependencies=[Depends(guard)])

    async def student(request: Request) -> str:
        found = await roster.check(request.headers.get("authorization", "").partition(" ")[2])
        return found["sub"]

    asking = door(STUDENT, rules.per_minute)

    async def ask(request: Request, who: str = Depends(student)):
        path, raw = request.url.path.removeprefix("/v1/"), await dialect.whole(request, rules.body)
        return Live(forward(who, dialect.read(path, raw, upstream.model, rules.answer, upstream.url)))

    for path in dialect.PATHS:
        asking.add_api_route(f"/v1/{path}", ask, methods=["POST"])
    app.include_router(asking)

    @app.get("/v1/models")  # not counted: a notebook looks here before it asks
    async def models(who: str = Depends(student)):
        return {"object": "list", "data": [{"id": upstream.model, "object": "model", "owned_by": "class"}]}

    @app.get("/v1/usage")
    async def usage(who: str = Depends(student)):
        return await roster.day(who)

    app.include_router(_staff_room(door(STAFF, 600), roster))
    return app


def _staff_room(staff: APIRouter, roster: Roster) -> APIRouter:
    """What the instructor's key opens."""

    @staff.get("/class/usage")
    async def everybody():
        keys = await roster.students()
        return [{"student": who, "key": bool(key), **await roster.day(who)} for who, key in keys.items()]

    @staff.post("/class/budget")
    async def budget(change: Change):
        await roster.grant(change.student, change.tokens)
        return await roster.day(change.student)

    @staff.post("/class/revoke")
    async def revoke(change: Change):
        await roster.revoke(await roster.known(change.student))

    @staff.post("/class/key")
    async def key(change: Change):
        return {"key": await roster.admit(change.student)}

    return staff


async def _say(_, problem: Problem):
    """In OpenAI's form, and in words for a learner: what is said of keys, and of a model that is down."""
    if problem.status == 401:
        problem = NOT_YOU
    return dialect.error(NO_MODEL if problem.status == 502 else problem)
