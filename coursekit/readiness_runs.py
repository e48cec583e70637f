"""Checks of the production checklist that do something to the running service and look what comes of it.

Each takes a Deployment, says what it saw, and raises AssertionError if that is not enough.
Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import asyncio
import json
import re
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise

import yaml

from coursekit import promql, servers, web
from coursekit.ab_stats import balance
from coursekit.ab_tests import VariantType
from coursekit.agent_memory import AgentMemoryManager
from coursekit.agent_meter import captured_logs
from coursekit.agent_service import make_app
from coursekit.audit import first_forged
from coursekit.breaker import CircuitBreaker
from coursekit.deployment import Deployment
from coursekit.line import Line
from coursekit.shop import CAUSES, Fault, Shop

ABOUT = {"agent_requests_total", "agent_response_seconds_bucket", "active_incidents", "tool_usage_total"}
OPEN = ("/health", "/alive")  # to everybody; /metrics too, inside of the network
BAD = (
    {"severity": "SEVERE"},
    {"message": "x" * 2000},
    {"service": "x'; DROP TABLE"},
    {"also": 1},
    {"metrics": "no"},
)


def until(true, patience_s: float = 3) -> bool:
    """Wait for what is about to happen."""
    end = time.monotonic() + patience_s
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return true()


# Security.


def guarded(live: Deployment) -> list[tuple[str, str]]:
    """Method and address of all that needs a key, as the service itself describes them."""
    described = live.http.get("/openapi.json").json()["paths"]
    named = {path.replace("{agent_id}", live.agent.id): ways for path, ways in described.items()}
    return [(way.upper(), path) for path, ways in named.items() if path not in OPEN for way in ways]


def rate_is_limited(live: Deployment) -> str:
    head = live.head(f"a busy caller {secrets.token_hex(4)}")
    status = f"/agent/{live.agent.id}/status"
    told = [live.http.get(status, headers=head).status_code for _ in range(70)]
    assert 429 in told, f"70 requests in a row, and the last one got {told[-1]}"
    alert, ways = live.fresh_alert(), guarded(live)
    for way, path in ways:
        reply = live.http.request(way, path, json=alert if way == "POST" else None, headers=head)
        assert reply.status_code == 429, f"{way} {path} still answers {reply.status_code}"
        assert int(reply.headers["retry-after"]) > 0, "it does not say when to come again"
    return f"429 after {told.index(429)} requests, at all {len(ways)} endpoints, and when to come again"


def input_is_validated(live: Deployment) -> str:
    told = [live.post(live.fresh_alert(**bad)).status_code for bad in BAD]
    assert set(told) == {422}, f"{len(BAD)} bad alerts got {told}"
    return f"{len(BAD)} bad alerts, all refused with 422"


def strangers_are_refused(live: Deployment) -> str:
    alert, other, ways = live.fresh_alert(), live.head("somebody", "other:scope"), guarded(live)
    for way, path in ways:
        body = alert if way == "POST" else None
        told = [live.http.request(way, path, json=body, headers=head).status_code for head in ({}, other)]
        assert told == [401, 403], f"{path}: without a key {told[0]}, without the scope {told[1]}"
    return f"{len(ways)} endpoints: 401 without a key, 403 without the scope"


def actions_are_audited(live: Deployment) -> str:
    assert live.agent.audit is not None, "there is no audit log"
    before = len(live.agent.audit.lines)
    done = live.post(live.fresh_alert()).json()["actions_taken"]
    lines = live.agent.audit.lines
    assert len(lines) - before == len(done), f"{len(done)} actions, {len(lines) - before} lines"
    assert first_forged(lines, live.agent.audit.head) is None, "the chain is broken"
    forged = [line.replace('"yes"', '"no"') for line in lines]
    assert first_forged(forged, live.agent.audit.head) is not None, "a changed line goes unnoticed"
    return f"{len(done)} actions, {len(done)} lines, and a changed line is noticed"


# Monitoring.


def metric_page(live: Deployment) -> str:
    live.post(live.fresh_alert())
    return live.http.get("/metrics").text


def metrics_are_scraped(live: Deployment) -> str:
    shown = metric_page(live)
    missing = sorted(name for name in ABOUT if not re.search(rf"^{name}\b.* [1-9]", shown, re.MULTILINE))
    assert not missing, f"not shown: {', '.join(missing)}"
    jobs = yaml.safe_load((live.folder / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    targets = [target for job in jobs for each in job["static_configs"] for target in each["targets"]]
    port = yaml.safe_load((live.folder / "compose.yaml").read_text())["services"]["agent"]["environment"][
        "PORT"
    ]
    assert f"agent:{port}" in targets, f"Prometheus asks {targets}, not agent:{port}"
    return f"{len(ABOUT)} metrics shown, and Prometheus asks agent:{port}"


def dashboards_have_data(live: Deployment) -> str:
    panels = json.loads((live.folder / "grafana" / "dashboard.json").read_text())["panels"]
    asked = {n for panel in panels for t in panel["targets"] for n in promql.metric_names(t["expr"])}
    shown = set(re.findall(r"^(\w+)[{ ]", metric_page(live), re.MULTILINE))
    assert asked <= shown, f"asks for what nobody shows: {', '.join(sorted(asked - shown))}"
    return f"{len(panels)} panels, each with a metric that exists"


def logs_are_found(live: Deployment) -> str:
    with captured_logs(live.agent.settings.log_level) as lines:
        live.post(live.fresh_alert())
    kept = [
        {"@timestamp": line["timestamp"], "message": json.dumps(line), "service": "agent"} for line in lines
    ]
    live.store.add(kept)
    asked = {"query": {"simple_query_string": {"query": live.agent.id}}}
    found = live.store.search(asked)["hits"]["total"]["value"]
    assert found, "an alert was handled, and no log line says so"
    return "an alert was handled, and its line is found by the agent's id"


def health_tells_the_truth(live: Deployment) -> str:
    assert live.http.get("/health").status_code == 200, "it is not healthy"
    gone = lambda: redis_client(servers.free_port())
    checks = {"redis": live.parts["redis_check"](gone)}
    with web.serve(make_app(live.agent, live.evaluator, checks=checks), "agent without Redis") as cut_off:
        told = [live.http.get(cut_off.url + path).status_code for path in ("/health", "/alive")]
    assert told == [503, 200], f"without Redis /health says {told[0]}, /alive {told[1]}"
    return "200 with Redis, 503 without; /alive says 200 to both"


def redis_client(port: int):
    import redis.asyncio

    return redis.asyncio.Redis(port=port, socket_connect_timeout=0.5, retry=None)


def errors_are_told(live: Deployment) -> str:
    live.agent.policy, before = "broken", live.agent.policy
    try:
        reply = live.post(live.fresh_alert())
    finally:
        live.agent.policy = before
    assert reply.status_code == 200 and reply.json()["escalation_reasons"] == ["failed"], (
        "the failure is hidden"
    )
    assert until(lambda: live.desk.said("#agent-errors"), 0.5), "the agent failed, and nobody was told"
    return "the agent failed, and #agent-errors says so"


# Performance.


def load_is_carried(live: Deployment, alerts: int = 16, at_once: int = 8) -> str:
    posted = [live.fresh_alert() for _ in range(alerts)]
    with ThreadPoolExecutor(at_once) as crowd:
        replies = list(crowd.map(lambda alert: live.post(alert, "a load test"), posted))
    good = [r.json() for r in replies if r.status_code == 200 and r.json()["status"] == "success"]
    assert len(good) == alerts, f"{alerts - len(good)} of {alerts} alerts got no assessment"
    assert len({each["incident_id"] for each in good}) == alerts, "answers were mixed up"
    return f"{alerts} alerts, {at_once} at once: each has an assessment of its own"


def log_search(live: Deployment):
    """The tool that the agent itself uses, with nothing in its cache."""
    tool = live.agent.tools["log_search"]
    tool.line.kept.clear()
    return tool


def connections_are_pooled(live: Deployment) -> str:
    tool = log_search(live)
    live.store.peers.clear()
    for number in range(20):
        tool.run(query=f"word{number}")
    used = len(live.store.peers)
    assert 1 <= used <= 2, f"20 searches used {used} connections"  # two: an idle one had just been closed
    return "20 searches of the agent's tool shared a connection"


def searches_are_cached(live: Deployment) -> str:
    tool, before = log_search(live), live.store.searches
    for _ in range(3):
        tool.run(query="disk")
    asked = live.store.searches - before
    assert asked == 1, f"3 equal searches reached the log store {asked} times"
    return "3 equal searches, 1 reached the log store"


def work_is_deferred(live: Deployment) -> str:
    """The evaluation waits for the answer to be here, but not for ever: it may come before the answer."""
    here, kept, evaluator = threading.Event(), [], live.evaluator
    record = evaluator.record_interaction
    count = lambda: evaluator.generate_performance_report(live.agent.id)["total_interactions"]
    before = count()
    evaluator.record_interaction = lambda *a: (kept.append(here.wait(1)), record(*a))
    try:
        live.post(live.fresh_alert())
        here.set()
        assert False not in kept, "the answer waited for the evaluation"
        assert until(lambda: count() == before + 1, 1), "the evaluation was lost"
    finally:
        evaluator.record_interaction = record
    return "the evaluation came after the answer, and was kept"


# Reliability.


@contextmanager
def log_store_gone(live: Deployment, **changes) -> Iterator[Line]:
    """For a while the agent's own line leads to where nobody listens; its pauses take no time."""
    line = log_search(live).line
    changes = {"sleep": lambda pause_s: None} | changes
    before = {name: getattr(line, name) for name in changes}
    address, line.http.base_url = line.http.base_url, f"http://127.0.0.1:{servers.free_port()}"
    try:
        for name, value in changes.items():
            setattr(line, name, value)
        yield line
    finally:
        for name, value in before.items():
            setattr(line, name, value)
        line.http.base_url = address
        line.breaker.note(True)


