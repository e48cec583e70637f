"""What every service of the course shares: problems, ids, deadlines, health.

    app = new_app("greeter", timeout_s=5)

    @app.post("/greet")
    async def greet(body: Greeting):
        raise Problem(404, "Unknown name", f"nobody is called {body.name!r}")

Errors are RFC 9457 problem details. A request brings its id and the seconds it has left; `coursekit.hops`
passes both on to the next service.
Taught in: notebooks/07_llm_production.ipynb
"""

import asyncio
import contextlib
import logging
import math
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

import aiohttp
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

Check = Callable[[FastAPI], Awaitable]
CLIENT_GONE = 499  # in the log: nothing was sent, since nobody was there any more
LOGGER = logging.getLogger("coursekit.apps")  # one record a request, its fields as attributes


@dataclass(frozen=True)
class Context:
    """What travels with a request."""

    request_id: str
    deadline: float  # on this process's own clock


OUTSIDE = Context("none", math.inf)
CONTEXT: ContextVar[Context] = ContextVar("context", default=OUTSIDE)


def request_id() -> str:
    return CONTEXT.get().request_id


def time_left() -> float:
    """Seconds until somebody upstream stops waiting for us."""
    return max(0.0, CONTEXT.get().deadline - time.monotonic())


class Problem(Exception):
    """An error as RFC 9457 writes it: `type` and `status` for programs, the rest for people."""

    def __init__(self, status: int, title: str, detail: str = "", headers: dict | None = None) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status, self.title, self.detail, self.headers = status, title, detail, headers or {}

    def members(self) -> dict:
        kind = "/problems/" + self.title.lower().replace(" ", "-")
        said = {"type": kind, "title": self.title, "status": self.status, "detail": self.detail}
        return said | {"instance": request_id()}

    def response(self) -> Response:
        media_type = "application/problem+json"
        return JSONResponse(self.members(), self.status, self.headers, media_type=media_type)


OUT_OF_TIME = Problem(504, "Out of time", "No answer came in the time that was left.")


class RequestContext:
    """ASGI middleware: an id and a deadline for each request, a head count, and one line of log."""

    def __init__(self, app, service: str, timeout_s: float) -> None:
        self.app, self.service, self.timeout_s = app, service, timeout_s

    def read(self, scope) -> Context:
        """From the headers, where they make sense: a caller may shorten our time, not extend it."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        given, left = headers.get(b"x-request-id", ""), headers.get(b"x-time-left", "")
        seconds = float(left) if re.fullmatch(r"\d{1,6}(\.\d+)?", left) else self.timeout_s
        name = given if re.fullmatch(r"[\w-]{1,64}", given, re.ASCII) else uuid.uuid4().hex
        return Context(name, time.monotonic() + min(seconds, self.timeout_s))

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        state, start, status = scope["app"].state, time.perf_counter(), 0
        CONTEXT.set(context := self.read(scope))

        async def noting(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", context.request_id.encode()))
            await send(message)

        state.active += 1
        try:
            await self.app(scope, receive, noting)
        except Exception:
            LOGGER.exception("unexpected", extra={"service": self.service, "request_id": context.request_id})
            if status:
                raise  # it has begun: only a broken connection tells the truth now
            problem = Problem(500, "Internal error", "The cause is in the log, under this instance.")
            await problem.response()(scope, receive, noting)
        finally:
            state.active -= 1
            fields = {"service": self.service, "method": scope["method"], "path": scope["path"]}
            fields |= {"status_code": status or CLIENT_GONE, "processing_time": time.perf_counter() - start}
            LOGGER.info("request", extra=fields | {"request_id": context.request_id})


def new_app(
    title: str,
    *,
    timeout_s: float,
    resources: Iterable = (),
    checks: Mapping[str, Check] | None = None,
    paths: tuple[str, str] = ("/health", "/ready"),
) -> FastAPI:
    """A FastAPI application with problems, ids, deadlines, `/health` and `/ready`.

    timeout_s: what a request may take at most.   resources: async context managers, open while it runs.
    checks: name -> what must succeed within a second for the service to be ready.
    paths: where it tells that it is alive, and that it is ready.
    `app.state.http` is its one client for calling others, `app.state.active` the number of requests inside.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI):
        async with contextlib.AsyncExitStack() as stack:
            pool = aiohttp.TCPConnector(limit=0)  # a gate limits, where it can say so; not a hidden line
            app.state.http = await stack.enter_async_context(aiohttp.ClientSession(connector=pool))
            for resource in resources:
                await stack.enter_async_context(resource)
            yield

    app = FastAPI(title=title, version="2.0.0", lifespan=lifespan)
    app.state.active = 0
    app.add_middleware(RequestContext, service=title, timeout_s=timeout_s)
    app.add_exception_handler(Problem, say_problem)
    app.add_exception_handler(TimeoutError, _answer(lambda _: OUT_OF_TIME))
    app.add_exception_handler(RequestValidationError, _answer(_what_is_invalid))
    app.add_exception_handler(404, _answer(lambda _: Problem(404, "Not found", "There is no such path.")))
    app.add_exception_handler(405, _answer(lambda _: Problem(405, "Method not allowed")))

    @app.get(paths[0])
    async def health() -> dict:
        """Am I alive? Nothing else is asked: a restart would mend nothing else."""
        return {"status": "alive"}

    @app.get(paths[1])
    async def ready() -> dict:
        """Can I do my work now? Asks for what the work needs."""
        found = {name: await _passes(check, app) for name, check in (checks or {}).items()}
        failed = ", ".join(name for name, good in found.items() if not good)
        if failed:
            raise Problem(503, "Not ready", f"failed: {failed}", {"Retry-After": "5"})
        return {"status": "ready", "checks": found}

    return app


async def say_problem(_, problem: Problem) -> Response:
    """The handler of problems, for any application: `app.add_exception_handler(Problem, say_problem)`."""
    return problem.response()


def _answer(problem_of: Callable[[Exception], Problem]):
    async def handler(_, error: Exception) -> Response:
        return problem_of(error).response()

    return handler


def _what_is_invalid(error: RequestValidationError) -> Problem:
    details = ("/".join(map(str, each["loc"])) + ": " + each["msg"] for each in error.errors())
    return Problem(422, "Invalid request", "; ".join(details))


async def _passes(check: Check, app: FastAPI) -> bool:
    try:
        async with asyncio.timeout(1):
            await check(app)
    except Exception:
        return False
    return True
