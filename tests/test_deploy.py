"""The files of `deploy/`, against their schemas and against each other; and the services as processes."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError

import numpy as np
import pytest
import yaml

from coursekit import corpus, retrieval, servers, valkey
from coursekit.access import SAFE
from coursekit.apps import Problem
from deploy import app

DEPLOY = Path(app.__file__).resolve().parent
ROOT = DEPLOY.parent
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
OBJECTS = [
    each
    for path in sorted((DEPLOY / "k8s").glob("*.yaml"))
    for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
OURS = {"llm-service": "llm", "rag-service": "rag", "api-gateway": "gateway"}


def container(name):
    """The container of a Deployment."""
    spec = next(o for o in OBJECTS if o["kind"] == "Deployment" and o["metadata"]["name"] == name)["spec"]
    return spec["template"]["spec"]["containers"][0]


# ---- files


def test_the_compose_file_follows_its_specification():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    subprocess.run([*check, DEPLOY / "compose.yaml"], check=True, capture_output=True)
    assert len(COMPOSE["services"]) == 7


@pytest.mark.parametrize("folder", [".", "hub-k8s"])
def test_the_dockerfile_has_nothing_to_improve(folder):
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if linter is None:
        pytest.skip("no hadolint for this system")
    done = subprocess.run([linter, DEPLOY / folder / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_the_image_copies_is_there_and_not_left_out():
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    kept = {line[1:] for line in lines if line.startswith("!")}
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.M) for name in line.split()]
    assert len(copied) >= 6
    for name in copied:
        assert (ROOT / name).exists() and name in kept


def test_image_and_compose_start_services_that_exist():
    default = json.loads(re.search(r"^CMD (.+)$", DOCKERFILE, re.M)[1])
    assert json.loads(re.search(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.M)[1]) == ["python", "-m", "deploy.app"]
    assert default[0] in app.SERVICES
    for name, service in OURS.items():
        assert COMPOSE["services"][name]["command"] == container(name)["args"] == [service]


def test_every_image_has_a_version():
    images = [each["image"] for each in COMPOSE["services"].values()]
    images += re.findall(r"image: (\S+)", "\n".join(p.read_text() for p in (DEPLOY / "k8s").glob("*.yaml")))
    images += re.findall(r"^FROM (\S+)$", DOCKERFILE, re.M)
    assert all(re.search(r":v?\d+\.\d+", image) for image in images), images


def test_no_file_holds_a_secret():
    filled = re.compile(r"(?i)(?:password|secret|token(?!_url)|api_key)\w*\s*[:=]\s*['\"]?[\w$]")
    for path in [*DEPLOY.rglob("*.y*ml"), DEPLOY / ".env.example", DEPLOY / "Dockerfile"]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if filled.search(line):
                assert "${" in line or "api-secrets" in line or "llm-tls" in line, (path.name, line)
    assert {".env", "secrets.env"} <= set((DEPLOY / ".gitignore").read_text().split())


def test_every_setting_has_a_place_where_it_is_named():
    named = set(re.findall(r"^(\w+)=", (DEPLOY / ".env.example").read_text(), re.M))
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    secrets = {
        key["valueFrom"]["secretKeyRef"]["key"]
        for name in OURS
        for key in container(name)["env"]
        if "valueFrom" in key
    }
    assert asked == named and secrets <= named
    read = set(re.findall(r'(?:setting|environ\.get)\("(\w+)"', Path(app.__file__).read_text()))
    needs = {
        "rag-service": {"LLM_SERVICE_URL", "VECTOR_DB_URL"},
        "api-gateway": {"LLM_SERVICE_URL", "RAG_SERVICE_URL", "REDIS_URL", "JWT_KEYS"},
    }
    for name, needed in needs.items():
        assert needed <= read and needed <= set(COMPOSE["services"][name]["environment"])
        assert needed <= {each["name"] for each in container(name)["env"]}


def test_ports_agree_in_code_compose_kubernetes_and_prometheus():
    scraped = (DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    for name, service in OURS.items():
        port = app.SERVICES[service][1]
        assert COMPOSE["services"][name]["environment"]["PORT"] == str(port)
        assert container(name)["ports"][0]["containerPort"] == port
        assert f"{name}:{port}" in scraped and f"{port}" in re.search(r"^EXPOSE (.+)$", DOCKERFILE, re.M)[1]


def test_addresses_name_services_of_the_same_file():
    for name in OURS:
        for value in COMPOSE["services"][name]["environment"].values():
            if found := re.search(r"^\w+://(?::[^@]*@)?([\w-]+):(\d+)", value):
                assert found[1] in COMPOSE["services"], value
    services = {o["metadata"]["name"]: o["spec"] for o in OBJECTS if o["kind"] == "Service"}
    for name in OURS:
        for each in container(name)["env"]:
            if found := re.search(r"^\w+://(?::[^@]*@)?([\w-]+)(?::(\d+))?", each.get("value", "")):
                assert services[found[1]]["ports"][0]["port"] == int(found[2] or 80)


def test_a_pod_has_more_time_to_end_than_its_requests():
    for name in OURS:
        spec = next(o for o in OBJECTS if o["kind"] == "Deployment" and o["metadata"]["name"] == name)["spec"]
        pod = spec["template"]["spec"]
        pause = container(name)["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > pause + app.GRACE_S
        assert int(COMPOSE["services"][name]["stop_grace_period"][:-1]) > app.GRACE_S


def test_dashboards_and_rules_that_compose_mounts_are_there():
    mounts = [mount for each in COMPOSE["services"].values() for mount in each.get("volumes", [])]
    for source in (mount.split(":")[0] for mount in mounts if mount.startswith("./")):
        assert (DEPLOY / source).is_file(), source


def test_the_kustomization_lists_every_file():
    plan = next(each for each in OBJECTS if each["kind"] == "Kustomization")
    files = {path.name for path in (DEPLOY / "k8s").glob("*.yaml")} - {"kustomization.yaml"}
    assert set(plan["resources"]) == files


# ---- code


def test_a_setting_that_is_missing_is_named():
    done = subprocess.run(
        [sys.executable, "-m", "deploy.app", "gateway"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1 and "LLM_SERVICE_URL is not set" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("", "JWT_KEYS is not set"),
        ("k1:" + "x" * 31, "32 bytes or more (RFC 7518); too short: k1"),
        ("k1:" + "x" * 32 + ",k2:short", "too short: k2"),
        ("a-secret-without-a-name-" + "x" * 32, "name:key"),
    ],
)
def test_a_gateway_without_good_keys_for_its_tokens_does_not_start_and_shows_none(keys, complaint):
    env = os.environ | {"JWT_KEYS": keys, "LLM_SERVICE_URL": "http://x", "RAG_SERVICE_URL": "http://x"}
    command = [sys.executable, "-m", "deploy.app", "gateway"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=env)
    assert done.returncode == 1 and complaint in done.stderr
    assert "Traceback" not in done.stderr and "xxx" not in done.stderr


def test_replicas_accept_each_others_tokens_before_during_and_after_a_rotation(monkeypatch):
    def replica(keys):
        monkeypatch.setenv("JWT_KEYS", keys)
        return app.tokens()

    first, second = "k1:" + "a" * 32, "k2:" + "b" * 32
    old, both, new = replica(first), replica(f"{first}, {second}"), replica(second)
    assert both.check(old.issue("ada", []))["sub"] == replica(first).check(old.issue("ada", []))["sub"]
    assert new.check(both.issue("ada", []))["sub"] == "ada"
    with pytest.raises(Problem):
        new.check(old.issue("ada", []))


class Collected:
    """As much of a Chroma collection as is used, kept in lists."""

    def __init__(self):
        self.ids, self.vectors = [], np.empty((0, 384), dtype=np.float32)

    def count(self):
        return len(self.ids)

    def upsert(self, ids, embeddings):
        self.ids, self.vectors = list(ids), np.asarray(embeddings)

    def query(self, query_embeddings, n_results, include):
        far = 1 - self.vectors @ np.asarray(query_embeddings[0])
        best = np.argsort(far, kind="stable")[:n_results]
        return {"ids": [[self.ids[i] for i in best]], "distances": [[float(far[i]) for i in best]]}


def test_vectors_in_chroma_are_found_as_vectors_in_memory_are():
    kept = Collected()
    client = SimpleNamespace(get_or_create_collection=lambda *_, **__: kept)
    ids = [each.id for each in corpus.passages()]
    there = app.Chroma(client, ids, corpus.vectors())
    here = retrieval.Dense(ids, corpus.vectors())
    for query in corpus.vectors()[::40]:
        found, expected = there.search(query, 5), here.search(query, 5)
        assert [name for name, _ in found] == [name for name, _ in expected]
        assert np.allclose([score for _, score in found], [score for _, score in expected], atol=1e-5)


# ---- the three services as processes, as a container would run them


def ask(url, body=None, key=""):
    """Status and text."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with servers.ask(urllib.request.Request(url, data, headers)) as reply:
            return reply.status, reply.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture(scope="module")
