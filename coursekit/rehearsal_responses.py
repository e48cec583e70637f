"""The wire format of Responses: requests read, answers written, plain or streamed.

Source: OpenAI API reference, POST /v1/responses, 2026.
"""

from collections.abc import Iterator

from coursekit.rehearsal import Request, tokens
from coursekit.rehearsal_rules import CREATED, Answer, counts, identity, invalid, plain_text, understand

CLOSING: list[bytes] = []


def read(body: dict, attempt: int) -> Request:
    """The body of POST /v1/responses. Raises Failure 400 if it is not one."""
    given = body.get("input") or []
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    messages = [{"role": "system", "content": body["instructions"]}] if body.get("instructions") else []
    for item in items:
        _add_item(messages, item)
    shape = (body.get("text") or {}).get("format") or {}
    return understand(body, attempt, messages, body.get("tools") or [], shape, body.get("max_output_tokens"))


def _add_item(messages: list[dict], item: dict) -> None:
    kind = item.get("type", "message")
    if kind == "message":
        messages.append({"role": item["role"], "content": plain_text(item.get("content"))})
    elif kind == "function_call":
        if not (messages and "tool_calls" in messages[-1]):  # calls made at once stand in one message
            messages.append({"role": "assistant", "content": "", "tool_calls": []})
        function = {"name": item["name"], "arguments": item["arguments"]}
        messages[-1]["tool_calls"].append({"id": item["call_id"], "type": "function", "function": function})
    elif kind == "function_call_output":
        result = {"role": "tool", "tool_call_id": item["call_id"]}
        messages.append(result | {"content": plain_text(item["output"])})
    elif kind != "reasoning":
        raise invalid(f"input items of type {kind!r} are not rehearsed")


def write(request: Request, answer: Answer) -> dict:
    """The body of a plain reply."""
    sent, written = counts(request, answer)
    return _response(request) | {
        "status": "incomplete" if answer.cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if answer.cut else None,
        "output": _items(request, answer),
        "usage": {
            "input_tokens": sent,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sent + written,
        },
    }


def stream(request: Request, answer: Answer) -> Iterator[dict]:
    """The same reply as numbered events, one token each."""
    for number, event in enumerate(_events(request, answer)):
        yield event | {"sequence_number": number}


def _events(request: Request, answer: Answer) -> Iterator[dict]:
    yield {"type": "response.created", "response": _response(request)}
    yield {"type": "response.in_progress", "response": _response(request)}
    for index, item in enumerate(_items(request, answer)):
        place = {"output_index": index}
        if item["type"] == "function_call":
            yield from _call_events(place, item)
            continue
        yield from _message_events(place, item, answer.break_after)
        if answer.break_after is not None:
            return
    whole = write(request, answer)
    yield {"type": f"response.{whole['status']}", "response": whole}


def _message_events(place: dict, item: dict, break_after: int | None) -> Iterator[dict]:
    [part] = item["content"]
    name = "refusal" if part["type"] == "refusal" else "text"
    kind = "response.refusal" if name == "refusal" else "response.output_text"
    inside = place | {"item_id": item["id"], "content_index": 0}
    extra = {} if name == "refusal" else {"logprobs": []}
    begun = {**item, "status": "in_progress", "content": []}
    yield place | {"type": "response.output_item.added", "item": begun}
    yield inside | {"type": "response.content_part.added", "part": {**part, name: ""}}
    for piece in tokens(part[name])[:break_after]:
        yield inside | extra | {"type": f"{kind}.delta", "delta": piece}
    if break_after is not None:
        return
    yield inside | extra | {"type": f"{kind}.done", name: part[name]}
    yield inside | {"type": "response.content_part.done", "part": part}
    yield place | {"type": "response.output_item.done", "item": item}


def _call_events(place: dict, item: dict) -> Iterator[dict]:
    kind = "response.function_call_arguments"
    inside = place | {"item_id": item["id"]}
    begun = {**item, "status": "in_progress", "arguments": ""}
    yield place | {"type": "response.output_item.added", "item": begun}
    for piece in tokens(item["arguments"]):
        yield inside | {"type": f"{kind}.delta", "delta": piece}
    yield inside | {"type": f"{kind}.done", "name": item["name"], "arguments": item["arguments"]}
    yield place | {"type": "response.output_item.done", "item": item}


def _response(request: Request) -> dict:
    body = request.body
    return {
        "id": f"resp_{identity(request)}",
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": body.get("metadata") or {},
        "model": request.model,
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "text": body.get("text") or {"format": {"type": "text"}},
    }


def _items(request: Request, answer: Answer) -> list[dict]:
    name, items = identity(request), []
    if answer.text or not answer.calls:
        part = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
        if answer.refused:
            part = {"type": "refusal", "refusal": answer.text}
        status = "incomplete" if answer.cut else "completed"
        message = {"id": f"msg_{name}", "type": "message", "role": "assistant", "status": status}
        items.append(message | {"content": [part]})
    for index, made in enumerate(answer.calls):
        call = {"id": f"fc_{name}_{index}", "type": "function_call", "status": "completed"}
        call |= {"call_id": f"call_{name}_{index}", "name": made.tool, "arguments": made.arguments}
        items.append(call)
    return items
