"""For each item of the production checklist, a deployment with one thing wrong, so that it must say no.

    with mutant("Circuit breaker", settings, shop) as live:
        verify_item("Circuit breaker", live)           # (False, "6 searches …, and 18 requests were sent")

A check for which no such deployment can be written checks nothing.
Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import httpx
from pydantic import BaseModel, ConfigDict

from coursekit.ab_tests import ABTestManager, VariantType
from coursekit.agent_memory import AgentMemoryManager
from coursekit.agent_meter import AgentMeter
from coursekit.agent_report import AgentEvaluator
from coursekit.agent_service import make_app
from coursekit.agent_tools import LogSearchTool
from coursekit.breaker import CircuitBreaker
from coursekit.deployment import PARTS, Deployment, deployment, edited
from coursekit.incident_agent import IncidentHandlingAgent
from coursekit.line import Line
from coursekit.shop import Shop


class AnyBody(BaseModel):
    """Takes whatever comes."""

    model_config = ConfigDict(extra="allow")
    severity: str
    service: str
    message: str
    timestamp: str
    metrics: object = None


class NewClients(Line):
    """A connection for each request."""

    def _once(self, path: str, body: dict) -> dict:
        http = httpx.Client(base_url=self.http.base_url, headers=self.http.headers, trust_env=False)
        self.http, before = http, self.http
        try:
            return super()._once(path, body)
        finally:
            http.close()
            self.http = before


class Raises(LogSearchTool):
    def run(self, **arguments) -> dict:
        return self.execute(**arguments)  # an error goes up to the agent


class Flaky(IncidentHandlingAgent):
    begun = 0

    async def handle(self, alert_data: dict, trace: list) -> dict:
        self.begun += 1
        if self.begun % 5 == 0:
            raise RuntimeError("a race that shows only under load")
        return await super().handle(alert_data, trace)


class Unaudited(IncidentHandlingAgent):
    async def use(self, name: str, arguments: str) -> dict:
        self.audit, before = (None, self.audit) if name == "notify" else (self.audit, self.audit)
        try:
            return await super().use(name, arguments)
        finally:
            self.audit = before


class ForgetsLists(AgentMemoryManager):
    def backup(self) -> list[dict]:
        return [row for row in super().backup() if row["kind"] != "list"]


class Deaf(AgentEvaluator):
    def record_feedback(self, agent_id: str, incident_id: str, rating: int, right: bool) -> None:
        return None


class Throws(ABTestManager):
    """Draws anew in each process."""

    def assign_variant(self, test_id: str, user_id: str) -> VariantType:
        return random.choice(list(VariantType))


def evaluates_first(agent, evaluator, **more):
    """The evaluation on the way of the answer, and not after it."""
    think = agent.process

    async def process(alert: dict) -> dict:
        result = await think(alert)
        await asyncio.to_thread(evaluator.record_interaction, agent.id, alert, result)
        return result

    agent.process = process
    return make_app(agent, evaluator, **more)


def always_well(_):
    async def check(app) -> None:
        return None

    return check


Edit = tuple[str, str, str]  # file, passage, what stands there instead
MUTANTS: dict[str, dict | Edit] = {
    "API keys in files that only their service can read": (
        "compose.yaml", "      JIRA_URL:", "      JIRA_TOKEN: ${JIRA_TOKEN}\n      JIRA_URL:",
    ),
    "Rate limit on all endpoints": {"limit": 10**6},
    "Input validated": {"body": AnyBody},
    "Authentication and authorisation": {"guard": None},
    "Audit log of all the agent's actions": {"agent": Unaudited},
    "Network closed but for what is needed": (
        "compose.yaml", "    networks: [inside]\n    secrets: [redis_word]",
        '    networks: [inside]\n    ports: ["6379:6379"]\n    secrets: [redis_word]',
    ),
    "Metrics collected": ("prometheus/prometheus.yml", "agent:8000", "agent:9100"),
    "Dashboards deployed": ("grafana/dashboard.json", "active_incidents", "incidents_open"),
    "Alert rules that fire": ("prometheus/rules.yml", "> 0.1\n", "> 10\n"),
    "Logs structured and searchable": {"settings": {"log_level": "WARNING"}},
    "Health check": {"redis_check": always_well},
    "Errors reported to somebody": {"tells": False},
    "Load test passed": {"agent": Flaky},
    "Response time target watched": {"meter": lambda: AgentMeter((0.1, 1, 5))},
    "Resource limits and scaling": ("k8s.yaml", "kind: HorizontalPodAutoscaler", "kind: ConfigMap"),
    "Connections pooled": {"line": NewClients},
    "Answers of the log store cached": {"line_options": {"keep_s": 0}},
    "Work after the answer in the background": {"app": evaluates_first},
    "Circuit breaker": {"line_options": {"breaker": CircuitBreaker(most=10**9)}},
    "Retries with exponential back-off": {"line_options": {"pause_s": 0}},
    "Tools that fail do not stop the agent": {"log_tool": Raises},
    "Backup that can be restored": {"memory": ForgetsLists},
    "Disaster recovery plan": ("RUNBOOK.md", "### Redis is gone", "### If needed, ask around"),
    "Rolling deployment": ("k8s.yaml", "maxUnavailable: 0", "maxUnavailable: 1"),
    "A/B tests": {"tests": Throws},
    "Benchmark": {"policy": "hasty"},
    "Feedback of people": {"evaluator": Deaf},
    "Model version pinned": {"settings": {"model_name": "gpt-latest"}},
    "Prompt version locked": ("prompts.lock.json", '"1": "', '"1": "0'),
    "Escalation described": ("RUNBOOK.md", "- `refused`", "- `declined`"),
}  # fmt: skip


@contextmanager
def mutant(item: str, settings, shop: Shop, live: Deployment | None = None) -> Iterator[Deployment]:
    """The deployment under which `item` must fail. Raises: KeyError for an item without one.

    live: one that runs already, to be used where only a file is wrong.
    """
    change = MUTANTS[item]
    with ExitStack() as stack:
        if isinstance(change, tuple):
            change = {"folder": stack.enter_context(edited(*change))}
            if live is not None:
                weak = replace(live, **change)
                stack.callback(weak.http.close)
                yield weak
                return
        if "line_options" in change:
            change = {"line_options": PARTS["line_options"] | change["line_options"]}
        yield stack.enter_context(deployment(settings, shop, parts=change))
