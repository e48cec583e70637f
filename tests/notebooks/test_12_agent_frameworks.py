"""Agent frameworks: the scripts, the judge of outcomes, the wishes and the exercises of the notebook."""

import json
from random import Random

import pytest
from chapters import chapter
from hypothesis import given
from hypothesis import strategies as st

from coursekit import check, frameworks, rehearsal
from coursekit.frameworks import FRAMEWORKS
from coursekit.rehearsal import Call, Request, Say

lesson = chapter("12_agent_frameworks")
untouched = chapter("12_agent_frameworks", without="solution")
RUNS = {name: {run["case"]: run for run in frameworks.recorded(name)["runs"]} for name in FRAMEWORKS}
FACTS = {name: frameworks.recorded(name)["facts"] for name in FRAMEWORKS}
PRICE = {"price": {"parameters": {"properties": {"crates": {}, "each": {}}}}}


def asked(*results: str, tools=PRICE, attempt=0) -> Request:
    """What a clerk is asked after so many results of its tool."""
    messages = [{"role": "user", "content": "23 crates at 17 euros each?"}]
    for number, result in enumerate(results):
        call = {"id": f"c{number}", "function": {"name": "price"}}
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": result})
    return Request("clerk", messages, tools, attempt=attempt)


# The scripts.


@pytest.mark.parametrize("case", lesson.CASES)
def test_every_clerk_answers_once_it_has_the_price_but_the_one_that_never_ends(case):
    said = lesson.clerk_in(case)(asked("391", attempt=1))
    if case == "never ends":
        assert isinstance(said, Call)
    else:
        assert said == Say("391 euros")


@pytest.mark.parametrize("case", ["tool raises", "wrong tool", "wrong type"])
def test_a_clerk_that_is_told_of_a_failure_tries_again_properly_and_gives_up_in_the_end(case):
    think = lesson.clerk_in(case)
    assert think(asked("Error: something")) == rehearsal.call("price", crates=23, each=17)
    assert think(asked(*["Error: something"] * 4)) == Say("I do not know")


def test_each_case_begins_with_its_own_failure():
    first = {case: lesson.clerk_in(case)(asked()) for case in lesson.CASES}
    assert first["fine"] == first["tool raises"] == first["never ends"] == lesson.clerk_calls()
    assert first["wrong tool"].tool == "discount" and not first["wrong tool"].offered
    assert '"many"' in first["wrong type"].arguments
    assert first["server error"].status == 500
    assert lesson.clerk_in("server error")(asked(attempt=1)) == lesson.clerk_calls()


def test_the_endless_clerk_ends_after_sixty_calls_or_without_tools():
    think = lesson.clerk_in("never ends")
    assert isinstance(think(asked(*["391"] * 59)), Call)
    assert think(asked(*["391"] * 60)) == think(asked("391", tools={})) == Say("I do not know")


@pytest.mark.parametrize(
    ("tool", "properties", "given"),
    [
        ("ask_clerk", ["question"], {"question"}),
        ("clerk", ["task"], {"task"}),
        (
            "ask_question_to_coworker",
            ["question", "context", "coworker"],
            {"question", "context", "coworker"},
        ),
    ],
)
def test_the_buyer_asks_by_whatever_tool_its_framework_offers(tool, properties, given):
    tools = {"delegate_work": {}, tool: {"parameters": {"properties": {key: {} for key in properties}}}}
    call = lesson.buyer(Request("buyer", [{"role": "user", "content": "?"}], tools))
    arguments = json.loads(call.arguments)
    assert call.tool == tool and arguments.keys() == given
    assert arguments.get("coworker", "clerk") == "clerk"


# What happened.


@pytest.mark.parametrize(
    ("answer", "error", "word"),
    [
        ("It is 391 euros", "", "391"),
        ("I do not know", "", "no answer"),
        ("", "RuntimeError", "RuntimeError"),
    ],
)
def test_an_outcome_is_the_price_the_error_or_nothing(answer, error, word):
    assert lesson.outcome({"answer": answer, "error": error}) == word


def test_what_cannot_be_run_here_is_as_recorded(monkeypatch):
    monkeypatch.setattr(frameworks, "installed", lambda name: False)
    assert lesson.performance("crewai") == frameworks.recorded("crewai")["runs"]


