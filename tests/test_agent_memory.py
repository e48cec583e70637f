"""Memory and report of an agent: against threads, other processes' views, and numbers by hand."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from coursekit import valkey
from coursekit.agent_memory import AgentMemoryManager
from coursekit.agent_report import AgentEvaluator, evaluate_response_quality
from coursekit.shop_trials import told_twice


@pytest.fixture
def memory():
    made = AgentMemoryManager(valkey.client(), space=f"test-memory-{secrets.token_hex(3)}")
    yield made
    made.forget_all()


def test_no_entry_is_lost_when_many_append_at_once(memory):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: memory.store_conversation("a", {"n": n}), range(200)))
    kept = [entry["data"]["n"] for entry in memory.get_conversation_history("a", 1000)]
    assert (
        sorted(kept) == list(range(200))
        and 0 < memory.redis_client.ttl(memory.key("conversation", "a")) <= 3600
    )


def test_a_history_gives_the_last_entries_in_order_and_none_for_zero(memory):
    for n in range(7):
        memory.store_conversation("a", {"n": n})
    history = lambda limit: [e["data"]["n"] for e in memory.get_conversation_history("a", limit)]
    assert [history(n) for n in (0, -3, 3, 99)] == [[], [], [4, 5, 6], list(range(7))]
    assert memory.get_conversation_history("b") == []


def test_a_claim_is_won_once_over_all_threads_until_it_is_released(memory):
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda _: memory.claim("ticket", "k"), range(50)))
    assert won.count(True) == 1
    memory.note("ticket", "k", "INC-1")
    assert memory.claimed("ticket", "k") == "INC-1"
    memory.release("ticket", "k")
    assert memory.claim("ticket", "k") and memory.claimed("ticket", "other") == ""


def test_an_open_incident_expires_and_a_solved_one_stays(memory):
    first, second = told_twice()
    memory.store_incident_context("i1", first[0])
    assert 86_000 < memory.redis_client.ttl(memory.key("incident", "i1")) <= 86_400
    assert memory.search_similar_incidents(second[0], solved=True) == []
    memory.resolve_incident("i1", "disk", "clean it")
    assert memory.redis_client.ttl(memory.key("incident", "i1")) == -1
    (found,) = memory.search_similar_incidents(second[0], solved=True)
    assert (found["incident_id"], found["cause"], found["cure"]) == ("i1", "disk", "clean it")
    assert memory.incident("i1")["context"] == first[0] and memory.incident("i2") == {}
    with pytest.raises(KeyError, match="never stored"):
        memory.resolve_incident("i2", "disk", "x")


def test_an_incident_that_was_solved_is_not_reopened_by_the_same_alert(memory):
    first, second = told_twice()
    memory.store_incident_context("i1", first[0])
    memory.resolve_incident("i1", "disk", "clean it")
    memory.store_incident_context("i1", first[0])
    (found,) = memory.search_similar_incidents(second[0], solved=True)
    assert found["cure"] == "clean it" and memory.redis_client.ttl(memory.key("incident", "i1")) == -1


def test_what_has_expired_is_neither_found_nor_kept_on_the_list(memory):
    first, second = told_twice()
    for name in ("i1", "i2"):
        memory.store_incident_context(name, first[0])
    memory.redis_client.delete(memory.key("incident", "i1"))  # as after a day
    assert [each["incident_id"] for each in memory.search_similar_incidents(second[0])] == ["i2"]
    assert memory.redis_client.smembers(memory.key("incidents")) == {"i2"}


def test_the_nearest_incident_is_the_same_fault_in_other_words(memory):
    first, second = told_twice()
    for n, incident in enumerate(first):
        memory.store_incident_context(f"i{n}", incident)
    found = [memory.search_similar_incidents(incident, most=1)[0]["incident_id"] for incident in second]
    assert found == [f"i{n}" for n in range(12)]
    assert memory.search_similar_incidents({"message": "lunch is at noon", "service": "canteen"}) == []


def test_a_backup_restores_everything_elsewhere_also_how_long_it_lasts(memory):
    memory.store_conversation("a", {"n": 1})
    memory.store_incident_context("i1", {"message": "m", "service": "s"})
    memory.claim("alert", "x")
    saved = memory.backup()
    other = AgentMemoryManager(memory.redis_client, space=f"{memory.space}-other")
    other.restore(saved)
    try:
        assert [(r["key"], r["kind"], r["value"]) for r in other.backup()] == [
            (r["key"], r["kind"], r["value"]) for r in saved
        ]
        assert all(abs(a["ttl_s"] - b["ttl_s"]) <= 2 for a, b in zip(saved, other.backup(), strict=True))
        assert other.get_conversation_history("a") == memory.get_conversation_history("a")
    finally:
        other.forget_all()


# The report.


def answer(seconds=1.0, status="success", escalated=False, tools=(True,), words="all is well"):
    actions = [{"ok": ok, "tool": "t"} for ok in tools]
    return {"status": status, "processing_time": seconds, "escalation_required": escalated,
            "incident_id": "i",
            "actions_taken": actions, "response": words}  # fmt: skip


def test_six_numbers_agree_with_those_by_hand(memory):
    evaluator = AgentEvaluator(memory)
    for n in range(10):
        status = "error" if n == 0 else "success"
        tools = (True, n != 1)
        evaluator.record_interaction(
            "a", {"severity": "HIGH"}, answer(n + 1.0, status, n < 3, tools, "error rate")
        )
    evaluator.record_feedback("a", "i", 5, True)
    evaluator.record_feedback("a", "i", 3, False)
    found = evaluator.metrics("a")
    assert (found.response_time, found.accuracy_score, found.user_satisfaction) == (5.5, 0.5, 0.75)
    assert (found.tool_usage_efficiency, found.escalation_rate, found.error_rate) == (0.95, 0.3, 0.1)
    times = evaluator.calculate_response_time_metrics("a")
    assert (
        times["median"] == 5.5 and times["p95"] == pytest.approx(9.55) and times["p99"] == pytest.approx(9.91)
    )
    assert evaluator.generate_performance_report("a")["recommendations"] == [
        "Performance is within acceptable ranges"
    ]


def test_an_agent_that_never_ran_is_unknown_and_not_perfect(memory):
    report = AgentEvaluator(memory).generate_performance_report("nobody")
    assert set(report["metrics"].values()) == {None} and report["response_time"] is None
    assert report["recommendations"] == ["No data: nothing can be said"]


def test_only_the_window_counts(memory):
    evaluator = AgentEvaluator(memory)
    evaluator.record_interaction("a", {"severity": "HIGH"}, answer())
    later = AgentEvaluator(memory, lambda: datetime.now(UTC) + timedelta(hours=25))
    assert evaluator.metrics("a").error_rate == 0 and later.metrics("a").error_rate is None


def test_an_impossible_rating_is_refused(memory):
    with pytest.raises(ValueError, match="1 to 5"):
        AgentEvaluator(memory).record_feedback("a", "i", 6, True)


@pytest.mark.parametrize(
    ("said", "score"),
    [("Restart the service.", 1), ("Do not restart the service.", 0), ("Don't wait. Restart the service!", 1),
     ("Never ever restart the service", 0), ("RESTART THE SERVICE", 1), ("Scale it.", 0),
     ("Do not restart the service yet; later, restart the service.", 1)],
)  # fmt: skip
def test_an_action_counts_if_it_is_said_and_not_denied(said, score):
    assert evaluate_response_quality(said, ["restart the service"]) == score


def test_ten_of_ten_is_exactly_one():
    letters = list("abcdefghij")
    assert evaluate_response_quality(" ".join(letters), letters) == 1.0
    with pytest.raises(ValueError, match="at least one"):
        evaluate_response_quality("x", [])
