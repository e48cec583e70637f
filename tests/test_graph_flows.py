"""Jobs, teams and a workflow that adapts, as graphs; and threads and answers as data for their widgets."""

import threading
from graphlib import TopologicalSorter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from coursekit.approval import ApprovalView, answer_all
from coursekit.graph_adaptive import (
    RUSH,
    WAYS,
    adaptive_graph,
    analyse_performance,
    choose_way,
    share_good,
    time_allowed,
)  # fmt: skip
from coursekit.graph_jobs import MOST_TRIES, Status, job_graph, order, ready
from coursekit.graph_team import consensus, team_graph
from coursekit.graph_trace import GraphTrace, changes, frames

NAMES = "abcdef"
plans = st.permutations(NAMES).flatmap(
    lambda names: st.fixed_dictionaries(
        {
            name: st.lists(st.sampled_from(names[:i]), unique=True) if i else st.just([])
            for i, name in enumerate(names)
        }
    )
)  # any plan without a loop
states = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2))


# Jobs


@settings(max_examples=30, deadline=None)
@given(plans)
def test_no_task_begins_before_what_it_needs_is_done(needs):
    done, lock = [], threading.Lock()

    def work(name, given):
        with lock:
            assert set(given) == set(needs[name]) <= set(done)
            done.append(name)
        return name

    end = job_graph(work).invoke({"needs": needs})
    assert sorted(done) == sorted(NAMES) and end["results"]["all"] == "done" and not end.get("errors")


@settings(max_examples=30, deadline=None)
@given(plans)
def test_waves_are_those_of_the_standard_library(needs):
    end = job_graph(lambda name, given: name).invoke({"needs": needs})
    sorter, waves = TopologicalSorter(needs), []
    sorter.prepare()
    while sorter.is_active():
        waves.append(sorted(sorter.get_ready()))
        sorter.done(*waves[-1])
    assert end["waves"] == waves


def test_a_task_is_tried_up_to_the_limit_and_what_needs_it_never_begins():
    begun = []

    def work(name, given):
        begun.append(name)
        raise OSError("disk full")

    end = job_graph(work).invoke({"needs": {"b": ["a"], "a": []}})
    assert begun == ["a"] * MOST_TRIES and end["errors"] == {"a": "disk full"}
    assert end["status"] == {"a": Status.REQUIRES_HUMAN.value, "b": Status.PENDING.value}
    assert end["results"]["all"] == "open: a, b"


@pytest.mark.parametrize(
    ("needs", "said"),
    [({"a": ["ghost"]}, "nobody does ghost"), ({"a": ["b"], "b": ["a"]}, "wait for each other")],
)
def test_a_plan_that_cannot_work_is_refused_before_anything_runs(needs, said):
    with pytest.raises(ValueError, match=said):
        order(needs)
    with pytest.raises(ValueError, match=said):
        job_graph(lambda name, given: pytest.fail("it ran")).invoke({"needs": needs})


def test_failed_tasks_are_ready_again_and_those_for_a_person_are_not():
    assert ready({"a": [], "b": []}, {"a": "failed", "b": "requires human"}) == ["a"]


# Teams


def vote(words):
    """Agents whose votes are written down; what was asked of whom is kept."""
    asked = []

    def ask(name, text):
        asked.append((name, text))
        answer = words[name]
        return answer(text) if callable(answer) else answer

    return ask, asked


EQUAL = {"a": 1.0, "b": 1.0, "c": 1.0}


@pytest.mark.parametrize(
    ("words", "verdict", "end"),
    [
        (("pay", "pay", "pay"), "pay", ["aggregate", "synthesise"]),
        (("pay", "pay", "inspect"), "ask a person", ["consensus", "escalate"]),
        (("pay", "refuse", "refuse"), "ask a person", ["consensus", "escalate"]),
    ],
)
def test_below_the_threshold_nobody_decides(words, verdict, end):
    ask, _ = vote(dict(zip("abc", words, strict=True)))
    result = team_graph(ask, EQUAL).invoke({"claim": "x"})
    assert result["verdict"] == verdict and result["path"][-2:] == end


def test_weights_can_lift_a_majority_over_the_threshold():
    ask, _ = vote({"a": "pay", "b": "pay", "c": "inspect"})
    assert team_graph(ask, EQUAL | {"c": 0.5}).invoke({"claim": "x"})["level"] == 0.8


def test_who_contradicts_hears_the_others_once():
    ask, asked = vote({"a": "pay", "b": "pay", "c": lambda text: "pay" if "a said pay" in text else "refuse"})
    result = team_graph(ask, EQUAL).invoke({"claim": "x"})
    assert result["verdict"] == "pay" and len(asked) == 6 and "resolve" in result["path"]


def test_the_part_of_an_agent_that_fails_goes_to_the_best_of_the_others_once():
    def down(text):
        raise ConnectionError

    ask, asked = vote({"a": down, "b": "pay", "c": "pay"})
    result = team_graph(ask, EQUAL | {"c": 2.0}).invoke({"claim": "x"})
    assert result["assigned"] == {"a": "c", "b": "b", "c": "c"} and result["errors"] == {
        "a": "ConnectionError"
    }
    assert result["votes"] == dict.fromkeys("abc", "pay") and ("c", "x. look at the a") in asked


def test_an_agent_with_two_parts_has_one_vote():
    def down(text):
        raise ConnectionError

    ask, _ = vote({"a": down, "b": "pay", "c": "refuse"})
    result = team_graph(ask, {"a": 0.75, "b": 0.75, "c": 0.5}).invoke({"claim": "x"})
    assert result["assigned"]["a"] == "b" and result["level"] == pytest.approx(0.75 / 1.25)
    assert result["verdict"] == "ask a person"


