"""Checks of the production checklist that read what is deployed: compose, Kubernetes, rules, runbook.

Each takes a Deployment, says what it saw, and raises AssertionError if that is not enough.
`missing_mounts`, `lint` and `schema_errors` are the validators that any folder of such files can be given to.
Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from coursekit.alarms import Alarm
from coursekit.deployment import Deployment
from coursekit.incident_agent import REASONS
from coursekit.samples import Samples

SECRETS = {"openai_api_key", "redis_url", "jira_token", "slack_token", "elasticsearch_key", "jwt_keys"}
PLAN = ("Redis is gone", "The model does not answer", "The log store does not answer", "A release is worse")


# Validators.


def tool(name: str) -> str | None:
    """A program beside this Python, on PATH, or beside the one that PROMETHEUS_BIN names."""
    beside = Path(os.environ.get("PROMETHEUS_BIN", "") or "nowhere").parent
    return shutil.which(
        name,
        path=os.pathsep.join(
            [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), str(beside)]
        ),
    )


def lint(dockerfile: Path) -> list[str] | None:
    """The rules of hadolint that a Dockerfile breaks; None where there is no hadolint."""
    program = tool("hadolint")
    if program is None:
        return None
    said = subprocess.run([program, "--no-color", dockerfile], capture_output=True, text=True)
    return re.findall(r" (DL\d+|SC\d+) ", said.stdout)


def schema_errors(compose: Path) -> str:
    """What the schema of Compose has against a file; "" for nothing."""
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(compose),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def missing_mounts(compose: dict, folder: Path) -> list[str]:
    """Files beside the compose file that its services mount and that are not there."""
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    beside = {mount.split(":")[0] for mount in mounts if mount.startswith("./")}
    return sorted(name for name in beside if not (folder / name).exists())


def imported(path: Path) -> set[str]:
    """Top-level packages that a Python file imports, without Python's own and ours."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - {"coursekit", "deploy"}


def unpinned(compose: dict) -> list[str]:
    """Services whose image is not a version."""
    images = {name: service.get("image", "") for name, service in compose["services"].items()}
    return sorted(name for name, image in images.items() if not re.search(r":v?\d+\.\d+", image))


# Checks.


def read(live: Deployment, name: str) -> str:
    return (live.folder / name).read_text(encoding="utf-8")


def compose_of(live: Deployment) -> dict:
    return yaml.safe_load(read(live, "compose.yaml"))


def objects(live: Deployment) -> dict[str, dict]:
    return {each["kind"]: each for each in yaml.safe_load_all(read(live, "k8s.yaml"))}


def pod(live: Deployment) -> dict:
    return objects(live)["Deployment"]["spec"]["template"]["spec"]


def secrets_are_files(live: Deployment) -> str:
    agent = compose_of(live)["services"]["agent"]
    named = {name.lower() for name in agent["environment"]}
    assert not named & SECRETS, f"in the environment: {', '.join(sorted(named & SECRETS))}"
    assert set(agent["secrets"]) == SECRETS, f"not mounted: {SECRETS - set(agent['secrets'])}"
    others = {n: set(s.get("secrets", [])) & SECRETS for n, s in compose_of(live)["services"].items()}
    others = {name: sorted(seen) for name, seen in others.items() if seen and name != "agent"}
    assert not others, f"others can read them: {others}"
    return f"{len(SECRETS)} secrets are files, none is a variable, no other service has them"


def network_is_closed(live: Deployment) -> str:
    services = compose_of(live)["services"]
    ports = [port for each in services.values() for port in each.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports), f"open to all: {ports}"
    assert "ports" not in services["redis"] and services["redis"]["networks"] == ["inside"], (
        "Redis is reachable"
    )
    assert compose_of(live)["networks"]["inside"]["internal"], "the inner network has a way out"
    policy = objects(live)["NetworkPolicy"]["spec"]
    assert {"Ingress", "Egress"} == set(policy["policyTypes"]), "the policy leaves a direction open"
    return f"{len(ports)} ports, on this machine only; Redis inside"


def rules_fire(live: Deployment) -> str:
    """Two hours from a pen: one in which all goes wrong, one in which nothing does."""
    rules = yaml.safe_load(read(live, "prometheus/rules.yml"))["groups"][0]["rules"]
    bad, good = (fired(rules, wrong) for wrong in (True, False))
    silent = sorted({rule["alert"] for rule in rules} - bad)
    assert not silent, f"silent while all goes wrong: {', '.join(silent)}"
    assert not good, f"fires while all is well: {', '.join(sorted(good))}"
    return f"{len(rules)} rules fire in a bad hour, none in a good one"


