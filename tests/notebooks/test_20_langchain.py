"""LangChain: the notebook's definitions against the wire, the standard library and naive versions."""

import json
import operator
import re
from collections import Counter
from random import Random

import pytest
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.prompts import PromptTemplate
from langchain_core.tools import tool

from coursekit import check, rehearsal, table_tools
from coursekit.semantic_memory import SemanticMemory, open_store
from coursekit.toolbox import Toolbox
from coursekit.ttl_cache import TTLCache

lc = chapter("20_langchain")
untouched = chapter("20_langchain", without="solution")

calls = st.lists(
    st.tuples(st.sampled_from("ab"), st.fixed_dictionaries({"x": st.integers(0, 1)})), max_size=4
)


@pytest.fixture(autouse=True)
def scripted(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "COURSE_MODEL"):
        monkeypatch.delenv(name, raising=False)


# What goes over the wire.


def test_a_chain_sends_its_prompt_and_nothing_else():
    assert lc.CHAIN.invoke("hello") == "You said: hello"
    assert lc.sent() == {"model": "echo", "stream": False, "messages": [{"content": "hello", "role": "user"}]}


def test_requests_are_counted_whether_they_go_well_or_not():
    rehearsal.log.clear()
    assert lc.requests_of(lambda: lc.CHAIN.invoke("the first")) == 1
    assert lc.requests_of(lambda: None) == 0
    assert lc.requests_of(lambda: lc.CHAIN.batch(["a", "b"])) == 2
    assert lc.requests_of(lambda: lc.model("limited", max_retries=1).invoke("a")) == 2


def test_an_error_is_told_without_paths():
    told = lc.error_of(lambda: exec("from langchain.agents import initialize_agent"))
    assert told == "ImportError: cannot import name 'initialize_agent' from 'langchain.agents'"
    assert lc.error_of(lambda: 1) == "no error"


@pytest.mark.parametrize("line", lc.THEN)
def test_each_old_line_fails_today(line):
    assert re.match("(Import|ModuleNotFound|Type|Attribute)Error: ", lc.today(line))


# Pipelines.


def test_the_pipeline_gives_all_three_outputs_and_judges_by_the_majority():
    good = lc.DOCUMENT.invoke({"document": "All is well. Nobody was paged. Teams like it."})
    assert list(good) == ["key_points", "sentiment", "summary"] and good["sentiment"] == "positive: 1 of 3"


@pytest.mark.parametrize("down", ["technical", "business", "risk"])
def test_whichever_view_fails_the_two_others_are_kept(down):
    rehearsal.policy("viewer")(lc.viewer(lambda: None, []))
    for name, part in lc.PANEL.items():
        said = lc.safely(part).invoke({"content": f"a plan; {down} is down"})
        assert said == (f"{name}: fine" if name != down else "(missing: OpenAIAPIError)")


def test_one_by_one_each_view_is_alone():
    rehearsal.policy("viewer")(lc.viewer(lambda: None, crowd := []))
    for part in lc.PANEL.values():
        part.invoke({"content": "a plan"})
    assert crowd == [1, 1, 1]


def test_all_three_views_are_inside_at_once():
    """None may leave before all three are in; one after another, the barrier would break."""
    from threading import Barrier

    from langchain_core.runnables import RunnableParallel

    rehearsal.policy("viewer")(lc.viewer(Barrier(3, timeout=10).wait, crowd := []))
    said = RunnableParallel(lc.PANEL).invoke({"content": "a plan"})
    assert said == {name: f"{name}: fine" for name in lc.VIEWS} and max(crowd) == 3


@pytest.mark.parametrize("route", lc.ROUTES)
def test_the_stated_choice_is_read_whatever_the_reasons_name(route):
    for other in lc.ROUTES:
        assert (
            lc.by_choice(f"It is not {other}. My first choice: {other}. But no. Choice: **{route}**.")
            == route
        )


@pytest.mark.parametrize(
    "text", ["It is urgent.", "Choice: none of these", "", "Choice:", "Choice: urgent? No. Choice: any"]
)
def test_without_a_known_choice_there_is_an_error(text):
    with pytest.raises(ValueError, match="expected `Choice:`"):
        lc.by_choice(text)


def test_the_routes_of_the_examples_are_the_routes_of_the_desks_and_no_question_is_an_example():
    assert set(lc.EXAMPLES) == set(lc.ROUTES) == set(lc.QUESTIONS.values()) == set(lc.DESKS)
    examples = {text for texts in lc.EXAMPLES.values() for text in texts}
    assert not examples & set(lc.QUESTIONS) and all(
        lc.by_example(t) == r for r, ts in lc.EXAMPLES.items() for t in ts
    )


