"""Log lines that programs can read, and spans that follow one request through all services.

    handler.setFormatter(JSON_LINES)                   # for any handler of `logging`; one JSON object a line
    app.add_middleware(Traced, service="gateway")      # a span for each request, child of the caller's
    hops.INJECT.append(inject)                         # pass the span on: opentelemetry.propagate.inject

Spans are kept in memory, in SPANS; in production another exporter sends them to a collector.
Taught in: notebooks/07_llm_production.ipynb
"""

import structlog
from opentelemetry import trace
from opentelemetry.propagate import extract
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from coursekit.metrics import ENDPOINTS

SPANS = InMemorySpanExporter()
PROVIDER = TracerProvider()
PROVIDER.add_span_processor(SimpleSpanProcessor(SPANS))
TRACER = PROVIDER.get_tracer("services")
SECRET_FIELDS = {"content", "messages", "prompt", "authorization", "api_key"}


def drop_words(_, __, fields):
    """A step of the chain: fields that may hold what people wrote, or keys, are not written."""
    return {k: "[left out]" if k.lower() in SECRET_FIELDS else v for k, v in fields.items()}


JSON_LINES = structlog.stdlib.ProcessorFormatter(
    foreign_pre_chain=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ],
    processors=[
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.dict_tracebacks,
        drop_words,
        structlog.processors.JSONRenderer(sort_keys=True),
    ],
)


class Traced:
    """ASGI middleware: a span for each request, child of the caller's."""

    def __init__(self, app, service):
        self.app, self.service = app, service

    async def __call__(self, scope, receive, send):
        if scope.get("path", "").removeprefix("/v1") not in ENDPOINTS:
            return await self.app(scope, receive, send)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        name, parent = f"{self.service} {scope['path']}", extract(headers)
        with TRACER.start_as_current_span(name, parent, trace.SpanKind.SERVER):
            await self.app(scope, receive, send)
