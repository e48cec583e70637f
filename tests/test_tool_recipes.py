"""Several tools in a row: references resolve or are refused, and what fails is counted as failed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import tool
from pydantic import ValidationError

from coursekit.errors import CourseError
from coursekit.tool_recipes import Step, references, resolve, run


@tool
def make(what: str = "words") -> dict:
    """Make something."""
    return {"made": what}


@tool
def say(given: object) -> str:
    """Say it."""
    return f"said {given}"


@tool
def fail() -> str:
    """Fail."""
    raise OSError("disk full")


@tool
def report() -> str:
    """A result that speaks of errors."""
    return "0 errors found"


TOOLS = {one.name: one for one in (make, say, fail, report)}
values = st.recursive(
    st.text("ab ${}", max_size=6) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xy", max_size=2), inner, max_size=3),
)


def step(name, key, required=True, **given):
    return Step(tool=name, input=given, output_key=key, required=required)


def test_a_reference_alone_is_the_result_itself_and_within_a_text_its_words():
    outcome = run(
        [step("make", "a"), step("say", "b", given="${a}"), step("say", "c", given="it: ${b}")], TOOLS
    )
    assert outcome.history[1].input["given"] is outcome.results["a"]
    assert outcome.results["c"] == "said it: said {'made': 'words'}" and outcome.success


@given(values)
def test_without_references_nothing_changes(value):
    if not references(value):
        assert resolve(value, {}) == value


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([step("nobody", "a")], "step 1 wants the tool 'nobody'"),
        ([step("say", "a", given="${b}")], "step 1 refers to 'b'; before it there is nothing"),
        ([step("say", "a", given="${a}")], "refers to 'a'"),
        (
            [step("make", "a"), step("say", "b", given={"deep": ["${c}"]})],
            "refers to 'c'; before it there is a",
        ),
        ([step("make", "a"), step("make", "a")], "makes 'a' again"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_runs(steps, why):
    ran = []

    @tool("make")
    def noted(what: str = "words") -> str:
        """Make something."""
        ran.append(what)
        return what

    with pytest.raises(CourseError, match=why):
        run(steps, TOOLS | {"make": noted})
    assert ran == []


def test_a_required_step_that_fails_is_the_last_and_an_optional_one_leaves_none():
    steps = [
        step("fail", "a", required=False),
        step("say", "b", given="${a}"),
        step("fail", "c"),
        step("make", "d"),
    ]
    outcome = run(steps, TOOLS)
    assert outcome.results == {"a": None, "b": "said None", "c": None}
    assert (outcome.completed, len(outcome.history), outcome.total, outcome.success) == (1, 3, 4, False)
    assert outcome.history[2].error == "OSError: disk full"
    assert run(steps[:2], TOOLS).success


def test_a_tool_used_twice_counts_twice_and_the_word_error_in_a_result_is_no_failure():
    outcome = run([step("report", "a"), step("report", "b")], TOOLS)
    assert outcome.completed == 2 and outcome.success


def test_a_misspelt_field_of_a_step_is_refused():
    with pytest.raises(ValidationError, match="requird"):
        Step(tool="make", output_key="a", requird=False)