def test_a_routed_question_reaches_the_desk_that_was_chosen():
    answer = lc.ROUTING.invoke({"input": "The invoice is wrong"})
    assert answer["route_taken"] == "business" and answer["output"] == "[business desk] The invoice is wrong"
    assert "Choice: business" in answer["reasoning"]


# Memory.


def test_a_chain_with_memory_knows_later_what_it_did_not_know_first():
    memory = SemanticMemory(open_store("tests-20"), "anna")
    assert lc.with_memory(memory, "Which city do I live in?") == "I do not know yet."
    memory.add_turn("I live in Linz.", "A fine place.")
    assert "Linz" in lc.with_memory(memory, "Which city do I live in?")
    stranger = SemanticMemory(memory.store, "ben")
    assert lc.with_memory(stranger, "Which city do I live in?") == "I do not know yet."


def test_notes_go_on_from_earlier_notes():
    first = lc.summarise("", "Order 1: …\nOrder 2: …")
    assert (
        first == "Orders 1 to 2 were placed."
        and lc.summarise(first, "Order 3: …") == "Orders 1 to 3 were placed."
    )
    assert lc.summarise("Orders 1 to 7 were placed.", "Order 3: …") == "Orders 1 to 7 were placed."


# Middleware.


@pytest.mark.parametrize(("to", "mailed"), [("ops", ["ops"]), ("all", ["team"]), ("boss", [])])
def test_only_what_was_approved_is_sent_as_it_was_approved(to, mailed):
    assert lc.approved(f"Tell {to}: we are down")[0] == mailed


@pytest.mark.parametrize("strategy", ["redact", "mask", "hash", "block"])
def test_no_strategy_shows_the_whole_address_or_card(strategy):
    said = lc.seen_by_model(strategy)
    assert "ada@example.com" not in said and "4111 1111 1111" not in said


@pytest.mark.parametrize(("failures", "works"), [(0, True), (1, True), (2, True), (3, False)])
def test_a_tool_is_tried_three_times(failures, works):
    rehearsal.policy("looker")(lc.relay("lookup", customer="Ada"))
    again = lc.mw.ToolRetryMiddleware(max_retries=2, initial_delay=0, retry_on=(ConnectionError,))
    said = lc.ask_agent("looker", "Ada", [lc.flaky(failures)], [again])[-1].text
    assert said == "Ada: found" if works else "failed after 3 attempts" in said


def test_a_call_is_made_once_for_each_set_of_arguments():
    ran = []

    @tool
    def lookup(customer: str) -> str:
        """Look up a customer."""
        ran.append(customer)
        return customer

    names = ["Ada", "Ada", "Bob", "Ada"]

    @rehearsal.policy("asks")
    def asks(request):
        done = len(request.results())
        return rehearsal.call("lookup", customer=names[done]) if done < 4 else rehearsal.say("done")

    messages = lc.ask_agent("asks", "go", [lookup], [lc.no_repeats])
    assert ran == ["Ada", "Bob"]
    assert [m.status for m in messages if m.type == "tool"] == ["success", "error", "success", "error"]


def test_a_call_that_failed_may_be_made_again():
    again = lc.mw.ToolErrorMiddleware(lambda error, request: "failed")
    messages = lc.ask_agent(
        "endless", "go", [lc.flaky(2)], [lc.mw.ModelCallLimitMiddleware(run_limit=4), lc.no_repeats, again]
    )
    assert [m.text for m in messages if m.type == "tool"] == [
        "failed",
        "failed",
        "Ada: found",
        "You have this result already.",
    ]


# Tools.


def test_a_calculator_keeps_the_digits_it_was_given():
    assert lc.calculator.invoke("123456789 * 10") == "1234567890" and lc.calculator.invoke("1 / 8") == "0.125"


def test_a_model_that_stumbles_does_so_once_and_only_after_the_tool():
    policy = lc.stumbling(lambda request: "answer", "send")
    asked = lambda *done: type("Asked", (), {"results": lambda self, tool: [x for x in done if x == tool]})()
    assert policy(asked()) == policy(asked("look")) == "answer"
    assert isinstance(policy(asked("send")), rehearsal.Failure) and policy(asked("send")) == "answer"


def test_a_call_that_goes_on_neither_sends_nor_asks_again():
    assert lc.called_again(lc.InMemorySaver(), None) == (1, 1)
    assert lc.called_again(None, lc.ALARM) == (2, 1) and lc.called_again(lc.InMemorySaver(), lc.ALARM) == (
        1,
        2,
    )


def test_a_chosen_tool_is_used_and_its_failure_is_noted():
    @tool
    def thermometer(city: str) -> str:
        """Tell the temperature in a city."""
        raise OSError("broken")

    box = Toolbox()
    box.add(lc.search), box.add(thermometer)
    done = lc.smart_agent(box, "What is the temperature?")
    assert done["used"] == done["offered"] == ["thermometer"] and "OSError" in done["result"]
    assert box.entries["thermometer"].failures == 1


