"""The scripted model in two more wire formats, Anthropic's and Google's, and the counting of tokens in three.

A policy of `coursekit.rehearsal` answers them all: what differs between vendors is the form, not the model.
Whole replies only; a request to stream in these formats is refused. `coursekit.vendors` gives their clients.

Sources: Anthropic API reference, POST /v1/messages; Gemini API reference, models.generateContent; 2026.
"""

import json
import re
from urllib.parse import unquote

from coursekit import rehearsal_responses
from coursekit.rehearsal import Call, Failure, Request
from coursekit.rehearsal_rules import Answer, broken, counts, identity, invalid, plain_text, understand

KINDS = {  # status -> what Anthropic and Google call it
    400: ("invalid_request_error", "INVALID_ARGUMENT"),
    401: ("authentication_error", "UNAUTHENTICATED"),
    404: ("not_found_error", "NOT_FOUND"),
    429: ("rate_limit_error", "RESOURCE_EXHAUSTED"),
    500: ("api_error", "INTERNAL"),
}


class Messages:
    """POST /v1/messages: the system prompt stands apart, a content is a list of blocks."""

    @staticmethod
    def read(body: dict, attempt: int) -> Request:
        if body.get("stream"):
            raise invalid("streams are not rehearsed in this dialect; ask for a whole reply")
        system = plain_text(body.get("system"))
        messages = [{"role": "system", "content": system}] if system else []
        for given in body["messages"]:
            if given["role"] not in ("user", "assistant"):
                raise invalid(f'messages: role {given["role"]!r} is neither "user" nor "assistant"')
            messages += _from_blocks(given)
        functions = [_named(tool) | {"parameters": tool["input_schema"]} for tool in body.get("tools", ())]
        wish = body.get("tool_choice") or {}
        choice = {"any": "required", "none": "none", "tool": wish}.get(wish.get("type"), "auto")
        return understand(
            body | {"tool_choice": choice}, attempt, messages, functions, {}, body.get("max_tokens")
        )

    @staticmethod
    def write(request: Request, answer: Answer) -> dict:
        if "max_tokens" not in request.body:
            raise invalid("max_tokens: Field required")
        name = identity(request)
        blocks = [{"type": "text", "text": answer.text}] if answer.text else []
        for index, made in enumerate(answer.calls):
            call = {"type": "tool_use", "id": f"toolu_{name}_{index}", "name": made.tool}
            blocks.append(call | {"input": _object(request, made)})
        stop = "tool_use" if answer.calls else "max_tokens" if answer.cut else "end_turn"
        sent, written = counts(request, answer)
        head = {"id": f"msg_{name}", "type": "message", "role": "assistant", "model": request.model}
        head |= {"content": blocks, "stop_sequence": None}
        head |= {"stop_reason": "refusal" if answer.refused else stop}
        return head | {"usage": {"input_tokens": sent, "output_tokens": written}}

    @staticmethod
    def count(request: Request) -> dict:
        return {"input_tokens": request.tokens}

    @staticmethod
    def fail(failure: Failure) -> dict:
        return {"type": "error", "error": {"type": _kind(failure)[0], "message": str(failure)}}


def _from_blocks(given: dict) -> list[dict]:
    """One message of theirs is several of Chat Completions' where it holds results of tools."""
    if isinstance(given["content"], str):
        return [given]
    results, calls, texts = [], [], []
    for block in given["content"]:
        if block["type"] == "tool_result":
            content = plain_text(block.get("content"))
            results.append({"role": "tool", "tool_call_id": block["tool_use_id"], "content": content})
        elif block["type"] == "tool_use":
            calls.append(_call(block["id"], block["name"], block["input"]))
        else:
            texts.append(plain_text([block]))
    return _turn(given["role"], results, calls, texts)


