"""The scripted model's HTTP server: OpenAI's API on a free port of loopback, one thread per connection.

Two more dialects are understood as well, Anthropic's and Google's: see `coursekit.rehearsal_dialects`.

It lives in daemon threads of this process and ends with it. A random key keeps the machine's other users out.
"""

import functools
import hmac
import json
import secrets
import socket
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from coursekit import rehearsal_chat, rehearsal_dialects, rehearsal_responses
from coursekit.rehearsal import Exchange, Failure, Request, Silence, log, policies
from coursekit.rehearsal_rules import CREATED, answer, broken, identity, invalid

FORMATS = {"/v1/chat/completions": rehearsal_chat, "/v1/responses": rehearsal_responses}
LONGEST_SILENCE = 10.0  # seconds; the client's own default would hold a cell for ten minutes
_starting = threading.Lock()


class Stage(ThreadingHTTPServer):
    """The server; `base_url` and `key` are what a client needs."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self.server_port}/v1"
        self.key = secrets.token_urlsafe(16)
        threading.Thread(target=self.serve_forever, name="rehearsal", daemon=True).start()

    def handle_error(self, request, client_address) -> None:
        """Report what went wrong, except that a client hung up: that is its right."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@functools.cache
def _stage() -> Stage:
    return Stage()


def stage() -> Stage:
    """The one server of this process; the first call starts it."""
    with _starting:
        return _stage()


class Handler(BaseHTTPRequestHandler):
    """Reads a request whole, asks the policy, writes the answer, keeps the connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together

    def do_GET(self) -> None:
        self._serve({"/v1/models": self._list_policies})

    def do_POST(self) -> None:
        self._serve(dict.fromkeys(FORMATS, self._answer))

    def _serve(self, routes: dict) -> None:
        self.raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.body, self.attempt = {}, int(self.headers.get("x-stainless-retry-count", 0))
        self.dialect, self.named, self.counts = rehearsal_dialects.route(self.path)
        try:
            if not hmac.compare_digest(self._key().encode(), self.server.key.encode()):
                raise Failure(401, "invalid_api_key", "wrong key; take the client from llm.client()")
            if self.dialect and self.command == "POST":
                self._answer()
            elif self.path in routes:
                routes[self.path]()
            else:
                raise Failure(404, "not_found", f"{self.command} {self.path} is not rehearsed")
        except Failure as failure:
            self._fail(failure)

    def _key(self) -> str:
        """The key as OpenAI's clients send it, as Anthropic's or as Google's."""
        bearer = self.headers.get("Authorization", "")
        others = self.headers.get("x-api-key") or self.headers.get("x-goog-api-key") or ""
        return bearer.removeprefix("Bearer ") if bearer.startswith("Bearer ") else others

    def _list_policies(self) -> None:
        model = {"object": "model", "created": CREATED, "owned_by": "notebook"}
        self._send(200, _json({"object": "list", "data": [{"id": name} | model for name in list(policies)]}))

    def _answer(self) -> None:
        wire = self.dialect or FORMATS[self.path]
        request = self._read(wire)
        if self.counts:
            return self._send(200, _json(wire.count(request)))
        try:
            reply = answer(request)
        except Silence:
            return self._stay_silent(request)
        breaks = reply.break_after is not None
        headers = {"x-request-id": f"req_{identity(request)}"}
        if request.body.get("stream"):
            frames = [_frame(event) for event in wire.stream(request, reply)]
            self._stream(frames if breaks else [*frames, *wire.CLOSING], headers, breaks)
        else:
            self._send(200, _json(wire.write(request, reply)), headers, breaks)

    def _read(self, wire) -> Request:
        try:
            self.body = dict(json.loads(self.raw))
            if self.named:  # Google's clients name the model in the path
                self.body = {"model": self.named, **self.body}
            return wire.read(self.body, self.attempt)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise invalid(f"the request has not the form of the API: {error!r}") from error

    def _stay_silent(self, request: Request) -> None:
        patience = float(self.headers.get("x-stainless-read-timeout", LONGEST_SILENCE))
        if patience > LONGEST_SILENCE:
            advice = f"this client would wait {patience:.0f} s; ask with client.with_options(timeout=1)"
            raise broken(request, f"stays silent, and {advice}")
        self._record(None, "")
        self.connection.settimeout(LONGEST_SILENCE + 1)
        with suppress(TimeoutError, ConnectionError):
            self.connection.recv(1, socket.MSG_PEEK)  # returns when the client hangs up
        self.close_connection = True

    def _fail(self, failure: Failure) -> None:
        headers = {}
        if failure.retry_after is not None:
            headers["Retry-After"] = str(failure.retry_after)
        if failure.retry is not None:
            headers["x-should-retry"] = str(failure.retry).lower()
        kind = "invalid_request_error" if failure.status < 500 else "server_error"
        error = {"error": {"message": str(failure), "type": kind, "param": None, "code": failure.code}}
        if fail := getattr(self.dialect, "fail", None):
            error = fail(failure)
        self._send(failure.status, _json(error), headers)

    def _send(self, status: int, body: bytes, headers: dict | None = None, breaks: bool = False) -> None:
        sent = body[: len(body) // 2] if breaks else body
        size = {"Content-Type": "application/json", "Content-Length": len(body)}
        self._head(status, size | (headers or {}))
        self._record(status, sent.decode(errors="replace"))
        self.wfile.write(sent)
        self.close_connection |= breaks

    def _stream(self, frames: list[bytes], headers: dict, breaks: bool) -> None:
        self._head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **headers})
        self._record(200, b"".join(frames).decode())
        for frame in frames:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(frame), frame))
            self.wfile.flush()
        if not breaks:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection |= breaks

    def _head(self, status: int, headers: dict) -> None:
        self.send_response_only(status)  # without a date, for the same bytes every time
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def _record(self, status: int | None, reply: str) -> None:
        log.append(Exchange(self.path, self.body, self.attempt, status, reply))

    def log_message(self, *_) -> None:
        """Nothing on stderr: `rehearsal.log` has it."""


def _json(value: dict) -> bytes:
    # A lone surrogate has no UTF-8; its backslash form is valid JSON.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _frame(event: dict) -> bytes:
    name = f"event: {event['type']}\n" if "type" in event else ""
    return name.encode() + b"data: " + _json(event) + b"\n\n"
