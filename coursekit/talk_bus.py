"""A message by ZeroMQ, by MQTT and by DDS: sockets, a broker, and neither.

Taught in: notebooks/11_agent_communication.ipynb
"""

import asyncio
import gc
import itertools
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import aiomqtt
import zmq
import zmq.asyncio
from cyclonedds.core import Listener, Policy, Qos
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration

from coursekit.acl import ACLError, Message
from coursekit.mqtt import NO_DELAY, Broker
from coursekit.talking import Agent, Ask, Pending, answered, heard
from coursekit.wire import Sample, as_cdr, as_json, from_cdr

# ---- ZeroMQ: a ROUTER that knows who asked, DEALERs that ask


@asynccontextmanager
async def serve_zmq(agent: Agent) -> AsyncIterator[str]:
    with zmq.asyncio.Context() as context, context.socket(zmq.ROUTER) as socket:
        socket.linger = 0  # what is not sent when the block ends is dropped
        port = socket.bind_to_random_port("tcp://127.0.0.1")

        async def talk() -> None:
            while True:
                who, raw = await socket.recv_multipart()
                await socket.send_multipart([who, answered(agent, raw).encode()])

        talking = asyncio.ensure_future(talk())
        try:
            yield f"tcp://127.0.0.1:{port}"
        finally:
            talking.cancel()


@asynccontextmanager
async def zeromq(address: str) -> AsyncIterator[Ask]:
    with zmq.asyncio.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(address)
        pending = Pending()

        async def listen() -> None:
            while True:
                pending.hear(await socket.recv())

        listening = asyncio.ensure_future(listen())
        try:
            yield lambda message: pending.ask(message, lambda: socket.send(as_json(message).encode()))
        finally:
            listening.cancel()


# ---- MQTT: everybody has an inbox, `agents/NAME/inbox`


def inbox(name: str) -> str:
    return f"agents/{name}/inbox"


@asynccontextmanager
async def serve_mqtt(agent: Agent, broker: dict, name: str = "r1") -> AsyncIterator[dict]:
    """broker: what `login` gives, and the `qos`; answers go to the inbox of whoever sent the message."""
    async with _client(broker, name) as client:
        await client.subscribe(inbox(name), qos=2)

        async def talk() -> None:
            async for each in client.messages:
                said = answered(agent, each.payload)
                if not said.startswith('{"error"'):  # else there is no inbox to answer to
                    to = heard(said).receiver[0]
                    await client.publish(inbox(to), said, qos=each.qos)

        talking = asyncio.ensure_future(talk())
        try:
            yield broker
        finally:
            talking.cancel()


@asynccontextmanager
async def mqtt(broker: dict, name: str = "manager") -> AsyncIterator[Ask]:
    async with _client(broker, name) as client:
        pending = Pending()
        await client.subscribe(inbox(name), qos=2)

        async def listen() -> None:
            async for each in client.messages:
                pending.hear(each.payload)

        listening = asyncio.ensure_future(listen())

        def ask(message: Message):
            to, raw = inbox(message.receiver[0]), as_json(message)
            return pending.ask(message, lambda: client.publish(to, raw, qos=broker["qos"]))

        try:
            yield ask
        finally:
            listening.cancel()


def login(broker: Broker, qos: int = 0, nodelay: bool = True) -> dict:
    """All that a client needs to know of a broker, as plain data."""
    return {"port": broker.port, "password": broker.password, "qos": qos, "nodelay": nodelay}


def _client(broker: dict, name: str) -> aiomqtt.Client:
    options = NO_DELAY if broker["nodelay"] else ()
    return aiomqtt.Client(
        "127.0.0.1", broker["port"], username=name, password=broker["password"],
        socket_options=options, max_inflight_messages=100,
    )  # fmt: skip


# ---- DDS: no broker; participants find each other, here on loopback and without multicast

SETTINGS = """\
<CycloneDDS><Domain>
  <General><AllowMulticast>false</AllowMulticast>
    <Interfaces><NetworkInterface name="{interface}"/></Interfaces></General>
  <Discovery><ExternalDomainId>{network}</ExternalDomainId><SPDPInterval>100 ms</SPDPInterval>
    <ParticipantIndex>auto</ParticipantIndex>
    <MaxAutoParticipantIndex>40</MaxAutoParticipantIndex>
    <Peers><Peer address="127.0.0.1"/></Peers></Discovery>
  <Internal><Test><XmitLossiness>{lost}</XmitLossiness></Test></Internal>
</Domain></CycloneDDS>"""
RELIABLE = Qos(Policy.Reliability.Reliable(duration(seconds=5)), Policy.History.KeepAll)


