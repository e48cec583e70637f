"""Prompting: parsers that read what models write, a calculator that runs nothing else, honest arithmetic."""

import contextlib
import itertools
import json
import math
import re
from collections import Counter
from fractions import Fraction
from random import Random

import pytest
from chapters import chapter
from hypothesis import given
from hypothesis import strategies as st

from coursekit import corpus

prompting = chapter("06_llm_prompting_and_rag")


# The task.


@pytest.mark.parametrize("kind", range(4))
def test_a_story_holds_the_numbers_of_its_sum_and_the_sum_makes_its_answer(kind):
    for seed in range(50):
        one = prompting.problem(kind, Random(seed))
        assert one.answer == eval(one.sum) and one.answer >= 0
        assert [word for word in one.sum.split() if word.isdigit()] != []
        assert all(number in one.text for number in one.sum.split() if number.isdigit())


def test_the_questions_are_the_same_on_every_machine_and_no_example_is_among_them():
    assert prompting.problems(48, Random(prompting.SEED + 1)) == prompting.QUESTIONS
    assert not set(prompting.QUESTIONS) & set(prompting.EXAMPLES)


@given(st.lists(st.integers(-999, 9999)), st.sampled_from([" is ", "\n", ". Then "]))
def test_the_last_number_is_found(numbers, between):
    text = between.join(f"{number:,}" for number in numbers)
    assert prompting.last_number(text) == (numbers[-1] if numbers else None)


# Few-shot.


def test_examples_are_shown_nearest_last_and_never_more_than_asked():
    shots = prompting.FewShot()
    for task in ("Sort a list", "Boil an egg", "Reverse a list", "Fry a fish"):
        shots.add_example("mixed", task, "…")
    assert [task for task, _ in shots.nearest("mixed", "Cook an egg", 2)][-1] == "Boil an egg"
    assert len(shots.nearest("mixed", "Cook an egg", 3)) == 3
    assert shots.build_prompt("mixed", "Cook an egg", 2).count("Solution:") == 3


def test_a_category_that_is_not_there_is_refused_with_those_that_are():
    shots = prompting.FewShot()
    shots.add_example("coding", "a", "b")
    with pytest.raises(KeyError, match="'codign'; there are \\['coding'\\]"):
        shots.nearest("codign", "x")


# Templates.


@pytest.mark.parametrize("name", prompting.STEPS)
def test_a_template_names_every_field_that_is_missing(name):
    with pytest.raises(
        ValueError, match=r"the prompt needs (problem|code, symptom|data, question); got other"
    ):
        prompting.chain_prompt(name, other="x")


def test_an_unknown_template_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="no template 'poem'; there are problem_solving, "):
        prompting.chain_prompt("poem")


def test_the_steps_stand_in_the_prompt_numbered_and_a_dollar_in_a_field_does_no_harm():
    made = prompting.custom_chain("Price: $price", ["Look", "Say"], price="$5 and $other")
    assert made == "Price: $5 and $other\n\nAnswer in these steps:\n1. Look\n2. Say"


# The calculator.

sums = st.recursive(
    st.integers(0, 999).map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=6,
)


@given(sums)
def test_the_calculator_agrees_with_python(text):
    assert prompting.calculate(text) == eval(text)


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "2 ** 99", "9 if 1 else 2", "x", "", "[1]", "1.5 + 1", "9999999999", "True", "1 +"],
)
def test_the_calculator_refuses_everything_else(text):
    with pytest.raises(ValueError, match="is no sum of whole numbers"):
        prompting.calculate(text)


@given(st.text())
def test_no_text_makes_the_calculator_do_anything_but_calculate_or_refuse(text):
    with contextlib.suppress(ValueError):
        assert isinstance(prompting.calculate(text), int)


def test_a_sum_too_deep_for_python_is_refused_as_any_other():
    for deep in ("(" * 5000 + "1" + ")" * 5000, "1+" * 50_000 + "1"):
        with pytest.raises(ValueError, match="is no sum of whole numbers"):
            prompting.calculate(deep)


def test_an_action_is_carried_out_and_a_reply_without_one_observes_nothing():
    assert prompting.observe("I think: calculate[3 * 4] fits") == 12
    assert prompting.observe("twelve") is prompting.observe("calculate[three]") is None


# Voting.


@given(st.floats(0, 1), st.sampled_from([1, 3, 5, 7]))
def test_a_majority_is_right_as_often_as_counting_all_cases_says(p, n):
    cases = itertools.product([True, False], repeat=n)
    counted = sum(math.prod(p if vote else 1 - p for vote in votes) for votes in cases if sum(votes) * 2 > n)
    assert prompting.majority(p, n) == pytest.approx(counted)


# Reading lists and scores.

MARKS = ["{i}. {t}", "{i}) {t}", "- {t}", "* {t}", "**Thought {i}:** {t}", "Thought {i}: {t}", "• {t}"]
ideas = st.lists(st.from_regex(r"[a-z]{2,8}( [a-z]{2,8}){0,3}", fullmatch=True), min_size=1, max_size=5)


@given(ideas, st.sampled_from(MARKS), st.booleans())
def test_a_list_is_read_however_it_is_marked(texts, mark, preamble):
    lines = [mark.format(i=i, t=text) for i, text in enumerate(texts, 1)]
    reply = "\n".join(["Here they are:"] * preamble + lines)
    assert prompting.parse_thoughts(reply) == texts


def test_a_thought_over_two_lines_stays_one():
    assert prompting.parse_thoughts("Thought 1: shard\nby user\nThought 2: cache") == [
        "shard by user",
        "cache",
    ]


