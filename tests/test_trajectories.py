"""The calls of an agent, compared as lists and as collections."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from coursekit.trajectories import matches, trajectory

calls = st.lists(
    st.tuples(st.sampled_from("ab"), st.fixed_dictionaries({"x": st.integers(0, 1), "y": st.just(1)})),
    max_size=4,
)


@given(calls, calls)
def test_strict_compares_lists_and_unordered_collections(made, wanted):
    left = list(made)
    same = len(made) == len(wanted) and all(call in left and not left.remove(call) for call in wanted)
    assert matches(made, wanted) == (made == wanted) and matches(made, wanted, "unordered") == same


@given(calls)
def test_the_order_of_arguments_does_not_matter(made):
    turned = [(name, dict(reversed(arguments.items()))) for name, arguments in made]
    assert matches(made, turned)


def test_every_call_is_found_in_its_order_and_nothing_else():
    call = lambda name, number: {"name": name, "args": {"n": number}, "id": f"{name}{number}"}
    messages = [
        HumanMessage("hi"),
        AIMessage("", tool_calls=[call("a", 1), call("b", 2)]),
        ToolMessage("1", tool_call_id="a1"),
        ToolMessage("2", tool_call_id="b2"),
        AIMessage("", tool_calls=[call("a", 3)]),
        AIMessage("done"),
    ]
    assert trajectory(messages) == [("a", {"n": 1}), ("b", {"n": 2}), ("a", {"n": 3})]


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="strict or unordered, got 'loose'"):
        matches([], [], "loose")
