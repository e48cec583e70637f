"""What a loop costs: one scripted agent of twenty tool calls by hand, in LangChain, and as a graph.

All ask the same model over real HTTP on this machine, so what differs is the loop around it. `bare` sends the
very requests of the loop by hand again, without a loop: what is left when that is taken away is overhead.
"""

import json
import operator
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from typing import Annotated, TypedDict

from langchain.agents import create_agent
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from tqdm import tqdm

from coursekit import llm, rehearsal
from coursekit.display import table
from coursekit.rehearsal import call, say

STEPS, BLOCKS = 20, 15
QUESTION = f"Count to {STEPS}."
PARAMETERS = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
TOOL = {
    "type": "function",
    "function": {"name": "count", "description": "Say the next number.", "parameters": PARAMETERS},
}


@rehearsal.policy("counter")
def counter(request: rehearsal.Request) -> object:
    said = len(request.results("count"))
    return call("count", number=said + 1) if said < STEPS else say(f"I counted to {said}.")


def count(number: int) -> str:
    """Say the next number."""
    return str(number)


def ask(client, messages: list[dict]) -> dict:
    reply = client.chat.completions.create(model=llm.model("counter"), messages=messages, tools=[TOOL])
    return reply.choices[0].message.model_dump(exclude_none=True)


def answers(message: dict) -> list[dict]:
    """The results of the tools that a message asks for."""
    wishes = message.get("tool_calls", [])
    results = [count(**json.loads(wish["function"]["arguments"])) for wish in wishes]
    return [
        {"role": "tool", "tool_call_id": wish["id"], "content": result}
        for wish, result in zip(wishes, results, strict=True)
    ]


def by_hand(client) -> str:
    messages = [{"role": "user", "content": QUESTION}]
    while True:
        messages.append(ask(client, messages))
        if not (results := answers(messages[-1])):
            return messages[-1]["content"]
        messages += results


class Talk(TypedDict):
    messages: Annotated[list, operator.add]


def as_graph(client, saver=None):
    """The same loop as a graph of two nodes; with a saver it writes its state down after each."""
    graph = StateGraph(Talk)
    graph.add_node("ask", lambda state: {"messages": [ask(client, state["messages"])]})
    graph.add_node("act", lambda state: {"messages": answers(state["messages"][-1])})
    graph.add_edge(START, "ask").add_edge("act", "ask")
    graph.add_conditional_edges(
        "ask", lambda state: "act" if "tool_calls" in state["messages"][-1] else "__end__"
    )
    return graph.compile(saver)


def run_graph(graph, thread: str, message: object = None) -> str:
    message = message or {"role": "user", "content": QUESTION}
    config = {"configurable": {"thread_id": thread}, "recursion_limit": 4 * STEPS}
    last = graph.invoke({"messages": [message]}, config)["messages"][-1]
    return last["content"] if isinstance(last, dict) else last.content


def ways(client, database: sqlite3.Connection) -> dict[str, Callable[[str], str]]:
    """Name -> run the agent once, in a thread of its own."""
    chat = ChatOpenAI(model=llm.model("counter"), **llm.connection())
    agent, saved = create_agent(chat, [count]), create_agent(chat, [count], checkpointer=InMemorySaver())
    plain, kept = as_graph(client), as_graph(client, InMemorySaver())
    on_disk = as_graph(client, SqliteSaver(database))
    return {
        "a loop by hand": lambda thread: by_hand(client),
        "LangGraph": lambda thread: run_graph(plain, thread),
        "LangGraph, checkpoints in memory": lambda thread: run_graph(kept, thread),
        "LangGraph, checkpoints in SQLite": lambda thread: run_graph(on_disk, thread),
        "LangChain create_agent": lambda thread: run_graph(agent, thread, ("user", QUESTION)),
        "the same, checkpoints in memory": lambda thread: run_graph(saved, thread, ("user", QUESTION)),
    }


def measure(client, database: sqlite3.Connection) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Seconds of each run, block by block, all ways in each block; and what each way answered."""
    tried = ways(client, database)
    rehearsal.log.clear()
    by_hand(client)
    requests = [exchange.request["messages"] for exchange in rehearsal.log]
    tried = {"bare": lambda thread: [ask(client, messages) for messages in requests][-1]["content"], **tried}
    answered = {name: once("warm-up") for name, once in tried.items()}
    seconds: dict[str, list[float]] = {name: [] for name in tried}
    for block in tqdm(range(BLOCKS), desc="blocks", disable=None):
        for name, once in tried.items():
            start = time.perf_counter()
            once(f"block {block}")
            seconds[name].append(time.perf_counter() - start)
    return seconds, answered


def main() -> int:
    """1 if one of the claims is missed."""
    database = sqlite3.connect(":memory:", check_same_thread=False)
    seconds, answered = measure(llm.client(), database)
    database.close()
    median = {name: 1000 * statistics.median(runs) / STEPS for name, runs in seconds.items()}
    by_hand_ms = median["a loop by hand"]
    rows = [
        {"agent": name, "ms per step": ms, "above bare": ms - median["bare"], "by hand = 1": ms / by_hand_ms}
        for name, ms in median.items()
    ]  # fmt: skip
    said = f"{STEPS} tool calls, {STEPS + 1} requests, medians of {BLOCKS} runs"
    form = {"ms per step": ".2f", "above bare": ".2f", "by hand = 1": ".2f"}
    print(table(rows, said, form))
    above = {name: ms - median["bare"] for name, ms in median.items()}
    claims = {
        "all count to the same number": set(answered.values()) == {f"I counted to {STEPS}."},
        "a loop by hand adds less than a graph": above["a loop by hand"] < above["LangGraph"],
        "a checkpoint costs": above["LangGraph"] < above["LangGraph, checkpoints in memory"],
        "a step of any of them costs less than 100 ms": max(median.values()) < 100,
    }
    print(table({"claim": claim, "holds": "yes" if holds else "NO"} for claim, holds in claims.items()))
    return 0 if all(claims.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
