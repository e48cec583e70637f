"""Six instruments for services that ask models, and two ways to attach them: a decorator and a middleware.

    meter = instrument(app, provider="openai")     # counts an ASGI application's requests; adds /metrics
    ask = metered(meter, "chat")(ask)              # counts a coroutine function's calls

Each request ends in exactly one status, cancelled ones too; monitoring never changes a result. The bounds
of the histogram go on to the longest time that a gateway waits, since it sees nothing beyond its last bound.
Taught in: notebooks/07_llm_production.ipynb
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps

import prometheus_client as prometheus
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

PRICES = {"small": (0.4, 1.6), "large": (5.0, 15.0)}  # made up: USD per million tokens, in and out
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)  # seconds
ENDPOINTS = {"/chat/completions": "chat", "/rag/query": "rag"}
FIELDS = {
    "model": ("model_used", "model"),
    "input_tokens": ("input_tokens", "prompt_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens"),
}


def usage_of(result: object) -> dict:
    """Model and tokens of a reply that tells them: ours, Chat Completions, Responses, an object or a dict.

    >>> usage_of({"model": "m", "usage": {"prompt_tokens": 20, "completion_tokens": 10}})
    {'model': 'm', 'input_tokens': 20, 'output_tokens': 10}
    """

    def first(names):
        found = (_get(place, name) for place in (result, _get(result, "usage")) for name in names)
        return next((value for value in found if value is not None), None)

    return {field: first(names) for field, names in FIELDS.items()}


def _get(thing: object, name: str) -> object:
    return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)


@dataclass
class Seen:
    """What is known of a request when it ends."""

    status: str = "success"
    cause: str = ""
    model: str = "none"
    provider: str = "none"
    input_tokens: int = 0
    output_tokens: int = 0

    def read(self, result: object) -> None:
        """Note what a reply says of itself; an odd one is still the caller's reply, so nothing is raised."""
        with contextlib.suppress(Exception):
            usage = usage_of(result)
            self.model = str(usage["model"] or "none")
            self.input_tokens = max(0, int(usage["input_tokens"] or 0))
            self.output_tokens = max(0, int(usage["output_tokens"] or 0))

    @property
    def dollars(self) -> float:
        """By the table of prices; a model without one counts as the dearest: the estimate errs upwards."""
        dollars_in, dollars_out = PRICES.get(self.model, max(PRICES.values()))
        return (self.input_tokens * dollars_in + self.output_tokens * dollars_out) / 1e6


class Meter:
    """The instruments, in a registry of their own; `page()` is what `/metrics` shows. clock: in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.registry = clock, prometheus.CollectorRegistry()

        def made(kind, name, about, *labels, **more):
            return kind(f"llm_{name}", about, labels, registry=self.registry, **more)

        counter, route = prometheus.Counter, ("model", "endpoint")
        histogram, name = prometheus.Histogram, "request_duration_seconds"
        self.seconds = made(histogram, name, "Time inside", *route, buckets=BOUNDS)
        self.requests = made(counter, "requests", "Requests that ended", *route, "status")
        self.tokens = made(counter, "tokens", "Tokens read and written", "model", "type")
        self.cost = made(counter, "cost_usd", "Dollars spent", "model", "provider")
        self.active = made(prometheus.Gauge, "active_requests", "Requests inside", "endpoint")
        self.errors = made(counter, "errors", "Failures by cause", "endpoint", "error_type")

    @contextlib.contextmanager
    def watch(self, endpoint: str) -> Iterator[Seen]:
        """Surround one request; what the block writes into the yielded `Seen` is counted at its end."""
        seen, start = Seen(), self.clock()
        self.active.labels(endpoint).inc()
        try:
            yield seen
        except BaseException as error:
            stopped = isinstance(error, asyncio.CancelledError)
            seen.status = "cancelled" if stopped else "error"
            seen.cause = "" if stopped else type(error).__name__
            raise
        finally:
            self.active.labels(endpoint).dec()
            self.record(endpoint, seen, self.clock() - start)

    def record(self, endpoint: str, seen: Seen, seconds: float) -> None:
        self.requests.labels(seen.model, endpoint, seen.status).inc()
        self.seconds.labels(seen.model, endpoint).observe(seconds)
        if seen.cause:
            self.errors.labels(endpoint, seen.cause).inc()
        if seen.input_tokens or seen.output_tokens:
            self.tokens.labels(seen.model, "input").inc(seen.input_tokens)
            self.tokens.labels(seen.model, "output").inc(seen.output_tokens)
            self.cost.labels(seen.model, seen.provider).inc(seen.dollars)

    def page(self) -> str:
        lines = prometheus.generate_latest(self.registry).decode().splitlines(keepends=True)
        return "".join(line for line in lines if "_created" not in line)  # of no use here


def metered(meter: Meter, endpoint: str) -> Callable:
    """Decorator: count a coroutine function's calls, whatever becomes of them."""

    def decorate(call):
        @wraps(call)
        async def counted(*args, **kwargs):
            with meter.watch(endpoint) as seen:
                result = await call(*args, **kwargs)
                seen.read(result)
                return result

        return counted

    return decorate


def status_of(code: int) -> tuple[str, str]:
    """Status and cause of an HTTP reply: from 500 on it is our failure, 4xx is a request that we refused.

    >>> status_of(200), status_of(404), status_of(502)
    (('success', ''), ('refused', ''), ('error', '502'))
    """
    if code < 500:
        return ("success" if code < 400 else "refused"), ""
    return "error", str(code)


class Metered:
    """ASGI middleware: what the decorator does, for the requests to `ENDPOINTS`, with or without `/v1`.

    provider: whose bill the tokens go on; "" for a service that pays nobody, whose replies are not read.
    """

    def __init__(self, app, meter: Meter, provider: str) -> None:
        self.app, self.meter, self.provider = app, meter, provider

    async def __call__(self, scope, receive, send) -> None:
        endpoint = ENDPOINTS.get(scope.get("path", "").removeprefix("/v1"))
        if endpoint is None:  # /metrics, /health, and paths that somebody made up
            return await self.app(scope, receive, send)
        tail, code = deque(maxlen=4), 499

        async def noting(message):
            nonlocal code
            code = message.get("status", code)
            tail.append(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body"):
                seen.status, seen.cause = status_of(code)
            await send(message)

        with self.meter.watch(endpoint) as seen:
            seen.status = "cancelled"  # until the last byte has been written
            await self.app(scope, receive, noting)
            if self.provider:  # the last event of a stream, or the whole reply, tells model and tokens
                seen.provider, last = self.provider, b"".join(tail).split(b"\ndata: ")[-1]
                with contextlib.suppress(ValueError):
                    seen.read(json.loads(last))


def instrument(app: FastAPI, meter: Meter | None = None, provider: str = "") -> Meter:
    """Count the requests of an app, and its costs if it pays a `provider`; show all at `/metrics`."""
    meter = meter or Meter()
    app.add_middleware(Metered, meter=meter, provider=provider)
    app.add_api_route("/metrics", lambda: PlainTextResponse(meter.page()), include_in_schema=False)
    return meter
