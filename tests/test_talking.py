"""All ways to carry a message: the same answers, the same refusals, nothing left behind."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import laps, mqtt, polyglot, talk_bus, talk_rpc, talk_web, wire
from coursekit.acl import ACLError, Message
from coursekit.lines import line
from coursekit.talking import Pending, answered, robot, until

CALL = Message("cfp", "manager", ("r1",), "(deliver p7 d2)", reply_with="m1")
NAMES = [*polyglot.ways(), "MQTT, QoS 0", "MQTT, QoS 1"]


@pytest.fixture(scope="module")
def broker():
    with mqtt.start("for tests of ways") as running:
        yield running
    talk_bus.leave()


def sulky(message: Message) -> Message:
    """An agent that takes no call."""
    if message.performative == "cfp":
        raise ACLError(f"no calls, please: {message.content}")
    return robot(message)


@pytest.mark.parametrize("name", NAMES)
def test_every_way_brings_the_answers_of_the_agent_also_when_many_ask_at_once(name, broker):
    way = polyglot.ways(broker)[name]

    async def story():
        async with way.serve(robot) as address, way.connect(address) as ask:
            asked = [replace(CALL, reply_with=f"m{i}", content=f"(Größe {i} 箱)") for i in range(20)]
            asked += [
                replace(each, performative="request", reply_with=f"q{i}") for i, each in enumerate(asked)
            ]
            return [
                (robot(each), await answer) for each, answer in zip(asked, map(ask, asked), strict=True)
            ], await asyncio.gather(*(ask(replace(each, reply_with=each.reply_with + "x")) for each in asked))

    pairs, together = asyncio.run(story())
    assert all(wanted == got for wanted, got in pairs)
    assert [got.in_reply_to for got in together] == [wanted.in_reply_to + "x" for wanted, _ in pairs]


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in ("queue", "DDS") and "MQTT" not in name]
)
def test_a_refusal_comes_back_with_its_words_and_the_next_question_is_answered(name):
    way = polyglot.ways()[name]

    async def story():
        async with way.serve(sulky) as address, way.connect(address) as ask:
            with pytest.raises(ACLError, match=r"no calls, please: \(deliver p7 d2\)"):
                await ask(CALL)
            return await ask(replace(CALL, performative="request", reply_with="m2"))

    assert asyncio.run(story()).performative == "agree"


@settings(max_examples=10)
@given(st.lists(st.binary(max_size=60) | st.text(max_size=40).map(str.encode), min_size=1, max_size=15))
def test_garbage_on_the_wire_is_answered_by_a_refusal_and_kills_nobody(garbage):
    async def story():
        async with talk_web.serve_websocket(robot) as address, talk_web.connect(address, proxy=None) as raw:
            for each in garbage:
                await raw.send(each)
                assert "error" in json.loads(await raw.recv())
            async with talk_web.websocket(address) as ask:
                assert (await ask(CALL)).performative == "propose"
        async with talk_bus.serve_zmq(robot) as address, talk_bus.zeromq(address) as ask:
            with talk_bus.zmq.asyncio.Context() as context, context.socket(talk_bus.zmq.DEALER) as raw:
                raw.linger = 0
                raw.connect(address)
                for each in garbage:
                    await raw.send(each)
                    assert "error" in json.loads(await raw.recv())
            assert (await ask(CALL)).performative == "propose"

    asyncio.run(story())


def test_garbage_in_an_inbox_does_not_stop_the_agent(broker):
    async def story():
        address = talk_bus.login(broker, qos=1)
        async with talk_bus.serve_mqtt(robot, address), talk_bus.mqtt(address) as ask:
            async with broker.client("stranger") as stranger:
                for payload in (b"", b"\xff\xfe", b"[]", b'{"performative":"cfp"}', b"{" * 3000):
                    await stranger.publish("agents/r1/inbox", payload, qos=1)
            return await ask(CALL)

    assert asyncio.run(story()) == robot(CALL)


def test_a_question_needs_a_key_of_its_own():
    async def story():
        pending = Pending()
        first = pending.asked(CALL)
        for wrong in (CALL, replace(CALL, reply_with="")):
            with pytest.raises(ACLError, match="reply_with of its own"):
                pending.asked(wrong)
        other = replace(CALL, reply_with="m2")
        second = pending.asked(other)
        pending.answer("nobody asked", CALL)
        for each in (other, CALL):  # the later question is answered first
            pending.hear(answered(robot, wire.as_json(each)))
        assert (await first, await second) == (robot(CALL), robot(other))

    asyncio.run(story())


def test_grpc_streams_and_mcp_lists_its_tool():
    async def story():
        async with talk_rpc.serve_grpc(robot) as address, talk_rpc.stub(address) as agent:
            watched = [wire.from_proto(each) async for each in agent.Watch(wire.as_proto(CALL))]
        async with talk_rpc.mcp(talk_rpc.mcp_server(robot)) as ask:
            return watched, await ask(CALL)

    watched, answer = asyncio.run(story())
    assert [each.in_reply_to for each in watched] == ["m1"] * 3 and answer == robot(CALL)


# Lines.


def test_a_line_counts_bytes_and_breaks_when_told():
    async def story():
        async def echo(reader, writer):
            while data := await reader.read(100):
                writer.write(data)

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with line(server.sockets[0].getsockname()[1]) as way:
            reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
            writer.write(b"12345")
            assert await reader.readexactly(5) == b"12345" and way.bytes == 10
            way.cut()
            assert await reader.read() == b"" and way.breaks == 1
            way.open = False
            reader, _ = await asyncio.open_connection("127.0.0.1", way.port)
            assert await reader.read() == b"" and way.opened == 1
            way.open = True
            reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
            writer.write(b"again")
            assert await reader.readexactly(5) == b"again"
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", way.port)
        server.close()

    asyncio.run(story())


# The process, and what it leaves behind.


def closed(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def ports(addresses: dict) -> list[int]:
    every = [str(each).rpartition(":")[2] for name, each in addresses.items() if name not in ("DDS",)
             and not isinstance(each, dict)]  # fmt: skip
    return list(map(int, every))


def test_the_robot_in_its_process_answers_every_way_and_leaves_no_port_and_no_process(broker):
    others = psutil.Process().children(recursive=True)  # of tests before
    process, addresses = polyglot.start(broker, name="robot of a test")
    children = [each for each in psutil.Process().children(recursive=True) if each not in others]
    assert len(ports(addresses)) == 8 and len(children) >= 2

    async def story():
        for name, way in polyglot.ways(broker).items():
            if name != "queue":
                async with way.connect(addresses[name]) as ask:
                    assert await ask(CALL) == robot(CALL), name

    asyncio.run(story())
    process.stop()
    assert all(map(closed, [process.port, *ports(addresses)]))
    assert psutil.wait_procs(children, timeout=5)[1] == []


OWNER = """
import json, time
from coursekit import mqtt, polyglot, translator
broker = mqtt.start()
process, addresses = polyglot.start(broker)
between = translator.start(broker, {"manager": "http://127.0.0.1:9/inbox"})
found = [each.rpartition(":")[2] for each in addresses.values() if isinstance(each, str)]
print(json.dumps([broker.port, process.port, between.port, *map(int, found)]), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals to send")
def test_nothing_is_left_when_the_owner_is_killed():
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found = json.loads(owner.stdout.readline())
    children = psutil.Process(owner.pid).children(recursive=True)
    assert len(children) >= 4 and not any(map(closed, found))
    owner.send_signal(signal.SIGKILL)
    owner.wait(timeout=10)
    owner.stdout.close()
    assert psutil.wait_procs(children, timeout=10)[1] == []
    deadline = time.monotonic() + 5
    while not all(map(closed, found)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert all(map(closed, found))


# Prices.


def test_a_lap_sees_that_another_answer_came():
    async def wrong(message):
        return replace(robot(message), content="(metres 8)")

    async def right(message):
        return robot(message)

    assert asyncio.run(laps.lap(right)) > 0
    with pytest.raises(AssertionError, match="metres 8"):
        asyncio.run(laps.lap(wrong))


def test_each_claim_about_prices_fails_for_a_list_that_breaks_it():
    fair = {name: {"p50": 100.0, "per second": 9000.0} for name in laps.FAST | {"REST", "gRPC", "GraphQL"}}
    fair |= {name: {"p50": 2000.0, "per second": 400.0} for name in laps.HEAVY}
    fair["queue"] = {"p50": 10.0, "per second": 90_000.0}
    assert all(laps.claims(fair).values())
    slow, quick = {"p50": 1e6, "per second": 1.0}, {"p50": 1.0, "per second": 1e6}
    for wrong in ({"queue": slow}, {"DDS": slow}, {"MCP": quick}, {"gRPC": quick}, {"GraphQL": slow}):
        assert not all(laps.claims(fair | wrong).values()), wrong


def test_until_gives_up_in_time():
    with pytest.raises(TimeoutError):
        asyncio.run(until(lambda: False, patience_s=0.02))