def test_a_result_that_speaks_of_errors_is_noted_as_a_success():
    box = Toolbox()
    box.add(lc.words_of_error)
    assert "ERROR" in lc.smart_agent(box, "What is the temperature?")["result"]
    assert box.entries["thermometer"].success_rate == 1


def test_the_analysis_finds_the_true_means_on_other_data_too(monkeypatch):
    for seed in range(3):
        monkeypatch.setattr(lc, "SEED", seed)
        groups = lc.analyse(lc.RECIPE).results["analysis"]["groups"]
        for name, true in table_tools.MEDIANS_S.items():
            expected = true * 2.718281828 ** (table_tools.SIGMA**2 / 2)  # the mean of a log-normal
            assert abs(groups[name]["mean"] - expected) < 5 * groups[name]["standard error"]


# Caches, batches, tests.


@given(st.integers(0, 2**32))
def test_joined_keys_collide_and_a_good_key_never_does(seed):
    one, other = lc.two_prompts(Random(seed))
    assert (lc.key(*one) == lc.key(*other)) == (one == other)


def test_the_naive_key_gives_a_prompt_that_nobody_asked_for():
    pair, other = {"a": "x|y", "b": "z"}, {"a": "x", "b": "y|z"}
    template = PromptTemplate.from_template("{a}, {b}")
    for key_of, right in ((lc.joined, False), (lambda t, values: lc.key(t.template, values), True)):
        store = TTLCache(9, ttl_s=1, clock=lambda: 0.0)
        lc.rendered(store, template, pair, key_of)
        assert (lc.rendered(store, template, other, key_of) == template.format(**other)) is right


@settings(deadline=None)
@given(calls, calls)
def test_covering_is_taking_each_wanted_call_out_of_those_made(made, wanted):
    assert lc.covers(made, wanted) == lc.by_crossing_off(made, wanted)


def test_a_double_that_reads_sees_the_broken_tool_and_one_that_does_not_is_blind():
    assert "1771" in lc.miles(lc.listed(), lc.broken_calculator)
    assert "1771" not in lc.miles(lc.model("geographer"), lc.broken_calculator)
    assert "1771" in lc.miles(lc.model("geographer"), lc.calculator)


# Exercises.


def verdict_1(function):
    return check.same("Exercise 1", function, lc.counted, lc.few_of_each, hints=lc.RETRY_HINTS)


def verdict_2(key):
    return check.same("Exercise 2", lc.equality_by(key), operator.eq, lc.two_prompts, hints=lc.KEY_HINTS)


def verdict_3(function):
    return check.same("Exercise 3", function, lc.by_crossing_off, lc.two_ways, hints=lc.COVER_HINTS)


def test_solutions_pass():
    assert verdict_1(lc.requests_sent) and verdict_2(lc.key) and verdict_3(lc.covers)


def test_stubs_stay_open():
    stubs = [
        verdict_1(untouched.requests_sent),
        verdict_2(untouched.key),
        verdict_3(untouched.covers),
    ]
    assert all(not verdict and "not solved yet" in repr(verdict) for verdict in stubs)


@pytest.mark.parametrize(
    "wrong", [lambda c, a: c + a, lambda c, a: c * a, lambda c, a: (c + 1) * a + 1, lambda c, a: a]
)
def test_a_wrong_number_of_requests_is_refused(wrong):
    assert not verdict_1(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda t, v: t + "|".join(v.values()),
        lambda t, v: t + "".join(f"{k}={x}" for k, x in sorted(v.items())),
        lambda t, v: (t, tuple(v.items())),  # the order counts
        lambda t, v: t,
        lambda t, v: t.format_map(v),
        lambda t, v: json.dumps(v, sort_keys=True),  # forgets the template
    ],
)
def test_a_key_that_collides_or_depends_on_the_order_is_refused(wrong):
    assert sum(bool(verdict_2(wrong)) for _ in range(40)) < 10  # the cases are drawn anew each time


@pytest.mark.parametrize(
    "wrong",
    [
        lambda made, wanted: all(call in made for call in wanted),  # forgets how often
        lambda made, wanted: lc.matches(made, wanted, "unordered"),
        lambda made, wanted: len(wanted) <= len(made),
        lambda made, wanted: True,
        lambda made, wanted: Counter(n for n, _ in wanted) <= Counter(n for n, _ in made),  # only names
    ],
)
def test_covering_too_much_or_too_little_is_refused(wrong):
    assert sum(bool(verdict_3(wrong)) for _ in range(40)) < 10
