"""A message by gRPC, by MCP and by A2A: calls of another agent's procedures, tools and tasks.

Taught in: notebooks/11_agent_communication.ipynb
"""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
from a2a.client import A2ACardResolver, ClientConfig, create_client
from a2a.helpers import get_message_text, new_text_message
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    Role,
    SendMessageRequest,
)
from mcp import Client
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from starlette.applications import Starlette

from coursekit.acl import ACLError, Message
from coursekit.talk_web import served
from coursekit.talking import Agent, Ask, answered, heard
from coursekit.wire import as_fields, as_json, as_proto, from_fields, from_proto, talk

for _name in ("mcp", "a2a", "httpx", "httpx2"):  # they log every request
    logging.getLogger(_name).setLevel(logging.ERROR)

# ---- gRPC: stubs from the schema in `wire.PROTO`


def servicer(agent: Agent):
    """The three procedures of the schema; a refusal is the status INVALID_ARGUMENT."""

    class Servicer(talk()[1].AgentServicer):
        async def Tell(self, request, context):
            try:
                return as_proto(agent(from_proto(request)))
            except ACLError as error:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

        async def Watch(self, request, context):
            for battery in (80, 60, 40):
                said = from_proto(request).reply("inform", request.receiver[0], f"(battery {battery})")
                yield as_proto(said)

        async def Converse(self, requests, context):
            async for request in requests:
                yield await self.Tell(request, context)

    return Servicer()


@asynccontextmanager
async def serve_grpc(agent: Agent, interceptors=(), service=None) -> AsyncIterator[str]:
    """interceptors: see each call before the agent does.   service: instead of `servicer(agent)`."""
    server = grpc.aio.server(interceptors=interceptors)
    talk()[1].add_AgentServicer_to_server(service or servicer(agent), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(grace=0.2)


@asynccontextmanager
async def stub(address: str) -> AsyncIterator:
    """The generated client of the schema."""
    async with grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield talk()[1].AgentStub(channel)


@asynccontextmanager
async def grpc_unary(address: str) -> AsyncIterator[Ask]:
    async with stub(address) as agent:

        async def ask(message: Message) -> Message:
            try:
                return from_proto(await agent.Tell(as_proto(message)))
            except grpc.aio.AioRpcError as error:
                raise ACLError(error.details()) from error

        yield ask


# ---- MCP: a tool that a model could choose


def mcp_server(agent: Agent) -> MCPServer:
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    server = MCPServer("robot", log_level="ERROR")
    root.handlers = before  # it would take over the log of the whole process

    @server.tool()
    def tell(message: dict[str, Any]) -> dict[str, Any]:
        """Give the robot one message of FIPA ACL, as an object; returns its answer."""
        try:
            return as_fields(agent(from_fields(message)))
        except ACLError as error:
            raise ToolError(str(error)) from error

    return server


def serve_mcp(agent: Agent):
    """Streamable HTTP, each request for itself: no session, no handshake."""
    return served(mcp_server(agent).streamable_http_app(stateless_http=True, json_response=True), "mcp")


@asynccontextmanager
async def mcp(address) -> AsyncIterator[Ask]:
    """address: where the server is, or the server itself when it lives in this process."""
    async with Client(f"{address}/mcp" if isinstance(address, str) else address) as client:

        async def ask(message: Message) -> Message:
            result = await client.call_tool("tell", {"message": as_fields(message)})
            if result.is_error:
                raise ACLError(result.content[0].text)
            return from_fields(result.structured_content)

        yield ask


# ---- A2A: an agent with a card, who gets messages and may make tasks of them


class Executor(AgentExecutor):
    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    async def execute(self, context, event_queue) -> None:
        said = answered(self.agent, get_message_text(context.message))
        await event_queue.enqueue_event(new_text_message(said))

    async def cancel(self, context, event_queue) -> None:
        raise NotImplementedError("an answer in one message leaves nothing to cancel")


def card(url: str) -> AgentCard:
    """What others read before they talk to this agent."""
    skill = AgentSkill(id="deliver", name="Deliver", description="Brings a parcel to a dock.", tags=["acl"])
    interface = AgentInterface(protocol_binding="JSONRPC", protocol_version="1.0", url=url)
    return AgentCard(
        name="r1", description="A delivery robot that speaks FIPA ACL.", version="1.0.0", skills=[skill],
        supported_interfaces=[interface], capabilities=AgentCapabilities(streaming=False),
        default_input_modes=["text/plain"], default_output_modes=["text/plain"],
    )  # fmt: skip


@asynccontextmanager
async def serve_a2a(agent: Agent) -> AsyncIterator[str]:
    app = Starlette()
    async with served(app, "a2a") as address:  # the card names the address, so the routes come after it
        handler = DefaultRequestHandler(Executor(agent), InMemoryTaskStore(), card(address))
        app.routes.extend([*create_agent_card_routes(card(address)), *create_jsonrpc_routes(handler, "/")])
        yield address


@asynccontextmanager
async def a2a(address: str) -> AsyncIterator[Ask]:
    async with httpx.AsyncClient(trust_env=False) as http:
        found = await A2ACardResolver(http, address).get_agent_card()
        found.supported_interfaces[0].url = address  # behind a line or a proxy the card names another one
        client = await create_client(found, ClientConfig(streaming=False, httpx_client=http))

        async def ask(message: Message) -> Message:
            said = new_text_message(as_json(message), role=Role.ROLE_USER)
            async for reply in client.send_message(SendMessageRequest(message=said)):
                return heard(get_message_text(reply.message))
            raise ACLError(f"no answer came to {json.dumps(message.reply_with)}")

        yield ask
