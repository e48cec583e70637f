"""A scripted model: what it answers is a plain Python function that the notebook shows.

    @rehearsal.policy("capital")
    def capital(request):
        found = request.results("look_up")
        return say(f"It is {found[-1]}.") if found else call("look_up", country=request.user)

`client.chat.completions.create(model="capital", ...)` and `client.responses.create(...)` then ask it over
real HTTP: `coursekit.llm` gives the client, `coursekit.rehearsal_server` listens. A policy returns

    say(text)   refuse(text)   a dict or pydantic object (structured output)   call(tool, **arguments)
    a list of these (several calls at once, a sentence before a call)
    or a fault: rate_limited, server_error, times_out, breaks_the_stream, malformed_json, context_too_long,
    or `invents`, a call of a tool that nobody offered

and must depend on its request alone, so that cells may run twice, in any order, and side by side.
"""

import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from coursekit.errors import CourseError

LOG_LENGTH = 200


@dataclass(frozen=True)
class Request:
    """What a policy is asked; the same whether it came by Chat Completions or by Responses."""

    model: str
    messages: list[dict]  # in the form of Chat Completions, every content as one text
    tools: dict[str, dict] = field(default_factory=dict)  # name -> description, parameters, strict
    schema: dict | None = None  # JSON Schema the answer must satisfy
    attempt: int = 0  # 0 first, 1 when the client tries again by itself, …
    must_call: bool = False  # tool_choice asks for a call
    max_calls: int | None = None  # 1 under parallel_tool_calls=False
    max_tokens: int | None = None
    body: dict = field(default_factory=dict)  # the JSON as it came

    @property
    def user(self) -> str:
        """What the user said last, or ""."""
        return next((m["content"] for m in reversed(self.messages) if m["role"] == "user"), "")

    @property
    def system(self) -> str:
        """All instructions of the system (or developer), one per line."""
        return "\n".join(m["content"] for m in self.messages if m["role"] in ("system", "developer"))

    def results(self, tool: str | None = None) -> list[str]:
        """What the tools (or one `tool`) have returned in this conversation, oldest first."""
        calls = [call for message in self.messages for call in message.get("tool_calls", ())]
        names = {call["id"]: call["function"]["name"] for call in calls}
        answers = [m for m in self.messages if m["role"] == "tool"]
        return [m["content"] for m in answers if tool in (None, names[m["tool_call_id"]])]

    @property
    def tokens(self) -> int:
        """Size of the prompt: `tokens` of all messages, tool calls, tools and the schema."""
        calls = [m["tool_calls"] for m in self.messages if "tool_calls" in m]
        asked = [*calls, *self.tools.values(), *([self.schema] if self.schema else [])]
        texts = [m["content"] for m in self.messages] + [json.dumps(part) for part in asked]
        return sum(len(tokens(text)) for text in texts)


def tokens(text: str) -> list[str]:
    """Pieces of at most four characters of one word, each with the space before it; joined, they are `text`.

    A stand-in for a real tokenizer, whose pieces of English average about four characters as well.

    >>> tokens("Little's law holds.")
    ['Litt', "le's", ' law', ' hold', 's.']
    """
    return re.findall(r"\s*\S{1,4}|\s+", text)


# What a policy may return.


@dataclass(frozen=True)
class Say:
    text: str
    refused: bool = False
    checked: bool = True  # against the schema asked
    break_after: int | None = None  # tokens


@dataclass(frozen=True)
class Call:
    tool: str
    arguments: str  # JSON
    checked: bool = True  # against the tool's strict parameters
    offered: bool = True  # must be: a call of a tool that nobody offered would teach something false


class Fault(Exception):
    """Returned by a policy instead of an answer; the server makes it happen on the wire."""


class Failure(Fault):
    """An HTTP error. `retry`: what the client is told to do, None to leave it to its own rules."""

    def __init__(self, status: int, code: str, message: str, *, retry_after=None, retry=None):
        super().__init__(message)
        self.status, self.code, self.retry_after, self.retry = status, code, retry_after, retry


class Silence(Fault):
    """No answer at all, until the client gives up."""


def say(text: str) -> Say:
    return Say(text)


def refuse(text: str) -> Say:
    """The model declines: `message.refusal`, which no schema binds."""
    return Say(text, refused=True)


def call(tool: str, /, **arguments) -> Call:
    return Call(tool, json.dumps(arguments, ensure_ascii=False))


def invents(tool: str, /, **arguments) -> Call:
    """A call of a tool that was never offered, as small models make them."""
    return Call(tool, json.dumps(arguments, ensure_ascii=False), offered=False)


def rate_limited(retry_after: float = 1) -> Failure:
    """429, and after how many seconds to come back."""
    message = f"Rate limit reached; try again in {retry_after} s."
    return Failure(429, "rate_limit_exceeded", message, retry_after=retry_after)


def server_error() -> Failure:
    """500: the client tries again by itself, twice unless told otherwise."""
    return Failure(500, "server_error", "The server had an error while it worked on your request.")


def times_out() -> Silence:
    """Silence until the client's own timeout; ask with `client.with_options(timeout=…)`."""
    return Silence()


def breaks_the_stream(text: str, after: int = 3) -> Say:
    """The connection breaks after so many tokens of `text` (in mid-body when nothing is streamed)."""
    return Say(text, checked=False, break_after=after)


def malformed_json(text: str = '{"city": "Par', tool: str | None = None) -> Say | Call:
    """JSON that does not parse: as the answer, or as the arguments of a call of `tool`."""
    return Call(tool, text, checked=False) if tool else Say(text, checked=False)


def context_too_long(limit: int) -> Failure:
    """400, as when the prompt has more than `limit` tokens (`request.tokens` says how many it has)."""
    message = f"This model's maximum context length is {limit} tokens; your messages have more."
    return Failure(400, "context_length_exceeded", message)


# Who answers to which name.

Policy = Callable[[Request], object]
policies: dict[str, Policy] = {}


def policy(name: str) -> Callable[[Policy], Policy]:
    """Let the decorated function answer as `model=name`; the last one registered counts."""
    if not isinstance(name, str) or not name:
        raise CourseError(f'a policy needs a name, got {name!r}; write @rehearsal.policy("capital")')

    def register(function: Policy) -> Policy:
        policies[name] = function
        return function

    return register


# What went over the wire, newest last.


@dataclass(frozen=True)
class Exchange:
    """One request and its reply, as they were on the wire, without the headers (and so without the key)."""

    path: str
    request: dict
    attempt: int
    status: int | None  # None: no answer was given
    reply: str

    def __repr__(self) -> str:
        name = self.request.get("model", "")
        return f"{self.path} {name} attempt {self.attempt} -> {self.status or 'silence'}"


log: deque[Exchange] = deque(maxlen=LOG_LENGTH)
