"""What a chain or an agent does, seen through LangChain's callbacks: steps, metrics and spans.

    watch = ChainWatch(telemetry.TRACER)
    agent.invoke(question, {"callbacks": [watch]})
    watch.page()           # Prometheus' text format
    watch.tree()           # who called whom, as indented lines

No words are kept: a log of prompts is a log of personal data. Taught in: notebooks/20_langchain.ipynb
"""

import time
from collections.abc import Callable

import prometheus_client as prometheus
from langchain_core.callbacks import BaseCallbackHandler
from opentelemetry import trace

BOUNDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120)  # seconds


class ChainWatch(BaseCallbackHandler):
    """tracer: an OpenTelemetry tracer, which gets a span for each step, child of the step that caused it."""

    def __init__(self, tracer=None, clock: Callable[[], float] = time.monotonic) -> None:
        self.tracer, self.clock = tracer or trace.NoOpTracer(), clock
        self.open: dict = {}  # run id -> (kind, name, depth, start, span)
        self.steps: list[tuple[int, str, str]] = []  # depth, kind, name; in order of their beginning
        self.errors: list[str] = []
        self.execution_time_s: float | None = None  # of the last run that ended
        self.registry = prometheus.CollectorRegistry()
        made = lambda kind, name, about, *labels, **more: kind(
            f"langchain_{name}", about, labels, registry=self.registry, **more
        )
        self.executions = made(prometheus.Counter, "chain_executions", "Runs ended", "chain_type", "status")
        self.tokens = made(prometheus.Counter, "tokens", "Tokens", "model", "type")
        self.seconds = made(prometheus.Histogram, "chain_duration_seconds", "Time of a run", buckets=BOUNDS)
        self.calls = made(prometheus.Counter, "tool_calls", "Calls of tools", "tool_name", "status")

    # what begins

    def on_chain_start(self, serialized, inputs, *, run_id, parent_run_id=None, name=None, **_) -> None:
        self._begin("chain", name or "chain", run_id, parent_run_id)

    def on_chat_model_start(self, serialized, messages, *, run_id, parent_run_id=None, metadata=None, **_):
        self._begin("chat", (metadata or {}).get("ls_model_name", "model"), run_id, parent_run_id)

    def on_tool_start(self, serialized, input_str, *, run_id, parent_run_id=None, **_) -> None:
        self._begin("execute_tool", serialized["name"], run_id, parent_run_id)

    def on_retriever_start(self, serialized, query, *, run_id, parent_run_id=None, **_) -> None:
        self._begin("retrieve", "retriever", run_id, parent_run_id)

    def _begin(self, kind, name, run_id, parent_id) -> None:
        parent = self.open.get(parent_id)
        around = trace.set_span_in_context(parent[4]) if parent else None
        span = self.tracer.start_span(f"{kind} {name}", around, attributes={"gen_ai.operation.name": kind})
        depth = parent[2] + 1 if parent else 0
        self.open[run_id] = (kind, name, depth, self.clock(), span)
        self.steps.append((depth, kind, name))

    # what ends

    def on_chain_end(self, outputs, *, run_id, **_) -> None:
        self._end(run_id, "success")

    def on_tool_end(self, output, *, run_id, **_) -> None:
        failed = getattr(output, "status", "") == "error"
        self._end(run_id, "error" if failed else "success")

    def on_retriever_end(self, documents, *, run_id, **_) -> None:
        self._end(run_id, "success")

    def on_llm_end(self, response, *, run_id, **_) -> None:
        usage = getattr(response.generations[0][0].message, "usage_metadata", None) or {}
        model, span = self.open[run_id][1], self.open[run_id][4]
        for way in ("input_tokens", "output_tokens"):
            self.tokens.labels(model, way).inc(usage.get(way, 0))
            span.set_attribute(f"gen_ai.usage.{way}", usage.get(way, 0))
        self._end(run_id, "success")

    def on_chain_error(self, error, *, run_id, **_) -> None:
        self._end(run_id, "error", error)

    on_llm_error = on_tool_error = on_retriever_error = on_chain_error

    def _end(self, run_id, status, error=None) -> None:
        kind, name, depth, start, span = self.open.pop(run_id)
        if error is not None:
            self.errors.append(f"{kind} {name}: {type(error).__name__}")
            span.set_status(trace.StatusCode.ERROR, type(error).__name__)
        span.end()
        if kind == "execute_tool":
            self.calls.labels(name, status).inc()
        if depth == 0:
            self.execution_time_s = self.clock() - start
            self.executions.labels(name, status).inc()
            self.seconds.observe(self.execution_time_s)

    # what one reads

    def tree(self) -> str:
        return "\n".join(f"{'  ' * depth}{kind} {name}" for depth, kind, name in self.steps)

    def page(self) -> str:
        """For Prometheus to scrape."""
        lines = prometheus.generate_latest(self.registry).decode().splitlines(keepends=True)
        return "".join(line for line in lines if "_created" not in line)
