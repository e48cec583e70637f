"""LangGraph: the notebook's graphs against arithmetic, the naive way, and answers that must not pass."""

import operator
from collections import Counter

import pytest
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import InvalidUpdateError
from langgraph.types import Command

from coursekit import check
from coursekit.approval import answer_all

notebook = chapter("21_langgraph")
untouched = chapter("21_langgraph", without="solution")


def test_a_field_outside_the_schema_is_lost_and_inside_it_decides():
    given = {"confidence": {"risk": 0.79}}
    assert notebook.gate(notebook.Forgetful).invoke(given)["went"] == "to the bank"
    assert notebook.gate(notebook.Complete).invoke(given)["went"] == "to a person"
    assert notebook.gate(notebook.Complete).invoke({"confidence": {"risk": 0.8}})["went"] == "to the bank"


@pytest.mark.parametrize(
    ("answer", "decision"), [("approve", "pay"), ("reject", "refuse"), ("", "refuse"), ("Approve", "refuse")]
)
def test_only_an_approval_pays_a_vague_claim(answer, decision):
    begin = lambda: (notebook.claim_desk(InMemorySaver()), {"text": "water, perhaps"}, notebook.thread("1"))
    app, state, config = begin()
    asked = app.invoke(state, config, context=notebook.every(10))
    assert asked["__interrupt__"][0].value["unsure"] == ["risk"] and "decision" not in asked
    done = app.invoke(Command(resume=answer), config, context=notebook.every(10))
    assert done["decision"] == decision and done["log"] == [
        "analyse",
        "validate",
        "review",
        "execute",
        "finalise",
    ]


@given(st.integers(1, 500))
def test_the_duration_is_that_of_the_clock(seconds):
    done = notebook.claim_desk().invoke({"text": "fire"}, context=notebook.every(seconds))
    assert done["took_s"] == seconds and done["analysis"]["damage"] == "other"


def test_two_writers_need_the_right_reducer():
    with pytest.raises(InvalidUpdateError):
        notebook.two_loggers(notebook.PlainLog).invoke({"log": []})
    assert len(notebook.two_loggers(notebook.LastLog).invoke({"log": []})["log"]) == 1
    assert len(notebook.two_loggers(notebook.WholeLog).invoke({"log": ["a"]})["log"]) == 3


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_a_join_runs_once_per_length_or_once_in_all(lengths):
    log = lambda together: Counter(notebook.branches(lengths, together).invoke({"log": []})["log"])
    assert log(False)["join"] == len(set(lengths)) and log(True)["join"] == 1
    assert log(True).total() == sum(lengths) + 2


def test_send_is_parallel_and_a_loop_is_not():
    assert notebook.meets(lambda work: notebook.reader(work).invoke({"pages": notebook.PAGES}))
    assert not notebook.meets(notebook.in_a_loop, timeout_s=0.05)
    counted = notebook.reader(lambda page: len(page)).invoke({"pages": ["a", "bb"]})["words"]
    assert counted == {"a": 1, "bb": 2, "all": 3}


def start():
    return notebook.Clerk(), {"euros": 240}, notebook.thread("p")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(notebook.DECISIONS), min_size=1, max_size=4))
def test_whatever_is_answered_nothing_is_paid_without_approve_or_modify(path):
    try:
        end = answer_all(start, path)
    except ValueError:
        return  # it had ended already
    assert end.get("paid", 0) in {"approve": (240,), "modify": (200,)}.get(path[-1], (0,))
    assert len(end["facts"]) <= notebook.MOST_ASKS and [one["decision"] for one in end["answers"]] == path


@pytest.mark.parametrize("euros", [None, 0, -5, 241])
def test_a_change_that_makes_no_sense_is_escalated(euros):
    app, config = notebook.payment_desk(InMemorySaver()), notebook.thread("m")
    app.invoke({"euros": 240}, config, context=notebook.every(1))
    answer = {"decision": "modify", "by": "clerk", "euros": euros}
    assert app.invoke(Command(resume=answer), config, context=notebook.every(1))["outcome"] == "escalated"


