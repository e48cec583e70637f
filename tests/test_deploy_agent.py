"""The files of `deploy/agent` against their schemas and each other; the service as a process."""

import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import httpx
import kubernetes_validate
import pytest
import yaml

from coursekit import careless, servers, valkey, web
from coursekit import readiness_files as files
from coursekit.desk import Desk
from coursekit.incident_agent import PROMPTS, prompt_version
from coursekit.logstore import LogStore
from coursekit.shop_trials import scene

ROOT = Path(files.__file__).resolve().parent.parent
FOLDER = ROOT / "deploy" / "agent"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
SHOP = scene("disk", "payment-api", 8)


def test_dockerfile_and_compose_have_nothing_to_improve():
    assert not any(careless.validated(FOLDER).values())


def test_every_object_of_kubernetes_is_valid():
    kinds = []
    for each in yaml.safe_load_all((FOLDER / "k8s.yaml").read_text()):
        kubernetes_validate.validate(each, "1.37", strict=True)
        kinds.append(each["kind"])
    assert sorted(kinds) == [
        "Deployment",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
    ]


def test_what_the_image_copies_is_there_and_not_left_out():
    kept = {
        line[1:] for line in (FOLDER / "Dockerfile.dockerignore").read_text().split() if line.startswith("!")
    }
    copied = {name for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.M) for name in line.split()}
    assert len(copied) >= 6 and copied <= kept and all((ROOT / name).exists() for name in copied)


def test_every_secret_has_a_file_and_is_ignored_by_git():
    named = {name for service in COMPOSE["services"].values() for name in service.get("secrets", [])}
    assert named == set(COMPOSE["secrets"]) and named >= files.SECRETS
    assert {".env", "secrets/"} <= set((FOLDER / ".gitignore").read_text().split())
    asked = set(re.findall(r"\$\{(\w+)", (FOLDER / "compose.yaml").read_text()))
    assert asked == set(re.findall(r"^(\w+)=", (FOLDER / ".env.example").read_text(), re.M))


def test_the_rules_pass_promtool_where_it_is_installed():
    program = files.tool("promtool")
    if program is None:
        pytest.skip("no promtool here")
    for command in (["test", "rules", "rules_test.yml"], ["check", "config", "prometheus.yml"]):
        done = subprocess.run([program, *command], cwd=FOLDER / "prometheus", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_way_of_an_alert_passes_amtool_where_it_is_installed():
    program = files.tool("amtool")
    if program is None:
        pytest.skip("no amtool here")
    command = [program, "check-config", "alertmanager.yml"]
    done = subprocess.run(command, cwd=FOLDER / "prometheus", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_lock_holds_every_prompt():
    locked = json.loads((FOLDER / "prompts.lock.json").read_text())
    assert {f"{name}-{digest}" for name, digest in locked.items()} == {
        prompt_version(name) for name in PROMPTS
    }


# The service as a process, as a container would run it.


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Address, token and desk of the deployed agent; its secrets are files, its model is scripted."""
    folder = tmp_path_factory.mktemp("secrets")
    store, desk = LogStore(lambda: SHOP.now), Desk()
    store.add(SHOP.lines)
    key = f"k1:{secrets.token_hex(32)}"
    kept = {"openai_api_key": "none", "redis_url": valkey.url(), "jira_token": desk.token,
            "slack_token": desk.token,
            "elasticsearch_key": store.key, "jwt_keys": key}  # fmt: skip
    for name, value in kept.items():
        (folder / name).write_text(value)
    with (
        pytest.MonkeyPatch.context() as patch,
        web.serve(store.app, "logs of a process") as logs,
        web.serve(desk.app, "desk of a process") as office,
    ):
        own = {"SECRETS_DIR": str(folder), "ELASTICSEARCH_URL": logs.url, "JIRA_URL": office.url,
               "SLACK_URL": f"{office.url}/api/", "COURSE_MODEL": "rehearsal",
               "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}  # fmt: skip
        for name, value in own.items():
            patch.setenv(name, value)
        program = [sys.executable, "-m", "deploy.agent.app"]
        with servers.start(
            "agent process", [*program, "--port", "{port}"], path="/alive", timeout_s=60
        ) as server:
            made = subprocess.run([*program, "token", "a test"], capture_output=True, text=True, check=True)
            yield server.url, made.stdout.strip(), desk, folder


def test_the_deployed_agent_handles_an_alert_of_a_known_caller_only(running):
    url, token, _, _ = running
    alert = SHOP.alerts[-1] | {
        "message": f"check {secrets.token_hex(4)}".translate(str.maketrans("0123456789", "ghijklmnop"))
    }
    ask = lambda **head: httpx.post(
        f"{url}/process-alert", json=alert, headers=head, timeout=30, trust_env=False
    )
    assert ask().status_code == 401
    told = ask(authorization=f"Bearer {token}").json()
    assert (told["cause"], told["culprit"]) == ("disk", "payment-api") and told["model"] == "on_call_engineer"
    assert httpx.get(f"{url}/health", trust_env=False).status_code == 200
    assert "agent_requests_total" in httpx.get(f"{url}/metrics", trust_env=False).text


def test_a_backup_is_written_and_restored_by_the_program(running, tmp_path):
    program, file = [sys.executable, "-m", "deploy.agent.app"], tmp_path / "backup.json"
    subprocess.run([*program, "backup", str(file)], check=True, capture_output=True)
    saved = json.loads(file.read_text())
    subprocess.run([*program, "restore", str(file)], check=True, capture_output=True)
    assert saved and all({"key", "kind", "value", "ttl_s"} <= set(row) for row in saved)


def test_a_missing_setting_is_named_and_no_secret_is_shown(running):
    *_, folder = running
    word = (folder / "jira_token").read_text()
    (folder / "jwt_keys").rename(folder / "elsewhere")
    try:
        done = subprocess.run([sys.executable, "-m", "deploy.agent.app"], capture_output=True, text=True)
    finally:
        (folder / "elsewhere").rename(folder / "jwt_keys")
    assert done.returncode == 1 and "JWT_KEYS: Field required" in done.stderr
    assert "Traceback" not in done.stderr and word not in done.stderr
