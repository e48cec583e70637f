"""A small HTTP service: a request needs a connection from a pool, holds it for a while, and answers.

`GET /work` waits for one of `--connections`, holds it for `service` seconds (default 0.02), then answers.
`GET /metrics` tells how many requests are inside (`active`), how many of them hold a connection (`holding`),
and how many have come and gone, in Prometheus' text format.
Run by `python -m coursekit.service`; bound to loopback.
"""

import argparse
import asyncio
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Counters:
    """What an operator watches: two gauges and two counters."""

    active: int = 0
    holding: int = 0
    arrived: int = 0
    left: int = 0


@dataclass
class Service:
    """The handlers, the pool and its counters."""

    connections: int
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        self.pool = asyncio.Semaphore(self.connections)

    async def work(self, request: web.Request) -> web.Response:
        needs = _seconds(request.query.get("service", "0.02"))
        seen = self.counters
        seen.arrived += 1
        seen.active += 1
        try:
            async with self.pool:  # first come, first served
                seen.holding += 1
                try:
                    await asyncio.sleep(needs)
                finally:
                    seen.holding -= 1
        finally:
            seen.active -= 1
            seen.left += 1
        return web.Response(text="done")

    async def metrics(self, _: web.Request) -> web.Response:
        return web.Response(text="".join(f"{name} {value}\n" for name, value in vars(self.counters).items()))


def _seconds(text: str) -> float:
    """A service time a client asked for. Raises: HTTP 400 for anything but 0 to 60."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 60:
        raise web.HTTPBadRequest(text=f"service must be 0 to 60 seconds, got {text}")
    return seconds


def make_app(connections: int) -> web.Application:
    """The service as an application of aiohttp, for a server of your own or a test."""
    service = Service(connections)
    app = web.Application()
    app.add_routes([web.get("/work", service.work), web.get("/metrics", service.metrics)])
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=20)
    options = parser.parse_args()
    web.run_app(
        make_app(options.connections), host="127.0.0.1", port=options.port, print=None, access_log=None,
        handler_cancellation=True,  # a client that gives up frees its connection
    )  # fmt: skip


if __name__ == "__main__":
    main()
