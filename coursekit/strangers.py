"""Strangers at the door of each protocol: what becomes of an attempt, in a word.

    await at_grpc()        # {"gRPC, no token": "UNAUTHENTICATED", "gRPC, a token": "let in"}

Each function starts what it asks, on loopback, and stops it again.
Taught in: notebooks/11_agent_communication.ipynb
"""

import hmac
import logging
import secrets
import ssl
from collections.abc import Awaitable
from contextlib import suppress
from urllib.parse import parse_qs

import aiohttp
import aiomqtt
import grpc
import jwt
import websockets
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from fastapi import FastAPI, Header, Request
from fastapi.middleware.cors import CORSMiddleware
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from coursekit import certificates, mqtt, talk_bus, talk_rpc, talk_web, wire
from coursekit.access import Tokens
from coursekit.acl import Message
from coursekit.apps import Problem, say_problem
from coursekit.talking import robot, until

QUIET = logging.getLogger(__name__)  # a refused handshake is what we want to see, not news for the log
QUIET.setLevel(logging.CRITICAL + 1)
SCHEME = "Bearer "  # before a token, in HTTP and in the metadata of gRPC
BOARD, EVIL = "https://board.example", "https://evil.example"


async def refused_by(attempt: Awaitable) -> str:
    """The other side's word for no, or "let in"."""
    try:
        await attempt
    except grpc.aio.AioRpcError as error:
        return error.code().name
    except websockets.InvalidStatus as error:
        return f"status {error.response.status_code}"
    except (ssl.SSLError, aiomqtt.MqttError) as error:
        return type(error).__name__
    return "let in"


class NeedsToken(grpc.aio.ServerInterceptor):
    """No call without a valid token in its metadata."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens

    async def intercept_service(self, continuation, details):
        shown = dict(details.invocation_metadata).get("authorization", "").removeprefix(SCHEME)
        with suppress(Problem):
            self.tokens.check(shown)
            return await continuation(details)
        return grpc.unary_unary_rpc_method_handler(_deny)


async def _deny(_, context) -> None:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "send a valid token")


async def at_grpc() -> dict[str, str]:
    """Without a token, and with one."""
    tokens, question = Tokens(), wire.as_proto(Message("cfp", "manager", ("r1",), "(deliver p7 d2)"))
    async with talk_rpc.serve_grpc(robot, [NeedsToken(tokens)]) as address, talk_rpc.stub(address) as agent:
        shown = {"no token": (), "a token": (("authorization", f"Bearer {tokens.issue('m', [])}"),)}
        return {
            f"gRPC, {who}": await refused_by(agent.Tell(question, metadata=data))
            for who, data in shown.items()
        }


async def at_websocket() -> dict[str, str]:
    """By the page that opens it, without TLS; by the authority that one trusts, with it."""
    own, stranger, found = certificates.make(), certificates.make(), {}

    async def stays(connection) -> None:
        await connection.wait_closed()

    async def enters(server, scheme: str, **more) -> None:
        address = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with connect(address, proxy=None, **more) as connection:
            await connection.ping()

    async with serve(stays, "127.0.0.1", 0, origins=[BOARD], logger=QUIET) as server:
        for origin in (BOARD, EVIL):
            found[f"WebSocket, page of {origin[8:]}"] = await refused_by(enters(server, "ws", origin=origin))
    async with serve(stays, "127.0.0.1", 0, ssl=own.server, logger=QUIET) as server:
        for who, trusts in (("our authority", own), ("another one", stranger)):
            found[f"TLS, trusting {who}"] = await refused_by(enters(server, "wss", ssl=trusts.client))
    return found


async def at_mcp() -> dict[str, str]:
    """By a name that was made to point here (DNS rebinding), and by the page that asks."""
    body, found = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}, {}
    async with talk_rpc.serve_mcp(robot) as url, aiohttp.ClientSession() as http:
        for what, headers in (
            ("by the name evil.example", {"Host": EVIL[8:]}),
            ("page of evil.example", {"Origin": EVIL}),
        ):
            async with http.post(f"{url}/mcp", json=body, headers=headers) as reply:
                found[f"MCP, {what}"] = f"status {reply.status}"
    return found


async def at_mqtt(rules: dict[str, dict[str, list[str]]]) -> dict[str, str]:
    """A wrong password; r1, by these rules, in the name of r2, and at the manager's mail."""

    async def enters(broker: mqtt.Broker, **login: str) -> None:
        async with broker.client("r1", **login):
            pass

    with mqtt.start("guarded", rules) as broker:
        found = {"MQTT, wrong password": await refused_by(enters(broker, password="guess"))}
        async with mqtt.listeners(broker, manager="robots/#") as heard, broker.client("r1") as r1:
            for name in ("r2", "r1"):  # the forbidden one first: what comes first tells
                await r1.publish(f"robots/{name}/state", "idle", qos=1)
            await until(lambda: heard["manager"])
            granted = (await r1.subscribe("agents/manager/inbox"))[0].value
    first = heard["manager"][0][0]
    found["MQTT, r1 speaks for r2"] = "let in" if first == "robots/r2/state" else "dropped"
    return found | {"MQTT, r1 reads the manager's mail": "let in" if granted < 128 else "not granted"}


