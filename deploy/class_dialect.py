"""OpenAI's protocol, as far as a gateway has to understand it: what a call can take, and what it took."""

import json
import re
from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
from fastapi import Request
from fastapi.responses import JSONResponse

from coursekit.apps import Problem, request_id
from coursekit.metrics import usage_of

PATHS = ("chat/completions", "completions", "responses")
KNOWN = """
model messages prompt input instructions stream stream_options stop seed temperature top_p logprobs logit_bias
top_logprobs frequency_penalty presence_penalty n max_tokens max_completion_tokens max_output_tokens tools
tool_choice parallel_tool_calls response_format text reasoning reasoning_effort verbosity truncation include
store metadata user echo suffix
"""  # what else servers know, such as n_predict, could make an answer longer than what was charged
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
WORDS = {"text", "input_text", "output_text", "refusal"}  # kinds of content that are counted by their bytes
TEMPLATE = 64  # tokens that a chat template may add to what was written
BLANK = re.compile(rb"\r?\n\r?\n")  # between two events


class Asked(NamedTuple):
    """A call as it goes on to the model, and the most tokens that it can take."""

    path: str
    body: dict
    most: int
    shows_usage: bool  # at the end of a stream


async def whole(request: Request, limit: int) -> bytes:
    """The body. Raises: Problem 413 as soon as it is longer than `limit` bytes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise Problem(413, "Too long", f"A call may hold {limit:,} bytes; send less text.")
    return bytes(body)


def read(path: str, raw: bytes, model: str, longest: int, url: str) -> Asked:
    """Check a call and bound it. A token is a byte or more, so a body of n bytes holds at most n of them.

    longest: tokens that an answer may have; a call that wants more gets as many.   url: the model's server.
    Raises: Problem 400, or 404 for another model.
    """
    try:
        body = json.loads(raw)
    except ValueError:
        raise Problem(400, "No JSON", "The body of a call is a JSON object.") from None
    _refuse(body, model)
    asked = [body.pop(name) for name in LIMITS if body.get(name) is not None]
    if odd := [number for number in asked if type(number) is not int or number < 1]:
        shown = repr(odd[0])[:80]
        raise Problem(400, "No limit", f"The limit of an answer is a whole number above 0, not {shown}.")
    body[_limit(path, url)] = most = min([longest, *asked])
    shows_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    if body.get("stream") and path != "responses":  # there it is always told
        body["stream_options"] = {"include_usage": True}
    return Asked(path, body, len(raw) + TEMPLATE + most, shows_usage)


def _refuse(body: object, model: str) -> None:
    if not isinstance(body, dict):
        raise Problem(400, "No JSON", "The body of a call is a JSON object.")
    if body.get("model") != model:
        asked = str(body.get("model"))[:80]
        raise Problem(404, "Unknown model", f"This class asks {model!r}, not {asked!r}.")
    if strange := sorted(body.keys() - set(KNOWN.split())):
        raise Problem(400, "Unknown field", f"{strange[0][:80]!r} is not passed on; leave it out.")
    if body.get("n") not in (None, 1) or isinstance(body.get("prompt"), list):
        raise Problem(400, "One at a time", "One prompt and one answer a call; make more calls.")
    if not isinstance(body.get("stream_options") or {}, dict):
        raise Problem(400, "No options", "`stream_options` is an object.")
    turns = [body.get("messages") or [], body.get("input") or []]
    parts = [part for turn in turns if isinstance(turn, list) for part in _parts(turn)]
    if other := [kind for kind in parts if kind not in WORDS]:
        raise Problem(400, "Text alone", f"{other[0]!r} is not passed on; this class asks with text.")
    tools = body.get("tools") or []
    if not isinstance(tools, list) or any(_kind(tool) not in ("function", "custom") for tool in tools):
        raise Problem(400, "Tools of your own", "Tools that run at the provider are not passed on.")


def _kind(part: object) -> str:
    return str(part.get("type"))[:80] if isinstance(part, dict) else type(part).__name__


def _parts(turns: list) -> list[str]:
    """The kinds of content in a conversation."""
    held = [turn.get("content") for turn in turns if isinstance(turn, dict)]
    return [_kind(part) for content in held if isinstance(content, list) for part in content]


def _limit(path: str, url: str) -> str:
    """How the server calls the longest answer; in chats OpenAI has a newer name, which others do not know."""
    if path == "responses":
        return "max_output_tokens"
    at_openai = (urlsplit(url).hostname or "").endswith(".openai.com")
    return "max_completion_tokens" if at_openai and path != "completions" else "max_tokens"


def used(told: object) -> tuple[int, int] | None:
    """Tokens read and written, where a reply or an event of a stream tells them.

    >>> used({"usage": {"prompt_tokens": 20, "completion_tokens": 10}})
    (20, 10)
    """
    try:
        found = usage_of(told.get("response") or told)  # the last event of Responses holds the whole reply
        return int(found["input_tokens"]), int(found["output_tokens"])
    except (TypeError, ValueError, AttributeError):
        return None


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:  # such as [DONE], the end of a stream
        return None


async def told(reply: aiohttp.ClientResponse, asked: Asked, book) -> AsyncIterator[bytes]:
    """Pass an answer on while it comes; `book(prompt, answer)` is awaited before its end is.

    The event that tells the usage is kept back from who did not ask for it: its list of choices is empty.
    """
    if not asked.body.get("stream"):
        data = await reply.read()
        if found := used(_parsed(data)):
            await book(*found)
        yield data
        return
    found = None
    async for event in _events(reply):
        said = _parsed(event.partition(b"data:")[2])
        found = used(said) or found  # some servers tell it again and again: the last word counts
        if found and (said is None or asked.path == "responses"):
            await book(*found)
        alone = isinstance(said, dict) and said.get("choices") == []
        if asked.shows_usage or not alone:
            yield event
    if found:
        await book(*found)  # to a server that does not say when it is done


async def _events(reply: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in reply.content.iter_any():
        *events, rest = BLANK.split(rest + piece)
        for event in events:
            yield event + b"\n\n"
    if rest:
        yield rest


def error(problem: Problem) -> JSONResponse:
    """A problem in the form that clients of OpenAI read; the id of the request is in its headers."""
    kind = problem.title.lower().replace(" ", "_")
    said = {"message": problem.detail or problem.title, "type": kind, "code": problem.status}
    return JSONResponse({"error": said}, problem.status, {"x-request-id": request_id(), **problem.headers})
