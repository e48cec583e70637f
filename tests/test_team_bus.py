"""The bus and the agents on it: who gets what, in which order, and what becomes of the rest."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.team_agent import BusAgent
from coursekit.team_bus import EVERYBODY, Bus, Envelope, Kind


def letter(to=EVERYBODY, kind=Kind.STATUS_UPDATE, number=1, **more):
    return Envelope(f"boss-{number}", "boss", to, kind, {"n": number}, **more)


def listening(*names, **more):
    bus, heard = Bus(**more), []
    for name in names:
        bus.subscribe(name, [Kind.STATUS_UPDATE], lambda e, name=name: heard.append((name, e.content["n"])))
    return bus, heard


def test_a_broadcast_reaches_all_who_subscribed_but_the_sender():
    bus, heard = listening("boss", "a", "b")
    bus.subscribe("c", [Kind.RESOURCE_SHARING], lambda e: heard.append("c"))
    assert bus.publish(letter()).accepted == ("a", "b")
    asyncio.run(bus.drain())
    assert heard == [("a", 1), ("b", 1)]


def test_a_message_to_an_unknown_address_is_a_dead_letter_that_nobody_reads():
    bus, heard = listening("a", "b")
    receipt = bus.publish(letter("typo"))
    asyncio.run(bus.drain())
    assert not receipt and receipt.refused == {"typo": "unknown agent"} and heard == []
    assert [(d.agent, d.reason) for d in bus.dead] == [("typo", "unknown agent")]


def test_nobody_listening_is_not_delivered():
    assert not Bus().publish(letter())
    bus, _ = listening("a")
    assert bus.publish(letter("a", Kind.TASK_REQUEST)).refused == {"a": "does not handle task_request"}


@given(st.lists(st.integers(0, 3), max_size=12))
def test_an_inbox_is_read_by_priority_and_then_in_order(priorities):
    bus, heard = listening("a")
    for number, priority in enumerate(priorities):
        bus.publish(letter("a", number=number, priority=priority))
    asyncio.run(bus.drain())
    expected = sorted(range(len(priorities)), key=lambda i: (-priorities[i], i))
    assert [number for _, number in heard] == expected


@given(st.integers(0, 5), st.integers(0, 9))
def test_each_message_is_either_delivered_or_refused_when_it_is_sent(room, sent):
    bus, heard = listening("a", room=room)
    receipts = [bus.publish(letter("a", number=i)) for i in range(sent)]
    asyncio.run(bus.drain())
    assert len(heard) == sum(map(bool, receipts)) == min(room, sent)
    assert Counter(d.reason for d in bus.dead) == Counter({"inbox full": sent - len(heard)}) + Counter()


def test_a_callback_that_raises_is_tried_again_and_harms_nobody_else():
    bus, heard = listening("a", "z", tries=3)
    left = [2]

    def shaky(envelope):
        left[0] -= 1
        if left[0] >= 0:
            raise KeyError("not yet")
        heard.append("shaky")

    bus.subscribe("m", [Kind.STATUS_UPDATE], shaky)
    bus.publish(letter())
    asyncio.run(bus.drain())
    assert set(heard) == {("a", 1), ("z", 1), "shaky"} and not bus.dead
    assert bus.errors == [("m", "boss-1", "KeyError: 'not yet'")] * 2


def test_two_callbacks_of_one_agent_do_not_depend_on_each_other():
    bus, heard = Bus(tries=1), []
    bus.subscribe("a", [Kind.STATUS_UPDATE], lambda e: 1 / 0)
    bus.subscribe("a", [Kind.STATUS_UPDATE], lambda e: heard.append("second"))
    bus.publish(letter("a"))
    asyncio.run(bus.drain())
    assert heard == ["second"] and len(bus.dead) == 1


def test_a_handler_may_subscribe_somebody_while_a_broadcast_is_under_way():
    bus, heard = listening("a")
    bus.subscribe(
        "m", [Kind.STATUS_UPDATE], lambda e: bus.subscribe("late", [Kind.STATUS_UPDATE], heard.append)
    )
    bus.publish(letter())
    asyncio.run(bus.drain())
    assert heard == [("a", 1)] and not bus.errors
    assert "late" in bus.publish(letter(number=2)).accepted


def test_a_coroutine_that_hangs_is_cut_off():
    bus, heard = listening("a", patience_s=0.01, tries=1)

    async def hangs(envelope):
        await asyncio.Event().wait()

    bus.subscribe("h", [Kind.STATUS_UPDATE], hangs)
    bus.publish(letter())
    asyncio.run(asyncio.wait_for(bus.drain(), 5))
    assert heard == [("a", 1)] and bus.dead[0].reason.startswith("TimeoutError")


def test_an_answer_finds_its_question_also_when_an_agent_asks_while_it_answers():
    async def talk():
        bus = Bus()
        BusAgent("c", bus, work=lambda task: task["n"] + 1)
        b = BusAgent("b", bus, work=lambda task: None)

        async def through(envelope):
            inner = await b.ask("c", envelope.content, timeout_s=2)
            b.answer(envelope, {"result": inner["result"] * 10})

        bus.inboxes["b"].callbacks[Kind.TASK_REQUEST] = [through]
        a = BusAgent("a", bus, work=lambda task: None)
        answers = await asyncio.gather(*(a.ask("b", {"n": n}, timeout_s=2) for n in range(5)))
        return answers, bus

    answers, bus = asyncio.run(talk())
    assert [answer["result"] for answer in answers] == [10, 20, 30, 40, 50]
    assert not bus.answers and not bus.dead


def test_silence_ends_in_a_time_out_and_the_late_answer_is_a_dead_letter():
    async def talk():
        bus = Bus()
        bus.subscribe("mute", [Kind.TASK_REQUEST], lambda e: None)
        a = BusAgent("a", bus, work=lambda task: None)
        with pytest.raises(TimeoutError, match=r"no answer to a-1 within 0\.01 s"):
            await a.ask("mute", {}, timeout_s=0.01)
        with pytest.raises(LookupError, match="unknown agent"):
            await a.ask("ghost", {})
        bus.publish(Envelope("x", "mute", "a", Kind.TASK_RESPONSE, {}, correlation_id="a-1"))
        return bus

    bus = asyncio.run(talk())
    assert bus.dead[-1].reason == "nobody waits for this answer" and not bus.answers


def test_an_agent_tells_the_asker_of_its_error_and_answers_only_who_wants_one():
    async def talk():
        bus = Bus()
        BusAgent("b", bus, work=lambda task: 1 / 0, joins=lambda task: False)
        a = BusAgent("a", bus, work=lambda task: None)
        said = await a.ask("b", {}), await a.invite(["b"], {})
        bus.publish(a.say("b", Kind.TASK_REQUEST, {}))  # wants no answer
        bus.publish(a.say("b", Kind.STATUS_UPDATE, {"load": 3}))
        await bus.drain()
        return said, bus

    (error, joined), bus = asyncio.run(talk())
    assert error == {"error": "ZeroDivisionError: division by zero"} and joined == []
    assert not bus.dead and not bus.errors and all(e.sent_at > 0 for e in bus.history)


def test_status_is_remembered_by_sender():
    bus = Bus()
    b = BusAgent("b", bus, work=lambda task: None)
    bus.publish(letter("b", number=7))
    asyncio.run(bus.drain())
    assert b.status == {"boss": {"n": 7}}


def test_an_agent_handles_one_message_at_a_time_also_under_two_drains():
    async def talk():
        bus, inside, most = Bus(), [0], [0]

        async def handler(envelope):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            await asyncio.sleep(0.001)
            inside[0] -= 1

        bus.subscribe("a", [Kind.STATUS_UPDATE], handler)
        for number in range(6):
            bus.publish(letter("a", number=number))
        await asyncio.gather(bus.drain(), bus.drain())
        return most[0], bus.delivered["a"]

    assert asyncio.run(talk()) == (1, 6)


def test_a_callback_added_by_a_callback_is_not_called_for_the_same_message():
    bus, heard = Bus(), []
    bus.subscribe("a", [Kind.STATUS_UPDATE], lambda e: bus.subscribe("a", [Kind.STATUS_UPDATE], heard.append))
    bus.publish(letter("a"))
    asyncio.run(bus.drain())
    assert heard == []
    bus.publish(letter("a", number=2))
    asyncio.run(bus.drain())
    assert [envelope.message_id for envelope in heard] == ["boss-2"]


@pytest.mark.parametrize("first", ["slow", "quick"])
def test_what_a_callback_publishes_is_read_while_somebody_else_hangs(first):
    async def talk():
        bus, heard = Bus(patience_s=0.2, tries=1), []

        async def hangs(envelope):
            if first == "slow":
                bus.publish(letter("third", number=2))
            await asyncio.Event().wait()

        bus.subscribe("slow", [Kind.STATUS_UPDATE], hangs)
        if first == "quick":
            bus.subscribe("quick", [Kind.STATUS_UPDATE], lambda e: bus.publish(letter("third", number=2)))
        bus.publish(letter())
        bus.subscribe("third", [Kind.STATUS_UPDATE], lambda e: heard.append(len(bus.dead)))
        await bus.drain()
        return heard, len(bus.dead)

    assert asyncio.run(talk()) == ([0], 1)  # when the third heard of it, nobody had been given up yet


def test_only_who_was_asked_answers_and_only_to_who_asked():
    async def talk():
        bus = Bus()
        a = BusAgent("a", bus, work=lambda task: None)
        BusAgent("c", bus, work=lambda task: None)

        def stranger(envelope):  # b is asked; d answers, and b tells c, all with the same correlation id
            for sender, to in (("d", "a"), ("b", "c")):
                note = Envelope(f"{sender} {to}", sender, to, Kind.STATUS_UPDATE, {"by": sender},
                                correlation_id=envelope.message_id)  # fmt: skip
                bus.publish(note)

        bus.subscribe("b", [Kind.TASK_REQUEST], stranger)
        with pytest.raises(TimeoutError):
            await a.ask("b", {}, timeout_s=0.02)
        await bus.drain()
        return bus

    bus = asyncio.run(talk())
    assert bus.delivered == {"a": 1, "b": 1, "c": 1} and not bus.dead


def test_a_late_answer_of_any_kind_is_called_one():
    bus, _ = listening("a")
    for kind in (Kind.TASK_RESPONSE, Kind.ERROR_NOTIFICATION):
        late = letter("a", kind, correlation_id="a-1")
        assert bus.publish(late).refused == {"a": "nobody waits for this answer"}


def test_an_invitation_counts_those_who_answer_yes_whatever_the_others_do():
    async def talk():
        bus = Bus()
        boss = BusAgent("boss", bus, work=lambda task: None)
        for name in ("yes", "no"):
            BusAgent(name, bus, work=lambda task: None, joins=lambda task, name=name: name == "yes")
        bus.subscribe("mute", [Kind.COLLABORATION_INVITE], lambda e: None)
        return await boss.invite(["ghost", "mute", "no", "yes"], {}, timeout_s=0.02)

    assert asyncio.run(talk()) == ["yes"]
