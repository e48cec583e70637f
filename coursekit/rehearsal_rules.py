"""What the API promises, kept by the rehearsal: requests it understands, replies that a policy may give.

A scripted reply that breaks a promise (a tool never offered, JSON outside its schema) would teach something
false, so it becomes a 500 that names the policy and the reason. Ids are a hash of the conversation and the
clock stands still, so that the same request gives the same bytes.
"""

import hashlib
import json
import traceback
from dataclasses import dataclass

from coursekit.rehearsal import Call, Failure, Fault, Request, Say, policies, say, tokens

CREATED = 1_577_836_800  # 2020-01-01
ROLES = ("system", "developer", "user", "assistant", "tool")
NOT_REHEARSED = {  # field: what to do instead
    "n": "ask once per answer",
    "logprobs": "scripted words have no probability; COURSE_MODEL=local has real ones",
    "top_logprobs": "scripted words have no probability; COURSE_MODEL=local has real ones",
    "previous_response_id": "nothing is stored; pass the whole conversation as `input`",
    "conversation": "nothing is stored; pass the whole conversation as `input`",
    "background": "every answer is immediate",
}


def invalid(why: str) -> Failure:
    """400: the request is at fault, and asking again is no use."""
    return Failure(400, "invalid_request", why)


def plain_text(content: str | list[dict] | None) -> str:
    """A message's content as one text; what is not text (an image) leaves its type in brackets."""
    if isinstance(content, list):
        return "".join(part.get("text", f"[{part['type']}]") for part in content)
    return content or ""


def understand(
    body: dict, attempt: int, messages: list, functions: list, shape: dict, limit: int | None
) -> Request:
    """The Request that both wire formats read. Raises Failure 400 for what is wrong or not rehearsed."""
    for name, instead in NOT_REHEARSED.items():
        if body.get(name) and (name, body[name]) != ("n", 1):
            raise invalid(f"{name}={body[name]!r} is not rehearsed: {instead}")
    if limit is not None and limit < 1:
        raise invalid(f"the answer needs room for one token at least, got a limit of {limit}")
    _check_messages(messages)
    choice = body.get("tool_choice") or "auto"
    return Request(
        model=body.get("model", ""),
        messages=messages,
        tools=_offered(functions, choice),
        schema={"type": "object"} if shape.get("type") == "json_object" else shape.get("schema"),
        attempt=attempt,
        must_call=choice not in ("auto", "none"),
        max_calls=1 if body.get("parallel_tool_calls") is False else None,
        max_tokens=limit,
        body=body,
    )


def _check_messages(messages: list[dict]) -> None:
    if not messages:
        raise invalid("the conversation is empty; send at least one message")
    waiting: list[str] = []  # ids of calls whose result has not come yet
    for message in messages:
        if message["role"] not in ROLES:
            raise invalid(f"role {message['role']!r} is none of {', '.join(ROLES)}")
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                raise invalid(
                    f"a result came for {message['tool_call_id']!r}, which no open call has as its id"
                )
            waiting.remove(message["tool_call_id"])
        elif waiting:
            break
        waiting += [made["id"] for made in message.get("tool_calls", ())]
    if waiting:
        raise invalid(f"every tool call needs its result right after it; none came for {', '.join(waiting)}")


def _offered(functions: list[dict], choice: str | dict) -> dict[str, dict]:
    for function in functions:
        if function.get("type", "function") != "function":
            raise invalid(f"tools of type {function['type']!r} are not rehearsed; offer functions")
    tools = {function["name"]: function for function in functions}
    if isinstance(choice, dict):
        name = choice.get("function", choice).get("name")
        if name not in tools:
            raise invalid(
                f"tool_choice {choice} names none of the tools offered: {', '.join(tools) or 'none'}"
            )
        return {name: tools[name]}
    return {} if choice == "none" else tools


