"""A gateway between agents that speak FIPA ACL by HTTP and agents that speak JSON by MQTT.

    async with running(broker, meaning) as (url, gateway):
        …                              # POST url/acc a message in string form; GET url/mail/NAME

- `POST /acc` takes a message: 202 when the broker has it, 400 with a reason, 413 if it is far too long, 503
  while the broker is away; a message that was answered by 503 may be sent again.
- `GET /mail/NAME` gives the oldest letter for NAME in string form, or 204.
- By MQTT a message for NAME is published to `fipa/NAME/inbox`; answers go to `fipa/gateway/inbox`, and what
  is wrong with one to `fipa/gateway/refused`.

Taught in: notebooks/11_agent_communication.ipynb
"""

import asyncio
import secrets
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import aiohttp
import aiomqtt
from aiohttp import web

from coursekit.acl import ACLError, Message, expression, read, write
from coursekit.conversations import Conversation
from coursekit.mqtt import Broker
from coursekit.talk_web import site
from coursekit.talking import bears, gone, until
from coursekit.wire import as_json, from_json

SAY_SOMETHING = (
    "cfp",
    "propose",
    "accept-proposal",
    "request",
    "agree",
    "inform",
)  # content must mean something


class Gate:
    """What may pass: `check` raises ACLError or says how the conversation then stands; `keep` makes it so.

    meaning: raises ACLError for a content that says nothing in the ontology.
    remember: so many conversations and ids; the oldest are forgotten.
    """

    def __init__(self, meaning: Callable[[Message], object], remember: int = 10_000) -> None:
        self.meaning, self.remember = meaning, remember
        self.talks: dict[str, Conversation] = {}
        self.seen: dict[tuple[str, str], bool] = {}

    def check(self, message: Message) -> Conversation:
        if not message.reply_with or not message.conversation_id:
            raise ACLError("a message needs a conversation_id, and a reply_with of its own")
        if (message.sender, message.reply_with) in self.seen:
            raise ACLError(f"{message.sender} has sent {message.reply_with!r} before")
        if message.performative in SAY_SOMETHING:
            self.meaning(message)
        known = self.talks.get(message.conversation_id) or Conversation.of(message)
        talk = replace(known, states=dict(known.states), log=list(known.log))
        talk.see(message)
        return talk

    def keep(self, message: Message, talk: Conversation) -> None:
        self.seen[message.sender, message.reply_with] = True
        self.talks[message.conversation_id] = talk
        for memory in (self.talks, self.seen):
            while len(memory) > self.remember:
                memory.pop(next(iter(memory)))


class Gateway:
    """`log` keeps what passed, `refused` why the rest did not."""

    def __init__(self, client: aiomqtt.Client, meaning: Callable[[Message], object]) -> None:
        self.client, self.gate, self.lock = client, Gate(meaning), asyncio.Lock()
        self.token = secrets.token_urlsafe(16)
        self.mail: dict[str, deque[Message]] = defaultdict(deque)
        self.log: list[Message] = []
        self.refused: list[str] = []

    async def pass_on(self, message: Message, deliver: Callable[[str], Awaitable]) -> None:
        """Check, deliver to each receiver, and only then keep; one message after the other."""
        async with self.lock:
            talk = self.gate.check(message)
            for name in message.receiver:
                await deliver(name)
            self.gate.keep(message, talk)
            self.log.append(message)

    async def post(self, request: web.Request) -> web.Response:
        if not bears(request, self.token):
            return web.Response(status=401, text="no valid token")
        try:
            message = read((await request.read()).decode())
            topics = {name: topic_of(name) for name in message.receiver}
            to_broker = lambda name: self.client.publish(topics[name], as_json(message), qos=1)
            await self.pass_on(message, to_broker)
        except (ACLError, UnicodeDecodeError) as error:
            self.refused.append(str(error))
            return web.Response(status=400, text=str(error))
        except aiomqtt.MqttError:
            return web.Response(status=503, text="the broker does not answer; send it again later")
        return web.Response(status=202)

    async def get(self, request: web.Request) -> web.Response:
        if not bears(request, self.token):
            return web.Response(status=401, text="no valid token")
        box = self.mail.get(request.match_info["name"])
        return web.Response(text=write(box.popleft())) if box else web.Response(status=204)

    async def listen(self) -> None:
        """What comes by MQTT goes into mailboxes."""
        async for each in self.client.messages:
            try:
                message = from_json(each.payload)
                await self.pass_on(message, lambda name, m=message: self.letter(name, m))
            except ACLError as error:
                self.refused.append(str(error))
                await self.client.publish("fipa/gateway/refused", str(error)[:1000], qos=1)

    async def letter(self, name: str, message: Message) -> None:
        self.mail[name].append(message)


