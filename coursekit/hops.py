"""Calling the next service, and passing its answer on while it comes.

    async with hop(app, url, {"name": "Ada"}) as reply:
        greeting = await reply.json()

The id of the request goes along, and the seconds it has left. Each service keeps a tenth of them for itself:
the innermost gives up first, and its error comes through.
Taught in: notebooks/07_llm_production.ipynb
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import aiohttp
from fastapi import FastAPI
from fastapi.responses import Response

from coursekit.apps import CLIENT_GONE, Check, Problem, request_id, time_left

PASSED_ON = ("content-type", "retry-after", "cache-control")
EVENT_STREAM = {"content-type": "text/event-stream", "cache-control": "no-store"}
NEVER = aiohttp.ClientTimeout(total=None)  # our own deadline decides
INJECT: list[Callable[[dict], None]] = []  # each may add headers to every call of another service


def answers(url: str) -> Check:
    """A check: the service at `url` is alive. Not "ready", or one tired service would close all before it."""

    async def check(app: FastAPI) -> None:
        async with app.state.http.get(url + "/health", headers=outgoing()) as reply:
            reply.raise_for_status()

    return check


def outgoing() -> dict[str, str]:
    """Headers of a call to the next service: the id, the time left less a tenth, and what INJECT adds."""
    headers = {"x-request-id": request_id(), "x-time-left": f"{0.9 * min(time_left(), 1e5):.3f}"}
    for inject in INJECT:
        inject(headers)
    return headers


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """Those headers of an answer that are meant for whoever asked first."""
    return {name: headers[name] for name in PASSED_ON if name in headers}


@contextlib.asynccontextmanager
async def hop(app: FastAPI, url: str, body: dict) -> AsyncIterator[aiohttp.ClientResponse]:
    """One call of the next service in the time that is left; its status is for the caller to read.

    Raises: Problem 502 if nobody answers there, TimeoutError (504 in the end) if not in time.
    """
    try:
        async with (
            asyncio.timeout(time_left()),
            app.state.http.post(url, json=body, headers=outgoing(), timeout=NEVER) as reply,
        ):
            yield reply
    except aiohttp.ClientError as error:
        raise Problem(502, "Service unreachable", "The next service is down or broke off.") from error


# Answers that are made while they are sent.


class Gone(Problem):
    """The client hung up, so nobody reads this; the status is for the log."""


async def while_connected(receive, work: Awaitable):
    """Do the work, but drop it when the client hangs up: nobody would read the answer, and tokens cost."""

    async def gone():
        while (await receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
    finally:
        working.cancel()
        leaving.cancel()
    raise Gone(CLIENT_GONE, "Client closed request")


class Live(Response):
    """A response made while it is sent. `parts` yields status and headers, then bytes.

    What `parts` raises before it has yielded anything becomes an ordinary problem. What it opens stays in one
    task from beginning to end, and is closed when the client hangs up.
    """

    def __init__(self, parts: AsyncIterator) -> None:
        self.parts, self.background = parts, None

    async def __call__(self, scope, receive, send) -> None:
        with contextlib.suppress(Gone):
            await while_connected(receive, self.write(send))

    async def write(self, send) -> None:
        async with contextlib.aclosing(self.parts) as parts:
            status, headers = await anext(parts)
            raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": status, "headers": raw})
            async for part in parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def event(data: object, name: str = "") -> bytes:
    """One server-sent event.

    >>> event({"delta": "Hi"})
    b'data: {"delta": "Hi"}\\n\\n'
    """
    return (f"event: {name}\n" if name else "").encode() + f"data: {json.dumps(data)}\n\n".encode()
