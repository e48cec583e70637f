"""One student of `make load`: logs in, starts a server, pulls the course, runs a chapter, as browsers do.

All of it goes over HTTP and a WebSocket, through the proxy: no call that a browser would not make. What
goes wrong is kept under its kind and not tried again, but for one thing: when the hub says "too many at once,
come back in 15 seconds", a student comes back.
"""

import asyncio
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Self
from urllib.parse import parse_qs, quote, urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, CookieJar, WSMsgType
from yarl import URL

CELL_S, SERVER_S = 300, 300  # given up after
SCRIPT = re.compile(r'<script[^>]+src="([^"]+)"')


class Failed(Exception):
    """A student cannot go on; the first argument is the kind of failure."""


@dataclass
class Visit:
    """What one student met."""

    name: str
    chapter: str
    startup_s: float | None = None  # from the click on the link until the notebook is open
    server_s: float | None = None  # of that: until the server answers
    cells_s: list[float] = field(default_factory=list)
    failed_cells: list[dict] = field(default_factory=list)  # the number of each, its error and what that says
    asked_to_wait: int = 0
    failure: str | None = None
    chapter_s: float | None = None


class Student:
    """A browser with its cookies.   think: seconds to wait before a cell."""

    def __init__(self, url: str, link: str, password: str, visit: Visit, think: Callable[[], float]) -> None:
        self.url, self.link, self.password, self.visit, self.think = url, link, password, visit, think
        self.base = f"{url}/user/{visit.name}"
        self.wanted = {key: values[0] for key, values in parse_qs(urlsplit(link).query).items()}

    async def come(self, cells: list[str], tell: Callable[[str, str], None]) -> None:
        """The whole visit.   tell: called with the name and "open", "cell" or "done" when it is so."""
        try:
            async with self:
                begin = time.monotonic()
                await self.log_in()
                await self.start_server()
                self.visit.server_s = time.monotonic() - begin
                await self.pull()
                path = await self.open_lab()
                kernel = await self.start_kernel(path)
                self.visit.startup_s = time.monotonic() - begin
                tell(self.visit.name, "open")
                await self.run(kernel, cells, lambda: tell(self.visit.name, "cell"))
                self.visit.chapter_s = time.monotonic() - begin - self.visit.startup_s
                await self.save(path)
                tell(self.visit.name, "done")
        except Failed as failed:
            self.visit.failure = str(failed)
        except (ClientError, TimeoutError) as error:
            self.visit.failure = f"connection: {type(error).__name__}"

    async def __aenter__(self) -> Self:
        jar = CookieJar(unsafe=True)  # "unsafe": for an address without a name
        self.http = ClientSession(cookie_jar=jar, timeout=ClientTimeout(total=SERVER_S), max_field_size=65536)
        return self

    async def __aexit__(self, *_) -> None:
        await self.http.close()

    # ---- in

    async def log_in(self) -> None:
        page = f"{self.url}/hub/login"
        async with self.http.get(page) as shown:
            self.expect("login page", shown.status)
        form = {"username": self.visit.name, "password": self.password, "_xsrf": self.cookie("_xsrf", page)}
        async with self.http.post(page, data=form, allow_redirects=False) as done:
            self.expect("login", done.status, 302)

    async def start_server(self) -> None:
        """Follow the link: the hub starts a server and shows its progress."""
        while True:
            async with self.http.get(self.link) as shown:
                if shown.status != 429:
                    self.expect("start of the server", shown.status)
                    if shown.url.path.startswith(f"/user/{self.visit.name}/"):
                        return  # it ran already
                    break
                self.visit.asked_to_wait += 1
                await asyncio.sleep(int(shown.headers.get("Retry-After", 15)))
        token = self.cookie("_xsrf", f"{self.url}/hub/")
        progress = f"{self.url}/hub/api/users/{self.visit.name}/server/progress?_xsrf={quote(token)}"
        async for event in self.events(progress, "start of the server"):
            if event.get("failed"):
                raise Failed("start of the server: the hub says that it failed")
            if event.get("ready"):
                return
        raise Failed("start of the server: no more news of it")

    async def pull(self) -> None:
        """What nbgitpuller's page does: ask for the course, and read how it goes."""
        async with self.http.get(f"{self.base}/git-pull", params=self.wanted) as page:
            self.expect("page of nbgitpuller", page.status)
        keys = {key: self.wanted[key] for key in ("repo", "branch", "targetpath")}
        api = f"{self.base}/git-pull/api?" + "&".join(f"{key}={quote(keys[key], safe='')}" for key in keys)
        async for event in self.events(f"{api}&_xsrf={quote(self.token())}", "pull"):
            if event["phase"] == "error":
                raise Failed(f"pull: {event['message'][:80]}")
            if event["phase"] == "finished":
                return
        raise Failed("pull: broke off")

    async def open_lab(self) -> str:
        """JupyterLab's page with the scripts it names, then the notebook. Returns the notebook's path."""
        path = (
            self.wanted["urlpath"].removeprefix("lab/tree/").rpartition("/")[0]
            + f"/{self.visit.chapter}.ipynb"
        )
        async with self.http.get(f"{self.base}/lab/tree/{path}") as page:
            self.expect("JupyterLab", page.status)
            scripts = SCRIPT.findall(await page.text())
        for script in scripts:
            async with self.http.get(f"{self.url}{script}") as got:
                self.expect("scripts of JupyterLab", got.status)
                await got.read()
        async with self.http.get(f"{self.base}/api/contents/{path}?content=1", headers=self.signed()) as got:
            self.expect("open the notebook", got.status)
            self.notebook = await got.json()
        return path

    # ---- work

    async def start_kernel(self, path: str) -> str:
        session = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        async with self.http.post(f"{self.base}/api/sessions", json=session, headers=self.signed()) as made:
            self.expect("start of the kernel", made.status, 201)
            return (await made.json())["kernel"]["id"]

    async def run(self, kernel: str, cells: list[str], each: Callable[[], None]) -> None:
        """Every cell, one after the other, with time to think before each."""
        session = uuid.uuid4().hex
        address = f"{self.base}/api/kernels/{kernel}/channels?session_id={session}"
        async with self.http.ws_connect(address, max_msg_size=0, headers=self.signed()) as socket:
            for number, source in enumerate(cells, 1):
                await asyncio.sleep(self.think())
                begin = time.monotonic()
                try:
                    async with asyncio.timeout(CELL_S):
                        problem = await execute(socket, session, source)
                except TimeoutError:
                    raise Failed(f"cell: longer than {CELL_S} s") from None
                self.visit.cells_s.append(time.monotonic() - begin)
                if problem:
                    self.visit.failed_cells.append({"cell": number, **problem})
                each()

    async def save(self, path: str) -> None:
        model = {"type": "notebook", "format": "json", "content": self.notebook["content"]}
        async with self.http.put(
            f"{self.base}/api/contents/{path}", json=model, headers=self.signed()
        ) as done:
            self.expect("save", done.status)

    # ---- small things

    def expect(self, what: str, status: int, wanted: int = 200) -> None:
        if status != wanted:
            raise Failed(f"{what}: HTTP {status}")

    def cookie(self, name: str, url: str) -> str:
        found = self.http.cookie_jar.filter_cookies(URL(url)).get(name)
        return found.value if found else ""

    def token(self) -> str:
        return self.cookie("_xsrf", f"{self.base}/")

    def signed(self) -> dict[str, str]:
        return {"X-XSRFToken": self.token()}

    async def events(self, url: str, what: str) -> AsyncIterator[dict]:
        """The events of a server-sent stream, each read from its JSON."""
        async with self.http.get(url, headers={"Accept": "text/event-stream"}) as stream:
            self.expect(what, stream.status)
            async for line in stream.content:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])


