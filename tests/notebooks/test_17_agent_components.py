"""The components of an agent: each part against theory, a naive version or the standard library."""

import asyncio
import sqlite3
import time
from collections import OrderedDict
from functools import lru_cache
from itertools import permutations, product
from random import Random
from threading import Barrier, Event, Thread

import jsonschema
import pytest
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import attacks, check, forgetting, web
from coursekit.audit import first_forged
from coursekit.desk import Desk, Office
from coursekit.helpdesk import ASKED_ANEW, EPISODES

parts = chapter("17_agent_components")
untouched = chapter("17_agent_components", without="solution")


@pytest.fixture(scope="module")
def office():
    desk = Desk()
    with web.serve(desk.app, "desk of the tests") as service:
        yield desk, service.url


@pytest.fixture
def workplace(office):
    desk, url = office
    desk.tickets.clear()
    desk.messages.clear()
    return parts.Workplace(Office(url, desk.token), parts.ReadOnly(parts.shop(), {"orders"}))


# Reasoning.


problems = st.builds(parts.problem, st.integers(0, 10**6).map(Random), st.integers(1, 5))


@settings(max_examples=25)
@given(problems)
def test_with_steps_on_paper_every_problem_comes_out_and_without_only_those_of_one_step(problem):
    text = problem.replace("plus", "+").replace("minus", "-").replace("times", "*").split()
    value = int(text[0])
    for sign, number in zip(text[1::2], text[2::2], strict=True):
        value = {"+": value.__add__, "-": value.__sub__, "*": value.__mul__}[sign](int(number))
    steps = parts.complete(parts.chain_of_thought(problem), "one step a line")
    assert parts.truth(problem) == value == parts.answer_in(steps)
    assert len(steps.splitlines()) == len(text[1::2]) + 1


def test_a_chain_of_thought_prompt_carries_no_indentation():
    assert not any(line.startswith(" ") for line in parts.chain_of_thought("3 plus 4").splitlines())


def by_all_expressions(numbers: tuple[int, ...]) -> bool:
    """24 by brute force over orders, signs and both shapes of brackets that four numbers allow."""

    def apply(sign, a, b):
        if a is None or b is None:
            return None
        if sign == "/":
            return a / b if abs(b) > 1e-9 else None
        return {"+": a + b, "-": a - b, "*": a * b}[sign]

    for a, b, c, d in permutations(numbers):
        for x, y, z in product("+-*/", repeat=3):
            row = apply(z, apply(y, apply(x, a, b), c), d)
            mirrored = apply(z, d, apply(y, c, apply(x, a, b)))
            inner = apply(z, apply(y, c, apply(x, a, b)), d)
            other = apply(z, d, apply(y, apply(x, a, b), c))
            pairs = apply(y, apply(x, a, b), apply(z, c, d))
            if any(
                value is not None and abs(value - 24) < 1e-6 for value in (row, mirrored, inner, other, pairs)
            ):
                return True
    return False


@settings(max_examples=25)
@given(st.tuples(*[st.integers(1, 13)] * 4))
def test_a_puzzle_counts_as_solvable_when_some_expression_gives_24(numbers):
    assert parts.solvable(parts.start(*numbers)) == by_all_expressions(numbers)


@settings(max_examples=25)
@given(st.tuples(*[st.integers(1, 13)] * 4))
def test_a_tree_that_keeps_everything_solves_what_can_be_solved_and_nothing_else(numbers):
    puzzle = parts.start(*numbers)
    assert parts.tree(puzzle, 10**6)[0] == parts.solvable(puzzle)


@given(st.sampled_from(["failed", "telling"]), st.integers(1, 64))
def test_notes_never_lead_to_a_size_that_was_tried(kind, wanted):
    notes, seen = "", []
    while not seen or seen[-1] != wanted:
        seen.append(parts.propose(notes))
        notes += parts.feedback(kind, seen[-1], wanted)
    assert len(seen) == len(set(seen)) == parts.tries(kind, wanted)


# Memory.


def test_the_window_holds_the_last_turns_only():
    window = parts.Window(3)
    for turn in range(5):
        window.add(f"q{turn}", f"a{turn}")
    assert [message["content"] for message in window.messages()] == ["q2", "a2", "q3", "a3", "q4", "a4"]


def test_a_case_asked_for_in_its_own_words_comes_first():
    episodes = parts.filled("test-episodes")
    assert all(episodes.alike(text) == [name] for name, (text, _) in EPISODES.items())
    assert ASKED_ANEW.keys() == EPISODES.keys()


