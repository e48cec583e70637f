"""Every way to carry a message, by name, and a process in which one robot speaks them all.

    ways = polyglot.ways(broker)
    async with ways["REST"].serve(robot) as address, ways["REST"].connect(address) as ask:
        …                                              # the robot lives in this process,
    process, addresses = polyglot.start(broker)        # or in another one
    async with ways["REST"].connect(addresses["REST"]) as ask:
        …

Run by `python -m coursekit.polyglot`; bound to loopback.   Taught in: notebooks/11_agent_communication.ipynb
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import NamedTuple

from aiohttp import web

from coursekit import servers, talk_bus, talk_rpc, talk_web
from coursekit.acl import Message
from coursekit.mqtt import Broker
from coursekit.talking import Agent, Ask, robot

NAME = "robot"


class Way(NamedTuple):
    """`serve(agent)` gives an address, `connect(address)` an `ask`; both are async context managers."""

    serve: Callable
    connect: Callable


@asynccontextmanager
async def serve_queue(agent: Agent) -> AsyncIterator[asyncio.Queue]:
    """No wire at all, for comparison: two coroutines and a queue."""
    questions: asyncio.Queue = asyncio.Queue()

    async def talk() -> None:
        while True:
            message, answer = await questions.get()
            answer.set_result(agent(message))

    talking = asyncio.ensure_future(talk())
    try:
        yield questions
    finally:
        talking.cancel()


@asynccontextmanager
async def queue(questions: asyncio.Queue) -> AsyncIterator[Ask]:
    async def ask(message: Message) -> Message:
        answer = asyncio.get_running_loop().create_future()
        await questions.put((message, answer))
        return await answer

    yield ask


def ways(broker: Broker | None = None, mosquitto: Broker | None = None) -> dict[str, Way]:
    """All ways, from no wire to the most elaborate; those by MQTT for the brokers that are given."""
    found = {
        "queue": Way(serve_queue, queue),
        "WebSocket": Way(talk_web.serve_websocket, talk_web.websocket),
        "ZeroMQ": Way(talk_bus.serve_zmq, talk_bus.zeromq),
        "DDS": Way(talk_bus.serve_dds, talk_bus.dds),
        "REST": Way(talk_web.serve_rest, talk_web.rest),
        "gRPC": Way(talk_rpc.serve_grpc, talk_rpc.grpc_unary),
        "GraphQL": Way(talk_web.serve_graphql, talk_web.graphql),
        "GraphQL, no cache": Way(talk_web.serve_graphql_uncached, talk_web.graphql),
        "MCP": Way(talk_rpc.serve_mcp, talk_rpc.mcp),
        "A2A": Way(talk_rpc.serve_a2a, talk_rpc.a2a),
    }
    for name, each in (("MQTT", broker), ("MQTT, mosquitto", mosquitto)):
        for qos in (0, 1) if each else ():
            serve = partial(_serve_mqtt, broker=talk_bus.login(each, qos))
            found[f"{name}, QoS {qos}"] = Way(serve, talk_bus.mqtt)
    return found


def _serve_mqtt(agent: Agent, broker: dict):
    return talk_bus.serve_mqtt(agent, broker)


def start(broker: Broker, mosquitto: Broker | None = None, name: str = NAME) -> tuple[servers.Server, dict]:
    """The robot in a process of its own, with brokers that run already; and where it is reached, by way.

    A robot of the same name is replaced.   Raises: ServerError if it does not come up.
    """
    logins = {"broker": talk_bus.login(broker)}
    logins |= {"mosquitto": talk_bus.login(mosquitto)} if mosquitto else {}
    program = [sys.executable, "-m", "coursekit.polyglot"]
    server = servers.start_with(name, program, logins, path="/", timeout_s=60)
    with servers.ask(f"{server.url}/") as reply:
        addresses = json.loads(reply.read())
    for way in ways(broker, mosquitto):
        if way.startswith("MQTT"):
            login = logins["mosquitto" if "mosquitto" in way else "broker"]
            addresses[way] = login | {"qos": int(way[-1])}
    return server, addresses


async def _serve(settings: dict, port: int) -> None:
    """Open all ways, say where they are, and stay."""
    async with AsyncExitStack() as stack:
        addresses = {}
        for name, way in ways().items():
            if name != "queue":
                addresses[name] = await stack.enter_async_context(way.serve(robot))
        for login in settings.values():
            await stack.enter_async_context(talk_bus.serve_mqtt(robot, login))

        async def where(_: web.Request) -> web.Response:
            return web.json_response(addresses)

        await stack.enter_async_context(talk_web.site(web.get("/", where), port=port))
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(*servers.options(__doc__)))
