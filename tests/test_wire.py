"""Forms of a message: each brings back what it was given, and takes nothing else for a message."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_acl import messages

from coursekit import wire
from coursekit.acl import LARGEST, ACLError, Message
from coursekit.errors import CourseError

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
almost = st.fixed_dictionaries(
    {"performative": st.sampled_from(["cfp", "query", "inform"]) | anything},
    optional={name: st.text(max_size=5) | anything for name in wire.NAMES[1:]},
)


@given(messages)
def test_json_protobuf_and_cdr_bring_a_message_back(message):
    assert wire.from_json(wire.as_json(message)) == message
    proto = wire.talk()[0].Message.FromString(wire.as_proto(message).SerializeToString())
    assert wire.from_proto(proto) == message
    if message.reply_by != 0 and "\0" not in "".join(map(str, wire.as_fields(message).values())):
        sample = wire.Sample.deserialize(wire.as_cdr(message).serialize())
        assert wire.from_cdr(sample) == message


@given(st.text() | st.binary() | (anything | almost).map(json.dumps))
@example("[" * 5000)
@example('{"performative":"cfp","sender":"\\ud800","receiver":["b"]}')
@example('{"performative":"cfp","sender":"a","receiver":["b"],"reply_by":NaN}')
@example('{"performative":"cfp","sender":"a","receiver":["b"],"reply_by":1' + "0" * 400 + "}")
@example('{"performative":"cfp","sender":"a","receiver":["b"],"reply_by":true}')
@example('{"performative":["cfp"],"sender":"a","receiver":["b"]}')
def test_whatever_comes_as_json_is_a_message_that_can_travel_on_or_an_acl_error(raw):
    try:
        message = wire.from_json(raw)
    except ACLError as error:
        assert str(error)
    else:
        assert wire.from_json(wire.as_json(message).encode()) == message


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"colour": "red"}, "colour is no part of a message"),
        ({"receiver": [7]}, "receiver is a text, got"),
        ({"content": None}, "content is a text, got None"),
        ({"reply_by": "soon"}, "reply_by is a number of seconds"),
        ({"reply_by": math.inf}, "reply_by is a number of seconds"),
        ({"performative": "query"}, "there is query-if, query-ref"),
        ({"content": "x" * LARGEST}, "at most 64,000"),
    ],
)
def test_what_is_wrong_with_json_is_said(change, why):
    good = wire.as_fields(Message("cfp", "a", ("b",)))
    with pytest.raises(ACLError, match=why):
        wire.from_json(json.dumps(good | change))


def test_a_message_lacks_what_it_lacks():
    with pytest.raises(ACLError, match="lacks sender, receiver"):
        wire.from_fields({"performative": "cfp"})


def test_a_schema_that_is_none_is_refused_and_one_that_is_makes_classes(capfd):
    with pytest.raises(CourseError, match="refused the schema broken1"):
        wire.stubs("broken1", "message {")
    assert "broken1.proto" in capfd.readouterr().err
    made, _ = wire.stubs("fine1", 'syntax = "proto3"; package fine1; message A { int32 n = 1; }')
    assert made.A.FromString(made.A(n=7).SerializeToString()).n == 7
