"""The calls that an agent made on its way, and whether they are the calls one wanted.

    made = trajectory(agent.invoke(question)["messages"])
    matches(made, [("search", {"query": "Danube"})])

An answer can be right by luck; the way seldom is. Taught in: notebooks/20_langchain.ipynb
"""

import json
from collections.abc import Iterable

Calls = list[tuple[str, dict]]  # name and arguments of each call, in order


def trajectory(messages: Iterable) -> Calls:
    """All calls in LangChain's messages."""
    return [(call["name"], call["args"]) for m in messages for call in getattr(m, "tool_calls", ())]


def matches(made: Calls, wanted: Calls, mode: str = "strict") -> bool:
    """`strict`: the same calls in the same order. `unordered`: the same calls, each as often.

    >>> matches([("b", {}), ("a", {})], [("a", {}), ("b", {})], "unordered")
    True
    """
    as_text = lambda calls: [json.dumps(call, sort_keys=True) for call in calls]
    if mode == "strict":
        return as_text(made) == as_text(wanted)
    if mode == "unordered":
        return sorted(as_text(made)) == sorted(as_text(wanted))
    raise ValueError(f"mode is strict or unordered, got {mode!r}")
