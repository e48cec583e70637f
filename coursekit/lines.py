"""A line to a server on loopback that counts what passes, and that breaks when you say so.

    async with line(server_port) as way:       # clients connect to way.port instead
        …
        way.cut()                              # all connections through it are gone; new ones may come
        way.bytes                              # application bytes, both directions

Taught in: notebooks/11_agent_communication.ipynb
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

BROKEN = (asyncio.IncompleteReadError, OSError)


class Line:
    """Its `port`; `bytes` that passed, connections `opened`, `breaks`; takes new ones while `open`."""

    def __init__(self) -> None:
        self.port, self.bytes, self.opened, self.breaks, self.open = 0, 0, 0, 0, True
        self.tasks: set[asyncio.Task] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All that comes, until the end of it."""
        while chunk := await reader.read(65536):
            self.bytes += len(chunk)
            writer.write(chunk)
            await writer.drain()

    def cut(self) -> None:
        """Break all connections."""
        for task in self.tasks:
            self.breaks += 1
            task.cancel()

    async def connected(self, there_port: int, reader, writer) -> None:
        """One connection, from its beginning to its end."""
        task, ends, ways = asyncio.current_task(), [writer], []
        self.tasks.add(task)
        try:
            with suppress(asyncio.CancelledError, *BROKEN):
                if self.open:
                    self.opened += 1
                    there_reader, there = await asyncio.open_connection("127.0.0.1", there_port)
                    ends.append(there)
                    ways = [self.carry(reader, there), self.carry(there_reader, writer)]
                    ways = [asyncio.ensure_future(way) for way in ways]
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.tasks.discard(task)
            for way in ways:
                way.cancel()
            for end in ends:
                end.close()
            await asyncio.gather(*ways, return_exceptions=True)


@asynccontextmanager
async def line(there_port: int, kind: Line | None = None) -> AsyncIterator[Line]:
    """A line to that port, until the block ends; `kind` brings a line of your own."""
    way = kind or Line()
    connected = lambda reader, writer: way.connected(there_port, reader, writer)
    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        server.close()
        left = list(way.tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