def page(minute: int, wrong: bool) -> str | None:
    """What the agent would show after so many minutes; nothing for the last quarter of a bad hour."""
    if wrong and minute > 45:
        return None
    failed, slow = (10 * minute, 10 * minute) if wrong else (0, 0)
    counts = {
        'agent_requests_total{agent_type="incident",status="error"}': failed,
        'agent_requests_total{agent_type="incident",status="success"}': 10 * minute,
        'tool_usage_total{tool_name="log_search",status="error"}': failed,
        'tool_usage_total{tool_name="log_search",status="attempted"}': 20 * minute,
        'agent_response_seconds_bucket{le="30"}': 20 * minute - slow,
        'agent_response_seconds_bucket{le="60"}': 20 * minute,
        'agent_response_seconds_bucket{le="+Inf"}': 20 * minute,
        "active_incidents": 40 if wrong else 3,
    }
    return "".join(f"{name} {value}\n" for name, value in counts.items())


def fired(rules: list[dict], wrong: bool) -> set[str]:
    samples, alarms, found = Samples(), [Alarm(rule) for rule in rules], set()
    for minute in range(61):
        samples.scrape(page(minute, wrong), 60 * minute, job="agent")
        for alarm in alarms:
            found |= {n["alert"] for n in alarm.look(samples, 60 * minute) if n["state"] == "firing"}
    return found


def target_is_visible(live: Deployment) -> str:
    """A histogram sees no further than its last bound: a target beyond it can never be missed."""
    limit = re.search(r"agent_response_seconds_bucket.*> (\d+)", read(live, "prometheus/rules.yml"))
    assert limit, "no rule asks for the response time"
    bounds = [bound for bound in live.agent.meter.seconds._upper_bounds if bound < float("inf")]
    assert float(limit[1]) in bounds[:-1], f"target {limit[1]} s, but the histogram ends at {bounds[-1]:g} s"
    assert live.agent.settings.escalation_timeout >= float(limit[1]), "given up before the target"
    return f"95 % within {limit[1]} s, and the histogram sees {bounds[-1]:g} s"


def resources_are_limited(live: Deployment) -> str:
    limits = compose_of(live)["services"]["agent"]["deploy"]["resources"]["limits"]
    assert {"cpus", "memory"} <= set(limits), "compose sets no limits"
    assert {"cpu", "memory"} <= set(pod(live)["containers"][0]["resources"]["limits"]), (
        "Kubernetes sets no limits"
    )
    scaler = objects(live).get("HorizontalPodAutoscaler")
    assert scaler, "nothing scales it"
    assert scaler["spec"]["scaleTargetRef"]["name"] == objects(live)["Deployment"]["metadata"]["name"], (
        "scales nobody"
    )
    most = scaler["spec"]["maxReplicas"]
    return f"{limits['memory']} at most; {scaler['spec']['minReplicas']} to {most} replicas"


def plan_is_written(live: Deployment) -> str:
    text = read(live, "RUNBOOK.md")
    missing = [title for title in PLAN if not re.search(rf"^### {title}.*\n\n\S", text, re.MULTILINE)]
    assert not missing, f"no section: {', '.join(missing)}"
    assert re.search(r"Recovery time objective: \d+", text), "no time to be back"
    return f"{len(PLAN)} failures have a section, and a time to be back"


def release_is_rolling(live: Deployment) -> str:
    strategy = objects(live)["Deployment"]["spec"]["strategy"]
    assert strategy.get("rollingUpdate", {}).get("maxUnavailable") == 0, (
        "the old one goes before the new one is up"
    )
    main = pod(live)["containers"][0]
    assert main["readinessProbe"]["httpGet"]["path"] == "/health", "traffic comes before it is ready"
    pause = main["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod(live)["terminationGracePeriodSeconds"] > pause + 30, "running requests are cut off"
    return "none goes before another is ready, and running requests may end"


def escalation_is_written(live: Deployment) -> str:
    text = read(live, "RUNBOOK.md")
    missing = [reason for reason in REASONS if f"- `{reason}`: {REASONS[reason]}" not in text]
    assert not missing, f"no line for: {', '.join(missing)}"
    return f"{len(REASONS)} reasons, each with what to do"