def test_a_category_that_there_is_not_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"no category 'patterns'; there are incident_patterns, res"):
        parts.Knowledge().store("patterns", "k", "text")


cases = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), max_size=20)


@given(cases, st.integers(1, 5), st.floats(0.5, 1))
def test_a_fact_is_drawn_from_enough_cases_that_agree_and_only_then(seen, least, agree):
    facts = parts.consolidate(seen, least, agree)
    for kind in "ab":
        cures = [cure for one, cure in seen if one == kind]
        most = max((cures.count(cure) for cure in cures), default=0)
        assert (kind in facts) == (len(cures) >= least and most / len(cures) >= agree if cures else False)
        assert kind not in facts or facts[kind].evidence == most


@settings(max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=120), st.integers(1, 6))
def test_forgetting_what_is_unused_longest_is_what_the_standard_library_does(requests, room):
    known = lru_cache(maxsize=room)(lambda kind: kind)
    for kind in requests:
        known(kind)
    rule = parts.FORGET["unused longest"]
    assert parts.hits(requests, room, rule) == known.cache_info().hits / len(requests)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=120), st.integers(1, 6))
def test_forgetting_the_oldest_is_a_queue(requests, room):
    queue, found = OrderedDict(), 0
    for kind in requests:
        found += kind in queue
        if kind not in queue and len(queue) == room:
            queue.popitem(last=False)
        queue.setdefault(kind)
    assert parts.hits(requests, room, parts.FORGET["the oldest"]) == found / len(requests)


def test_a_score_is_half_after_a_half_life():
    slot = forgetting.Slot(came=0, last=0, strength=3)
    assert parts.decayed(slot, forgetting.HALF_LIFE) == 1.5 and parts.decayed(slot, 0) == 3


def test_who_is_forgotten_is_gone_from_cases_and_turns_and_others_stay():
    memory = parts.AgentMemory("test-memory")
    memory.remember("it is wet", "sorry", customer="c1", cure="new one")
    memory.remember("it is wet too", "sorry", customer="c2", cure="money back")
    assert memory.forget("c1") == 1 and memory.recall("wet") == {
        "turns": [], "cure": "money back", "known": [],
    }  # fmt: skip


def test_a_case_that_is_not_alike_is_no_cure_however_near_it_is_among_those_there_are():
    memory = parts.AgentMemory("test-far")
    memory.remember("I was charged twice.", "Refunded.", customer="c2", cure="refund")
    assert memory.recall("everything in the box is wet")["cure"] == ""
    assert memory.recall("you charged me two times")["cure"] == "refund"


def test_forgetting_nobody_forgets_no_case():
    memory = parts.AgentMemory("test-nobody")
    memory.remember("it is wet", "sorry", cure="new one")
    assert memory.forget("") == 0 and memory.recall("it is wet")["cure"] == "new one"


# Tools.


def flood_only(tool, arguments):
    return arguments["title"].startswith("Flood")


@pytest.mark.parametrize("sql", attacks.BAD_SQL)
def test_nothing_but_reading_the_named_tables_gets_through(sql):
    db = parts.shop()
    before = list(db.iterdump())
    reader = parts.ReadOnly(db, {"orders"})
    with pytest.raises((sqlite3.Error, sqlite3.Warning)):
        reader.query(sql)
    db.set_authorizer(lambda *_: sqlite3.SQLITE_OK)
    assert list(db.iterdump()) == before


def test_the_careless_reader_would_have_let_a_delete_through():
    db = parts.shop()
    parts.careless_query(db, "DELETE FROM orders")
    assert db.execute("SELECT count(*) FROM orders").fetchone() == (0,)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'a' || zeroblob(20000)",
        "SELECT group_concat(a.city) FROM orders a, orders b, orders c, orders d",
        "SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e, orders f, orders g",
        "WITH RECURSIVE n(i, s) AS (SELECT 1, 'x' UNION ALL SELECT i + 1, s || s FROM n LIMIT 16) "
        "SELECT max(length(s)) FROM n",
    ],
)
def test_a_statement_that_only_reads_cannot_fill_the_memory_or_run_on(sql):
    reader = parts.ReadOnly(parts.shop(), {"orders"})
    began = time.monotonic()
    with pytest.raises(sqlite3.Error):
        reader.query(sql)
    assert time.monotonic() - began < 5


