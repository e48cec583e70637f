"""An agent on the bus: it does tasks, joins or declines, hears status, asks others and waits for answers.

    boss = BusAgent("boss", bus, work=lambda task: None)
    await boss.ask("analyst", {"hour": 70}, timeout_s=5)      # {"result": …} or {"error": …}

Taught in: notebooks/19_agent_teams.ipynb
"""

import asyncio
from collections.abc import Callable, Sequence

from coursekit.team_bus import Bus, Envelope, Kind


class BusAgent:
    """Handles three kinds of message.

    work(task): the answer to a task.   joins(task): yes or no to an invitation.
    """

    def __init__(self, name: str, bus: Bus, work: Callable, joins: Callable = bool):
        self.name, self.bus, self.work, self.joins, self.status = name, bus, work, joins, {}
        handlers = {
            Kind.TASK_REQUEST: self.on_task,
            Kind.COLLABORATION_INVITE: self.on_invite,
            Kind.STATUS_UPDATE: self.on_status,
        }
        for kind, handler in handlers.items():
            bus.subscribe(name, [kind], handler)

    def say(self, to: str, kind: Kind, content: dict, **more) -> Envelope:
        sent = {"sent_at": self.bus.clock()} | more
        return Envelope(self.bus.next_id(self.name), self.name, to, kind, content, **sent)

    def answer(self, asked: Envelope, content: dict, kind=Kind.TASK_RESPONSE) -> None:
        if asked.requires_response:
            self.bus.publish(self.say(asked.from_agent, kind, content, correlation_id=asked.message_id))

    def on_task(self, asked):
        try:
            self.answer(asked, {"result": self.work(asked.content)})
        except Exception as error:  # the asker must learn of it, whatever it was
            self.answer(asked, {"error": f"{type(error).__name__}: {error}"}, Kind.ERROR_NOTIFICATION)

    def on_invite(self, asked):
        self.answer(asked, {"joins": self.joins(asked.content)})

    def on_status(self, heard):
        self.status[heard.from_agent] = heard.content

    async def ask(self, to: str, task: dict, kind=Kind.TASK_REQUEST, timeout_s=5.0) -> dict:
        """The answer's content. Raises: LookupError, TimeoutError as `Bus.request`."""
        return (await self.bus.request(self.say(to, kind, task, requires_response=True), timeout_s)).content

    async def invite(self, names: Sequence[str], task: dict, timeout_s=5.0) -> list[str]:
        """Who of these joins, all asked at the same time; whoever is unknown or silent does not."""
        asked = (self.ask(name, task, Kind.COLLABORATION_INVITE, timeout_s) for name in names)
        said = await asyncio.gather(*asked, return_exceptions=True)
        return [name for name, yes in zip(names, said, strict=True) if isinstance(yes, dict) and yes["joins"]]
