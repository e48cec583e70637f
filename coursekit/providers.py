"""Three vendors behind one method: the conversation goes in as Chat Completions has it, a `Reply` comes out.

    provider = AnthropicProvider(*vendors.anthropic("town"))
    reply = await provider.complete([{"role": "user", "content": "Hello"}])

Each asks through its vendor's own package and tries once: who calls decides about retries, with `may_pass`
and `asked_to_wait`, which understand the errors of all three.

Taught in: notebooks/05_llm_foundation_models.ipynb
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from google.genai import Client
    from openai import AsyncOpenAI


@dataclass(frozen=True)
class ToolCall:
    """The model's request that a tool be run."""

    id: str
    name: str
    arguments: dict


@dataclass(frozen=True)
class Reply:
    """What every provider returns; `finish` in the vendor's own word."""

    text: str
    calls: tuple[ToolCall, ...]
    input_tokens: int
    output_tokens: int
    finish: str


class Provider(Protocol):
    """What a provider must be able to do; no class needs to inherit from this one.

    tools: each with `name`, `description` and `parameters` (JSON Schema).   more: for this vendor only.
    """

    async def complete(
        self, messages: list[dict], tools: Sequence[dict] = (), max_tokens: int = 300, **more
    ) -> Reply: ...

    async def count_tokens(self, messages: list[dict]) -> int: ...


class OpenAIProvider:
    """Chat Completions: OpenAI, and most servers of one's own."""

    def __init__(self, client: "AsyncOpenAI", model: str) -> None:
        self.client, self.model = client.with_options(max_retries=0), model

    async def complete(self, messages, tools=(), max_tokens=300, **more) -> Reply:
        if tools:
            more["tools"] = [{"type": "function", "function": tool} for tool in tools]
        done = await self.client.chat.completions.create(
            model=self.model, messages=messages, max_completion_tokens=max_tokens, **more
        )
        [choice], used = done.choices, done.usage
        calls = tuple(
            ToolCall(each.id, each.function.name, json.loads(each.function.arguments))
            for each in choice.message.tool_calls or ()
        )
        text = choice.message.content or choice.message.refusal or ""
        return Reply(text, calls, used.prompt_tokens, used.completion_tokens, choice.finish_reason)

    async def count_tokens(self, messages) -> int:
        counted = await self.client.responses.input_tokens.count(model=self.model, input=messages)
        return counted.input_tokens


class AnthropicProvider:
    """The Messages API: `max_tokens` is required, the system prompt stands apart."""

    def __init__(self, client: "AsyncAnthropic", model: str) -> None:
        self.client, self.model = client.with_options(max_retries=0), model

    async def complete(self, messages, tools=(), max_tokens=300, **more) -> Reply:
        if tools:
            more["tools"] = [_described(tool) | {"input_schema": tool["parameters"]} for tool in tools]
        done = await self.client.messages.create(**self._asked(messages), max_tokens=max_tokens, **more)
        text = "".join(block.text for block in done.content if block.type == "text")
        calls = tuple(
            ToolCall(block.id, block.name, block.input) for block in done.content if block.type == "tool_use"
        )
        return Reply(text, calls, done.usage.input_tokens, done.usage.output_tokens, done.stop_reason)

    async def count_tokens(self, messages) -> int:
        return (await self.client.messages.count_tokens(**self._asked(messages))).input_tokens

    def _asked(self, messages: list[dict]) -> dict:
        asked = {"model": self.model, "messages": for_anthropic(messages)}
        return asked | ({"system": system} if (system := system_of(messages)) else {})


