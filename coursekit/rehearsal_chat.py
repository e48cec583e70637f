"""The wire format of Chat Completions: requests read, answers written, plain or streamed.

Source: OpenAI API reference, POST /v1/chat/completions, 2026; the common language of local servers as well.
"""

from collections.abc import Iterator

from coursekit.rehearsal import Request, tokens
from coursekit.rehearsal_rules import CREATED, Answer, counts, identity, plain_text, understand

CLOSING = [b"data: [DONE]\n\n"]


def read(body: dict, attempt: int) -> Request:
    """The body of POST /v1/chat/completions. Raises Failure 400 if it is not one."""
    messages = [_message(given) for given in body["messages"]]
    form = body.get("response_format") or {}
    functions = [tool.get("function", tool) for tool in body.get("tools") or ()]
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    return understand(body, attempt, messages, functions, form.get("json_schema", form), limit)


def _message(given: dict) -> dict:
    fields = {name: value for name, value in given.items() if value is not None}
    return fields | {"content": plain_text(given.get("content"))}


def write(request: Request, answer: Answer) -> dict:
    """The body of a plain reply."""
    spoken = None if answer.calls and not answer.text else answer.text
    message = {"role": "assistant", "content": spoken, "refusal": None}
    if answer.refused:
        message |= {"content": None, "refusal": answer.text}
    if answer.calls:
        message["tool_calls"] = _calls(request, answer)
    choice = {"index": 0, "message": message, "finish_reason": _finish(answer), "logprobs": None}
    return _completion(request, "chat.completion", choices=[choice], usage=_usage(request, answer))


def stream(request: Request, answer: Answer) -> Iterator[dict]:
    """The same reply in chunks, one token each."""
    options = request.body.get("stream_options") or {}
    silent = {"usage": None} if options.get("include_usage") else {}

    def chunk(delta: dict, finish: str | None = None) -> dict:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _completion(request, "chat.completion.chunk", choices=[choice], **silent)

    yield chunk({"role": "assistant"} | ({} if answer.calls or answer.refused else {"content": ""}))
    for piece in tokens(answer.text)[: answer.break_after]:
        yield chunk({"refusal" if answer.refused else "content": piece})
    if answer.break_after is not None:
        return
    for index, made in enumerate(_calls(request, answer)):
        opened = {**made, "index": index, "function": {**made["function"], "arguments": ""}}
        yield chunk({"tool_calls": [opened]})
        for piece in tokens(made["function"]["arguments"]):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, _finish(answer))
    if silent:
        usage = _usage(request, answer)
        yield _completion(request, "chat.completion.chunk", choices=[], usage=usage)


def _completion(request: Request, kind: str, **rest) -> dict:
    head = {"id": f"chatcmpl-{identity(request)}", "object": kind, "created": CREATED}
    return head | {"model": request.model} | rest


def _calls(request: Request, answer: Answer) -> list[dict]:
    functions = [{"name": made.tool, "arguments": made.arguments} for made in answer.calls]
    return [
        {"id": f"call_{identity(request)}_{index}", "type": "function", "function": function}
        for index, function in enumerate(functions)
    ]


def _finish(answer: Answer) -> str:
    return "tool_calls" if answer.calls else "length" if answer.cut else "stop"


def _usage(request: Request, answer: Answer) -> dict:
    sent, written = counts(request, answer)
    return {"prompt_tokens": sent, "completion_tokens": written, "total_tokens": sent + written}
