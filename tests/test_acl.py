"""FIPA ACL: every message survives the wire, and nothing else is taken for one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coursekit.acl import DEEPEST, LARGEST, PERFORMATIVES, ACLError, Message, expression, read, write

words = st.text(min_size=1, max_size=12)
texts = st.text(max_size=30)
messages = st.builds(
    Message,
    st.sampled_from(PERFORMATIVES),
    words,
    st.lists(words, min_size=1, max_size=4).map(tuple),
    texts, texts, texts, texts, texts, texts, texts,
    st.none() | st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000),
)  # fmt: skip
A, B = "(agent-identifier :name a)", "(set (agent-identifier :name b))"


@given(messages)
@example(Message("request", "a", ("b",), reply_by=4.637))  # 4 + 0.637 is another number
def test_a_message_survives_the_wire(message):
    assert read(write(message)) == message


def test_fipa_knows_22_acts_and_query_is_none_of_them():
    assert len(set(PERFORMATIVES)) == 22
    with pytest.raises(ACLError, match="'query' is no act of FIPA; there is query-if, query-ref"):
        Message("query", "a", ("b",))


@given(st.text())
@example("(" * 10_000)
@example("(inform" + " x" * 10_000 + ")")
def test_any_text_is_a_message_or_an_acl_error(text):
    try:
        message = read(text)
    except ACLError as error:
        assert str(error)
    else:
        assert read(write(message)) == message


@given(messages, st.data())
def test_a_message_cut_short_is_refused(message, data):
    text = write(message)
    with pytest.raises(ACLError):
        read(text[: data.draw(st.integers(0, len(text) - 1))])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"(inform :sender {A})", "the receiver is a"),
        (f"(inform :sender a :receiver {B})", "an agent reads"),
        (f"(inform :sender {A} :receiver {B} :sender {A})", "twice"),
        (f"(inform :sender {A} :receiver {B} :colour red)", ":colour is no part of a message"),
        (f"(inform :sender {A} :receiver {B} :content)", "has no value"),
        (f"(inform :sender {A} :receiver {B} :content (price 7))", ":content is one word or one text"),
        (f"(inform :sender {A} :receiver {B} :reply-by tomorrow)", "got 'tomorrow'"),
        (f"(inform :sender {A} :receiver {B} :reply-by 20261399T000000000Z)", "names no moment"),
        (f"((inform) :sender {A} :receiver {B})", "is no act"),
        (f"(inform :sender {A} :receiver (set))", "needs a sender and a receiver"),
        ("()", "a message reads"),
        ("(inform) (inform)", "one bracketed expression"),
        ('(inform "never ends', "a text does not end"),
        ("(inform))", "was never opened"),
        ("(" * (DEEPEST + 1) + ")" * (DEEPEST + 1), f"more than {DEEPEST} brackets"),
        ("x" * (LARGEST + 1), "at most 64,000"),
    ],
)
def test_what_is_not_a_message_is_refused_with_its_reason(text, why):
    with pytest.raises(ACLError, match=why):
        read(text)


def test_an_answer_stays_in_the_conversation_and_names_what_it_answers():
    call = Message("cfp", "m", ("r1", "r2"), "(job)", "sl", "jobs", "fipa-contract-net", "c1", "m1", "", 60.0)
    offer = call.reply("propose", "r1", "(cost 7)", reply_with="r1-1")
    assert offer == Message(
        "propose", "r1", ("m",), "(cost 7)", "sl", "jobs", "fipa-contract-net", "c1", "r1-1", "m1"
    )


def test_an_expression_is_lists_of_words():
    assert expression('(a (b "c d") (("\\"" e)) )') == ["a", ["b", "c d"], [['"', "e"]]]
