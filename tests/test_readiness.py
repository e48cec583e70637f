"""The production checklist: every item holds for ours, and each one has a deployment for which it says no."""

import io
import re
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest

from coursekit import deployment as plant
from coursekit import readiness, valkey, web
from coursekit.agent_meter import configure_logging
from coursekit.agent_report import AgentEvaluator
from coursekit.agent_service import make_app, redis_answers
from coursekit.agent_tools import LogSearchTool
from coursekit.apps import new_app
from coursekit.careless import Fails, careless_app, six_requests, validated, written
from coursekit.line import Line
from coursekit.readiness_mutants import MUTANTS, mutant
from coursekit.shop_trials import scene

FIELDS = {"model_name": "gpt-5.4-mini-2026-03-17", "temperature": 0.1, "max_tokens": 2000,
          "log_level": "INFO",
          "max_reasoning_steps": 10, "confidence_threshold": 0.7, "escalation_timeout": 300}  # fmt: skip


class Settings(SimpleNamespace):
    """What `model_copy` of the notebook's settings does, for fields of ours."""

    def model_copy(self, update: dict) -> "Settings":
        return Settings(**vars(self) | update)


SETTINGS, SHOP = Settings(**FIELDS), scene("disk", "payment-api", 8)


@pytest.fixture(scope="module", autouse=True)
def quiet():
    configure_logging("INFO", io.StringIO())


@pytest.fixture(scope="module")
def live():
    with plant.deployment(SETTINGS, SHOP) as running:
        yield running


def test_the_list_has_thirty_items_in_five_categories_and_a_mutant_for_each():
    assert [len(items) for items in readiness.PRODUCTION_CHECKLIST.values()] == [6] * 5
    assert set(MUTANTS) == set(readiness.ITEMS)


def test_every_item_holds_for_ours(live):
    assert [f for f in readiness.verify_production_readiness(live) if not f.ready] == []


@pytest.mark.parametrize("item", readiness.ITEMS)
def test_every_item_says_no_to_its_mutant_and_says_why(live, item):
    with mutant(item, SETTINGS, SHOP, live) as weak:
        ready, why = readiness.verify_item(item, weak)
    assert not ready and why and not why.startswith("the check broke off"), why


class Loses(AgentEvaluator):
    def record_interaction(self, agent_id: str, alert: dict, result: dict) -> None:
        return None


class OwnLine(LogSearchTool):
    """Takes the line that it is given for its address only: no cache, no pause, and it never gives up."""

    def __init__(self, url, key, *, line, meter=None):
        plain = Line(str(line.http.base_url), dict(line.http.headers), tries=1)
        plain.breaker.most = 10**9
        super().__init__(url, key, line=plain, meter=meter)


def unguarded(agent, evaluator, **more):
    """One endpoint that nobody thought of."""
    app = make_app(agent, evaluator, **more)
    app.get("/agent/{agent_id}/history")(lambda agent_id: list(agent.session_history))
    return app


@pytest.mark.parametrize(
    ("item", "parts", "why"),
    [
        ("Work after the answer in the background", {"evaluator": Loses}, "lost"),
        ("Answers of the log store cached", {"log_tool": OwnLine}, "3 times"),
        ("Retries with exponential back-off", {"log_tool": OwnLine}, "1 tries are too few"),
        ("Circuit breaker", {"log_tool": OwnLine}, "6 requests"),
        ("Rate limit on all endpoints", {"app": unguarded}, "history still answers 200"),
        ("Authentication and authorisation", {"app": unguarded}, "history: without a key 200"),
    ],
)
def test_a_second_way_to_be_wrong_is_noticed_too(item, parts, why):
    with plant.deployment(SETTINGS, SHOP, parts=parts) as weak:
        ready, said = readiness.verify_item(item, weak)
    assert not ready and re.search(why, said), said


def test_a_secret_that_another_service_may_read_is_noticed(live):
    with plant.edited("compose.yaml", "secrets: [slack_hook]", "secrets: [slack_token]") as folder:
        weak = replace(live, folder=folder)
        ready, said = readiness.verify_item("API keys in files that only their service can read", weak)
    weak.http.close()
    assert not ready and "alertmanager" in said


def test_an_item_that_is_not_on_the_list_is_an_error(live):
    with pytest.raises(KeyError):
        readiness.verify_item("All is well", live)


def test_a_passage_that_is_not_there_cannot_be_changed():
    with pytest.raises(ValueError, match="has no passage"), plant.edited("compose.yaml", "no such words", ""):
        pass


# The careless twin, and health.


def test_the_careless_service_fails_five_of_six_requests_and_ours_none(live):
    alert = live.fresh_alert()
    app = make_app(live.agent, live.evaluator, checks={})
    live.agent.policy = "broken"
    try:
        with web.serve(careless_app(Fails()), "careless") as theirs, web.serve(app, "ours, open") as ours:
            said = [six_requests(url, live.head(), alert) for url in (theirs.url, ours.url)]
    finally:
        live.agent.policy = "on_call_engineer"
    assert "a password" in said[0]["an alert, while the agent fails"]
    assert (
        said[0]["another site, with a cookie"] == "let in"
        and said[1]["another site, with a cookie"] == "not let in"
    )
    assert (said[0]["an agent that there is not"], said[1]["an agent that there is not"]) == ("200", "404")


def test_the_careless_files_are_found_out(tmp_path):
    told = validated(written(tmp_path))
    assert (
        told["mounted, not there"] and told["no version"] == ["grafana", "prometheus"] and told["passwords"]
    )
    assert told["hadolint"] is None or "DL3008" in told["hadolint"]


def test_health_turns_red_when_redis_stops_and_alive_does_not(live):
    import redis.asyncio

    server, url = valkey.another("valkey of a test")
    connect = lambda: redis.asyncio.Redis.from_url(url, socket_connect_timeout=0.5)
    app = make_app(live.agent, live.evaluator, checks={"redis": redis_answers(connect)})
    with web.serve(app, "agent of a test") as service:
        ask = lambda path: httpx.get(service.url + path, trust_env=False).status_code
        before = ask("/health"), ask("/alive")
        server.stop()
        assert (before, (ask("/health"), ask("/alive"))) == ((200, 200), (503, 200))


def test_an_application_may_say_elsewhere_that_it_is_alive():
    with web.serve(new_app("x", timeout_s=1, paths=("/a", "/b")), "elsewhere") as service:
        told = [
            httpx.get(service.url + path, trust_env=False).status_code for path in ("/a", "/b", "/health")
        ]
    assert told == [200, 200, 404]