def test_a_number_that_begins_a_line_is_not_a_mark():
    assert prompting.parse_thoughts("1. How many?\n3.5 or 4 servers") == ["How many? 3.5 or 4 servers"]


def test_a_reply_without_a_list_is_an_error_and_not_an_idea():
    with pytest.raises(ValueError, match="no list in 'I am not sure"):
        prompting.parse_thoughts("I am not sure what you mean.")


@given(st.integers(0, 10), st.sampled_from(["{}", "{}/10", "Score: {}", "**{}**", "{} out of 10", "{}."]))
def test_a_score_is_read_however_it_is_written(score, form):
    assert prompting.parse_score(form.format(score)) == score


def test_a_scale_other_than_ten_is_brought_to_ten():
    assert prompting.parse_score("95/100") == 9.5 and prompting.parse_score("Score: 4 out of 5") == 8


@pytest.mark.parametrize("reply", ["nan", "none", "", "7/0", "great", "-3/10", "11/10", "42"])
def test_what_is_no_score_is_none(reply):
    assert prompting.parse_score(reply) is None


@given(st.text())
def test_no_reply_makes_a_score_outside_the_scale(reply):
    score = prompting.parse_score(reply)
    assert score is None or 0 <= score <= 10


# Search.


def makes_24(numbers: tuple[Fraction, ...]) -> bool:
    """Naive: every order, every operation, both shapes of brackets, by Python's own arithmetic."""
    shapes = ["(({} {} {}) {} {}) {} {}", "({} {} {}) {} ({} {} {})", "({} {} ({} {} {})) {} {}",
              "{} {} (({} {} {}) {} {})", "{} {} ({} {} ({} {} {}))"]  # fmt: skip
    for order in set(itertools.permutations(numbers)):
        for ops in itertools.product("+-*/", repeat=3):
            parts = [f"Fraction({order[0]})"]
            for op, number in zip(ops, order[1:], strict=True):
                parts += [op, f"Fraction({number})"]
            for shape in shapes:
                try:
                    if eval(shape.format(*parts), {"Fraction": Fraction}) == 24:
                        return True
                except ZeroDivisionError:
                    continue
    return False


@pytest.mark.parametrize("seed", range(6))
def test_what_can_make_24_is_known(seed):
    numbers = Random(seed).choices(range(1, 10), k=4)
    assert prompting.solvable(prompting.game(*numbers)) == makes_24(tuple(map(Fraction, numbers)))


def test_back_tracking_finds_a_way_exactly_where_there_is_one():
    for seed in range(12):
        state = prompting.game(*Random(seed).choices(range(1, 11), k=4))
        assert (prompting.go_back(state, Counter()) is not None) == prompting.solvable(state)


def test_a_tree_with_a_perfect_judge_solves_what_can_be_solved_and_keeps_its_width():
    levels = prompting.tree_search(prompting.game(4, 6, 8, 3), 3, 1.0, Random(1))
    assert prompting.solves(levels) and all(len(level) <= 3 for level in levels)
    assert [len(level[0][1]) for level in levels] == [4, 3, 2, 1]


# The table.


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_holds_the_share_and_stays_between_none_and_all(case):
    right, n = case
    low, high = prompting.wilson(right, n)
    assert -1e-9 < low < right / n + 1e-9 and right / n - 1e-9 < high < 1 + 1e-9


def test_wilsons_interval_solves_the_equation_it_comes_from():
    low, high = prompting.wilson(17, 48)
    for p in (low, high):  # |share - p| = z * sqrt(p (1 - p) / n)
        assert abs(17 / 48 - p) == pytest.approx(1.96 * math.sqrt(p * (1 - p) / 48))


def test_the_loop_that_stops_at_an_observation_never_repeats_an_invented_one():
    answer, transcript = prompting.react_loop(
        "q", {"search": lambda query: "91 % move. Yes."}, stop=["Observation:"]
    )
    assert answer == "91 % move." and "40 %" not in transcript
    assert "40 %" in prompting.react_loop("q", {"search": lambda query: "91 %"})[1]


def test_a_model_that_names_no_tool_is_told_which_there_are_and_the_steps_end(monkeypatch):
    prompting.rehearsal.policy("lost")(lambda request: prompting.rehearsal.say("Action: fly[home]\n"))
    monkeypatch.setattr(prompting.llm, "model", lambda *_, **__: "lost")
    with pytest.raises(RuntimeError, match="no answer after 2 steps"):
        prompting.react_loop("q", {"search": str}, steps=2)


def test_the_record_holds_what_each_tree_drew_and_the_answer_is_the_one_believed_most():
    record = json.loads((corpus.DATA / "prompting.json").read_text(encoding="utf-8"))
    believed = [max(options, key=lambda option: option[1])[0] for options in record["drawn"]]
    assert list(map(prompting.observe, believed)) == record["runs"]["tree of 3, judged"]["answers"]
    assert record["questions"] == [one.text for one in prompting.QUESTIONS]


def test_wrong_answers_to_the_second_exercise_are_refused():
    ours, witness, draw = prompting.scores_in, prompting.scores_witness, prompting.scored_reply
    assert prompting.check.same("x", ours, witness, draw)
    digits = lambda reply: [int(found) for found in re.findall(r"[1-9]", reply)]
    for wrong in (digits, lambda reply: [], lambda reply: ..., lambda reply: [7]):
        assert not prompting.check.same("x", wrong, witness, draw)
