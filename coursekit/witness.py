"""A server on loopback that misbehaves to order and writes down what it sees: when, over what, with what.

It speaks enough of Chat Completions for the `openai` package; the `model` of a request names the scene:

streams         the lines put into `streams[user]`, to the letter
busy once       429 with `Retry-After: 0.4` for the first request seen, then an answer
drip            ten words, one every 0.1 s
shop            takes an order; its first answer comes after 1 s, too late for a client in a hurry
quick           answers
eight at once   answers after 0.2 s, and refuses a ninth while eight are inside
slow tail       answers after 20 ms; for one `user` in twenty, by lot, after 1 s

Taught in: notebooks/05_llm_foundation_models.ipynb
"""

import asyncio
import json
import time
from dataclasses import dataclass
from random import Random

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from coursekit import web

END = "data: [DONE]\n\n"
SEED = 5


@dataclass(frozen=True)
class Seen:
    """One request, as the server saw it."""

    at: float  # s
    connection: int  # the client's port: each connection has its own
    headers: dict[str, str]


def completion(said: str, kind: str = "message", finish: str | None = "stop") -> dict:
    """The body of an answer, or of one chunk of a stream (`kind="delta"`)."""
    choice = {"index": 0, kind: {"role": "assistant", "content": said}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": "witness", "choices": [choice]}


def frame(said: str, finish: str | None = None, blank: str = " ") -> str:
    """One event of a stream: a line that begins with `data:`, and an empty line."""
    return f"data:{blank}{json.dumps(completion(said, 'delta', finish))}\n\n"


class Witness:
    """The server's scenes and its notes; `url` is where it listens."""

    def __init__(self) -> None:
        self.streams: dict[str, list[str]] = {}
        self.forget()
        app = FastAPI()
        app.post("/v1/chat/completions")(self._receive)
        self._service = web.serve(app, "witness", grace_s=0.5)
        self.url = self._service.url

    def forget(self) -> None:
        """Begin new notes."""
        self.seen: list[Seen] = []
        self.orders: list[str | None] = []  # their Idempotency-Key
        self.hung_up: list[int] = []  # words sent when the client went away
        self.inside = 0

    def stop(self) -> None:
        self._service.stop()

    def __repr__(self) -> str:
        return f"a witness on loopback, {len(self.seen)} requests seen"

    async def _receive(self, request: Request):
        body = await request.json()
        self.seen.append(Seen(time.perf_counter(), request.client.port, dict(request.headers)))
        return await getattr(self, "_" + body["model"].replace(" ", "_"))(request, body)

    async def _streams(self, request: Request, body: dict):
        return StreamingResponse(iter(self.streams[body["user"]]), media_type="text/event-stream")

    async def _busy_once(self, request: Request, body: dict):
        if len(self.seen) > 1:
            return completion("at your service")
        return JSONResponse({"error": {"message": "busy"}}, 429, headers={"Retry-After": "0.4"})

    async def _drip(self, request: Request, body: dict):
        return StreamingResponse(self._words(), media_type="text/event-stream")

    async def _words(self):
        sent = 0
        try:
            for sent in range(1, 11):
                yield frame(f"word{sent} ", "stop" if sent == 10 else None)
                await asyncio.sleep(0.1)
            yield END
        except asyncio.CancelledError:
            self.hung_up.append(sent)
            raise

    async def _shop(self, request: Request, body: dict):
        key = request.headers.get("Idempotency-Key")
        if key is None or key not in self.orders:
            self.orders.append(key)
            await asyncio.sleep(1 if len(self.orders) == 1 else 0)
        return completion("ordered")

    async def _quick(self, request: Request, body: dict):
        return completion("done")

    async def _eight_at_once(self, request: Request, body: dict):
        if self.inside == 8:
            return JSONResponse({"error": {"message": "too many at once"}}, 429)
        self.inside += 1
        try:
            await asyncio.sleep(0.2)
        finally:
            self.inside -= 1
        return completion("done")

    async def _slow_tail(self, request: Request, body: dict):
        slow = Random(f"{SEED} {body['user']}").random() < 0.05
        await asyncio.sleep(1 if slow else 0.02)
        return completion("done")
