"""A help desk on loopback: as much of Jira's and Slack's web APIs as an incident needs, behind a token.

    desk = Desk()
    with web.serve(desk.app, "desk") as service:
        JIRA(server=service.url, token_auth=desk.token, get_server_info=False)
        WebClient(token=desk.token, base_url=f"{service.url}/api/")

The real clients speak to it, and to the real services where their addresses are given instead. `press` is the
human half of a Slack button: it posts the choice back, signed as Slack signs it.
Taught in: notebooks/15_incident_agent.ipynb
"""

import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode

import httpx
from jira import JIRA
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Desk:
    """Tickets by key, messages in order of arrival. first: the number of the first ticket."""

    def __init__(self, first: int = 456, project: str = "INC") -> None:
        self.token, self.secret = secrets.token_urlsafe(16), secrets.token_hex(16)
        self.tickets: dict[str, dict] = {}
        self.messages: list[dict] = []
        self.first, self.project = first, project
        jira = "/rest/api/2/issue"
        self.app = Starlette(
            routes=[
                Route("/rest/api/2/project/{key}", self._project),
                Route(jira, self._create, methods=["POST"]),
                Route("/rest/api/2/field", self._fields),
                Route("/rest/api/2/search", self._find),
                Route(jira + "/{key}", self._read),
                Route(jira + "/{key}/comment", self._comment, methods=["POST"]),
                Route("/api/chat.postMessage", self._post, methods=["POST"]),
                Route("/api/conversations.history", self._history, methods=["POST"]),
            ]
        )
        self.app.add_middleware(BaseHTTPMiddleware, dispatch=self._guard)

    async def _guard(self, request: Request, go_on) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode(), self.token.encode()):
            return await go_on(request)
        if request.url.path.startswith("/api/"):  # Slack says no with a 200
            return JSONResponse({"ok": False, "error": "invalid_auth"})
        return JSONResponse({"errorMessages": ["no valid token"]}, 401)

    async def _project(self, request: Request) -> Response:
        known = request.path_params["key"] == self.project
        found = {"id": "1", "key": self.project} if known else {"errorMessages": ["no such project"]}
        return JSONResponse(found, 200 if known else 404)

    async def _create(self, request: Request) -> Response:
        fields = (await request.json())["fields"]
        if missing := {"project", "summary", "issuetype"} - fields.keys():
            return JSONResponse({"errors": {name: f"{name} is required" for name in sorted(missing)}}, 400)
        key = f"{self.project}-{self.first + len(self.tickets)}"
        self.tickets[key] = {"id": key.split("-")[1], "key": key, "fields": {**fields, "comment": []}}
        return JSONResponse({name: self.tickets[key][name] for name in ("id", "key")}, 201)

    async def _read(self, request: Request) -> Response:
        ticket = self.tickets.get(request.path_params["key"])
        return JSONResponse(ticket) if ticket else JSONResponse({"errorMessages": ["no such issue"]}, 404)

    async def _fields(self, request: Request) -> Response:
        return JSONResponse([{"id": "labels", "name": "Labels"}])  # the client asks before its first search

    async def _find(self, request: Request) -> Response:
        """Of JQL only `labels = "…"`, which is how a program finds what it filed before it crashed."""
        label = re.fullmatch(r'labels = "([^"]*)"', request.query_params.get("jql", ""))
        if label is None:
            return JSONResponse({"errorMessages": ['only labels = "…" is understood']}, 400)
        found = [each for each in self.tickets.values() if label[1] in each["fields"].get("labels", ())]
        return JSONResponse({"startAt": 0, "maxResults": 50, "total": len(found), "issues": found})

    async def _comment(self, request: Request) -> Response:
        ticket = self.tickets.get(request.path_params["key"])
        if ticket is None:
            return JSONResponse({"errorMessages": ["no such issue"]}, 404)
        ticket["fields"]["comment"].append((await request.json())["body"])
        return JSONResponse({"id": str(len(ticket["fields"]["comment"]))}, 201)

    async def _post(self, request: Request) -> Response:
        said = dict(await request.form()) or await request.json()
        for name in ("blocks", "metadata"):
            if isinstance(said.get(name), str):
                said[name] = json.loads(said[name])
        if not said.get("channel"):
            return JSONResponse({"ok": False, "error": "channel_not_found"})
        stamp = f"{len(self.messages):010}.000000"  # Slack's time stamp is a message's name
        self.messages.append({**said, "ts": stamp})
        return JSONResponse({"ok": True, "channel": said["channel"], "ts": stamp, "message": said})

    async def _history(self, request: Request) -> Response:
        """The messages of a channel, newest first; each keeps the metadata that it was posted with."""
        asked = dict(await request.form()) or await request.json()
        found = [message for message in self.messages if message["channel"] == asked.get("channel")]
        return JSONResponse({"ok": True, "messages": found[::-1], "has_more": False})

    def said(self, channel: str) -> list[str]:
        """The texts in one channel, oldest first."""
        return [message["text"] for message in self.messages if message["channel"] == channel]

    def signed(self, action_id: str, value: str, user: str, at: float | None = None) -> tuple[bytes, dict]:
        """Body and headers of a pressed button, signed with the secret that both sides know.

        at: seconds since 1970, now if None.   Source: Slack, "Verifying requests from Slack" (v0 scheme).
        """
        pressed = {"type": "block_actions", "user": {"id": user}}
        pressed["actions"] = [{"action_id": action_id, "value": value}]
        body = urlencode({"payload": json.dumps(pressed)})
        stamp = str(int(time.time() if at is None else at))
        seal = SignatureVerifier(self.secret).generate_signature(timestamp=stamp, body=body)
        kind = "application/x-www-form-urlencoded"
        heads = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": seal, "Content-Type": kind}
        return body.encode(), heads

    def press(self, url: str, action_id: str, value: str, user: str) -> int:
        """Press a button as `user`; the choice goes to `url`. Returns the HTTP status of the reply."""
        return self.send(url, *self.signed(action_id, value, user))

    @staticmethod
    def send(url: str, body: bytes, heads: dict) -> int:
        return httpx.post(url, content=body, headers=heads, trust_env=False).status_code


