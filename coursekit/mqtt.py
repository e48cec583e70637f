"""MQTT brokers on loopback: amqtt inside this process, mosquitto as a process where it is installed.

    broker = mqtt.start()                          # everybody needs a password, made for this run
    async with broker.client("r1") as robot:       # an aiomqtt client, logged in as r1
        await robot.publish("robots/r1/state", "idle", qos=1)
    broker.stop()                                  # or leave it: it ends with the kernel

`rules` say who may publish and subscribe where.   Taught in: notebooks/11_agent_communication.ipynb
"""

import asyncio
import base64
import hashlib
import logging
import os
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
from amqtt.broker import Broker as Amqtt
from amqtt.contexts import Action
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.protocol.handler import ProtocolHandler
from amqtt.mqtt.pubcomp import PubcompPacket
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin

from coursekit import servers
from coursekit.errors import CourseError
from coursekit.talking import gone, until

NO_DELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]  # else every second small packet waits 40 ms
_running: dict[str, "Broker"] = {}
for _name in ("amqtt", "transitions", "mqtt"):  # they log each packet, and every client that goes
    logging.getLogger(_name).setLevel(logging.CRITICAL)


# ---- Defects of amqtt 0.12, mended: they lose messages that it has acknowledged, or keep a sender waiting


async def _answer_pubrel(self, pubrel, *, known=ProtocolHandler.handle_pubrel) -> None:
    """A PUBREL is answered with PUBCOMP even when it comes again (MQTT 3.1.1, 4.3.3)."""
    while pubrel.packet_id in self.session.inflight_in and pubrel.packet_id not in self._pubrel_waiters:
        await asyncio.sleep(0.01)  # its PUBREC is just being sent once more
    if pubrel.packet_id in self._pubrel_waiters:
        return await known(self, pubrel)
    await self._send_packet(PubcompPacket.build(pubrel.packet_id))


def _pass_on(broker: Amqtt, session, handler, message):
    future = asyncio.get_running_loop().create_future()
    future.set_result(message)
    return broker._handle_message_delivery(session, handler, future)


async def _next_message(self, *, known=BrokerProtocolHandler.mqtt_deliver_next_message):
    """A message that reaches the loop of a connection which is just closing is passed on all the same."""
    session = self.session
    message = await known(self)
    if message is None or not (self._disconnect_waiter is None or self._disconnect_waiter.done()):
        return message
    passing = _pass_on(self.plugins_manager.context._broker_instance, session, self, message)
    _passing_on.add(task := asyncio.ensure_future(passing))
    task.add_done_callback(_passing_on.discard)
    return None


async def _message_loop(self, session, handler, *, known=Amqtt._client_message_loop) -> None:
    """What still waits when a client goes has been acknowledged, so it is passed on."""
    await known(self, session, handler)
    while not session.delivered_message_queue.empty():
        await _pass_on(self, session, handler, session.delivered_message_queue.get_nowait())


class _Subscriptions(dict):
    """Walked over as it was at the start: others may subscribe meanwhile."""

    def __iter__(self):
        return iter(list(dict.keys(self)))

    def items(self):
        return [(topic_filter, list(sessions)) for topic_filter, sessions in dict.items(self)]


_passing_on: set[asyncio.Task] = set()
ProtocolHandler.handle_pubrel = _answer_pubrel
BrokerProtocolHandler.mqtt_deliver_next_message = _next_message
Amqtt._client_message_loop = _message_loop


def matches(topic_filter: str, topic: str) -> bool:
    """Does a filter with + (one level) and # (all below) cover a topic, or another filter?

    >>> [matches("robots/+/state", each) for each in ("robots/r1/state", "robots/r1/arm/state", "robots/#")]
    [True, False, False]
    """
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for number, each in enumerate(wanted):
        if each == "#":
            return True
        if number == len(levels) or levels[number] == "#" or each not in ("+", levels[number]):
            return False
    return len(wanted) == len(levels)


class Passwords(BaseAuthPlugin):
    """Lets in who knows the password."""

    @dataclass
    class Config:
        password: str = ""

    async def authenticate(self, *, session) -> bool:
        given = (session.password or "").encode()
        return bool(session.username) and secrets.compare_digest(given, self.config.password.encode())


class Rules(BaseTopicPlugin):
    """Who may publish and subscribe where; whoever has no rules may do all, if there are none at all."""

    @dataclass
    class Config:
        rules: dict = field(default_factory=dict)

    async def topic_filtering(self, *, session=None, topic=None, action=None) -> bool:
        if not self.config.rules or action == Action.RECEIVE or session is None:
            return True
        own = self.config.rules.get(session.username, {})
        return any(matches(each, topic or "") for each in own.get(str(action), ()))


