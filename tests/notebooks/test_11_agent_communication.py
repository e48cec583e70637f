"""Agent communication: the notebook's definitions against naive versions, counting, and broken lines."""

import asyncio
import re
from random import Random

import psutil
import pytest
from chapters import chapter
from hypothesis import given
from hypothesis import strategies as st

from coursekit import check, laps, mqtt, talk_bus, talk_rpc, wire
from coursekit.acl import PERFORMATIVES, ACLError, Message
from coursekit.telemetry import SPANS

talk = chapter("11_agent_communication")
untouched = chapter("11_agent_communication", without="solution")
plain = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc"]), min_size=1
)
words = st.sampled_from([*talk.ONTOLOGY, "feet", "p7", "d2", "r1", "3", "0.5", "x", "()", "(", ")"])


@pytest.fixture(scope="module", autouse=True)
def chapter_broker():
    """The one that the notebook starts in a cell."""
    talk.broker = mqtt.start("broker of chapter 11")
    talk.ask_charge = Message("request", "manager", ("r1",), "(charge r1)", reply_with="q2")
    talk.call = laps.CALL
    yield
    talk.broker.stop()
    talk_bus.leave()


# What is said.


@given(st.sampled_from(PERFORMATIVES), plain, st.lists(plain, min_size=1, max_size=3), plain, plain)
def test_the_xml_form_brings_a_message_back(act, sender, receivers, content, key):
    message = Message(act, sender, tuple(receivers), content, reply_with=key)
    assert talk.from_xml(talk.to_xml(message)) == message


@given(st.text(max_size=60) | st.lists(words, max_size=9).map(lambda parts: f"(ask-one {' '.join(parts)})"))
def test_any_text_is_kqml_or_an_acl_error(text):
    try:
        assert talk.from_kqml(text).performative in talk.KQML_ACTS.values()
    except ACLError as error:
        assert str(error)


@given(st.lists(words, max_size=4).map(lambda parts: f"({' '.join(parts)})") | st.text(max_size=20))
def test_a_content_means_something_only_if_its_words_and_their_kinds_are_in_the_ontology(content):
    witness = (
        r"\s*\(\s*(deliver\s+p\d+\s+d\d+|(metres|battery)\s+\d+(\.\d+)?|done\s+p\d+|charge\s+r\d+)\s*\)\s*"
    )
    message = Message("inform", "a", ("b",), content, ontology="warehouse-1")
    if '"' in content:
        return  # quoted words are the reader's business
    try:
        meant = talk.meaning(message)
    except ACLError:
        assert not re.fullmatch(witness, content)
    else:
        assert re.fullmatch(witness, content) and list(meant) == content.strip().strip("()").split()


@given(st.lists(st.integers(1, 99).map(str) | st.just(""), min_size=1, max_size=8))
def test_a_contract_net_ends_with_the_nearest_robot_and_its_log_says_why(offers):
    named = {f"r{i}": offer for i, offer in enumerate(offers)}
    net = talk.contract_net(named)
    assert net.over
    done = [name for name, state in net.states.items() if state == "done"]
    able = [int(offer) for offer in offers if offer]
    assert len(done) == bool(able)
    if able:
        assert int(named[done[0]]) == min(able)
        assert talk.why(net.log).startswith(f"{done[0]} drives: it offered {min(able)} m")


@given(st.lists(st.integers(1, 30), min_size=2, max_size=6, unique=True), st.integers(30, 40))
def test_the_auction_ends_one_step_below_the_second_cheapest(costs, price):
    winner, paid, conversation = talk.auction({f"r{i}": cost for i, cost in enumerate(costs)}, price)
    cheapest, second = sorted(costs)[:2]
    assert costs[int(winner[1:])] == cheapest and paid == second - 1 and conversation.over


@given(st.lists(st.text("aB/+-1", max_size=12), max_size=6))
def test_a_topic_is_spaghetti_unless_it_is_kind_name_what_in_small_letters(topics):
    for topic, why in talk.spaghetti([*topics, *(f"robots/{each}" for each in topics)]).items():
        kind, *rest = topic.split("/")
        fine = (
            kind == "robots" and len(rest) in (2, 3) and all(re.fullmatch("[a-z0-9-]{1,32}", x) for x in rest)
        )
        assert not fine and why
    assert not talk.spaghetti(["robots/r1/health", "agents/manager/inbox", "fipa/r1/inbox", "sensors/a/b/c"])


