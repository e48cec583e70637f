"""A board of states with numbers: to be polled, or followed on one connection that can be taken up again.

    board = Board()
    async with talk_web.served(status_board(board), "board") as url:
        async for number, state in events(f"{url}/stream", after=0): …

Source: Server-sent events, HTML Standard, section 9.2.   Taught in: notebooks/11_agent_communication.ipynb
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
from fastapi import FastAPI, Header
from fastapi.responses import StreamingResponse

KEEP_ALIVE_S = 0.2  # short, so that a server which stops need not wait; 15 is usual


class Board:
    """States in order, by number from 1; whoever waits is woken. `asked` counts polls and streams."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.asked: Counter[str] = Counter()
        self.changed = asyncio.Condition()

    async def put(self, state: str) -> None:
        self.states.append(state)
        async with self.changed:
            self.changed.notify_all()

    async def after(self, last: int) -> AsyncIterator[str]:
        """All states with a higher number, and then each as it comes, as server-sent events."""
        while True:
            while last < len(self.states):
                last += 1
                yield f"id: {last}\ndata: {self.states[last - 1]}\n\n"
            try:
                async with asyncio.timeout(KEEP_ALIVE_S), self.changed:
                    await self.changed.wait_for(lambda known=last: known < len(self.states))
            except TimeoutError:
                yield ":\n\n"  # a comment: it fails when nobody is there any more


def status_board(board: Board) -> FastAPI:
    """POST a state, GET those after a number, or follow them on one connection."""
    app = FastAPI()

    @app.post("/states", status_code=201)
    async def post(state: str) -> None:
        await board.put(state)

    @app.get("/states")
    async def poll(after: int = 0) -> list[tuple[int, str]]:
        board.asked["polls"] += 1
        return list(enumerate(board.states, 1))[after:]

    @app.get("/stream")
    async def stream(last_event_id: int = Header(0)) -> StreamingResponse:
        board.asked["streams"] += 1
        return StreamingResponse(board.after(last_event_id), media_type="text/event-stream")

    return app


async def events(url: str, after: int = 0) -> AsyncIterator[tuple[int, str]]:
    """(number, data) of server-sent events as they come; `after`: the last number that one has.

    Raises: aiohttp.ClientError when the stream breaks off or cannot be had.
    """
    headers, patient = {"Last-Event-ID": str(after)}, aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=patient) as session, session.get(url, headers=headers) as reply:
        reply.raise_for_status()
        number = after
        async for raw in reply.content:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            if name == "id":
                number = int(value)
            elif name == "data":
                yield number, value