async def execute(socket, session: str, source: str) -> dict | None:
    """Run a cell in the kernel and wait for its end. Returns its error, if it has one."""
    sent = uuid.uuid4().hex
    header = {
        "msg_id": sent,
        "msg_type": "execute_request",
        "session": session,
        "username": "",
        "version": "5.3",
    }
    content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False}
    content |= {"user_expressions": {}, "stop_on_error": True}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await socket.send_json(message)
    reply, idle = None, False
    while reply is None or not idle:
        got = await socket.receive()
        if got.type in (WSMsgType.CLOSED, WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.ERROR):
            raise Failed("cell: the connection to the kernel broke")
        if got.type is not WSMsgType.TEXT:
            continue
        heard = json.loads(got.data)
        if heard["msg_type"] == "status" and heard["content"]["execution_state"] in ("restarting", "dead"):
            raise Failed("cell: the kernel died")
        if heard["parent_header"].get("msg_id") != sent:
            continue
        if heard["msg_type"] == "execute_reply":
            reply = heard["content"]
        idle |= heard["msg_type"] == "status" and heard["content"]["execution_state"] == "idle"
    if reply["status"] == "ok":
        return None
    return {"error": reply.get("ename", reply["status"]), "says": reply.get("evalue", "")[:200]}


def thinking(mean_s: float, rng: Random) -> Callable[[], float]:
    """Exponential times to think, as between the arrivals of chapter 1; none where the mean is 0."""
    return (lambda: rng.expovariate(1 / mean_s)) if mean_s else (lambda: 0.0)
