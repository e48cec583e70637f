"""A production checklist that is a program: five categories, thirty items, each a check that can fail.

    for finding in verify_production_readiness(live):       # live: a coursekit.deployment.Deployment
        finding.ready, finding.item, finding.evidence

Every check does something to the running service or reads a file that is deployed. What makes each one fail
stands in `coursekit.readiness_mutants`. Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from coursekit import readiness_files as files
from coursekit import readiness_runs as runs
from coursekit.deployment import Deployment

Check = Callable[[Deployment], str]  # says what it saw; raises AssertionError if that is not enough
PRODUCTION_CHECKLIST: dict[str, dict[str, Check]] = {
    "Security": {
        "API keys in files that only their service can read": files.secrets_are_files,
        "Rate limit on all endpoints": runs.rate_is_limited,
        "Input validated": runs.input_is_validated,
        "Authentication and authorisation": runs.strangers_are_refused,
        "Audit log of all the agent's actions": runs.actions_are_audited,
        "Network closed but for what is needed": files.network_is_closed,
    },
    "Monitoring": {
        "Metrics collected": runs.metrics_are_scraped,
        "Dashboards deployed": runs.dashboards_have_data,
        "Alert rules that fire": files.rules_fire,
        "Logs structured and searchable": runs.logs_are_found,
        "Health check": runs.health_tells_the_truth,
        "Errors reported to somebody": runs.errors_are_told,
    },
    "Performance": {
        "Load test passed": runs.load_is_carried,
        "Response time target watched": files.target_is_visible,
        "Resource limits and scaling": files.resources_are_limited,
        "Connections pooled": runs.connections_are_pooled,
        "Answers of the log store cached": runs.searches_are_cached,
        "Work after the answer in the background": runs.work_is_deferred,
    },
    "Reliability": {
        "Circuit breaker": runs.breaker_opens,
        "Retries with exponential back-off": runs.pauses_double,
        "Tools that fail do not stop the agent": runs.agent_degrades,
        "Backup that can be restored": runs.backup_restores,
        "Disaster recovery plan": files.plan_is_written,
        "Rolling deployment": files.release_is_rolling,
    },
    "Agent quality": {
        "A/B tests": runs.arms_are_stable,
        "Benchmark": runs.benchmark_holds,
        "Feedback of people": runs.feedback_counts,
        "Model version pinned": runs.model_is_pinned,
        "Prompt version locked": runs.prompt_is_locked,
        "Escalation described": files.escalation_is_written,
    },
}
ITEMS = {item: check for items in PRODUCTION_CHECKLIST.values() for item, check in items.items()}


class Finding(NamedTuple):
    category: str
    item: str
    ready: bool
    evidence: str  # what was seen; where it is not ready, why not


def verify_item(item: str, live: Deployment) -> tuple[bool, str]:
    """Raises: KeyError for an item that is not on the list; all else that goes wrong means no."""
    check = ITEMS[item]
    try:
        return True, check(live)
    except AssertionError as error:
        return False, str(error)
    except Exception as error:
        return False, f"the check broke off: {type(error).__name__}"


def verify_production_readiness(live: Deployment) -> Iterator[Finding]:
    """All items, in order."""
    for category, items in PRODUCTION_CHECKLIST.items():
        for item in items:
            yield Finding(category, item, *verify_item(item, live))