def door():
    """The gateway's address, with both services behind it, and a key for it."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as running:
        patch.setenv("REDIS_URL", valkey.url())
        patch.setenv("JWT_KEYS", f"k1:{secrets.token_hex(32)}")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        for name, service in OURS.items():
            command = [sys.executable, "-m", "deploy.app", service, "--port", "{port}"]
            server = servers.start(f"deployed {name}", command, path="/health", timeout_s=60)
            running.callback(server.stop)
            patch.setenv(
                {"llm": "LLM_SERVICE_URL", "rag": "RAG_SERVICE_URL"}.get(service, "DOOR"), server.url
            )
        made = subprocess.run(
            [sys.executable, "-m", "deploy.app", "key", "a test"], capture_output=True, text=True, check=True
        )
        yield server.url, made.stdout.strip()


HELLO = {"messages": [{"role": "user", "content": "Hello"}], "temperature": 0}


def test_the_deployed_gateway_answers_who_has_a_key_and_nobody_else(door):
    url, key = door
    assert ask(f"{url}/ready")[0] == 200
    told = [ask(f"{url}/v1/chat/completions", HELLO, shown)[0] for shown in ("", "ak_wrong", key)]
    assert told == [401, 401, 200]


def test_a_token_that_another_process_signed_opens_the_deployed_gateway(door, monkeypatch):
    url, _ = door
    assert ask(f"{url}/v1/chat/completions", HELLO, app.tokens().issue("ada", ["llm:chat"]))[0] == 200
    monkeypatch.setenv("JWT_KEYS", f"k1:{secrets.token_hex(32)}")
    assert ask(f"{url}/v1/chat/completions", HELLO, app.tokens().issue("ada", ["llm:chat"]))[0] == 401


@pytest.mark.parametrize("setting", ["LLM_SERVICE_URL", "RAG_SERVICE_URL", "DOOR"])
def test_every_answer_of_the_deployed_services_carries_the_security_headers(door, setting):
    for path in ("/health", "/nowhere"):
        try:
            headers = servers.ask(os.environ[setting] + path).headers
        except HTTPError as error:
            headers = error.headers
        assert {name: headers[name] for name in SAFE} == SAFE


def test_the_deployed_services_answer_from_the_course(door):
    url, key = door
    status, text = ask(f"{url}/v1/rag/query", {"query": "What is a quorum?", "top_k": 3}, key)
    told = json.loads(text)
    assert status == 200 and "[" in told["answer"] and len(told["sources"]) == 3
    assert told["sources"][0]["link"].startswith(("01_", "02_", "03_", "05_", "06_", "07_"))


def test_the_deployed_services_show_their_metrics(door):
    url, _ = door
    assert ask(f"{url}/metrics")[1].count("llm_requests_total") > 1


def test_an_equal_question_is_answered_from_the_deployed_cache(door):
    url, key = door
    for _ in range(2):
        ask(f"{url}/v1/chat/completions", HELLO, key)
    assert any("llm:answer:" in name for name in valkey.client().scan_iter("llm:answer:*"))


@pytest.mark.skipif(find_spec("pip") is None, reason="this environment was made without pip")
def test_pip_takes_the_constraints_that_the_image_is_built_with(tmp_path):
    assert 'grep --invert-match "^-e " requirements.txt > locked.txt' in DOCKERFILE
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "locked.txt").write_text("".join(line for line in lines if not line.startswith("-e ")))
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-build-isolation"]
    command = [*pip, "--no-index", "--constraint", str(tmp_path / "locked.txt"), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