def test_who_fails_in_the_second_round_keeps_the_vote_of_the_first():
    def once(text):
        if "said" in text:
            raise TimeoutError
        return "refuse"

    ask, _ = vote({"a": "pay", "b": "pay", "c": once})
    result = team_graph(ask, EQUAL).invoke({"claim": "x"})
    assert result["votes"] == {"a": "pay", "b": "pay", "c": "refuse"} and result["verdict"] == "ask a person"


def test_a_team_that_is_down_gives_the_claim_to_a_person():
    def ask(name, text):
        raise TimeoutError

    assert team_graph(ask, EQUAL).invoke({"claim": "x"})["verdict"] == "ask a person"


@given(st.dictionaries(st.sampled_from("abcde"), st.sampled_from(["pay", "refuse"]), min_size=1))
def test_with_equal_weights_consensus_is_the_larger_share(votes):
    share = max(list(votes.values()).count(vote) for vote in ("pay", "refuse")) / len(votes)
    assert consensus(votes, dict.fromkeys("abcde", 1.0))[1] == pytest.approx(share)


def test_no_votes_are_no_consensus():
    with pytest.raises(ValueError, match="at least one vote"):
        consensus({}, {})


# A workflow that adapts


def test_a_fixed_way_does_as_well_as_arithmetic_says():
    for way, (units, accuracy) in WAYS.items():
        in_time = sum(units <= time_allowed(number) for number in range(60)) / 60
        assert share_good(way, 5, adapts=False)[0] == pytest.approx(in_time * accuracy, abs=0.04)
    assert len(RUSH) == 20


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_luck_knowing_the_limits_is_best(seed):
    fixed = max(share_good(way, seed, adapts=False)[0] for way in WAYS)
    heedless, changed = share_good("thorough", seed, heeds_limits=False)
    careful, few = share_good("thorough", seed)
    assert careful > max(heedless, fixed) and len(few) == 4 < len(changed)


def test_at_the_end_of_a_line_the_way_stays_and_without_a_reason_too():
    assert (
        choose_way("cached", "slow_response") == "cached"
        and choose_way("thorough", "low_accuracy") == "thorough"
    )
    assert choose_way("quick", None) == "quick" == choose_way("quick", "low_spirits")


def test_no_metrics_no_reason_and_several_problems_have_a_name():
    assert analyse_performance({}) == ([], None)
    assert analyse_performance({"in_time": 0.1, "accuracy": 0.2})[1] == "several_problems"
    assert analyse_performance({"cost": 0.1}) == (["cost"], "low_cost")


def test_a_workflow_that_does_not_adapt_changes_nothing():
    begin = {"way": "quick", "round": 0, "good": 0, "history": []}
    assert adaptive_graph(1, adapts=False).invoke(begin, {"recursion_limit": 200})["history"] == []


# Threads and answers as data


class State(TypedDict, total=False):
    x: int
    answers: list


def asking(times):
    def ask(state):
        return {
            "answers": [*state.get("answers", []), interrupt(f"question {len(state.get('answers', [])) + 1}")]
        }

    graph = StateGraph(State).add_node(ask).add_edge(START, "ask")
    more = lambda state: (
        "ask" if len(state["answers"]) < times and state["answers"][-1] != "stop" else "__end__"
    )
    return graph.add_conditional_edges("ask", more, ["ask", "__end__"])


def begin(times=2):
    return asking(times).compile(InMemorySaver()), {"x": 1}, {"configurable": {"thread_id": "t"}}


@given(states, states)
def test_changes_lead_from_one_state_to_the_other(before, after):
    diff = changes(before, after)
    rebuilt = {k: v for k, v in before.items() if k not in diff["removed"]}
    rebuilt |= diff["added"] | {key: new for key, (_, new) in diff["modified"].items()}
    assert rebuilt == after and not diff["added"].keys() & before.keys()


def test_frames_follow_a_thread_and_its_fork():
    app, state, config = begin(1)
    app.invoke(state, config)
    asked = app.get_state(config)
    app.invoke(Command(resume="a"), config)
    app.invoke(None, app.update_state(asked.config, {"answers": ["b"]}, as_node="ask"))
    told = frames(app, config)
    assert [frame["lane"] for frame in told] == [0, 0, 0, 1]
    assert (
        told[1]["asks"] == ['"question 1"']
        and told[2]["ran"] == ["ask"]
        and told[2]["changed"] == ["answers"]
    )
    assert told[3]["source"] == "update" and told[3]["parent"] == 1
    assert "4 checkpoints with 1 forks" in repr(GraphTrace.of(app, config))


def test_a_thread_that_nobody_began_has_no_frames():
    app, _, config = begin()
    with pytest.raises(ValueError, match="no checkpoint of thread 't'"):
        frames(app, config)


def test_a_desk_knows_every_path_of_answers():
    view = ApprovalView.of(begin, ["go", "stop"], lambda result: str(result.get("answers", "?")))
    assert len(view.frames) == 5 and view.frames["[]"][0] and not view.frames['["stop"]'][0]
    assert view.frames['["go","stop"]'] == [False, "['go', 'stop']"]


def test_a_graph_that_asks_for_ever_is_refused():
    with pytest.raises(ValueError, match="bound how often"):
        ApprovalView.of(lambda: begin(99), ["a", "b", "c"])


def test_an_answer_to_nothing_is_refused():
    assert answer_all(begin, ["go", "go"])["answers"] == ["go", "go"]
    with pytest.raises(ValueError, match="'more' answers nothing"):
        answer_all(begin, ["stop", "more"])