@dataclass(frozen=True)
class Answer:
    """A policy's reply, checked against what was asked and cut to `max_tokens`."""

    text: str
    calls: tuple[Call, ...] = ()
    refused: bool = False
    cut: bool = False
    break_after: int | None = None


def answer(request: Request) -> Answer:
    """Ask the policy of `request.model`. Raises its Fault, or a Failure that says what is wrong with it."""
    if request.model not in policies:
        known = ", ".join(map(repr, list(policies))) or "none yet"
        raise Failure(404, "model_not_found", f"no policy is named {request.model!r}; there are: {known}")
    try:
        reply = policies[request.model](request)
    except Exception as error:
        line = traceback.extract_tb(error.__traceback__)[:2][-1].line  # the policy's own
        raise broken(request, f"raised {type(error).__name__}: {error}, at `{line}`") from error
    if isinstance(reply, Fault):
        raise reply
    parts = [_part(request, part) for part in (reply if isinstance(reply, list) else [reply])]
    calls = tuple(part for part in parts if isinstance(part, Call))
    spoken = [part for part in parts if isinstance(part, Say)]
    if len(spoken) > 1 or not parts:
        raise broken(request, f"returned {len(spoken)} texts and {len(calls)} calls; say one thing, or call")
    said = spoken[0] if spoken else say("")
    _check(request, said, calls)
    kept = "".join(tokens(said.text)[: request.max_tokens])
    return Answer(kept, calls, said.refused, kept != said.text, said.break_after)


def _part(request: Request, part: object) -> Say | Call:
    if isinstance(part, dict):
        return say(json.dumps(part, ensure_ascii=False))
    if hasattr(part, "model_dump_json"):  # a pydantic object
        return say(part.model_dump_json())
    if not isinstance(part, Say | Call):
        raise broken(
            request, f"returned {part!r}; return say(…), call(…), a dict, a pydantic object or a fault"
        )
    return part


def _check(request: Request, said: Say, calls: tuple[Call, ...]) -> None:
    for made in calls:
        if not made.offered:
            continue
        if made.tool not in request.tools:
            offered = ", ".join(request.tools) or "none"
            raise broken(request, f"called the tool {made.tool!r}, which was not offered; offered: {offered}")
        if made.checked and request.tools[made.tool].get("strict"):
            _satisfies(request, made.arguments, request.tools[made.tool]["parameters"])
    if request.must_call and not calls:
        raise broken(request, f"said {said.text!r}, but tool_choice asks for a call")
    if request.max_calls is not None and len(calls) > request.max_calls:
        raise broken(request, f"made {len(calls)} calls, but parallel_tool_calls=False allows one")
    if request.schema and said.checked and not said.refused and not calls:
        _satisfies(request, said.text, request.schema)


def _satisfies(request: Request, text: str, schema: dict) -> None:
    from jsonschema import (
        SchemaError,
        ValidationError,
        validate,
    )  # only structured output pays for its import

    try:
        validate(json.loads(text), schema)
    except json.JSONDecodeError as error:
        raise broken(request, f"replied {text!r}, which is not JSON: {error}") from None
    except ValidationError as error:
        raise broken(request, f"replied {text}, which the schema forbids: {error.message}") from None
    except SchemaError as error:
        raise invalid(f"the schema asked is no JSON Schema: {error.message}") from None


def broken(request: Request, what: str) -> Failure:
    """500: the policy is at fault; the client is told not to ask again, as that cannot mend it."""
    return Failure(500, "policy_error", f"policy {request.model!r} {what}", retry=False)


def identity(request: Request) -> str:
    """24 letters that are the same for the same conversation, tools and schema."""
    asked = [request.model, request.messages, request.tools, request.schema]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:24]


def counts(request: Request, answer: Answer) -> tuple[int, int]:
    """Tokens sent and tokens written."""
    said = [answer.text, *(made.arguments for made in answer.calls)]
    return request.tokens, sum(len(tokens(text)) for text in said)