# How it travels.


@pytest.mark.parametrize("seed", range(5))
def test_a_reader_gets_every_state_once_wherever_the_line_is_cut(seed):
    cuts = set(Random(seed).sample(range(1, 30), seed))
    got, connections = asyncio.run(talk.reads_through_cuts(set(cuts)))
    assert got == list(range(1, 31)) and connections == len(cuts) + 1


@pytest.mark.parametrize("breaks_at, mends_at", [(1, 2), (3, 11), (5, 9)])
def test_a_follower_loses_nothing_and_doubles_nothing_wherever_the_stream_breaks(breaks_at, mends_at):
    log = asyncio.run(talk.degraded(12, breaks_at, mends_at))
    assert [number for _, number in log] == list(range(1, 13))
    polled = [number for way, number in log if way == "poll"]
    assert polled == list(range(breaks_at + 1, mends_at + 1))


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_what_is_lost_and_doubled_follows_from_what_was_swallowed(qos):
    rng = Random(qos)
    lost = {("PUBLISH", n) for n in rng.sample(range(1, 10), 2)}
    receipts = {("PUBACK", n) for n in rng.sample(range(1, 10), 2)} if qos == 1 else set()
    found = asyncio.run(talk.deliver(qos, [*lost, *receipts], total=12))
    wanted = {0: (2, 0), 1: (0, 2), 2: (0, 0)}[qos]
    assert (found["lost"], found["doubled"]) == wanted and found["breaks"] == len(lost | receipts)


def test_who_falls_off_the_network_is_reported_to_those_who_listen_and_to_those_who_come_late():
    assert asyncio.run(talk.health("robots/r9/health")) == (["well", "lost"], "lost")


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9).map(str)), max_size=12), st.integers(1, 5)
)
def test_the_newest_states_are_kept_and_no_others(states, room):
    assert talk.latest(states, room) == states[-room:]


@pytest.mark.parametrize("batched", [False, True])
def test_nested_docks_are_visited_once_per_robot_and_dock_or_once_in_all(batched):
    result = asyncio.run(talk.graph("{ robots { name docks { name } } }", batched=batched))
    wanted = [
        {"name": name, "docks": [{"name": dock} for dock in row["docks"]]} for name, row in talk.FLEET.items()
    ]
    assert result.data["robots"] == wanted and not result.errors
    assert talk.VISITS["docks"] == (1 if batched else sum(len(row["docks"]) for row in talk.FLEET.values()))


@pytest.mark.parametrize(
    ("query", "role", "granted"),
    [
        ("{ robots { log } }", "technician", True),
        ("{ robots { log } }", "dashboard", False),
        ("{ robots { docks { robots { log } } } }", "dashboard", False),
        ("{ robots { docks { robots { name } } } }", "dashboard", True),
        ("{ robots { docks { robots { docks { name } } } } }", "technician", False),
    ],
)
def test_a_field_is_given_to_those_who_may_and_no_deeper_than_three_levels(query, role, granted):
    assert bool(asyncio.run(talk.graph(query, role=role)).errors) != granted


def test_dds_tells_who_is_silent_and_who_offers_too_little():
    async def story():
        return await talk.falls_silent(), await talk.unequal()

    assert asyncio.run(story()) == ((False, True), True)


@pytest.mark.parametrize("way", ["REST", "gRPC", "MQTT, QoS 1"])
def test_the_conversation_and_its_bytes_are_those_of_any_other_run(way):
    ways = talk.polyglot.ways(talk.broker)

    async def story():
        return await talk.carried(way, ways[way]), await talk.carried("queue", ways["queue"])

    (said, size), (wanted, nothing) = asyncio.run(story())
    assert said == wanted and nothing == 0
    assert 150 < size < 1200  # at least the values, twice; at most what HTTP adds


# How it stays alive.


def test_old_agents_keep_what_they_do_not_know_and_used_numbers_are_refused():
    newer = wire.stubs("talk2", talk.NEWER)[0]
    sent = newer.Message(performative="request", deadline="noon")
    relayed = wire.talk()[0].Message.FromString(sent.SerializeToString()).SerializeToString()
    assert newer.Message.FromString(relayed) == sent
    protoc = [talk.sys.executable, "-m", "grpc_tools.protoc"]
    reserved = talk.BROKEN.replace("double weight_kg", "reserved 4;\n  double weight_kg")
    assert "reserved number 4" in asyncio.run(talk.compiler_says(reserved, protoc))
    assert asyncio.run(talk.compiler_says(talk.BROKEN, protoc)) == ""


