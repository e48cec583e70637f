"""A conversation that no longer fits its window: keep what rules it, notes on the old, and the last turns.

compress(messages, budget=4000, count=count_tokens, summarise=ask_a_cheap_model)
"""

import json
from collections.abc import Callable

NOTE = "Notes on the conversation so far: "
FRAME = 4  # tokens that a message's role costs


def text_of(message: dict) -> str:
    """Its words, whatever form the content has; tool calls count too.

    >>> text_of({"role": "assistant", "content": None})
    ''
    """
    content = message.get("content") or ""
    if isinstance(content, list):
        content = " ".join(part.get("text", "") for part in content)
    return content + (json.dumps(message["tool_calls"]) if message.get("tool_calls") else "")


def turns(messages: list[dict]) -> list[list[dict]]:
    """Runs that begin with a user's message, so that a tool's result stays with its call."""
    found: list[list[dict]] = []
    for message in messages:
        if message["role"] == "user" or not found:
            found.append([])
        found[-1].append(message)
    return found


def compress(
    messages: list[dict],
    budget: int,
    count: Callable[[str], int],
    summarise: Callable[[str], str] | None = None,
) -> list[dict]:
    """The system prompt, notes on old turns (if `summarise`), the last turns: at most `budget` tokens.

    count: tokens of a text.   summarise: old turns as text -> notes, which may take half of the room.
    Raises: ValueError when system prompt, notes and last turn do not fit.
    Taught in: notebooks/05_llm_foundation_models.ipynb
    """
    size = lambda some: sum(FRAME + count(text_of(message)) for message in some)
    if size(messages) <= budget:
        return messages
    kept = [message for message in messages if message["role"] == "system"]
    old = turns([message for message in messages if message["role"] != "system"])
    recent, room = [], budget - size(kept)
    share = room // 2 if summarise else 0
    while old and size(recent) + size(old[-1]) <= room - share:
        recent = old.pop() + recent
    if not recent:
        needed = size(kept) + size(old[-1] if old else [])
        raise ValueError(
            f"{budget} tokens do not hold the system prompt and the last turn, which take {needed}"
            f"{', and notes' if summarise else ''}; raise the budget or cut the turn"
        )
    if summarise and old:
        said = summarise("\n".join(f"{m['role']}: {text_of(m)}" for turn in old for m in turn))
        kept = [*kept, {"role": "user", "content": NOTE + said}]
        if size(kept + recent) > budget:
            raise ValueError(f"notes of {count(said)} tokens do not fit; ask for shorter ones")
    return kept + recent