def breaker_opens(live: Deployment) -> str:
    with log_store_gone(live) as line:
        before = line.sent
        for number in range(6):
            live.agent.tools["log_search"].run(query=f"word{number}")
        sent = line.sent - before
    assert sent == 3, f"6 searches without a log store, and {sent} requests were sent"
    return "6 searches without a log store, 3 requests were sent"


def pauses_double(live: Deployment) -> str:
    pauses: list[float] = []
    with log_store_gone(live, sleep=pauses.append, breaker=CircuitBreaker(most=100)):
        live.agent.tools["log_search"].run(query="disk")
    assert len(pauses) >= 2, f"{len(pauses) + 1} tries are too few"
    assert all(b == 2 * a > 0 for a, b in pairwise(pauses)), f"the pauses were {pauses}"
    return f"{len(pauses) + 1} tries, each pause twice the one before: {pauses} s"


def agent_degrades(live: Deployment) -> str:
    with log_store_gone(live):
        told = live.post(live.fresh_alert()).json()
    assert told["status"] == "success", f"without logs: {told['response']}"
    assert "unsure" in told["escalation_reasons"], "it is sure without having seen anything"
    return "without logs it still answers, is unsure, and calls a person"


def backup_restores(live: Deployment) -> str:
    live.post(live.fresh_alert())
    until(lambda: live.memory.get_conversation_history(live.agent.id, 1))
    saved = json.loads(json.dumps(live.memory.backup()))
    other = AgentMemoryManager(live.memory.redis_client, space=f"{live.memory.space}-restored")
    try:
        other.restore(saved)
        want = AgentMemoryManager(live.memory.redis_client, space=live.memory.space).backup()
        strip = lambda rows: [(row["key"], row["value"]) for row in rows]
        assert strip(other.backup()) == strip(want), "what was restored is not what was there"
    finally:
        other.forget_all()
    return f"{len(saved)} records saved, restored elsewhere, and equal"