def topic_of(name: str) -> str:
    """The inbox of an agent. Raises: ACLError for a name that cannot stand in a topic."""
    if len(name) > 64 or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise ACLError(f"the name of a receiver is 1 to 64 letters, digits, - and _; got {name[:40]!r}")
    return f"fipa/{name}/inbox"


@asynccontextmanager
async def running(broker: Broker, meaning: Callable[[Message], object]) -> AsyncIterator[tuple[str, Gateway]]:
    """The gateway on loopback until the block ends: its address, and itself, whose `token` opens it."""
    async with broker.client("gateway") as client:
        await client.subscribe("fipa/gateway/inbox", qos=1)
        gateway = Gateway(client, meaning)
        listening = asyncio.ensure_future(gateway.listen())
        try:
            async with site(web.post("/acc", gateway.post), web.get("/mail/{name}", gateway.get)) as url:
                yield url, gateway
        finally:
            await gone(listening)


# ---- One agent of each kind


@asynccontextmanager
async def json_robots(broker: Broker, metres: dict[str, int]) -> AsyncIterator[None]:
    """Robots that speak JSON by MQTT: each offers its metres, and reports when it is chosen."""
    ready: set[str] = set()

    async def drive(name: str) -> None:
        numbers = count(1)
        said = {"cfp": ("propose", f"(metres {metres[name]})"), "accept-proposal": ("inform", "(done p7)")}
        async with broker.client(name) as client:
            await client.subscribe(topic_of(name), qos=1)
            ready.add(name)
            async for each in client.messages:
                message = from_json(each.payload)
                if message.performative in said:
                    act, content = said[message.performative]
                    answer = message.reply(act, name, content, reply_with=f"{name}-{next(numbers)}")
                    await client.publish("fipa/gateway/inbox", as_json(answer), qos=1)

    tasks = [asyncio.ensure_future(drive(name)) for name in metres]
    try:
        await until(lambda: len(ready) == len(metres))
        yield
    finally:
        await gone(*tasks)


async def string_manager(url: str, token: str, call: Message) -> list[Message]:
    """A manager that speaks string form by HTTP: calls, takes the shortest offer, waits for the report.

    Returns: what it heard.   Raises: ACLError with the gateway's reason if a message is refused.
    """
    letters: list[Message] = []
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {token}"}) as http:

        async def send(message: Message) -> None:
            async with http.post(f"{url}/acc", data=write(message)) as reply:
                if reply.status != 202:
                    raise ACLError(await reply.text())

        async def hear(wanted: int) -> None:
            while len(letters) < wanted:
                async with http.get(f"{url}/mail/{call.sender}") as reply:
                    letters.extend([read(await reply.text())] if reply.status == 200 else [])
                await asyncio.sleep(0.002)

        await send(call)
        await hear(len(call.receiver))
        for number, offer in enumerate(sorted(letters, key=lambda m: float(expression(m.content)[1]))):
            act = "reject-proposal" if number else "accept-proposal"
            await send(offer.reply(act, call.sender, call.content, reply_with=f"award-{number}"))
        await hear(len(call.receiver) + 1)
    return letters
