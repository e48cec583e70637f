"""What callbacks see: every step once, errors as errors, children under their parents, and no words."""

import pytest
from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool, ToolException
from langchain_openai import ChatOpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from coursekit import llm, rehearsal
from coursekit.chain_watch import ChainWatch
from coursekit.resilience import HandClock


def halve(number: int) -> str:
    """Halve a number."""
    if number % 2:
        raise ValueError(f"secret {number}")
    return str(number // 2)


def ask(number, watch):
    def policy(request):
        found = request.results()
        return rehearsal.say(f"It is {found[-1]}.") if found else rehearsal.call("halve", number=number)

    rehearsal.policy("halver")(policy)
    agent = create_agent(ChatOpenAI(model="halver", **llm.connection()), [halve], name="halving")
    return agent.invoke({"messages": [("user", "Halve it.")]}, {"callbacks": [watch]})


def sample(watch, name, **labels):
    return watch.registry.get_sample_value(name, labels)


def test_steps_calls_tokens_and_runs_are_counted_once():
    watch = ChainWatch()
    answer = ask(8, watch)
    read = sum(m.usage_metadata["input_tokens"] for m in answer["messages"] if m.type == "ai")
    assert [kind for _, kind, _ in watch.steps].count("chat") == 2
    assert sample(watch, "langchain_tokens_total", model="halver", type="input_tokens") == read > 0
    assert sample(watch, "langchain_tool_calls_total", tool_name="halve", status="success") == 1
    assert sample(watch, "langchain_chain_executions_total", chain_type="halving", status="success") == 1
    assert sample(watch, "langchain_chain_duration_seconds_count") == 1
    assert watch.open == {} and watch.errors == [] and watch.execution_time_s > 0


def test_a_tool_that_raises_is_an_error_of_the_tool_and_of_all_above_it():
    watch = ChainWatch()
    with pytest.raises(ValueError, match="secret 7"):
        ask(7, watch)
    assert sample(watch, "langchain_tool_calls_total", tool_name="halve", status="error") == 1
    assert sample(watch, "langchain_chain_executions_total", chain_type="halving", status="error") == 1
    assert watch.errors[0] == "execute_tool halve: ValueError" and watch.open == {}
    assert "secret" not in watch.page() + watch.tree() + "".join(watch.errors)


def test_every_span_but_the_root_is_the_child_of_the_step_that_caused_it():
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    ask(8, ChainWatch(provider.get_tracer("test")))
    spans = {span.context.span_id: span for span in kept.get_finished_spans()}
    parents = [(span.name, spans[span.parent.span_id].name) for span in spans.values() if span.parent]
    assert len(parents) == len(spans) - 1
    assert ("execute_tool halve", "chain tools") in parents and ("chain tools", "chain halving") in parents
    assert {span.context.trace_id for span in spans.values()} == {next(iter(spans.values())).context.trace_id}


def test_time_is_that_of_the_outermost_run():
    clock = HandClock()
    watch = ChainWatch(clock=clock)
    slow = RunnableLambda(lambda x: clock.sleep(2) or x) | RunnableLambda(lambda x: clock.sleep(3) or x)
    slow.invoke(1, {"callbacks": [watch]})
    assert watch.execution_time_s == 5 and sample(watch, "langchain_chain_duration_seconds_sum") == 5


def test_a_retriever_is_a_step_too():
    class Fixed(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            return [Document("found")]

    watch = ChainWatch()
    Fixed().invoke("anything", {"callbacks": [watch]})
    assert watch.steps == [(0, "retrieve", "retriever")] and watch.open == {}


def test_a_tool_that_says_so_itself_has_failed():
    def fail(number: int) -> str:
        raise ToolException("not today")

    kind = StructuredTool.from_function(fail, name="fail", description="Fail.", handle_tool_error=True)
    watch = ChainWatch()
    call = {"type": "tool_call", "name": "fail", "args": {"number": 1}, "id": "1"}
    assert kind.invoke(call, {"callbacks": [watch]}).status == "error"
    assert sample(watch, "langchain_tool_calls_total", tool_name="fail", status="error") == 1
    assert watch.errors == [] and watch.open == {}