def test_a_reader_that_stopped_one_statement_reads_the_next():
    reader = parts.ReadOnly(parts.shop(), {"orders"})
    parts.error_of(reader.query, attacks.BAD_SQL[8])
    assert reader.query("SELECT sum(euros), max(length(city)) FROM orders") == [[12 * 20 + 13 * 66, 5]]
    assert len(reader.query("SELECT a.id FROM orders a, orders b")) == 20


def test_the_suite_leaves_no_file_behind(workplace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts.score(parts.guards(workplace), parts.tried)
    assert not list(tmp_path.iterdir())


def test_many_threads_read_at_once_and_stay_bound():
    reader, ended = parts.ReadOnly(parts.shop(), {"orders"}), []

    def read_and_write():
        for _ in range(50):
            ended.append(reader.query("SELECT count(*) FROM orders") == [[12]])
            ended.append("not authorized" in parts.error_of(reader.query, "DELETE FROM orders"))

    threads = [Thread(target=read_and_write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 400 and all(ended)


def test_the_whole_executor_stops_every_attack_and_lets_every_honest_call_pass(workplace):
    rows = {row["executor"]: row for row in parts.score(parts.guards(workplace), parts.tried)}
    assert (rows["the whole"]["stopped"], rows["the whole"]["honest refused"]) == (25, 0)
    assert rows["allow-list"]["stopped"] < rows["schemas"]["stopped"] < 25


@pytest.mark.parametrize("tool", parts.TOOLS)
def test_without_its_schema_some_call_of_each_tool_would_pass_that_should_not(workplace, tool):
    loose = parts.RULES | {tool: {}}
    executor = parts.Executor(parts.tools_of(workplace), loose, parts.QUOTAS, person=flood_only)
    assert executor.why_not(tool, {"anything": "goes"}) == ""
    strict = parts.Executor(parts.tools_of(workplace), parts.RULES, parts.QUOTAS, person=flood_only)
    assert strict.why_not(tool, {"anything": "goes"})


@pytest.mark.parametrize("schema", parts.RULES.values())
def test_the_rules_are_schemas_themselves(schema):
    jsonschema.Draft202012Validator.check_schema(schema)


def test_a_quota_counts_calls_made_and_not_calls_refused(workplace):
    executor = parts.Executor(parts.tools_of(workplace), parts.RULES, {"analyze_logs": 2})
    for arguments in ({"word": "("}, {"word": "late"}, {"word": ""}, {"word": "late"}):
        parts.tried(executor, "analyze_logs", arguments)
    assert parts.tried(executor, "analyze_logs", {"word": "late"}).endswith("2 calls is used up")
    verdicts = [entry["verdict"] for entry in executor.audit.entries]
    assert verdicts == ["no", "yes", "no", "yes", "no"]
    assert first_forged(executor.audit.lines, executor.audit.head) is None


def test_a_critical_call_needs_a_person_who_agrees(workplace):
    asked = []

    def person(tool, arguments):
        asked.append(arguments["title"])
        return arguments["title"] == "Flood"

    executor = parts.Executor(parts.tools_of(workplace), parts.RULES, person=person)
    for title, priority in (("Flood", "high"), ("Other", "high"), ("Third", "low")):
        parts.tried(executor, *attacks.ticket(title, priority=priority))
    assert asked == ["Flood", "Other"] and executor.used["create_ticket"] == 2


def test_of_many_calls_at_once_no_more_are_made_than_the_quota_allows_and_the_log_holds_together():
    def slowly(tool, arguments):
        time.sleep(0.01)  # as long as a person needs who is asked
        return True

    executor = parts.Executor(
        {"go": lambda: True}, {"go": parts.rule()}, {"go": 2}, critical=lambda *_: True, person=slowly
    )
    gate, ended = Barrier(6), []

    def all_at_once():
        gate.wait(10)
        ended.append(parts.tried(executor, "go", {}))

    threads = [Thread(target=all_at_once) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended.count("done") == 2 == executor.used["go"]
    assert first_forged(executor.audit.lines, executor.audit.head) is None


def test_a_tool_that_fails_or_is_late_is_written_down_and_a_time_out_of_its_own_is_no_late_answer():
    def times_out():
        raise TimeoutError("the other side is silent")

    tools = {"silent": times_out, "nap": lambda: time.sleep(0.2)}
    executor = parts.Executor(tools, dict.fromkeys(tools, parts.rule()), timeout_s=0.05)
    assert parts.tried(executor, "silent", {}) == "TimeoutError: the other side is silent"
    assert parts.tried(executor, "nap", {}).startswith("Refused: nap: no answer within")
    assert [entry["verdict"] for entry in executor.audit.entries] == ["yes", "failed", "yes", "late"]


def test_a_call_that_came_too_late_to_begin_never_runs():
    ran, gate = [], Event()
    busy = [parts.WORKERS.submit(gate.wait, 10) for _ in range(8)]
    executor = parts.Executor({"act": lambda: ran.append(1)}, {"act": parts.rule()}, timeout_s=0.05)
    assert "no answer within" in parts.tried(executor, "act", {})
    gate.set()
    assert all(each.result(10) for each in busy)
    assert parts.WORKERS.submit(lambda: ran).result(10) == []


def test_an_argument_named_like_a_parameter_of_the_executor_is_refused_and_logged(workplace):
    executor = parts.Executor(parts.tools_of(workplace), parts.RULES)
    assert "Additional properties" in parts.tried(executor, "analyze_logs", {"word": "late", "tool": "x"})
    assert len(executor.audit.lines) == 1


def test_a_tool_without_a_rule_is_not_run(workplace):
    executor = parts.Executor(parts.tools_of(workplace), {})
    assert parts.tried(executor, "analyze_logs", {"word": "late"}).startswith(
        "Refused: analyze_logs: no tool"
    )


def test_the_loop_ends_after_its_rounds_and_hands_refusals_back_as_observations(workplace):
    executor = parts.Executor(parts.tools_of(workplace), parts.RULES, {"analyze_logs": 0})
    answer, seen = parts.react_with_tools("sleuth", "Look for late", executor, rounds=1)
    assert answer == "no answer" and seen[0][1].startswith("Refused: analyze_logs: its quota")


# Plans.


def test_a_later_part_of_a_goal_waits_for_the_part_before():
    one, two, three = (parts.Step(name, "tool", {}) for name in ("one", "two", "three"))
    methods = {"all": ("first", "second"), "first": (two, one), "second": (three,)}
    waits = {step.name: set(step.after) for step in parts.hierarchical("all", methods)}
    assert waits == {"two": set(), "one": set(), "three": {"one", "two"}}


def test_two_steps_of_one_name_are_refused():
    with pytest.raises(ValueError, match="a name of its own"):
        parts.linear([parts.ORDER, parts.ORDER])


@st.composite
def plans(draw):
    names = [f"s{i}" for i in range(draw(st.integers(1, 8)))]
    steps = [
        parts.Step(
            name, "tool", {}, tuple(draw(st.sets(st.sampled_from(names[:i]), max_size=3)) if i else ())
        )
        for i, name in enumerate(names)
    ]
    return draw(st.permutations(steps))


@given(plans())
def test_in_a_row_every_step_comes_after_what_it_waits_for(steps):
    row = [step.name for step in parts.linear(steps)]
    assert sorted(row) == sorted(step.name for step in steps)
    assert all(row.index(need) < row.index(step.name) for step in steps for need in step.after)


@given(plans(), st.data())
def test_a_step_runs_when_all_it_waits_for_worked_and_else_is_skipped(steps, data):
    broken = data.draw(st.sets(st.sampled_from([step.name for step in steps])))
    ran = []

    def run(step):
        ran.append(step.name)
        if step.name in broken:
            raise OSError("broken")
        return True

    outcome = parts.execute(steps, run)
    by_name = {step.name: step for step in steps}

    def hopeless(name):
        return any(need in broken or hopeless(need) for need in by_name[name].after)

    assert set(outcome.skipped) == {name for name in by_name if hopeless(name)}
    assert set(ran) == by_name.keys() - set(outcome.skipped)
    assert set(outcome.failed) == broken - set(outcome.skipped)
    assert set(outcome.done) == by_name.keys() - set(outcome.skipped) - broken


def test_a_result_that_does_not_satisfy_is_a_failure():
    step = parts.Step("count", "tool", {}, worked=lambda result: result > 3)
    assert list(parts.execute([step], lambda _: 3).failed) == ["count"]
    assert list(parts.execute([step], lambda _: 4).done) == ["count"]


def test_a_plan_that_is_learned_is_returned_and_found_again_by_meaning():
    planner = parts.Adaptive(parts.METHODS)
    steps = parts.hierarchical("answer a complaint", parts.METHODS)
    assert planner.learn("the parcel came broken", steps) is steps
    assert planner.plan("the package arrived broken", "say where it is") is steps
    assert planner.plan("where is it?", "say where it is") == list(parts.METHODS["say where it is"])


def test_after_a_failure_the_agent_replans_and_does_not_repeat_what_is_done(workplace, office):
    desk, _ = office
    tools = parts.tools_of(workplace)

    def broken(title, description, priority):
        raise OSError("no answer")

    executor = parts.Executor(tools | {"create_ticket": broken}, parts.RULES, parts.QUOTAS)
    agent = parts.new_agent(workplace, "test-replan", executor=executor)
    agent.process("The cups of order 1008 came shattered.")
    assert [stage for stage, _ in agent.trace][3:] == ["execute", "replan", "remember"]
    assert executor.used["query_database"] == 1 and not desk.tickets
    assert [message["channel"] for message in desk.messages] == ["#depot", "#support"]
    agent.process("The cups of order 1009 came shattered.")
    assert executor.used["create_ticket"] == 1, "the second time it begins with what worked"


def test_what_was_not_done_is_not_promised_nor_learned_nor_remembered(workplace, office):
    desk, _ = office
    executor = parts.Executor(
        parts.tools_of(workplace), parts.RULES, {"create_ticket": 0, "send_notification": 0}
    )
    agent = parts.new_agent(workplace, "test-undone", executor=executor)
    before = agent.memory.episodes.cases.count()
    answer = agent.process("The cups of order 1008 came shattered.")
    assert "could not" in answer and "refunded" not in answer
    assert not agent.planner.past and agent.memory.episodes.cases.count() == before
    assert not desk.tickets and not desk.messages


def test_an_unknown_case_gets_a_person_and_is_not_kept_as_a_case(workplace):
    agent = parts.new_agent(workplace, "test-unknown", memory=parts.AgentMemory("test-empty"))
    assert "a person will look at it" in agent.process("The cups of order 1008 came shattered.")
    assert agent.memory.episodes.cases.count() == 0


@pytest.mark.parametrize(
    "goal", [{"goal": "delete", "order": 1}, {"goal": "none"}, {"goal": "none", "order": "1"}]
)
def test_an_understanding_out_of_shape_stops_before_anything_runs(workplace, goal):
    agent = parts.new_agent(workplace, "test-shape", understand=lambda *_: goal)
    with pytest.raises(jsonschema.ValidationError):
        agent.process("Hello")
    assert not agent.executor.audit.lines


@pytest.mark.parametrize("talk", parts.TALKS, ids=lambda talk: talk.said[-1])
def test_the_whole_agent_has_every_conversation(talk, office):
    desk, url = office
    assert parts.succeeds(talk, "nothing", desk, url)


def test_agents_answer_side_by_side(workplace):
    asked = [f"Where is order {1001 + i}?" for i in range(3)]
    answers = asyncio.run(parts.side_by_side(asked, workplace))
    assert [answer.split()[1] for answer in answers] == ["1001", "1002", "1003"]


# Exercises.


CHECKS = {
    "waves": (parts.waves_witness, parts.some_plan, lambda after: [sorted(after)]),
    "allows": (parts.refund_witness, parts.some_refunds, lambda refunds: [len(one) == 2 for one in refunds]),
}


@pytest.mark.parametrize("name", CHECKS)
def test_stubs_and_wrong_answers_do_not_pass_and_solutions_do(name):
    witness, draw, wrong = CHECKS[name]

    def tried(answer):
        return bool(check.same(name, answer, witness, draw))

    assert tried(getattr(parts, name))
    assert not tried(getattr(untouched, name)) and not tried(wrong)


@pytest.mark.parametrize(
    "loose",
    [
        {"minimum": 1, "maximum": 5000},  # a text is no integer, yet has no minimum to miss
        {"type": "number", "minimum": 1, "maximum": 5000},
        {"type": "integer", "maximum": 5000},
        {"type": "integer", "minimum": 1},
    ],
)
def test_a_refund_schema_with_a_hole_is_refused(loose):
    schema = parts.rule(order=parts.REFUND["properties"]["order"], cents=loose)
    holed = jsonschema.Draft202012Validator(schema).is_valid

    def allows(refunds):
        return [holed(refund) for refund in refunds]

    assert not check.same("Exercise 2", allows, parts.refund_witness, parts.some_refunds)