@given(st.dictionaries(st.text("xyz", min_size=1), st.text()))
def test_a_tolerant_reader_keeps_what_it_does_not_know(others):
    text = talk.json.dumps(wire.as_fields(laps.CALL) | others)
    assert talk.tolerant(text) == (laps.CALL, others)


def test_a_trace_goes_from_rest_through_mqtt_to_grpc_under_one_id():
    SPANS.clear()
    assert asyncio.run(talk.traced_order()) == "agree"
    spans = SPANS.get_finished_spans()
    assert len({span.context.trace_id for span in spans}) == 1
    parents = {span.name: span.parent and span.parent.span_id for span in spans}
    ids = {span.name: span.context.span_id for span in spans}
    chain = ["manager", "desk, by REST", "robot, by MQTT", "charger, by gRPC"]
    assert [parents[name] for name in chain] == [None, *(ids[name] for name in chain[:-1])]
    SPANS.clear()


@given(
    st.sets(st.sampled_from(sorted(set().union(*talk.CAN.values()))), min_size=1, max_size=3), st.booleans()
)
def test_what_is_chosen_can_do_all_and_nothing_before_it_can(needs, light):
    heavy = {"MCP", "A2A", "MQTT"} if light else set()
    fit = [way for way, can in talk.CAN.items() if needs <= can and way.split()[-1] not in heavy]
    if fit:
        assert talk.choose(*needs, light=light) == fit[0]
    else:
        with pytest.raises(ValueError, match="split the task"):
            talk.choose(*needs, light=light)


def test_the_translator_says_the_same_as_the_agents_do():
    said = asyncio.run(talk.translated())
    assert wire.from_json(said["REST asks, MQTT answers"]) == talk.robot(talk.call)
    assert talk.json.loads(said["without the token"]) == {"error": "no valid token"}


def test_the_gateway_lets_one_of_the_messages_pass_and_says_of_the_others_why():
    rows, gateway = asyncio.run(talk.send_all())
    assert [row["status"] for row in rows] == [202, 400, 400, 400, 400, 400, 400, 401]
    assert len(set(gateway.refused)) == 6 and len(gateway.log) == 1


def test_servers_that_stop_leave_neither_port_nor_process():
    before, children = talk.listening(), psutil.Process().children()

    async def story():
        desk = talk.web.serve(talk.order_desk(), "orders of a test")
        async with talk_rpc.serve_grpc(talk.robot), talk_rpc.serve_mcp(talk.robot):
            during = talk.listening()
        await asyncio.to_thread(desk.stop)
        await talk.watch("3 m")
        await talk.webhook()
        with mqtt.start("leaves nothing"):
            during |= talk.listening()
        return during

    during = asyncio.run(story())
    assert len(during - before) == 4
    assert talk.listening() == before and psutil.Process().children() == children


# Exercises.

CHECKS = {
    "messages": ("counted", talk.any_net, [lambda n, k: 2 * n + (n - k) + 1, lambda n, k: 3 * n - k]),
    "conflate": ("conflated", talk.any_states, [lambda s: list(dict(s).items()), lambda s: s[-3:]]),
    "covers": ("covered", talk.any_filter, [
        lambda f, t: f.replace("+", "a") == t, lambda f, t: f.split("/")[0] in ("+", "#", t[0]),
        lambda f, t: bool(re.fullmatch(f.replace("+", "[^/]*").replace("#", ".*"), t))]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_stubs_and_wrong_answers_do_not_pass_and_solutions_do(name):
    witness, draw, wrong = CHECKS[name]
    tried = lambda function: check.same(name, function, getattr(talk, witness), draw)
    assert not tried(getattr(untouched, name)) and tried(getattr(talk, name))
    assert not any(map(tried, wrong))


@given(st.integers(0, 2**32))
def test_the_witness_for_filters_is_what_the_broker_does(seed):
    wanted, topic = talk.any_filter(Random(seed))
    assert talk.covered(wanted, topic) == mqtt.matches(wanted, topic) == talk.covers(wanted, topic)
