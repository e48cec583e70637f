"""From concept to production: what the notebook defines, and that its acceptance tests can fail."""

import asyncio
import io
import os
import subprocess
import sys
from itertools import pairwise
from random import Random
from unittest import mock

import numpy as np
import pytest
from chapters import chapter
from hypothesis import given
from hypothesis import strategies as st

from coursekit import ab_stats, check, on_call_engineer, valkey
from coursekit.agent_memory import AgentMemoryManager
from coursekit.agent_meter import configure_logging
from coursekit.audit import Audit
from coursekit.shop_trials import scene

book = chapter("18_agent_concept_to_production")
untouched = chapter("18_agent_concept_to_production", without="solution")
assert on_call_engineer


@pytest.fixture(autouse=True)
def quiet():
    configure_logging("INFO", io.StringIO())


@pytest.fixture
def settings():
    return book.settings_from(**book.NEEDED)


@pytest.fixture
def memory():
    made = AgentMemoryManager(valkey.client(), space="test-18")
    yield made
    made.forget_all()


def judge(project):
    return asyncio.run(book.judge(project))


# Requirements.


def test_each_of_thirteen_sentences_has_a_test_that_is_red_without_a_project():
    assert set(book.ACCEPTANCE) == set(book.SENTENCES) and len(book.SENTENCES) == 13
    assert not any(judge({}).values())


def test_a_thinking_agent_meets_three_an_acting_one_eight_and_memory_one_more(settings, memory):
    green = [sum(judge({"open": each}).values()) for each in (
        lambda: book.thinking(settings), lambda: book.acting(settings),
        lambda: book.acting(settings, memory))]  # fmt: skip
    assert green == [3, 8, 9]


def test_a_service_with_numbers_meets_all(settings):
    measured = {"detection (min)": (10, 7), "needs a person": (17, 12)}
    assert all(judge({"open": lambda: book.serving(settings), "measured": measured}).values())


@pytest.mark.parametrize(
    ("changes", "turns_red"),
    [
        ({"policy": "hasty"}, "Analyze log patterns"),
        ({"policy": "broken"}, "Create incident tickets"),
        ({"policy": "broken"}, "Notify relevant teams"),
        ({"policy": "broken"}, "Suggest remediation steps"),
        ({"policy": "broken"}, "Must escalate critical incidents to humans"),
        ({"audit": Audit()}, "All actions must be logged and auditable"),
        ({"memory": None}, "Improve alert signal-to-noise ratio"),
        ({"name": "Bot"}, "IncidentHandlingAgent"),
    ],
)
def test_an_acceptance_test_turns_red_when_the_agent_gets_worse(settings, memory, changes, turns_red):
    with book.acting(settings, memory) as live:
        asyncio.run(book.ACCEPTANCE[turns_red](live, {}))
        for name, value in changes.items():
            setattr(live.agent, name, value)
        if "audit" in changes:
            live.agent.audit.add = lambda *line: None  # a log that loses its lines
        with pytest.raises((AssertionError, ValueError)):
            asyncio.run(book.ACCEPTANCE[turns_red](live, {}))


# Settings.


def test_a_missing_setting_is_named_and_no_value_is_shown():
    for name in book.NEEDED:
        rest = {key: value for key, value in book.NEEDED.items() if key != name}
        with pytest.raises(book.SettingsError, match=name) as caught:
            book.settings_from(**rest)
        assert not any(value in str(caught.value) for value in book.NEEDED.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [("TEMPERATURE", "3"), ("MAX_TOKENS", "0"), ("LOG_LEVEL", "LOUD"), ("METRICS_PORT", "70000"),
     ("CONFIDENCE_THRESHOLD", "1.1"), ("MAX_REASONING_STEPS", "many")],
)  # fmt: skip
def test_nonsense_is_refused_by_the_name_of_its_field(name, value):
    with pytest.raises(book.SettingsError, match=name):
        book.settings_from(**book.NEEDED, **{name: value})


def test_secrets_do_not_show_and_can_be_read_from_files(tmp_path, settings):
    assert len(book.AgentSettings.model_fields) == 15
    assert "4711" not in repr(settings) + str(settings.model_dump())
    (tmp_path / "jira_token").write_text("from a file")
    rest = {key: value for key, value in book.NEEDED.items() if key != "JIRA_TOKEN"}
    with mock.patch.dict(os.environ, rest, clear=True):
        read = book.AgentSettings(_env_file=None, _secrets_dir=tmp_path)
    assert read.jira_token.get_secret_value() == "from a file"


