"""The gateway, running: nothing that is wrong passes, stops it, or costs a message that was accepted."""

import asyncio
import json
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import aiohttp
import pytest
from chapters import chapter
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_acl import messages

from coursekit import gateway, mqtt
from coursekit.acl import LARGEST, PERFORMATIVES, ACLError, Message, expression, write
from coursekit.talking import until
from coursekit.wire import as_json, from_json

meaning = chapter("11_agent_communication").meaning
CALL = Message(
    "cfp", "manager", ("r1", "r2"), "(deliver p7 d2)", "", "warehouse-1", "fipa-contract-net", "c", "m"
)
NUMBERS = count(1)


def fresh(**change) -> Message:
    """A good call in a conversation of its own."""
    number = next(NUMBERS)
    return replace(CALL, conversation_id=f"c{number}", reply_with=f"m{number}", **change)


texts = st.text(max_size=60) | messages.map(write)
spoilt = st.builds(
    lambda message, at, junk: write(message)[:at] + junk + write(message)[at + len(junk) :],
    st.builds(lambda act: replace(fresh(), performative=act), st.sampled_from(PERFORMATIVES)),
    st.integers(0, 200), st.text(min_size=1, max_size=4),
)  # fmt: skip
payloads = (texts | spoilt).map(str.encode) | st.binary(max_size=40) | messages.map(as_json).map(str.encode)


@pytest.fixture(scope="module")
def broker():
    with mqtt.start("for tests of the gateway") as running:
        yield running


@asynccontextmanager
async def opened(broker):
    """The gateway, a function that posts to it, and what robots hear."""
    async with (
        mqtt.listeners(broker, robots="fipa/+/inbox", refusals="fipa/gateway/refused") as heard,
        gateway.running(broker, meaning) as (url, running),
        aiohttp.ClientSession() as http,
    ):

        async def post(data, token=None) -> tuple[int, str]:
            key = {"authorization": f"Bearer {token or running.token}"}
            async with http.post(f"{url}/acc", data=data, headers=key) as reply:
                return reply.status, await reply.text()

        yield running, post, heard, url


def to_robots(heard) -> list[Message]:
    return [from_json(text) for topic, text in heard["robots"] if topic != "fipa/gateway/inbox"]


@settings(max_examples=40)
@given(st.lists(payloads, min_size=1, max_size=12))
@example(
    [b'(inform :sender (agent-identifier :name a) :receiver (set (agent-identifier :name b)) :content "()")']
)
@example([write(replace(CALL, content="()")).encode(), write(replace(CALL, receiver=("#",))).encode()])
@example([write(replace(CALL, receiver=("a/b",), conversation_id="x", reply_with="y")).encode()])
def test_whatever_is_posted_is_accepted_and_delivered_or_refused_with_a_reason(broker, posted):
    async def story():
        async with opened(broker) as (running, post, heard, _):
            accepted = 0
            for each in posted:
                status, why = await post(each)
                assert status in (202, 400) and bool(why) == (status == 400), (each, status, why)
                accepted += status == 202
            good = fresh()
            assert await post(write(good)) == (202, "")
            assert len(running.log) == accepted + 1 and len(running.refused) == len(posted) - accepted
            due = sum(len(message.receiver) for message in running.log)
            await until(lambda: len(to_robots(heard)) == due)
            assert [m for m in to_robots(heard) if m == good] == [good, good]

    asyncio.run(story())


@settings(max_examples=25)
@given(st.lists(payloads, min_size=1, max_size=12))
def test_whatever_robots_say_goes_into_a_mailbox_or_is_refused_and_the_gateway_goes_on(broker, said):
    async def story():
        async with opened(broker) as (running, post, heard, _), broker.client("r1") as r1:
            for each in said:
                await r1.publish("fipa/gateway/inbox", each, qos=1)
            await until(lambda: len(running.log) + len(running.refused) == len(said))
            await until(lambda: len(heard["refusals"]) == len(running.refused))
            call = fresh(receiver=("r1",))
            assert await post(write(call)) == (202, "")
            offer = call.reply("propose", "r1", "(metres 7)", reply_with=call.reply_with + "-r1")
            await r1.publish("fipa/gateway/inbox", as_json(offer), qos=1)
            await until(lambda: offer in running.mail["manager"])

    asyncio.run(story())


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda: write(fresh())[:-1], "one bracketed expression"),
        (lambda: write(fresh()).replace("(cfp", "(query", 1), "'query' is no act of FIPA"),
        (lambda: write(fresh(ontology="library")), "library has no word 'deliver'"),
        (lambda: write(fresh(content="(deliver d2 p7)")), "deliver takes parcel, dock"),
        (lambda: write(fresh(protocol="fipa-gossip")), "no protocol is called 'fipa-gossip'"),
        (lambda: write(replace(fresh(), performative="accept-proposal")), "not allowed: with r1, start"),
        (lambda: write(replace(fresh(), reply_with="")), "a reply_with of its own"),
        (lambda: write(fresh(receiver=("r1/../#",))), "the name of a receiver"),
        (lambda: write(fresh(content="x" * LARGEST)), "at most 64,000"),
        (lambda: b"\xff\xfe", "utf-8"),
    ],
)
def test_what_is_wrong_is_said_and_reaches_nobody(broker, wrong, why):
    async def story():
        async with opened(broker) as (running, post, heard, _):
            status, said = await post(wrong())
            assert status == 400 and re.search(re.escape(why), said)
            assert running.log == [] and running.gate.talks == {} == running.gate.seen
            assert await post(write(fresh())) == (202, "")
            await until(lambda: len(to_robots(heard)) == 2)

    asyncio.run(story())