def buttons(question: str) -> list[dict]:
    """Slack's blocks for a yes-or-no question: two buttons that carry its id.

    >>> [button["action_id"] for button in buttons("q1")[0]["elements"]]
    ['approve', 'reject']
    """
    elements = [
        {"type": "button", "action_id": verb, "value": question, "text": {"type": "plain_text", "text": verb}}
        for verb in ("approve", "reject")
    ]
    return [{"type": "actions", "elements": elements}]


def answers_app(secret: str, on_call: set[str]) -> Starlette:
    """Receives pressed buttons; what was decided stands in `state.decisions`, by question."""
    used: set[str] = set()

    async def pressed(request: Request) -> Response:
        body, seal = await request.body(), request.headers.get("x-slack-signature", "")
        if not SignatureVerifier(secret).is_valid_request(body, dict(request.headers)):
            return Response("not signed, or older than five minutes", 401)
        if seal in used:
            return Response("seen before", 409)
        said = json.loads(parse_qs(body.decode())["payload"][0])
        if said["user"]["id"] not in on_call:
            return Response("not on call", 403)
        used.add(seal)
        app.state.decisions[said["actions"][0]["value"]] = said["actions"][0]["action_id"]
        return Response()

    app = Starlette(routes=[Route("/slack/actions", pressed, methods=["POST"])])
    app.state.decisions = {}
    return app


class Office:
    """Files tickets and posts messages, with the real clients of Jira and Slack.

    url, token: of a desk.   With JIRA_URL and JIRA_TOKEN (and JIRA_PROJECT), or SLACK_BOT_TOKEN, in the
    environment it writes to the reader's own instead; with `{}` as environment, never.
    """

    def __init__(self, url: str, token: str, environment: Mapping[str, str] = os.environ) -> None:
        own, slack = environment.get("JIRA_URL"), environment.get("SLACK_BOT_TOKEN")
        self.project = environment.get("JIRA_PROJECT", "INC")
        key = environment.get("JIRA_TOKEN", "") if own else token
        self.jira = JIRA(server=own or url, token_auth=key, get_server_info=False, max_retries=0)
        self.slack = WebClient(token=slack) if slack else WebClient(token=token, base_url=f"{url}/api/")

    def ticket(self, summary: str, description: str, team: str) -> str:
        """File it for `team`. Returns its key, such as INC-456."""
        issue = self.jira.create_issue(
            project=self.project, summary=summary, labels=[team], description=description,
            issuetype={"name": "Task"},
        )  # fmt: skip
        return issue.key

    def comment(self, key: str, text: str) -> None:
        self.jira.add_comment(key, text)

    def post(self, channel: str, text: str, **more) -> None:
        self.slack.chat_postMessage(channel=channel, text=text, **more)


class Drawer:
    """The same verbs, kept in memory: for experiments that would send a hundred messages.

    >>> Drawer().ticket("disk full", "99 %", "sre")
    'DRAFT-1'
    """

    def __init__(self) -> None:
        self.tickets: list[tuple[str, str, str]] = []
        self.posts: list[tuple[str, str]] = []

    def ticket(self, summary: str, description: str, team: str) -> str:
        self.tickets.append((team, summary, description))
        return f"DRAFT-{len(self.tickets)}"

    def post(self, channel: str, text: str, **more) -> None:
        self.posts.append((channel, text))
