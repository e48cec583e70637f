"""Conversations: what the diagrams of FIPA allow, and nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.acl import PERFORMATIVES, ACLError, Message
from coursekit.conversations import PROTOCOLS, Conversation

START = {
    "fipa-request": "request", "fipa-query": "query-ref", "fipa-subscribe": "subscribe",
    "fipa-contract-net": "cfp", "fipa-iterated-contract-net": "cfp",
}  # fmt: skip
# The same protocols once more, as regular expressions over the acts of one pair, cancelling left out.
ANSWER = "(refuse|(agree )?(inform|failure))"
NET = "cfp ({}(refuse|propose (reject-proposal|accept-proposal (inform|failure))))"
DIAGRAMS = {
    "fipa-request": f"request {ANSWER}",
    "fipa-query": f"query-(if|ref) {ANSWER}",
    "fipa-contract-net": NET.format(""),
    "fipa-iterated-contract-net": NET.format("(propose cfp )*"),
}
steps = st.lists(st.tuples(st.booleans(), st.sampled_from(PERFORMATIVES)), max_size=8)


def opened(protocol: str, participants=("p",)) -> tuple[Conversation, Message]:
    first = Message(
        START[protocol], "i", participants, protocol=protocol, conversation_id="c1", reply_with="1"
    )
    talk = Conversation.of(first)
    talk.see(first)
    return talk, first


def paths(protocol: str, state: str = "start", acts: tuple[str, ...] = ()):
    """All complete talks of a protocol with at most seven messages."""
    moves = PROTOCOLS[protocol].get(state, {})
    if not moves:
        yield " ".join(act[2:] for act in acts)
    elif len(acts) < 7:
        for act, after in moves.items():
            yield from paths(protocol, after, (*acts, act))


@pytest.mark.parametrize("protocol", DIAGRAMS)
def test_every_complete_talk_is_one_that_the_diagram_of_fipa_allows(protocol):
    talks = set(paths(protocol))
    assert talks and all(re.fullmatch(DIAGRAMS[protocol], talk) for talk in talks)
    assert {"fipa-request": 5, "fipa-query": 10, "fipa-contract-net": 4}.get(protocol, len(talks)) == len(
        talks
    )


@pytest.mark.parametrize("protocol", START)
@given(steps)
def test_a_refused_message_changes_nothing_and_one_taken_is_logged(protocol, steps):
    talk, first = opened(protocol)
    for mine, act in steps:
        before = dict(talk.states), len(talk.log)
        back = first.reply(act, "p")
        message = Message(act, "i", ("p",), protocol=protocol, conversation_id="c1") if mine else back
        allowed = f"{'>' if mine else '<'} {act}" in talk.moves("p")
        try:
            talk.see(message)
        except ACLError:
            assert not allowed and before == (talk.states, len(talk.log))
        else:
            assert allowed and talk.log[-1] is message


def test_one_call_to_many_moves_all_of_them_or_none():
    talk, call = opened("fipa-contract-net", ("p", "q"))
    talk.see(call.reply("propose", "p"))
    award = Message("accept-proposal", "i", ("p", "q"), protocol=call.protocol, conversation_id="c1")
    with pytest.raises(ACLError, match="with q, called, may come < propose, < refuse"):
        talk.see(award)
    assert talk.states == {"p": "proposed", "q": "called"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"conversation_id": "c2"}, "another conversation"),
        ({"protocol": "fipa-query"}, "another conversation"),
        ({"sender": "x"}, "takes no part"),
        ({"receiver": ("x",)}, "p answers x, not i"),
    ],
)
def test_a_stranger_to_the_conversation_is_refused(change, why):
    talk, first = opened("fipa-request")
    parts = vars(first.reply("agree", "p")) | change
    with pytest.raises(ACLError, match=why):
        talk.see(Message(**parts))


def test_an_initiator_may_cancel_until_the_end_and_hears_what_came_of_it():
    talk, first = opened("fipa-request")
    talk.see(Message("cancel", "i", ("p",), protocol=first.protocol, conversation_id="c1"))
    assert talk.states == {"p": "cancelling"} and not talk.over
    talk.see(first.reply("inform", "p"))
    assert talk.states == {"p": "cancelled"} and talk.over


def test_a_replayed_message_is_refused():
    talk, first = opened("fipa-request")
    done = first.reply("inform", "p")
    talk.see(done)
    with pytest.raises(ACLError, match="done, may come nothing more"):
        talk.see(done)


def test_an_unknown_protocol_is_refused_by_name():
    with pytest.raises(ACLError, match="no protocol is called 'fipa-gossip'"):
        Conversation.of(Message("inform", "a", ("b",), protocol="fipa-gossip"))