def test_the_skeleton_is_imported_by_another_process(tmp_path):
    modules = book.make_skeleton(tmp_path)
    done = subprocess.run([sys.executable, "-c", "import " + ", ".join(modules)], cwd=tmp_path)
    assert done.returncode == 0 and all((tmp_path / name).exists() for name in book.SKELETON)


# Tests with and without a mock.


@pytest.mark.parametrize(("name", "change"), book.CODE.items())
def test_the_mock_passes_everything_and_the_store_only_what_is_right(name, change):
    assert book.passes(book.test_with_a_mock, change)
    assert book.passes(book.test_with_a_store, change) == (name == "as it should be")


# Memory and similarity.


def test_an_entry_between_reading_and_writing_is_lost():
    client = valkey.client()
    client.delete("test-18:naive")
    second = lambda: book.append_naively(client, "test-18:naive", "second")
    book.append_naively(client, "test-18:naive", "first", between=second)
    assert client.get("test-18:naive") == '["first"]'


def test_the_rule_of_thumb_finds_nothing_alike_and_takes_strangers_for_twins():
    assert book.rule_of_thumb({}, {}) == pytest.approx(0.6)
    a, b = {"message": "the a is x"}, {"message": "the a is y"}
    assert book.rule_of_thumb(a, b) == 1.0


# A or B.


def test_simulated_experiments_have_the_spread_of_theory():
    z = book.experiments(0.7, 0.7, 5, np.random.default_rng(1))
    assert z.shape == (3000, 5) and abs(z.mean()) < 0.05 and z.std(axis=0) == pytest.approx(1, abs=0.05)
    better = book.experiments(0.7, 0.8, 20, np.random.default_rng(1))
    assert (better[:, -1] > 1.96).mean() == pytest.approx(ab_stats.power(0.7, 0.8, 300), abs=0.03)


def test_a_worse_release_goes_back_and_a_better_one_arrives():
    back = [book.roll_out(0.9, 0.4, Random(seed)) for seed in range(50)]
    on = [book.roll_out(0.4, 0.9, Random(seed)) for seed in range(50)]
    assert (
        not any(row["kept"] for row in back) and max(row["alerts on the new version"] for row in back) < 100
    )
    assert all(row["kept"] and row["reached"] == 1 for row in on)


def test_who_has_the_new_release_keeps_it():
    users = [book.treated("release", 500, share) for share in (0.05, 0.25, 0.5, 1.0)]
    for fewer, more in pairwise(users):
        assert all(later for first, later in zip(fewer, more, strict=True) if first)
    assert all(users[-1])


# Exercises.


def solved(name, function, witness, draw):
    return bool(check.same(name, function, witness, draw))


EXERCISES = {
    "lines_needed": ("lines_needed_witness", "some_threshold"),
    "stops_at": ("stops_at_witness", "some_looks"),
    "too_often": ("too_often_witness", "some_days"),
}
WRONG = {
    "lines_needed": [lambda t: round((2 * t - 1) / (1 - t)), lambda t: int((2 * t - 1) / (1 - t)),
                     lambda t: 2],
    "stops_at": [
        lambda zs, limits: next((i for i, z in enumerate(zs) if abs(z) > limits[i]), None),
        lambda zs, limits: next((i + 1 for i, z in enumerate(zs) if z > limits[i]), None),
        lambda zs, limits: None,
    ],
    "too_often": [
        lambda incidents, now: sorted({(c, w) for _, c, w in incidents}),
        lambda incidents, now: [],
        lambda incidents, now: sorted({(c, w) for h, c, w in incidents
                                       if sum((c, w) == (d, v) for _, d, v in incidents) >= 3}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_takes_its_solution_and_refuses_stub_and_slips(name):
    witness, draw = (getattr(book, each) for each in EXERCISES[name])
    assert solved(name, getattr(book, name), witness, draw)
    assert not solved(name, getattr(untouched, name), witness, draw)
    for slip in WRONG[name]:
        assert not all(solved(name, slip, witness, draw) for _ in range(5))


@given(st.floats(0.5, 0.98))
def test_so_many_lines_reach_the_threshold_and_one_fewer_does_not(t):
    n = book.lines_needed(t)
    assert (n + 1) / (n + 2) >= t - 1e-6 and (n == 0 or n / (n + 1) < t + 1e-6)


def test_scenes_are_the_same_whoever_asks():
    assert scene("disk", "payment-api", 8).alerts == scene("disk", "payment-api", 8).alerts
    assert book.of_payments()["service"] == "payment-api"