class Broker(servers.Running):
    """A running broker: its `host` and `port`; `client(name)` connects to it, `stop()` ends it."""

    host = "127.0.0.1"

    def __init__(self, name: str, rules: dict[str, dict[str, list[str]]], nodelay: bool = True) -> None:
        self.name, self.password, self.port = name, secrets.token_urlsafe(16), servers.free_port()
        here = f"{__name__}."
        plugins = {here + "Passwords": {"password": self.password}, here + "Rules": {"rules": rules}}
        listener = {"type": "tcp", "bind": f"{self.host}:{self.port}"}
        self._settings = {"listeners": {"default": listener}, "plugins": plugins}
        self._loop, self._alive = asyncio.new_event_loop(), False
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"broker {name}", daemon=True)

    async def _up(self) -> Amqtt:
        broker = Amqtt(self._settings, loop=self._loop)
        broker._subscriptions = _Subscriptions()
        await broker.start()
        return broker

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    def start(self) -> "Broker":
        self._thread.start()
        self._broker, self._alive = self._run(self._up()), True
        return self

    @property
    def alive(self) -> bool:
        return self._alive

    def client(self, user: str, *, port: int | None = None, **more) -> aiomqtt.Client:
        """A client that logs in as `user`; `more` goes to aiomqtt, `port` leads through a proxy."""
        login = {"username": user, "password": self.password, "socket_options": NO_DELAY}
        return aiomqtt.Client(self.host, port or self.port, **login | more)

    def stop(self) -> None:
        """Disconnect all and free the port; safe to call twice."""
        if self._alive:
            self._alive = False
            with suppress(TimeoutError):
                self._run(self._broker.shutdown())
            self._run(_cancel_all())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=10)
            self._loop.close()
        if _running.get(self.name) is self:
            del _running[self.name]


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def start(name: str = "broker", rules: dict[str, dict[str, list[str]]] | None = None) -> Broker:
    """Start amqtt in a thread of its own; a broker of the same name is stopped first.

    rules: user -> {"publish": [filters], "subscribe": [filters]}; without any, all may do all.
    Raises: CourseError if it does not start.
    """
    if name in _running:
        _running[name].stop()
    try:
        _running[name] = Broker(name, rules or {}).start()
    except Exception as error:
        raise CourseError(f"{name} did not start: {type(error).__name__}: {error}") from error
    return _running[name]


@asynccontextmanager
async def listeners(broker: Broker, **filters: str) -> AsyncIterator[dict[str, list[tuple[str, str]]]]:
    """Subscribers by name, each with its filter; gives what they hear, (topic, text) by name, as it grows."""
    heard: dict[str, list[tuple[str, str]]] = {}

    async def listen(name: str, wanted: str) -> None:
        async with broker.client(name) as client:
            await client.subscribe(wanted, qos=1)
            heard[name] = []
            async for message in client.messages:
                heard[name].append((str(message.topic), message.payload.decode()))

    tasks = [asyncio.ensure_future(listen(*each)) for each in filters.items()]
    try:
        await until(lambda: len(heard) == len(filters))
        yield heard
    finally:
        await gone(*tasks)


class Mosquitto(Broker):
    """The same handle for Eclipse Mosquitto, which runs as a process and ends with the kernel."""

    def __init__(self, name: str = "mosquitto") -> None:
        self.name, self.password = name, secrets.token_urlsafe(16)

    def start(self) -> "Mosquitto":
        """Raises: CourseError where there is no such program."""
        if not (program := mosquitto()):
            raise CourseError("there is no mosquitto on PATH; the broker inside this process does as well")
        salt = os.urandom(12)
        key = hashlib.pbkdf2_hmac("sha512", self.password.encode(), salt, 101)
        hashed = f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"
        self._folder = tempfile.TemporaryDirectory()
        users, settings = Path(self._folder.name, "users"), Path(self._folder.name, "mosquitto.conf")
        users.touch(mode=0o600)
        users.write_text("".join(f"{user}:{hashed}\n" for user in ("r1", "manager", "agent")))
        port = servers.free_port()
        lines = [f"listener {port} {self.host}", f"password_file {users}", "allow_anonymous false"]
        lines += ["set_tcp_nodelay true", "log_type error"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            lines.append("user root")
        settings.write_text("\n".join(lines))
        self._server = servers.start(self.name, [program, "-c", str(settings)], port=port)
        self.port = self._server.port
        return self

    @property
    def alive(self) -> bool:
        return self._server.alive

    def stop(self) -> None:
        self._server.stop()
        self._folder.cleanup()


def mosquitto() -> str | None:
    """Where the program is, if it is installed."""
    return shutil.which("mosquitto")