def test_a_replayed_message_is_refused_also_by_another_way_and_after_its_conversation(broker):
    async def story():
        async with opened(broker) as (running, post, heard, _):
            call = fresh(receiver=("r1",))
            assert await post(write(call)) == (202, "")
            assert (await post(write(call)))[1] == f"manager has sent '{call.reply_with}' before"
            async with broker.client("thief") as thief:
                await thief.publish("fipa/gateway/inbox", as_json(call), qos=1)
                await until(lambda: heard["refusals"])
                refusal = call.reply("refuse", "r1", reply_with=call.reply_with + "r")
                for _ in range(2):
                    await thief.publish("fipa/gateway/inbox", as_json(refusal), qos=1)
                await until(lambda: len(heard["refusals"]) == 2)
            assert len(running.log) == 2 and running.gate.talks[call.conversation_id].over
            assert len(running.mail["manager"]) == 1

    asyncio.run(story())


def test_strangers_neither_send_nor_read(broker):
    async def story():
        async with opened(broker) as (running, post, _, url), aiohttp.ClientSession() as http:
            assert await post(write(fresh()), token="guess") == (401, "no valid token")
            async with http.get(f"{url}/mail/manager") as reply:
                assert reply.status == 401
            return running.log

    assert asyncio.run(story()) == []


def test_far_too_much_is_cut_off_and_the_next_message_passes(broker):
    async def story():
        async with opened(broker) as (_, post, _, _):
            assert (await post(b"x" * 1_000_000))[0] == 413
            assert await post(write(fresh())) == (202, "")

    asyncio.run(story())


def test_without_a_broker_nothing_is_accepted_and_nothing_is_forgotten():
    async def story(broker):
        async with gateway.running(broker, meaning) as (url, running), aiohttp.ClientSession() as http:
            await asyncio.to_thread(broker.stop)
            key, call = {"authorization": f"Bearer {running.token}"}, fresh()
            async with http.post(f"{url}/acc", data=write(call), headers=key) as reply:
                assert reply.status == 503 and "later" in await reply.text()
            assert running.log == [] and running.gate.seen == {} == running.gate.talks
            running.gate.check(call)  # the same message would pass now

    asyncio.run(story(mqtt.start("leaves early")))


def test_the_gate_forgets_the_oldest_and_nothing_else():
    gate = gateway.Gate(meaning, remember=3)
    calls = [fresh() for _ in range(5)]
    for call in calls:
        gate.keep(call, gate.check(call))
    assert list(gate.talks) == [call.conversation_id for call in calls[2:]]
    with pytest.raises(ACLError, match="before"):
        gate.check(calls[-1])


def test_a_check_alone_changes_nothing():
    gate, call = gateway.Gate(meaning), fresh()
    gate.keep(call, gate.check(call))
    offer = call.reply("propose", "r1", "(metres 7)", reply_with="o1")
    assert gate.check(offer).states == {"r1": "proposed", "r2": "called"}
    assert gate.talks[call.conversation_id].states == {"r1": "called", "r2": "called"}
    assert gate.check(offer).log == [call, offer] and gate.talks[call.conversation_id].log == [call]


def test_a_manager_of_strings_and_robots_of_json_settle_on_the_shortest_way(broker):
    async def story():
        metres = {"r1": 7, "r2": 3, "r3": 5}
        async with opened(broker) as (running, _, _, url), gateway.json_robots(broker, metres):
            call = fresh(receiver=tuple(metres))
            letters = await asyncio.wait_for(gateway.string_manager(url, running.token, call), 10)
            with pytest.raises(ACLError, match="before"):
                await gateway.string_manager(url, running.token, call)
        return letters, running

    letters, running = asyncio.run(story())
    assert letters[-1].performative == "inform" and letters[-1].sender == "r2"
    assert sorted(expression(m.content)[1] for m in letters[:3]) == ["3", "5", "7"]
    assert len(running.log) == 8 and all(talk.over for talk in running.gate.talks.values())
    json.dumps([as_json(m) for m in running.log])