def dds_address() -> dict:
    """A network by number, and a name for the topics that no other notebook on this machine has."""
    return {"network": os.getpid() % 100, "name": f"talk_{secrets.token_hex(4)}"}


NETWORK = dds_address()  # of this process
_domains: dict[tuple[int, int], tuple[int, Domain]] = {}
_numbers = itertools.count(1)
_listeners: list[Listener] = []  # kept, as DDS may call one after its reader is gone from Python


def participant(network: int, lost: int = 0) -> DomainParticipant:
    """A participant that never leaves this machine. `lost`: of 1000 packets that it sends, so many vanish."""
    if (network, lost) not in _domains:
        interface = "lo" if os.path.exists("/sys/class/net/lo") else "lo0"
        number = next(_numbers)
        settings = SETTINGS.format(interface=interface, network=network, lost=lost)
        _domains[network, lost] = number, Domain(number, settings)
    return DomainParticipant(_domains[network, lost][0])


@cache
def end(which: str) -> DomainParticipant:
    """A participant of this process by name; the one called "bad" loses 200 of 1000 packets that it sends."""
    return participant(NETWORK["network"], lost=200 if which == "bad" else 0)


def at(which: str, name: str) -> tuple[DomainParticipant, Topic]:
    """That participant, and its topic of messages: what a reader or writer is made with."""
    return end(which), Topic(end(which), f"{NETWORK['name']}_{name}", Sample)


def leave() -> None:
    """Close all sockets of DDS; participants of this process are gone after it."""
    end.cache_clear()
    gc.collect()
    _domains.clear()
    gc.collect()


class Waiting:
    """A reader that wakes a coroutine: `async for sample in Waiting(…)`."""

    def __init__(self, owner: DomainParticipant, topic: Topic, qos: Qos) -> None:
        loop, self.news = asyncio.get_running_loop(), asyncio.Event()
        wake = lambda _: loop.is_closed() or loop.call_soon_threadsafe(self.news.set)
        _listeners.append(Listener(on_data_available=wake))
        self.reader, self.samples = DataReader(owner, topic, qos=qos, listener=_listeners[-1]), []

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self.samples:
            await self.news.wait()
            self.news.clear()
            self.samples = [each for each in self.reader.take(100) if each.sample_info.valid_data]
        return self.samples.pop(0)


async def matched(*ends) -> None:
    """Return when each of these readers and writers has found a partner. Raises: TimeoutError after 10 s."""
    count = lambda end: (end.get_matched_subscriptions if isinstance(end, DataWriter)
                         else end.get_matched_publications)()  # fmt: skip
    async with asyncio.timeout(10):
        while not all(map(count, ends)):
            await asyncio.sleep(0.005)


@asynccontextmanager
async def serve_dds(agent: Agent, address: dict | None = None) -> AsyncIterator[dict]:
    address = address or dds_address()
    me = participant(address["network"])
    questions, answers = (Topic(me, f"{address['name']}_{way}", Sample) for way in ("ask", "answer"))
    writer, reader = DataWriter(me, answers, qos=RELIABLE), Waiting(me, questions, RELIABLE)

    async def talk() -> None:
        async for sample in reader:
            try:
                writer.write(as_cdr(agent(from_cdr(sample))))
            except ACLError:
                continue  # a topic has no way to say no; the asker waits in vain

    talking = asyncio.ensure_future(talk())
    try:
        yield address
    finally:
        talking.cancel()


@asynccontextmanager
async def dds(address: dict) -> AsyncIterator[Ask]:
    me, pending = participant(address["network"]), Pending()
    questions, answers = (Topic(me, f"{address['name']}_{way}", Sample) for way in ("ask", "answer"))
    writer, reader = DataWriter(me, questions, qos=RELIABLE), Waiting(me, answers, RELIABLE)

    async def listen() -> None:
        async for sample in reader:
            message = from_cdr(sample)
            pending.answer(message.in_reply_to, message)

    async def send(message: Message) -> None:
        writer.write(as_cdr(message))

    listening = asyncio.ensure_future(listen())
    try:
        await matched(writer, reader.reader)
        yield lambda message: pending.ask(message, lambda: send(message))
    finally:
        listening.cancel()
