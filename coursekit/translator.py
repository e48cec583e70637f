"""A translator between agents that speak MQTT and agents that speak HTTP, in Node.js where there is one.

- `POST /agents/NAME/messages`, with the token: the message goes to NAME's inbox by MQTT; the answer that
  names its `reply_with` comes back as the reply. 401, 404, 400, 409, 413 and 504 say what is wrong.
- A message by MQTT to an agent that lives behind HTTP is posted to its address; what that replies goes to the
  inbox of whoever the reply is for.

    with translator.start(broker, {"manager": "http://127.0.0.1:8001/inbox"}) as running:
        running.url, running.token

`static/translator.mjs` is the same program in JavaScript.   Taught in: notebooks/11_agent_communication.ipynb
"""

import asyncio
import json
import re
import secrets
import shutil
import sys
from pathlib import Path

import aiohttp
import aiomqtt
from aiohttp import web

from coursekit import servers
from coursekit.mqtt import NO_DELAY, Broker
from coursekit.talking import bears

LARGEST = 64_000  # bytes of a message
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
SCRIPT = Path(__file__).parent / "static" / "translator.mjs"


def node() -> str | None:
    """Where Node.js is, if it is installed and new enough."""
    return shutil.which("node")


def start(
    broker: Broker, agents: dict[str, str], *, language: str | None = None, patience_s: float = 2
) -> servers.Server:
    """Start it as a process; ready when its port takes connections. Its `token` opens it.

    agents: name -> where it takes messages by HTTP.   language: "node" or "python"; by default
    Node.js, if it is there.
    patience_s: how long an answer may take.
    """
    language = language or ("node" if node() else "python")
    program = {
        "node": [node() or "node", str(SCRIPT)],
        "python": [sys.executable, "-m", "coursekit.translator"],
    }
    token = secrets.token_urlsafe(16)
    login = {"port": broker.port, "user": "translator", "password": broker.password}
    settings = {"mqtt": login, "agents": agents, "token": token, "patience_s": patience_s}
    server = servers.start_with("translator", program[language], settings)
    server.token, server.language = token, language
    return server


def inbox(name: str) -> str:
    return f"agents/{name}/inbox"


def parts(raw: bytes) -> dict:
    """What a JSON object holds; nothing, if it is none."""
    try:
        found = json.loads(raw.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def receiver(message: dict) -> str | None:
    """The first one, if it could be the name of an inbox."""
    found = message.get("receiver")
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, str) and NAME.fullmatch(first) else None


def refuse(status: int, why: str) -> web.Response:
    text = json.dumps({"error": why}, separators=(",", ":"))
    return web.Response(text=text, status=status, content_type="application/json")


class Translator:
    def __init__(self, settings: dict, mqtt: aiomqtt.Client, http: aiohttp.ClientSession) -> None:
        self.settings, self.mqtt, self.http = settings, mqtt, http
        self.pending: dict[str, asyncio.Future] = {}
        self.tasks: set[asyncio.Task] = set()

    async def from_http(self, request: web.Request) -> web.Response:
        name, agents = request.match_info.get("name", ""), self.settings["agents"]
        if not bears(request, self.settings["token"]):
            return refuse(401, "no valid token")
        if request.method != "POST" or not NAME.fullmatch(name):
            return refuse(404, "no such place")
        payload = await request.read()
        if len(payload) > LARGEST:
            return refuse(413, f"at most {LARGEST} bytes are taken")
        message = parts(payload)
        key, sender = message.get("reply_with"), message.get("sender")
        if not isinstance(key, str) or not key or not isinstance(sender, str) or sender not in agents:
            return refuse(400, "a message in JSON is wanted, with a sender known here and a reply_with")
        if key in self.pending:
            return refuse(409, "this reply_with is already under way")
        answer = self.pending[key] = asyncio.get_running_loop().create_future()
        try:
            await self.mqtt.publish(inbox(name), payload, qos=1)
            async with asyncio.timeout(self.settings["patience_s"]):
                return web.Response(body=await answer, content_type="application/json")
        except TimeoutError:
            return refuse(504, "the agent did not answer in time")
        finally:
            del self.pending[key]

    async def from_mqtt(self) -> None:
        async for each in self.mqtt.messages:
            message = parts(each.payload)
            key = message.get("in_reply_to")
            waits = self.pending.get(key) if isinstance(key, str) else None
            if waits and not waits.done():
                waits.set_result(each.payload)
            elif url := self.settings["agents"].get(receiver(message)):
                self.tasks.add(task := asyncio.ensure_future(self.to_http(url, each.payload)))
                task.add_done_callback(self.tasks.discard)

    async def to_http(self, url: str, payload: bytes) -> None:
        headers = {"content-type": "application/json"}
        try:
            async with self.http.post(url, data=payload, headers=headers) as reply:
                answer = await reply.read()
        except aiohttp.ClientError:
            return  # the agent is not there; the asker waits in vain, as with any dead agent
        if reply.status == 200 and (to := receiver(parts(answer))):
            await self.mqtt.publish(inbox(to), answer, qos=1)


async def serve(settings: dict, port: int) -> None:
    """Translate until the broker is gone."""
    login = settings["mqtt"]
    client = aiomqtt.Client("127.0.0.1", login["port"], username=login["user"], password=login["password"],
                            socket_options=NO_DELAY)  # fmt: skip
    async with client as mqtt, aiohttp.ClientSession() as http:
        for name in settings["agents"]:
            await mqtt.subscribe(inbox(name), qos=1)
        translator = Translator(settings, mqtt, http)
        app = web.Application(client_max_size=100 * LARGEST)
        app.router.add_route("*", "/agents/{name}/messages", translator.from_http)
        app.router.add_route("*", "/{path:.*}", translator.from_http)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await translator.from_mqtt()


if __name__ == "__main__":
    asyncio.run(serve(*servers.options(__doc__)))