async def at_dds() -> dict[str, str]:
    """A participant that nobody invited, on a network without DDS-Security."""
    writer = DataWriter(*talk_bus.at("good", "secret"), qos=talk_bus.RELIABLE)
    reader = DataReader(*talk_bus.at("stranger", "secret"), qos=talk_bus.RELIABLE)
    await talk_bus.matched(writer, reader)
    writer.write(wire.Sample(content="the code of the door"))
    got: list[wire.Sample] = []
    await until(lambda: got.extend(reader.take(1)) or got)
    return {
        "DDS, whoever knows the number": "let in" if got[0].content.startswith("the code") else "kept out"
    }


# ---- REST, as OAuth 2.0 has it


def guarded_desk(tokens: Tokens, secrets_of: dict[str, str], notes: list[bytes]) -> FastAPI:
    """Tokens by client credentials (RFC 6749, 4.4); an order needs one; a note needs none, and regrets it."""
    app = FastAPI()
    cors = {"allow_origins": [BOARD], "allow_methods": ["POST"], "allow_headers": ["authorization"]}
    app.add_middleware(CORSMiddleware, **cors)
    app.add_exception_handler(Problem, say_problem)

    @app.post("/token")
    async def token(request: Request) -> dict:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        client, known = form.get("client_id", ""), secrets_of.get(form.get("client_id", ""), "")
        if not known or not hmac.compare_digest(form.get("client_secret", "").encode(), known.encode()):
            raise Problem(401, "Not authenticated")
        may = {"orders:read"} | ({"orders:write"} if client == "manager" else set())
        granted = tokens.issue(client, may & set(form.get("scope", "").split()))
        return {"access_token": granted, "token_type": SCHEME.strip(), "expires_in": 900}

    @app.post("/orders", status_code=201)
    async def order(authorization: str = Header("")) -> None:
        claims = tokens.check(authorization.removeprefix(SCHEME))
        if "orders:write" not in claims["scope"].split():
            raise Problem(403, "Not allowed", "this needs the scope orders:write")

    @app.post("/notes", status_code=201)
    async def note(request: Request) -> None:
        notes.append(await request.body())

    return app


async def at_rest() -> dict[str, int]:
    """Who asks for what -> the status; and how many notes a foreign page has left."""
    tokens, notes = Tokens(), []
    secrets_of = {name: secrets.token_urlsafe() for name in ("manager", "board")}
    async with (
        talk_web.served(guarded_desk(tokens, secrets_of, notes), "guarded") as url,
        aiohttp.ClientSession() as http,
    ):

        async def status(path: str, method: str = "POST", **more) -> int:
            async with http.request(method, url + path, **more) as reply:
                return reply.status

        async def token_of(name: str) -> str:
            form = {"client_id": name, "client_secret": secrets_of[name], "scope": "orders:read orders:write"}
            async with http.post(f"{url}/token", data=form) as reply:
                return (await reply.json())["access_token"]

        good = await token_of("manager")
        claims = jwt.decode(good, options={"verify_signature": False})
        shown = {
            "nobody": "",
            "the manager": good,
            "the board, which may only read": await token_of("board"),
            "the manager, an hour late": tokens.issue("manager", ["orders:write"], lasts_s=-3600),
            "one who signed it himself": jwt.encode(claims, "x" * 32, algorithm="HS256"),
            "one who asks not to check": jwt.encode(claims, None, algorithm="none"),
        }
        found = {
            who: await status("/orders", headers={"authorization": f"Bearer {shown[who]}"}) for who in shown
        }
        guess = {"client_id": "manager", "client_secret": "guess"}
        found["a wrong secret, for a token"] = await status("/token", data=guess)
        for origin in (BOARD, EVIL):
            ask = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            found[f"preflight from {origin[8:]}"] = await status("/orders", "OPTIONS", headers=ask)
        await status("/notes", data="x", headers={"Origin": EVIL})
    return found | {"notes that evil.example left all the same": len(notes)}
