"""SPADE: agents with behaviours that send FIPA messages over XMPP. They think with in_plain."""

import asyncio
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor

import loguru
import pyjabber.server
from in_plain import think
from job import BUYER, CLERK, TASK, run
from pyjabber.server import Parameters, Server
from spade import container
from spade.agent import Agent
from spade.behaviour import CyclicBehaviour, OneShotBehaviour
from spade.message import Message

PATIENCE_S = 20
ABOUT = {"performative": "request", "protocol": "fipa-request", "conversation-id": "c1"}


class Answering(CyclicBehaviour):
    """The clerk: takes requests, then informs or says what failed."""

    async def run(self):
        if asked := await self.receive(timeout=0.5):
            reply, job = asked.make_reply(), self.agent.job
            try:
                reply.body = await asyncio.to_thread(
                    think, job.model("clerk"), CLERK, asked.body, job.price_tool()
                )
                reply.set_metadata("performative", "inform")
            except Exception as problem:
                reply.body = str(problem)
                reply.set_metadata("performative", "failure")
            await self.send(reply)


class Buying(OneShotBehaviour):
    """The buyer: its model's one tool sends a message and waits for the answer."""

    async def run(self):
        loop, job = asyncio.get_running_loop(), self.agent.job

        def ask_clerk(question: str) -> str:
            """Ask the clerk about prices."""
            return asyncio.run_coroutine_threadsafe(self.exchange(question), loop).result()

        self.exit_code = await asyncio.to_thread(think, job.model("buyer"), BUYER, TASK, ask_clerk)

    async def exchange(self, question):
        asked = Message(to=self.clerk, body=question, metadata=dict(ABOUT))
        await self.send(asked)
        answer = await self.receive(timeout=PATIENCE_S)
        self.agent.job.notes += [note(asked, "buyer", "clerk"), note(answer, "clerk", "buyer")]
        return answer.body


def note(message, sender, receiver):
    """A message as it crossed the wire, for the reader."""
    about = {name.replace("-", "_"): message.get_metadata(name) for name in ABOUT}
    return about | {"sender": sender, "receiver": receiver, "content": message.body}


async def start(job, role, behaviour, port):
    """An agent on the server. Taken out of SPADE's container, which would pass messages by a short cut."""
    agent = Agent(f"{role}-{secrets.token_hex(4)}@localhost", secrets.token_urlsafe(16), port=port)
    agent.job = job
    agent.add_behaviour(behaviour)
    await agent.start(auto_register=True)
    agent.container.unregister(agent.jid)
    return agent


async def meet(job, port):
    """Two agents, one conversation."""
    clerk, buying = await start(job, "clerk", Answering(), port), Buying()
    buying.clerk = str(clerk.jid)
    buyer = await start(job, "buyer", buying, port)
    await buying.join()
    await asyncio.gather(clerk.stop(), buyer.stop())
    return buying.exit_code


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(loop):
    """The embedded XMPP server, tamed; returns its port.

    As it comes, it listens on the machine's outward address, too, shows an admin page on a fixed port, and
    leaves worker processes behind when it is killed.
    """
    loguru.logger.remove()
    pyjabber.server.setup_query_local_ip = lambda: None
    pyjabber.server.HttpServer.start = lambda self: asyncio.Event().wait()
    pyjabber.server.ProcessPoolExecutor = ThreadPoolExecutor
    ports = {"client_port": free_port(), "server_port": free_port()}
    server = Server(Parameters(database_in_memory=True, **ports))
    serve.task = loop.create_task(server.start())
    loop.run_until_complete(asyncio.wait_for(server.ready.wait(), PATIENCE_S))
    return ports["client_port"]


if __name__ == "__main__":
    loop = container.Container().loop
    port = serve(loop)
    run(lambda job: loop.run_until_complete(meet(job, port)))
