"""A message by REST, by WebSocket and by GraphQL: what runs over the ports of the web.

Taught in: notebooks/11_agent_communication.ipynb
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import strawberry
from aiohttp import web as aio
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from coursekit import web
from coursekit.acl import LARGEST, ACLError, Message
from coursekit.talking import Agent, Ask, Pending, answered, heard
from coursekit.wire import as_json, from_json

HOST = "127.0.0.1"


@asynccontextmanager
async def served(app, name: str) -> AsyncIterator[str]:
    """An ASGI application on loopback, until the block ends; gives its address."""
    service = await asyncio.to_thread(web.serve, app, name)
    try:
        yield service.url
    finally:
        await asyncio.to_thread(service.stop)


@asynccontextmanager
async def site(*routes: aio.RouteDef, port: int = 0) -> AsyncIterator[str]:
    """An application of aiohttp in this event loop, until the block ends; gives its address.

    port: 0 takes a free one.
    """
    app = aio.Application(client_max_size=4 * LARGEST)
    app.add_routes(routes)
    runner = aio.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await aio.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


# ---- REST: POST /messages


@asynccontextmanager
async def serve_rest(agent: Agent) -> AsyncIterator[str]:
    async def post(request: aio.Request) -> aio.Response:
        said = answered(agent, await request.text())
        status = 400 if said.startswith('{"error"') else 200
        return aio.Response(text=said, status=status, content_type="application/json")

    async with site(aio.post("/messages", post)) as address:
        yield address


@asynccontextmanager
async def rest(address: str) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession() as http:

        async def ask(message: Message) -> Message:
            async with http.post(f"{address}/messages", data=as_json(message)) as reply:
                return heard(await reply.text())

        yield ask


# ---- WebSocket: one connection, a frame for each message


@asynccontextmanager
async def serve_websocket(agent: Agent) -> AsyncIterator[str]:
    async def talk(connection) -> None:
        async for frame in connection:
            await connection.send(answered(agent, frame))

    async with serve(talk, HOST, 0, max_size=4 * LARGEST, compression=None) as server:
        yield f"ws://{HOST}:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def websocket(address: str) -> AsyncIterator[Ask]:
    async with connect(address, compression=None, proxy=None) as connection:
        pending = Pending()

        async def listen() -> None:
            async for frame in connection:
                pending.hear(frame)

        listening = asyncio.ensure_future(listen())
        try:
            yield lambda message: pending.ask(message, lambda: connection.send(as_json(message)))
        finally:
            listening.cancel()


# ---- GraphQL: a mutation that takes the JSON and gives the fields that are asked for

TELL = "mutation Tell($message: String!) { tell(message: $message) }"


def graphql_app(agent: Agent, cached: bool = True) -> GraphQL:
    """cached: keep parsed and validated queries; without it both are done again for each request."""

    @strawberry.type
    class Query:
        @strawberry.field
        def alive(self) -> bool:
            return True

    @strawberry.type
    class Mutation:
        @strawberry.mutation
        def tell(self, message: str) -> str:
            return as_json(agent(from_json(message)))

    kept = [ParserCache(maxsize=64), ValidationCache(maxsize=64)] if cached else []
    extensions = [lambda each=each: each for each in kept]
    schema = strawberry.Schema(query=Query, mutation=Mutation, extensions=extensions)
    schema.process_errors = lambda *_: None  # refusals are answers, not news for the log
    return GraphQL(schema)


def serve_graphql(agent: Agent, cached: bool = True):
    return served(graphql_app(agent, cached), f"graphql {cached}")


def serve_graphql_uncached(agent: Agent):
    return serve_graphql(agent, cached=False)


@asynccontextmanager
async def graphql(address: str) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession() as http:

        async def ask(message: Message) -> Message:
            body = {"query": TELL, "variables": {"message": as_json(message)}}
            async with http.post(f"{address}/graphql", json=body) as reply:
                told = json.loads(await reply.text())
            if told.get("errors"):
                raise ACLError(told["errors"][0]["message"])
            return heard(told["data"]["tell"])

        yield ask
