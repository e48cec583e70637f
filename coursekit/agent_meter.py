"""Four instruments of an agent, in a registry of their own, and log lines that name their fields.

    meter = AgentMeter()
    meter.requests.labels("incident", "success").inc()
    meter.page()                                       # what /metrics shows
    with captured_logs("INFO") as lines: ...           # structlog's lines as dicts

Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import prometheus_client as prometheus
import structlog
from structlog.tracebacks import ExceptionDictTransformer

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)  # seconds
SECRET = {"openai_api_key", "jira_token", "slack_token", "redis_url", "authorization", "password"}
TRACEBACK = ExceptionDictTransformer(show_locals=False)  # the variables of a frame may hold a key


class AgentMeter:
    """agent_requests_total, agent_response_seconds, active_incidents, tool_usage_total. bounds: seconds."""

    def __init__(self, bounds: tuple[float, ...] = BOUNDS) -> None:
        self.registry = prometheus.CollectorRegistry()
        make = {"registry": self.registry}
        self.requests = prometheus.Counter(
            "agent_requests", "Requests that ended", ["agent_type", "status"], **make
        )
        self.seconds = prometheus.Histogram(
            "agent_response_seconds", "Time to an answer", buckets=bounds, **make
        )
        self.incidents = prometheus.Gauge("active_incidents", "Incidents that are not closed", **make)
        self.tools = prometheus.Counter("tool_usage", "Calls of tools", ["tool_name", "status"], **make)

    def page(self) -> str:
        lines = prometheus.generate_latest(self.registry).decode().splitlines(keepends=True)
        return "".join(line for line in lines if "_created" not in line)

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def no_secrets(_, __, fields: dict) -> dict:
    """A step of the chain: what a field of that name holds is not written."""
    return {key: "[left out]" if key.lower() in SECRET else value for key, value in fields.items()}


def configure_logging(level: str = "INFO", stream: io.TextIOBase | None = None) -> logging.Handler:
    """One JSON object a line, from `level` on. Returns the handler, to be removed when no longer wanted.

    Without a handler and a level, the standard library drops every line below WARNING in silence.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(TRACEBACK),
            no_secrets,
            structlog.processors.JSONRenderer(sort_keys=True, default=str),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler, logger = logging.StreamHandler(stream), logging.getLogger("agent")
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
    return handler


@contextmanager
def captured_logs(level: str = "INFO") -> Iterator[list[dict]]:
    """The lines that are written in the block, as dicts; afterwards logging is as it was before."""
    stream, lines, logger = io.StringIO(), [], logging.getLogger("agent")
    before = logger.handlers[:], logger.level
    configure_logging(level, stream)
    try:
        yield lines
    finally:
        logger.handlers[:] = before[0] or [logging.NullHandler()]
        logger.setLevel(before[1])
        lines += [json.loads(line) for line in stream.getvalue().splitlines()]