@pytest.mark.parametrize("name", ["plain", "langgraph"])
def test_what_runs_here_does_what_is_recorded(name):
    keys = ("case", "answer", "error", "tool_calls", "calls", "tokens", "messages")
    pick = lambda runs: [{key: run[key] for key in keys} for run in runs]
    assert pick(lesson.performance(name)) == pick(frameworks.recorded(name)["runs"])


# The choice.

some_wishes = st.lists(st.sampled_from(sorted(lesson.WISHES)), unique=True)


@given(some_wishes)
def test_a_choice_names_all_frameworks_best_first_with_exactly_the_unmet_wishes(wishes):
    unmet = lesson.choose(RUNS, FACTS, *wishes)
    assert unmet.keys() == FRAMEWORKS.keys()
    lengths = [len(missing) for missing in unmet.values()]
    assert lengths == sorted(lengths)
    for name, missing in unmet.items():
        assert missing == [wish for wish in wishes if not lesson.WISHES[wish](RUNS[name], FACTS[name])]


@given(some_wishes, st.sampled_from(sorted(lesson.WISHES)))
def test_one_wish_more_never_removes_an_objection(wishes, more):
    before, after = lesson.choose(RUNS, FACTS, *wishes), lesson.choose(RUNS, FACTS, *wishes, more)
    assert all(set(before[name]) <= set(after[name]) for name in FRAMEWORKS)


@pytest.mark.parametrize("wish", lesson.WISHES)
def test_every_wish_divides_the_frameworks(wish):
    assert len({bool(missing) for missing in lesson.choose(RUNS, FACTS, wish).values()}) == 2


def test_an_unknown_wish_is_refused_by_name():
    with pytest.raises(ValueError, match="no such wish: 'free beer'; there are a failing tool"):
        lesson.choose(RUNS, FACTS, "free beer")


# The exercises.


def verdict(name, function):
    """What the notebook's check says of a function."""
    if name == "Exercise 1":
        return check.same(name, function, lesson.read_aloud, lesson.some_bill)
    if name == "Exercise 2":
        return check.same(name, lesson.on_halves(function), lesson.by_cases, lesson.some_numbers)
    return check.same(name, function, lesson.by_groups, lesson.some_calls)


SOLVED = {"Exercise 1": "bill", "Exercise 2": "told", "Exercise 3": "stuck_after"}


@pytest.mark.parametrize(("exercise", "name"), SOLVED.items())
def test_a_solution_passes_and_its_stub_does_not(exercise, name):
    assert verdict(exercise, getattr(lesson, name))
    assert not verdict(exercise, getattr(untouched, name))


def careful(calls, most):
    """Counts equal calls anywhere, not in a row."""
    for number in range(1, len(calls) + 1):
        if calls[:number].count(calls[number - 1]) == most:
            return number
    return 0


def shifted(calls, most):
    found = lesson.stuck_after(calls, most)
    return found + 1 if found else 0


@pytest.mark.parametrize(
    ("exercise", "wrong"),
    [
        ("Exercise 1", lambda base, more, rounds: rounds * base + more * rounds * (rounds + 1) // 2),
        ("Exercise 1", lambda base, more, rounds: rounds * base + more * rounds),
        ("Exercise 1", lambda base, more, rounds: base + more * (rounds - 1)),
        ("Exercise 2", lambda tool: lambda numbers: tool(numbers)),
        ("Exercise 2", lambda tool: lambda numbers: "Error"),
        ("Exercise 3", careful),
        ("Exercise 3", shifted),
        ("Exercise 3", lambda calls, most: most),
        ("Exercise 3", lambda calls, most: None),
    ],
)
def test_a_wrong_answer_does_not_pass(exercise, wrong):
    try:
        assert not verdict(exercise, wrong)
    except ZeroDivisionError:
        assert exercise == "Exercise 2"  # the tool's exception came through: that is not passing


@given(st.integers(0, 2**32))
def test_the_rule_of_equal_calls_stops_at_the_first_run_that_is_long_enough(seed):
    calls, most = lesson.some_calls(Random(seed))
    ends = [n for n in range(most, len(calls) + 1) if len(set(calls[n - most : n])) == 1]
    assert lesson.stuck_after(calls, most) == (ends[0] if ends else 0)