def test_a_question_is_answered_once_by_whoever_comes_first():
    saver, late = InMemorySaver(), notebook.Desk(lambda: 5000)
    app = notebook.payment_desk(saver)
    for name, at in (("a", 0), ("b", 4000)):
        app.invoke({"euros": 9}, notebook.thread(name), context=notebook.Desk(lambda at=at: at))
    asks = notebook.waiting(app, saver)
    assert list(asks) == ["a", "b"] and notebook.sweep(app, saver, 3599, late) == []
    assert notebook.sweep(app, saver, 5000, late) == ["a"] == [*asks][:1]
    with pytest.raises(LookupError, match="question of a is not open"):
        notebook.reply(app, "a", asks["a"].id, notebook.said("approve"), late)
    assert notebook.reply(app, "b", asks["b"].id, notebook.said("approve"), late)["paid"] == 9
    assert notebook.waiting(app, saver) == {} and app.get_state(notebook.thread("a")).values["paid"] == 0


def test_a_memory_keeps_customers_apart():
    from langgraph.graph import START, StateGraph
    from langgraph.store.memory import InMemoryStore

    app = StateGraph(notebook.Contact).add_node(notebook.remember).add_edge(START, "remember")
    app = app.compile(store=InMemoryStore(index=notebook.INDEX))
    for who in ("red", "red", "blue"):
        last = app.invoke({"customer": who, "says": "water in the cellar"})
    assert last["recalled"] == []


def test_a_waiting_thread_is_lost_by_a_new_name_and_kept_by_a_migration():
    saver = InMemorySaver()
    notebook.wait_in_old(saver)
    assert notebook.new_desk(saver).invoke(Command(resume="yes"), notebook.thread("v1")) == {}
    saver = InMemorySaver()
    notebook.wait_in_old(saver)
    assert [notebook.migrate(saver, "v1") for _ in range(3)] == [1, 0, 0]
    app = notebook.new_desk(saver)
    app.invoke(None, notebook.thread("v1"))
    assert app.invoke(Command(resume="no"), notebook.thread("v1"))["sent"] == "nothing"


def test_the_agents_vote_as_they_were_written():
    votes = [notebook.ask_agent(name, "photo, third claim. look") for name in notebook.AGENTS]
    assert votes == ["pay", "refuse", "refuse"]
    assert notebook.ask_agent("receipts", "no papers. photos said pay") == "pay"


def counts_approvals(euros, answers):
    """The same person twice would do."""
    return "pay" if sum(one["decision"] == "approve" for one in answers) > (euros > 1000) else "ask"


CARELESS = [lambda euros, answers: "ask", lambda euros, answers: "pay" if len(answers) > 1 else "ask"]
CHECKS = {
    "keep_highest": ("highest", notebook.any_scores, [operator.or_, lambda old, new: new | old]),
    "joins": ("joins_counted", notebook.some_lengths, [len, lambda lengths: 1, max]),
    "four_eyes": ("four_eyes_witness", notebook.some_answers, [*CARELESS, counts_approvals]),
}


@pytest.mark.parametrize("name", CHECKS)
def test_stubs_and_wrong_answers_do_not_pass_and_solutions_do(name):
    witness, draw, wrong = CHECKS[name]
    tried = lambda function: check.same(name, function, getattr(notebook, witness), draw)
    assert not tried(getattr(untouched, name)) and not any(map(tried, wrong))
    assert tried(getattr(notebook, name))


def test_a_reducer_that_changes_its_argument_is_not_what_the_solution_does():
    old, new = {"a": 1}, {"a": 2, "b": 1}
    assert notebook.keep_highest(old, new) == {"a": 2, "b": 1} and (old, new) == ({"a": 1}, {"a": 2, "b": 1})
