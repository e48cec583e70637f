"""Packets of MQTT 3.1.1 as bytes, a sender that shows its work, and a bad line that swallows packets.

    async with line(broker.port, BadLine([("PUBLISH", 3), ("PUBACK", 7)])) as bad:
        sender = Sender(bad.port, "r1", "r1", broker.password)
        await sender.publish("robots/r1/state", b"idle", qos=1)

TCP loses nothing while a connection lives, so a packet gets lost when the connection breaks under it.
PUBLISH 3 is the third packet of this kind that passes, in either direction; the sender then connects again.
Source: MQTT 3.1.1, OASIS 2014, chapters 2 to 4.   Taught in: notebooks/11_agent_communication.ipynb
"""

import asyncio
from collections import Counter
from collections.abc import Collection

from coursekit.lines import BROKEN, Line

KINDS = ("", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK",
         "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH")  # fmt: skip


def text(value: str) -> bytes:
    """A text with its length in two bytes before it."""
    return len(value.encode()).to_bytes(2) + value.encode()


def pack(kind: str, body: bytes, flags: int = 0) -> bytes:
    """One packet: kind and flags in a byte, the length seven bits a byte, the body.

    >>> pack("PUBLISH", text("a/b") + b"hi").hex(" ")
    '30 07 00 03 61 2f 62 68 69'
    """
    length, left = b"", len(body)
    while left > 127:
        length, left = length + bytes([left & 127 | 128]), left >> 7
    return bytes([KINDS.index(kind) << 4 | flags]) + length + bytes([left]) + body


async def packet(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """The kind and the bytes of the next packet. Raises: asyncio.IncompleteReadError at the end."""
    raw = await reader.readexactly(2)
    length, shift = raw[1] & 127, 7
    while raw[-1] & 128:
        raw += await reader.readexactly(1)
        length |= (raw[-1] & 127) << shift
        shift += 7
    return KINDS[raw[0] >> 4], raw + await reader.readexactly(length)


class Sender:
    """Publishes one message after the other, and goes on where it was when the line breaks.

    `will`: topic and text that the broker publishes when the connection ends without a goodbye.
    `said` holds all packets, as "> PUBLISH" or "< PUBACK". QoS 1 sends PUBLISH again until a PUBACK comes.
    QoS 2 does so until a PUBREC comes, and from then on repeats only PUBREL, never the message itself.
    """

    def __init__(
        self, port: int, name: str, user: str, password: str, will: tuple[str, str] | None = None
    ) -> None:
        self.port, self.name, self.user, self.password, self.will = port, name, user, password, will
        self.said: list[str] = []
        self.number, self.writer = 0, None

    async def connect(self) -> None:
        self.close()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        flags = 0xC0 | (0x2C if self.will else 0)  # name and password; will of QoS 1, retained; session kept
        parts = [self.name, *(self.will or ()), self.user, self.password]
        body = text("MQTT") + bytes([4, flags, 0, 60]) + b"".join(map(text, parts))
        await self.ask("CONNECT", body, 0, "CONNACK")

    async def ask(self, kind: str, body: bytes, flags: int, answer: str | None) -> None:
        """Send a packet and wait for the kind that answers it."""
        self.said.append(f"> {kind}")
        self.writer.write(pack(kind, body, flags))
        await self.writer.drain()
        got = None
        while got != answer:
            got, _ = await packet(self.reader)
            self.said.append(f"< {got}")

    async def publish(self, topic: str, payload: bytes, qos: int) -> None:
        """Returns when all that this quality of service asks for has been done."""
        self.number += 1
        number = self.number.to_bytes(2)
        first = text(topic) + (number if qos else b"") + payload
        todo = [("PUBLISH", first, qos << 1, (None, "PUBACK", "PUBREC")[qos])]
        todo += [("PUBREL", number, 2, "PUBCOMP")] * (qos == 2)
        again = 0
        while todo:
            kind, body, flags, answer = todo[0]
            try:
                if self.gone:
                    await self.connect()
                await self.ask(kind, body, flags | (8 * again if kind == "PUBLISH" else 0), answer)
                todo.pop(0)
            except BROKEN:
                self.close()
                again = 1  # the flag DUP: you may have seen this

    @property
    def gone(self) -> bool:
        """Is there no connection, as far as one can know?"""
        return self.writer is None or self.writer.is_closing() or self.reader.at_eof()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class BadLine(Line):
    """Swallows the packets that you name, and breaks with each; `passed` counts the others by kind."""

    def __init__(self, swallow: Collection[tuple[str, int]] = ()) -> None:
        super().__init__()
        self.swallow = set(swallow)
        self.seen: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            kind, raw = await packet(reader)
            self.seen[kind] += 1
            if (kind, self.seen[kind]) in self.swallow:
                self.breaks += 1
                return
            writer.write(raw)
            await writer.drain()
            self.passed[kind] += 1
            self.bytes += len(raw)
