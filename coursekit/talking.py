"""What all ways to carry a message share: the agent behind them, refusals, answers that find their question.

Each way is two context managers: `serve_…(agent)` gives an address, `…(address)` gives an `ask`:

    async with talk_web.serve_websocket(robot) as address, talk_web.websocket(address) as ask:
        offer = await ask(call)

Taught in: notebooks/11_agent_communication.ipynb
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from coursekit.acl import ACLError, Message
from coursekit.wire import as_json, from_fields, from_json

Agent = Callable[[Message], Message]  # one message in, its answer out
Ask = Callable[[Message], Awaitable[Message]]
PATIENCE_S = 5.0


def robot(message: Message) -> Message:
    """A delivery robot 7 m away: it offers, drives and reports, and says what it does not understand.

    >>> robot(Message("cfp", "manager", ("r1",), "(deliver p7)")).content
    '(metres 7)'
    """
    answers = {
        "cfp": ("propose", "(metres 7)"),
        "accept-proposal": ("inform", "(done p7)"),
        "request": ("agree", message.content),
        "query-ref": ("inform", "(battery 80)"),
    }
    act, content = answers.get(
        message.performative, ("not-understood", f"(unexpected {message.performative})")
    )
    return message.reply(act, message.receiver[0], content)


def answered(agent: Agent, raw: str | bytes) -> str:
    """JSON in, JSON out: the agent's answer, or why the message was refused."""
    key = ""
    try:
        message = from_json(raw)
        key = message.reply_with
        return as_json(agent(message))
    except ACLError as error:
        return json.dumps({"error": str(error), "in_reply_to": key})


def heard(raw: str | bytes) -> Message:
    """The answer in a JSON text. Raises: ACLError with the other side's words if it refused."""
    parts = json.loads(raw)
    if "error" in parts:
        raise ACLError(parts["error"])
    return from_fields(parts)


def bears(request: web.Request, token: str) -> bool:
    """Does a request carry this bearer token? Compared in constant time (RFC 6750)."""
    shown = request.headers.get("authorization", "").encode()
    return hmac.compare_digest(shown, f"Bearer {token}".encode())


class Pending:
    """Questions under way on one connection; `reply_with` and `in_reply_to` tell which answer is whose."""

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Future] = {}

    def asked(self, message: Message) -> asyncio.Future:
        """What to await. Raises: ACLError for a question that no answer could name."""
        if not message.reply_with or message.reply_with in self.waiting:
            raise ACLError(f"a question needs a reply_with of its own, got {message.reply_with!r}")
        future = self.waiting[message.reply_with] = asyncio.get_running_loop().create_future()
        return future

    def answer(self, key: str, answer: Message | ACLError) -> None:
        """Hand it to whoever asked; what nobody waits for any more is dropped."""
        future = self.waiting.pop(key, None)
        if future is not None and not future.done():
            give = future.set_exception if isinstance(answer, ACLError) else future.set_result
            give(answer)

    def hear(self, raw: str | bytes) -> None:
        """The same for an answer in JSON, be it a message or a refusal."""
        try:
            message = heard(raw)
            self.answer(message.in_reply_to, message)
        except ACLError as error:
            self.answer(json.loads(raw).get("in_reply_to", ""), error)

    async def ask(self, message: Message, send: Callable[[], Awaitable]) -> Message:
        """Send the question and wait for its answer. Raises: TimeoutError after 5 s."""
        future = self.asked(message)
        try:
            await send()
            return await asyncio.wait_for(future, PATIENCE_S)
        finally:
            self.waiting.pop(message.reply_with, None)


async def until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Return as soon as the condition holds. Raises: TimeoutError if it does not in time."""
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.001)


async def gone(*tasks: asyncio.Future) -> None:
    """Cancel these tasks, and return when they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
