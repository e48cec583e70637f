"""The broker: passwords, rules, and messages that survive lines which break at any packet."""

import asyncio
import re
import socket
from collections import Counter
from random import Random

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit import mqtt
from coursekit.errors import CourseError
from coursekit.lines import line
from coursekit.mqtt_wire import BadLine, Sender, pack, packet
from coursekit.talking import until

levels = st.lists(st.sampled_from(["a", "b", "ab", ""]), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def broker():
    with mqtt.start("for tests") as running:
        yield running


@given(levels, st.lists(st.sampled_from(["a", "b", "+", ""]), min_size=1, max_size=4), st.booleans())
def test_a_filter_covers_what_its_regular_expression_matches(topic, wanted, deep):
    pattern = "/".join("[^/]*" if each == "+" else re.escape(each) for each in wanted)
    pattern += "(/.*)?" if deep else ""
    said = "/".join([*wanted, *(["#"] if deep else [])])
    assert mqtt.matches(said, "/".join(topic)) == bool(re.fullmatch(pattern, "/".join(topic)))


@given(st.sampled_from(["PUBLISH", "PUBACK"]), st.binary(max_size=20_000))
def test_a_packet_is_read_as_it_was_packed(kind, body):
    async def story():
        reader = asyncio.StreamReader()
        reader.feed_data(raw := pack(kind, body))
        return await packet(reader) == (kind, raw) and raw.endswith(body)

    assert asyncio.run(story())


@pytest.mark.parametrize(
    "login", [{"password": "guess"}, {"username": None, "password": None}, {"password": ""}]
)
def test_who_does_not_know_the_password_is_not_let_in(broker, login):
    async def story():
        async with broker.client("r1", **login):
            pass

    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        asyncio.run(story())


def test_rules_bind_those_whom_they_name_and_all_others_may_do_nothing():
    rules = {
        "r1": {"publish": ["robots/r1/#"], "subscribe": ["agents/r1/inbox"]},
        "eye": {"subscribe": ["#"]},
    }

    async def story(broker):
        async with mqtt.listeners(broker, eye="#") as heard, broker.client("r1") as r1:
            granted = [(await r1.subscribe(each))[0].value for each in ("agents/r1/inbox", "agents/#", "#")]
            async with broker.client("nobody") as nobody:
                await nobody.publish("robots/r1/state", "forged", qos=1)
            for topic in ("robots/r2/state", "robots/r1/state"):
                await r1.publish(topic, "idle", qos=1)
            await until(lambda: heard["eye"])
        return granted, heard["eye"]

    with mqtt.start("with rules", rules) as broker:
        granted, heard = asyncio.run(story(broker))
    assert [code < 128 for code in granted] == [True, False, False]
    assert heard == [("robots/r1/state", "idle")]


def test_a_broker_frees_its_port_and_a_second_of_its_name_replaces_it():
    first = mqtt.start("twice")
    second = mqtt.start("twice")
    assert (first.alive, second.alive) == (False, True)
    second.stop()
    second.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", second.port)) != 0
    assert repr(second) == "twice on loopback, stopped"


async def sent_through(broker, qos: int, swallow, total: int = 12) -> Counter:
    """How often each number arrives, when so many are sent while these packets are swallowed."""
    topic = f"test/{qos}"
    async with mqtt.listeners(broker, eye=topic) as heard, line(broker.port, BadLine(swallow)) as bad:
        sender = Sender(bad.port, f"sender-{qos}", "r1", broker.password)
        for number in range(total):
            await asyncio.wait_for(sender.publish(topic, str(number).encode(), qos), 5)
        sender.close()
        due = total if qos == 2 else bad.passed["PUBLISH"]
        await until(lambda: len(heard["eye"]) >= due)
        await asyncio.sleep(0.02)
    return Counter(int(value) for _, value in heard["eye"])


@pytest.mark.parametrize("seed", range(12))
def test_whatever_gets_lost_qos_1_delivers_at_least_once_and_qos_2_exactly_once(broker, seed):
    rng = Random(seed)
    for qos, kinds in ((1, ("PUBLISH", "PUBACK")), (2, ("PUBLISH", "PUBREC", "PUBREL", "PUBCOMP"))):
        swallow = {(rng.choice(kinds), rng.randrange(1, 16)) for _ in range(6)}
        times = asyncio.run(sent_through(broker, qos, swallow))
        assert set(times) == set(range(12)), (qos, swallow)
        assert qos == 1 or set(times.values()) == {1}, swallow


def test_what_was_acknowledged_arrives_though_its_sender_left_at_once(broker):
    async def story():
        async with mqtt.listeners(broker, eye="leaves/#") as heard:
            for number in range(30):
                sender = Sender(broker.port, "leaver", "r1", broker.password)
                for each in "abc":
                    await sender.publish(f"leaves/{number}", each.encode(), 1)
                sender.close()
            await until(lambda: len(heard["eye"]) == 90)

    asyncio.run(story())


def test_messages_arrive_while_others_come_and_go(broker):
    async def story():
        over = asyncio.Event()

        async def comes_and_goes(name: str):
            while not over.is_set():  # not cancelled: a client that leaves may not hear of it
                async with broker.client(name) as client:
                    await client.subscribe(f"churn/{name}/#")
                    await client.subscribe("churn/state")

        async with mqtt.listeners(broker, eye="churn/state") as heard, broker.client("r1") as r1:
            tasks = [asyncio.ensure_future(comes_and_goes(f"c{i}")) for i in range(4)]
            for number in range(60):
                await r1.publish("churn/state", str(number), qos=1)
            await until(lambda: len(heard["eye"]) == 60)
            over.set()
            await asyncio.gather(*tasks)

    asyncio.run(story())


def test_subscriptions_may_change_while_a_message_is_passed_on(broker):
    kept = broker._broker._subscriptions
    assert type(kept) is mqtt._Subscriptions
    kept = mqtt._Subscriptions({"a": [1, 2], "b": [3]})
    for topic_filter, sessions in kept.items():
        kept[topic_filter].pop(0)
        kept[topic_filter + "+"] = []
        assert sessions == {"a": [1, 2], "b": [3]}[topic_filter]
    for topic_filter in kept:
        kept[topic_filter + "-"] = []
    assert len(kept) == 8


def test_mosquitto_says_that_it_is_not_there(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CourseError, match="no mosquitto on PATH"):
        mqtt.Mosquitto().start()


@pytest.mark.skipif(mqtt.mosquitto() is None, reason="mosquitto is not installed")
def test_mosquitto_delivers_as_the_broker_inside_does():
    running = mqtt.Mosquitto().start()
    try:
        for qos, kinds in ((1, "PUBACK"), (2, "PUBCOMP")):
            times = asyncio.run(sent_through_as(running, qos, {(kinds, 3)}))
            assert set(times) == set(range(12)) and (qos == 1 or set(times.values()) == {1})
    finally:
        running.stop()


async def sent_through_as(broker, qos: int, swallow) -> Counter:
    """Mosquitto knows r1, manager and agent by name; the listener is called manager."""
    topic, got = f"test/{qos}", []
    async with broker.client("manager") as manager, line(broker.port, BadLine(swallow)) as bad:
        await manager.subscribe(topic, qos=1)
        sender = Sender(bad.port, f"sender-{qos}", "r1", broker.password)
        for number in range(12):
            await sender.publish(topic, str(number).encode(), qos)
        sender.close()
        due = 12 if qos == 2 else bad.passed["PUBLISH"]
        while len(got) < due:
            got.append(int((await anext(manager.messages)).payload))
    return Counter(got)