class GenerateContent:
    """POST /v1/models/{model}:generateContent, or v1beta: contents of parts; the assistant is `model`."""

    @staticmethod
    def read(body: dict, attempt: int) -> Request:
        config, shape = body.get("generationConfig") or {}, {}
        system = _text((body.get("systemInstruction") or {}).get("parts", ()))
        messages = [{"role": "system", "content": system}] if system else []
        waiting: list[dict] = []  # calls without their result; those without an id are told by their order
        for number, content in enumerate(body["contents"]):
            messages += _from_parts(content, number, waiting)
        if schema := config.get("responseJsonSchema"):
            shape = {"schema": schema}
        declared = [each for tool in body.get("tools", ()) for each in tool.get("functionDeclarations", ())]
        functions = [_named(each) | {"parameters": each.get(_schema(each), {})} for each in declared]
        mode = ((body.get("toolConfig") or {}).get("functionCallingConfig") or {}).get("mode", "AUTO")
        choice = {"ANY": "required", "NONE": "none"}.get(mode, "auto")
        limit = config.get("maxOutputTokens")
        return understand(body | {"tool_choice": choice}, attempt, messages, functions, shape, limit)

    @staticmethod
    def write(request: Request, answer: Answer) -> dict:
        calls = [
            {"functionCall": {"name": made.tool, "args": _object(request, made)}} for made in answer.calls
        ]
        parts = ([{"text": answer.text}] if answer.text else []) + calls
        finish = "SAFETY" if answer.refused else "MAX_TOKENS" if answer.cut else "STOP"
        content = {"role": "model", "parts": [] if answer.refused else parts}
        sent, written = counts(request, answer)
        usage = {"promptTokenCount": sent, "candidatesTokenCount": written, "totalTokenCount": sent + written}
        return {
            "responseId": identity(request),
            "modelVersion": request.model,
            "candidates": [{"index": 0, "content": content, "finishReason": finish}],
            "usageMetadata": usage,
        }

    @staticmethod
    def count(request: Request) -> dict:
        return {"totalTokens": request.tokens}

    @staticmethod
    def fail(failure: Failure) -> dict:
        return {"error": {"code": failure.status, "message": str(failure), "status": _kind(failure)[1]}}


def _from_parts(content: dict, number: int, waiting: list[dict]) -> list[dict]:
    results, calls, texts = [], [], []
    for index, part in enumerate(content["parts"]):
        if made := part.get("functionCall"):
            calls.append(_call(made.get("id", f"call_{number}_{index}"), made["name"], made.get("args", {})))
        elif given := part.get("functionResponse"):
            open_call = next((each for each in waiting if each["function"]["name"] == given["name"]), None)
            if open_call is None:
                raise invalid(
                    f"a functionResponse came for {given['name']!r}, which no open call has as name"
                )
            waiting.remove(open_call)
            result = given["response"].get("result", given["response"])
            said = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
            results.append({"role": "tool", "tool_call_id": open_call["id"], "content": said})
        else:
            texts.append(part["text"])
    waiting += calls
    roles = {"user": "user", "model": "assistant", "function": "user"}
    if content.get("role", "user") not in roles:
        raise invalid("Please use a valid role: user, model.")
    return _turn(roles[content.get("role", "user")], results, calls, texts)


class ResponsesInput:
    """POST /v1/responses/input_tokens: what `rehearsal_responses` reads, counted and not answered."""

    read = staticmethod(rehearsal_responses.read)

    @staticmethod
    def count(request: Request) -> dict:
        return {"object": "response.input_tokens", "input_tokens": request.tokens}


def route(path: str) -> tuple[type | None, str, bool]:
    """The format of this module behind a path, the model that the path names, and whether it only counts."""
    path = path.split("?")[0]
    if path == "/v1/responses/input_tokens":
        return ResponsesInput, "", True
    if path in ("/v1/messages", "/v1/messages/count_tokens"):
        return Messages, "", path.endswith("count_tokens")
    if found := re.fullmatch(r"/v1(?:beta)?/models/(.+):(generateContent|countTokens)", path):
        return GenerateContent, unquote(found[1]), found[2] == "countTokens"
    return None, "", False


def _turn(role: str, results: list[dict], calls: list[dict], texts: list[str]) -> list[dict]:
    said = {"role": role, "content": "".join(texts)} | ({"tool_calls": calls} if calls else {})
    return [*results, said] if texts or calls else results


def _call(name: str, tool: str, arguments: dict) -> dict:
    written = json.dumps(arguments, ensure_ascii=False)
    return {"id": name, "type": "function", "function": {"name": tool, "arguments": written}}


def _object(request: Request, made: Call) -> dict:
    try:
        return json.loads(made.arguments)
    except ValueError:  # here arguments travel as an object, so broken text cannot be sent
        raise broken(request, f"calls {made.tool!r} with {made.arguments!r}, which is no JSON") from None


def _named(tool: dict) -> dict:
    return {name: tool[name] for name in ("name", "description") if name in tool}


def _schema(declared: dict) -> str:
    """Under which name a function's schema came; google-genai 3.4 sends the second."""
    names = ("parametersJsonSchema", "parameters_json_schema", "parameters")
    return next((name for name in names if name in declared), names[0])


def _text(parts: list[dict]) -> str:
    return "".join(part.get("text", "") for part in parts)


def _kind(failure: Failure) -> tuple[str, str]:
    return KINDS.get(failure.status, KINDS[400 if failure.status < 500 else 500])
