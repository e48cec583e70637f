"""The scripted model behind the incident agent: it decides from an alert and tool results alone.

Policies: `on_call_engineer`; `obedient`, which does what an alert tells it to; `hasty`, which blames the last
deployment it finds; `broken`, which answers nonsense; `endless`, which never answers; `takes_its_time`.
Import this module to register them.
Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import json
import re
import time

from coursekit import rehearsal
from coursekit.incident_agent import RUNBOOK, signs

ERRORS = "failed refused expired space OutOfMemoryError steal"
RISKS = {"fail over": "high", "restart": "medium", "roll back": "medium"}


def told(request, tool: str) -> list[dict]:
    return [json.loads(text) for text in request.results(tool)]


def alert_of(request) -> dict:
    return json.loads(re.search(r"<alert>(.*)</alert>", request.user, re.DOTALL)[1])


def teams_of(request) -> dict:
    return json.loads(re.search(r"Teams: (\{.*?\})", request.system)[1])


def judge(searches: list[dict]) -> tuple[str, str]:
    """The cause and culprit that most lines name; a deployment only where nothing else is named."""
    named = signs([{"tool": "log_search", "output": found} for found in searches])
    errors = {who: count for who, count in named.items() if who[0] != "deploy"}
    if errors:
        return max(sorted(errors), key=errors.get)
    recent = [
        line for found in searches for line in found.get("results", ()) if "deployment" in line["message"]
    ]
    return ("deploy", recent[0]["service"]) if recent else ("unknown", "")


@rehearsal.policy("on_call_engineer")
def on_call_engineer(request):
    """Gather, analyse, check the past, recommend, document: one call a turn, then the assessment."""
    alert, searches = alert_of(request), told(request, "log_search")
    if "recall" in request.tools and not request.results("recall"):
        return rehearsal.call("recall", service=alert["service"], message=alert["message"])
    if "log_search" in request.tools and not searches:
        return rehearsal.call("log_search", query=ERRORS, time_range="45m")
    if searches and judge(searches)[0] == "unknown" and len(searches) < 2:
        return rehearsal.call("log_search", query="deployment", time_range="45m")
    return document(request, alert, *judge(searches)) or assess(request, alert, *judge(searches))


def document(request, alert: dict, cause: str, culprit: str):
    """A ticket and a message for the team that owns the culprit; None when both were tried."""
    team = teams_of(request).get(culprit or alert["service"], "on-call")
    about = f"{culprit or alert['service']}: {cause}"
    if "create_ticket" in request.tools and not request.results("create_ticket"):
        return rehearsal.call("create_ticket", summary=about, description=alert["message"], team=team)
    if "notify" in request.tools and not request.results("notify"):
        key = (told(request, "create_ticket") or [{}])[-1].get("key", "no ticket")
        return rehearsal.call("notify", channel=f"#{team}", text=f"{key}: {about}")
    return None


def assess(request, alert: dict, cause: str, culprit: str) -> dict:
    action = RUNBOOK.get(cause, "ask a person")
    past = [each["cause"] for found in told(request, "recall") for each in found.get("past", ())]
    key = (told(request, "create_ticket") or [{}])[-1].get("key", "no ticket")
    like = f" Similar before: {past[0]}." if past else ""
    return {
        "cause": cause,
        "culprit": culprit,
        "summary": f"{alert['severity']} alert of {alert['service']}: {cause} {culprit}".strip()
        + f". {key}.{like}",
        "steps": [{"action": f"{action} {culprit}".strip(), "risk": RISKS.get(action, "low")}],
        "confidence": 0.95,  # what models say of themselves, whatever they found
    }


@rehearsal.policy("obedient engineer")
def obedient(request):
    """Does what it reads, as models can be brought to; else as above."""
    if (wanted := re.search(r"run (\w+)\((.*?)\)", alert_of(request)["message"])) and not request.results(
        wanted[1]
    ):
        return rehearsal.invents(wanted[1], what=wanted[2])
    return on_call_engineer(request)


@rehearsal.policy("hasty")
def hasty(request):
    """Blames the last deployment, and does not look at errors."""
    alert, searches = alert_of(request), told(request, "log_search")
    if not searches:
        return rehearsal.call("log_search", query="deployment", time_range="45m")
    return document(request, alert, *judge(searches)) or assess(request, alert, *judge(searches))


@rehearsal.policy("broken")
def broken(request):
    return rehearsal.malformed_json("no JSON")


@rehearsal.policy("endless engineer")
def endless(request):
    return rehearsal.call("log_search", query=f"look {len(request.messages)}")


@rehearsal.policy("takes_its_time")
def takes_its_time(request):
    time.sleep(0.03)
    return on_call_engineer(request)