# Agent quality.


def arms_are_stable(live: Deployment) -> str:
    live.tests.create_test("drill", {"base": 0.7, "smallest": 0.1})
    first = [live.tests.assign_variant("drill", f"u{i}") for i in range(1000)]
    again = [
        type(live.tests)(live.tests.redis, live.tests.space).assign_variant("drill", f"u{i}")
        for i in range(1000)
    ]
    assert first == again, (
        f"after a restart {sum(a != b for a, b in zip(first, again, strict=True))} of 1000 moved"
    )
    treated = first.count(VariantType.TREATMENT)
    assert balance(treated, 1000 - treated) > 0.001, f"{treated} of 1000 are treated"
    return f"{treated} of 1000 are treated, and nobody moves after a restart"


def benchmark(live: Deployment, seed: int = 11) -> int:
    """How many of seven kinds of fault, one scene each, the agent names rightly with their culprit."""
    agent, right, kept = live.agent, 0, live.shop.lines
    memory, agent.memory = agent.memory, None
    try:
        for cause, culprits in CAUSES.items():
            shop = Shop(Fault(cause, culprits[0]), seed=seed).until_alert().run(2)
            live.store.clear()
            live.store.add(shop.lines)
            agent.tools["log_search"].line.kept.clear()
            live.store.now, now = (lambda at=shop.now: at), live.store.now
            told = asyncio.run(agent.process(shop.alerts[-1] | {"message": f"scene {cause}"}))
            live.store.now = now
            right += {"cause": told["cause"], "culprit": told["culprit"]} == shop.truth
    finally:
        agent.memory = memory
        live.store.clear()
        live.store.add(kept)
    return right


def benchmark_holds(live: Deployment) -> str:
    wanted = json.loads((live.folder / "benchmark.json").read_text())["right"]
    with ThreadPoolExecutor(1) as other_loop:  # a notebook has a loop of its own
        right = other_loop.submit(benchmark, live).result()
    assert right >= wanted, f"{right} of 7 scenes, {wanted} before"
    return f"{right} of 7 scenes, as before"


def feedback_counts(live: Deployment) -> str:
    told = live.post(live.fresh_alert()).json()
    said = {"incident_id": told["incident_id"], "rating": 4, "right": True}
    reply = live.post(said, path=f"/agent/{live.agent.id}/feedback")
    assert reply.status_code == 201, f"feedback got {reply.status_code}"
    found = live.evaluator.metrics(live.agent.id)
    assert (found.user_satisfaction, found.accuracy_score) == (0.75, 1.0), "it changes nothing in the report"
    return "4 of 5 stars became a satisfaction of 0.75"


def model_is_pinned(live: Deployment) -> str:
    name = live.agent.settings.model_name
    assert re.search(r"\d{4}-\d{2}-\d{2}$", name), f"{name} is not a dated version"
    assert live.post(live.fresh_alert()).json()["model"], "an answer does not say which model gave it"
    return f"{name}, and each answer names its model"


def prompt_is_locked(live: Deployment) -> str:
    locked = json.loads((live.folder / "prompts.lock.json").read_text())
    used, _, version = live.post(live.fresh_alert()).json()["prompt"].partition("-")
    assert locked.get(used) == version, f"prompt {used} is {version}, locked was {locked.get(used)}"
    return f"prompt {used} is {version}, as locked"