class GoogleProvider:
    """The Gemini API. Its package could run Python functions by itself; it gets schemas only."""

    def __init__(self, client: "Client", model: str) -> None:
        self.client, self.model = client, model

    async def complete(self, messages, tools=(), max_tokens=300, **more) -> Reply:
        declared = [_described(tool) | {"parameters_json_schema": tool["parameters"]} for tool in tools]
        config = {
            "system_instruction": system_of(messages) or None,
            "max_output_tokens": max_tokens,
            "tools": [{"function_declarations": declared}] if tools else None,
        }
        done = await self.client.aio.models.generate_content(
            model=self.model, contents=for_google(messages), config=config | more
        )
        if not done.candidates:  # the prompt itself was blocked
            return Reply("", (), done.usage_metadata.prompt_token_count or 0, 0, "BLOCKED")
        [candidate], used = done.candidates, done.usage_metadata
        parts = (candidate.content and candidate.content.parts) or []
        asked = [part.function_call for part in parts if part.function_call]
        calls = tuple(
            ToolCall(each.id or f"call_{place}", each.name, each.args or {})
            for place, each in enumerate(asked)
        )
        text = "".join(part.text for part in parts if part.text and not part.thought)
        written = used.candidates_token_count or 0
        return Reply(text, calls, used.prompt_token_count, written, candidate.finish_reason.name)

    async def count_tokens(self, messages) -> int:
        spoken = [each | {"role": "user"} if each["role"] == "system" else each for each in messages]
        counted = await self.client.aio.models.count_tokens(model=self.model, contents=for_google(spoken))
        return counted.total_tokens


def status_of(error: Exception) -> int | None:
    """The HTTP status in an error of openai, anthropic or google-genai; None if no answer came."""
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    return status if isinstance(status, int) else None


def may_pass(error: Exception) -> bool:
    """Can the same request succeed later? Busy, broken and lost: yes. Refused: no."""
    status = status_of(error)
    return _no_answer(error) if status is None else status in (408, 429) or status >= 500


def asked_to_wait(error: Exception) -> float | None:
    """Seconds by `Retry-After`; None if the server did not say, or named a date."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        return float(headers.get("retry-after"))
    except (TypeError, ValueError):
        return None


def _no_answer(error: Exception) -> bool:
    import anthropic
    import httpx2
    import openai

    lost = TimeoutError, ConnectionError, httpx2.TransportError  # google-genai lets the last one through
    return isinstance(error, (*lost, openai.APIConnectionError, anthropic.APIConnectionError))


def for_anthropic(messages: list[dict]) -> list[dict]:
    """The conversation for the Messages API: a content is a list of blocks, a result comes from the user."""
    walked = _turns(
        messages,
        lambda said: {"type": "text", "text": said},
        lambda key, name, given: {"type": "tool_use", "id": key, "name": name, "input": given},
        lambda key, _, said: {"type": "tool_result", "tool_use_id": key, "content": said},
    )
    return [{"role": role, "content": blocks} for role, blocks in walked]


def for_google(messages: list[dict]) -> list[dict]:
    """The conversation for the Gemini API: contents of parts, the assistant is `model`, results by name."""
    walked = _turns(
        messages,
        lambda said: {"text": said},
        lambda _, name, given: {"function_call": {"name": name, "args": given}},
        lambda _, name, said: {"function_response": {"name": name, "response": {"result": said}}},
    )
    roles = {"user": "user", "assistant": "model"}
    return [{"role": roles[role], "parts": parts} for role, parts in walked]


def system_of(messages: list[dict]) -> str:
    """All that the system says, which two of three vendors want apart from the conversation."""
    return "\n\n".join(each["content"] for each in messages if each["role"] == "system")


def _turns(
    messages: list[dict], text: Callable, tool_call: Callable, result: Callable
) -> list[tuple[str, list]]:
    """The conversation as alternating (role, pieces), each piece written by one of the three functions."""
    names, done = {}, []
    for message in messages:
        role, pieces = message["role"], []
        if role == "system":
            continue
        if role == "tool":
            called = message["tool_call_id"]
            pieces.append(result(called, names[called], message["content"]))
        elif message.get("content"):
            pieces.append(text(message["content"]))
        for each in message.get("tool_calls", ()):
            names[each["id"]] = each["function"]["name"]
            pieces.append(tool_call(each["id"], names[each["id"]], json.loads(each["function"]["arguments"])))
        role = "assistant" if role == "assistant" else "user"
        if done and done[-1][0] == role:  # two turns of one side become one
            done[-1][1].extend(pieces)
        else:
            done.append((role, pieces))
    return done


def _described(tool: dict) -> dict:
    return {name: tool[name] for name in ("name", "description") if name in tool}
