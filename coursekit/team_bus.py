"""A message bus for agents: an inbox each, with a limit and priorities, retries, and a list of dead letters.

    bus = Bus(room=100)
    bus.subscribe("analyst", [Kind.TASK_REQUEST], work)     # sync or async
    receipt = bus.publish(message)                          # accepted, or why not; never waits
    await bus.drain()                                       # every agent works off its own inbox

What is undeliverable is said to the sender and kept in `dead`; nobody else gets to see it.
Taught in: notebooks/19_agent_teams.ipynb
"""

import asyncio
import heapq
import inspect
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import NamedTuple

EVERYBODY = ""


class Kind(Enum):
    """What a message is for."""

    TASK_REQUEST = "task_request"
    TASK_RESPONSE = "task_response"
    COLLABORATION_INVITE = "collaboration_invite"
    STATUS_UPDATE = "status_update"
    ERROR_NOTIFICATION = "error_notification"
    RESOURCE_SHARING = "resource_sharing"


@dataclass(frozen=True)
class Envelope:
    """One message. A higher `priority` is read first; `correlation_id` names the message it answers."""

    message_id: str
    from_agent: str
    to_agent: str  # EVERYBODY: all who subscribed to the kind, but the sender
    kind: Kind
    content: dict
    sent_at: float = 0.0
    priority: int = 1
    requires_response: bool = False
    correlation_id: str | None = None


class Receipt(NamedTuple):
    """Whose inboxes took the message, and whom it could not reach, with the reason."""

    accepted: tuple[str, ...]
    refused: dict[str, str]

    def __bool__(self) -> bool:
        return bool(self.accepted) and not self.refused


class DeadLetter(NamedTuple):
    envelope: Envelope
    agent: str
    reason: str


Callback = Callable[[Envelope], Awaitable[None] | None]


@dataclass
class _Inbox:
    room: int
    callbacks: dict[Kind, list[Callback]] = field(default_factory=lambda: defaultdict(list))
    heap: list[tuple] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Bus:
    """room: messages an inbox holds.   tries: calls of a callback that raises, before it is a dead letter.

    patience_s: how long one call of a coroutine may take; an ordinary function that hangs holds up the bus,
    as nothing can interrupt it.   clock: for `sent_at`, seconds.

    `history` holds what was published last, `errors` what callbacks raised: (agent, message id, text).
    """

    def __init__(self, room: int = 100, tries: int = 3, patience_s: float = 5.0, clock=time.time) -> None:
        self.clock = clock
        self.room, self.tries, self.patience_s, self.numbers = room, tries, patience_s, count(1)
        self.inboxes: dict[str, _Inbox] = {}
        self.history: deque[Envelope] = deque(maxlen=10_000)
        self.dead: list[DeadLetter] = []
        self.errors: list[tuple[str, str, str]] = []
        self.delivered: Counter[str] = Counter()
        self.answers: dict[str, tuple[Envelope, asyncio.Future]] = {}
        self.workers: set[asyncio.Task] = set()

    def subscribe(self, agent: str, kinds: Iterable[Kind], callback: Callback) -> None:
        inbox = self.inboxes.setdefault(agent, _Inbox(self.room))
        for kind in kinds:
            inbox.callbacks[kind].append(callback)

    def next_id(self, agent: str) -> str:
        return f"{agent}-{next(self.numbers)}"

    def publish(self, envelope: Envelope) -> Receipt:
        """Put it into the inboxes it is meant for, at once or not at all (bounded: the sender is told)."""
        self.history.append(envelope)
        if waiting := self._who_waits_for(envelope):  # past the inbox: who waits may not be reading it
            waiting.set_result(envelope)
            return Receipt((envelope.to_agent,), {})
        reached, refused = [], {}
        for agent in self._addressees(envelope):
            if reason := self._refuses(agent, envelope):
                refused[agent] = reason
                self.dead.append(DeadLetter(envelope, agent, reason))
            else:
                entry = (-envelope.priority, next(self.numbers), envelope)
                heapq.heappush(self.inboxes[agent].heap, entry)
                reached.append(agent)
                if self.workers:  # somebody is at work: begin at once, whoever else may hang
                    self._start(agent)
        return Receipt(tuple(reached), refused)

    async def request(self, envelope: Envelope, timeout_s: float) -> Envelope:
        """Publish and wait for the answer with this message's id as its correlation id.

        Raises: LookupError if it cannot be delivered; TimeoutError if no answer comes. A later answer is a
        dead letter, unless its addressee subscribed to its kind.
        """
        answer = asyncio.get_running_loop().create_future()
        self.answers[envelope.message_id] = envelope, answer
        try:
            if not (receipt := self.publish(envelope)):
                raise LookupError(f"not delivered to {envelope.to_agent!r}: {receipt.refused}")
            for agent in list(self.inboxes):
                self._start(agent)
            done, _ = await asyncio.wait({answer}, timeout=timeout_s)
            if not done:
                raise TimeoutError(f"no answer to {envelope.message_id} within {timeout_s:g} s")
            return answer.result()
        finally:
            del self.answers[envelope.message_id]

    async def drain(self) -> None:
        """Until all inboxes are empty. Agents work side by side, each through its own inbox in order.

        What a callback publishes meanwhile is begun at once. Not to be awaited inside a callback.
        """
        for agent in list(self.inboxes):
            self._start(agent)
        while self.workers:
            await asyncio.wait(self.workers)

    def _start(self, agent: str) -> None:
        if self.inboxes[agent].heap:
            worker = asyncio.ensure_future(self._work_off(agent))
            self.workers.add(worker)
            worker.add_done_callback(self.workers.discard)

    def _who_waits_for(self, envelope: Envelope) -> asyncio.Future | None:
        """Only whoever was asked may answer, and only to whoever asked (by the names they give)."""
        asked, answer = self.answers.get(envelope.correlation_id, (None, None))
        if asked is None or answer.done() or asked.from_agent != envelope.to_agent:
            return None
        return answer if asked.to_agent in (EVERYBODY, envelope.from_agent) else None

    def _addressees(self, envelope: Envelope) -> list[str]:
        if envelope.to_agent != EVERYBODY:
            return [envelope.to_agent]
        return [
            name
            for name, inbox in self.inboxes.items()
            if name != envelope.from_agent and inbox.callbacks.get(envelope.kind)
        ]

    def _refuses(self, agent: str, envelope: Envelope) -> str:
        if agent not in self.inboxes:
            return "unknown agent"
        inbox = self.inboxes[agent]
        if not inbox.callbacks.get(envelope.kind):
            late = envelope.correlation_id is not None
            return "nobody waits for this answer" if late else f"does not handle {envelope.kind.value}"
        return "inbox full" if len(inbox.heap) >= inbox.room else ""

    async def _work_off(self, agent: str) -> None:
        inbox = self.inboxes[agent]
        async with inbox.lock:
            while inbox.heap:
                envelope = heapq.heappop(inbox.heap)[2]
                for callback in list(inbox.callbacks.get(envelope.kind, ())):
                    await self._call(agent, callback, envelope)

    async def _call(self, agent: str, callback: Callback, envelope: Envelope) -> None:
        """One callback, several tries; what it raises stays here."""
        for _ in range(self.tries):
            try:
                result = callback(envelope)
                if inspect.isawaitable(result):
                    await asyncio.wait_for(result, self.patience_s)
                self.delivered[agent] += 1
                return
            except Exception as error:
                text = f"{type(error).__name__}: {error}".rstrip(": ")
                self.errors.append((agent, envelope.message_id, text))
        self.dead.append(DeadLetter(envelope, agent, text))
