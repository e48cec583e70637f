"""The course on Kubernetes: its settings, against the classes and the chart that they are for, and its cost.

The classes live in an environment of their own. The chart is passed over where HELM_CHART names no folder.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from math import ceil
from pathlib import Path

import jsonschema
import pytest
import yaml
from jupyter_server.services.kernels.kernelmanager import MappingKernelManager

from tools import environment, hub_cost
from tools.hub_cost import Assumptions, Place, cost, gigabytes, merged, place, places, used, values
from tools.project import ROOT

FILES = ROOT / "deploy" / "hub-k8s"
README = (FILES / "README.md").read_text(encoding="utf-8")
DOCKERFILE = (FILES / "Dockerfile").read_text(encoding="utf-8")
PAGE = hub_cost.PAGE.read_text(encoding="utf-8")
CORE_NODE = Place(memory_gb=6.5, cores=1.9)  # of 8 GB and 2 cores
every_size = pytest.mark.parametrize("students", hub_cost.SIZES)

SPAWNER = {  # what the chart makes of settings under `singleuser`
    "memory.guarantee": "mem_guarantee",
    "memory.limit": "mem_limit",
    "cpu.guarantee": "cpu_guarantee",
    "cpu.limit": "cpu_limit",
    "image.name": "image",
    "image.tag": "image",
    "image.pullPolicy": "image_pull_policy",
    "defaultUrl": "default_url",
    "startTimeout": "start_timeout",
    "uid": "uid",
    "fsGid": "fs_gid",
    "allowPrivilegeEscalation": "allow_privilege_escalation",
    "extraEnv": "environment",
    "storage.capacity": "storage_capacity",
}
THE_CHARTS_OWN = ("storage.type", "storage.homeMountPath", "networkPolicy.", "cloudMetadata.", "extraFiles.")


@pytest.fixture(scope="session")
def classes() -> dict:
    """What the classes of the chart's hub say about our settings, in an environment of their own."""
    home = Path(sys.prefix) / "hub-k8s"
    try:
        environment.build(home, FILES / "hub-requirements.txt", "the hub on Kubernetes")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"the hub's packages cannot be had: {error}")
    settings = values(30)["hub"]["config"]
    return told(home, settings) | {"mistaken": told(home, merged(settings, MISTAKEN))["refused"]}


MISTAKEN = {"Authenticator": {"no_such_trait": 1, "enable_auth_state": "perhaps"}}


def told(home: Path, settings: dict) -> dict:
    command = [environment.python(home), ROOT / "tests" / "hub_traits.py"]
    done = subprocess.run(command, input=json.dumps(settings), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def leaves(settings: dict, below: str = "") -> dict[str, object]:
    """`memory.limit` and its value, for each setting."""
    found = {}
    for key, value in settings.items():
        deeper = isinstance(value, dict) and key != "extraEnv"
        found |= leaves(value, f"{below}{key}.") if deeper else {f"{below}{key}": value}
    return found


# ---- settings and the classes they are for


def test_every_setting_of_the_hub_is_a_trait_that_takes_its_value(classes):
    assert classes["refused"] == []
    strange, wrong = sorted(classes["mistaken"])  # so it does look
    assert strange == "Authenticator has no no_such_trait"
    assert wrong.startswith("Authenticator.enable_auth_state: ")


def test_every_setting_of_a_students_server_reaches_a_trait_of_the_spawner(classes):
    for setting in leaves(values(30)["singleuser"]):
        if not setting.startswith(THE_CHARTS_OWN):
            assert SPAWNER[setting] in classes["spawner"], setting


def test_idle_kernels_are_culled_by_traits_that_there_are():
    file = values(30)["singleuser"]["extraFiles"]["kernels"]
    assert Path(file["mountPath"]).name == "jupyter_server_config.json"
    assert file["data"].keys() == {"MappingKernelManager"}
    assert set(file["data"]["MappingKernelManager"]) <= set(MappingKernelManager.class_traits(config=True))


def test_the_login_is_one_that_oauthenticator_offers_and_teachers_have_scopes_that_there_are(classes):
    hub = values(30)["hub"]
    assert set(hub["loadRoles"]["teacher"]["scopes"]) <= set(classes["scopes"])
    assert hub["config"]["JupyterHub"]["authenticator_class"] in classes["logins"]


@pytest.mark.skipif("HELM_CHART" not in os.environ, reason="HELM_CHART names no folder with the chart")
@every_size
def test_the_chart_takes_the_settings(students, tmp_path):
    chart = Path(os.environ["HELM_CHART"])
    own, schema = chart / "values.yaml", next(chart.glob("values.schema.*"))
    below = yaml.safe_load(own.read_text()) if own.exists() else {}
    jsonschema.validate(merged(below, values(students)), yaml.safe_load(schema.read_text()))
    if shutil.which("helm") and own.exists():
        files = [f"--values={FILES / name}" for name in ("values.yaml", f"class-{students}.yaml")]
        subprocess.run(["helm", "template", "hub", chart, *files], check=True, capture_output=True)


# ---- sums


@every_size
def test_guarantees_stay_below_limits_and_nobody_is_without_one(students):
    given = values(students)["singleuser"]
    assert 0 < gigabytes(given["memory"]["guarantee"]) < gigabytes(given["memory"]["limit"])
    assert 0 < given["cpu"]["guarantee"] < given["cpu"]["limit"]
    assert gigabytes(given["storage"]["capacity"]) > 0
    assert gigabytes(given["memory"]["limit"]) < Assumptions().node_memory_gb
    assert used()[0].memory_gb <= gigabytes(given["memory"]["limit"])


@every_size
def test_the_busiest_hour_fits_and_so_do_the_hub_and_its_proxy(students):
    settings = values(students)
    expected = ceil(students * hub_cost.SIZES[students])
    assert expected < settings["hub"]["activeServerLimit"] <= students * 1.2
    parts = [settings["hub"].get("resources"), settings["proxy"].get("chp", {}).get("resources")]
    asked = [part["requests"] if part else {"cpu": "200m", "memory": "512Mi"} for part in parts]
    assert sum(gigabytes(each["memory"]) for each in asked) < CORE_NODE.memory_gb
    assert sum(cores(each["cpu"]) for each in asked) < CORE_NODE.cores


def cores(text: str) -> float:
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


@every_size
def test_comments_name_the_nodes_that_the_settings_lead_to(students):
    settings = values(students)
    a_node = places(place(settings, used()[0]), Assumptions())
    nodes = ceil(settings["hub"]["activeServerLimit"] / a_node)
    said = {1: "on one node", 5: "up to five nodes", 19: "up to nineteen nodes"}[nodes]
    assert said in (FILES / f"class-{students}.yaml").read_text().splitlines()[0]
    assert settings["scheduling"]["userPlaceholder"]["replicas"] <= a_node


@every_size
def test_the_quota_in_the_readme_holds_every_disk_and_every_server(students):
    said = {
        30: r"For 30 it is (\d+)\s+claims, (\d+)Gi, (\d+) pods",
        300: r"claims=(\d+),requests.storage=(\d+)Gi,pods=(\d+)",
        3000: r"for 3,000 it is (3,\d+) claims, (\d+)Gi, (\d+) pods",
    }[students]
    claims, size, pods = (int(number.replace(",", "")) for number in re.search(said, README).groups())
    settings = values(students)
    assert students < claims <= students * 1.4
    assert size == claims * gigabytes(settings["singleuser"]["storage"]["capacity"])
    servers = settings["hub"]["activeServerLimit"] + settings["scheduling"]["userPlaceholder"]["replicas"]
    nodes = ceil(servers / places(place(settings, used()[0]), Assumptions()))
    assert servers + 2 * nodes + 10 <= pods  # two image pullers a node; hub, proxy and the like


# ---- files


def test_what_a_class_changes_and_nothing_else_stands_in_its_file():
    common = leaves(yaml.safe_load((FILES / "values.yaml").read_text()))
    for students in hub_cost.SIZES:
        own = leaves(yaml.safe_load((FILES / f"class-{students}.yaml").read_text()))
        assert not set(own) & set(common)


def test_images_are_named_by_a_version_and_the_same_everywhere():
    image = values(30)["singleuser"]["image"]
    name = f"{image['name']}:{image['tag']}"
    assert re.fullmatch(r"\d{4}\.\d{2}", image["tag"])
    assert f"--tag {name} " in README and f"docker push {name}" in README and f"--tag {name} " in DOCKERFILE
    assert re.search(r"^FROM python:3\.\d+", DOCKERFILE, re.M)
    assert not re.search(r"\blatest\b(?!`)", "".join(p.read_text() for p in FILES.glob("*.yaml")))


def test_hub_and_image_agree_on_version_user_and_packages():
    chart, hub = re.search(r"version (\d+\.\d+\.\d+) \(JupyterHub (\d+\.\d+\.\d+)\)", said()).groups()
    assert f"ARG JUPYTERHUB={hub}\n" in DOCKERFILE and f"--version {chart} " in README
    given = values(30)["singleuser"]
    assert f"USER {given['uid']}:{given['fsGid']}\n" in DOCKERFILE
    assert f"WORKDIR {given['storage']['homeMountPath']}\n" in DOCKERFILE
    locked = dict(re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text(), re.M))
    puller = re.search(r"nbgitpuller==([\d.]+)", DOCKERFILE)[1]
    assert locked.get("nbgitpuller", puller) == puller


@cache
def said() -> str:
    return (FILES / "values.yaml").read_text(encoding="utf-8")


def test_the_image_copies_what_is_there():
    kept = {line[1:] for line in (FILES / "Dockerfile.dockerignore").read_text().split() if line[0] == "!"}
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.M) for name in line.split()]
    assert set(copied) == kept and all((ROOT / name).exists() for name in copied)


def test_no_file_holds_a_secret():
    assert {"login.env", "secrets.yaml"} <= set((FILES / ".gitignore").read_text().split())
    filled = re.compile(r"(?i)(?:password|secret|token|key)\w*:[ ]*['\"]?\w|://\w+:[^/\s]+@")
    for path in FILES.glob("*.yaml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            harmless = re.search(r"# |key: client-(id|secret)$|token_url: https://", line)
            assert not filled.search(line) or harmless, (path.name, line)
    referred = values(30)["hub"]["extraEnv"].values()
    assert {each["valueFrom"]["secretKeyRef"]["name"] for each in referred} == {"hub-login"}
    assert "create secret generic hub-login" in README


# ---- what it costs

PLAIN = Assumptions(
    node_cores=4, node_memory_gb=10, node_hour=1, core_hour=0.5, control_hour=0.5, disk_gb_month=0,
    weeks=10, hours_a_week=2, session_h=1, filled=1, open_hours_a_week=0,
)  # fmt: skip
SMALL = {
    "singleuser": {
        "memory": {"guarantee": "1G"},
        "cpu": {"guarantee": 0.1},
        "storage": {"capacity": "1Gi"},
    },
    "cull": {"timeout": 3600},
}


def test_a_cost_agrees_with_one_that_was_computed_by_hand():
    # 100 students × 2 h × 10 weeks = 2,000 h; each session of 1 h keeps its server for 1 h more: 4,000
    # server-hours, ten to a node: 400 node-hours. Hub and control take 1 dollar in each of 1,680 hours.
    row = cost(100, 0.5, SMALL, Place(0.25, 0.1), PLAIN)
    assert (row["a node"], row["most nodes"], row["nodes"], row["always on"]) == (10, 5, 400, 1680)
    assert row["learner-hour"] == (400 + 1680) / 2000
    assert row["fixed learner-hour"] == (5 * 1680 + 1680) / 2000


def test_who_uses_more_than_the_guarantee_takes_more_of_a_node():
    assert places(place(SMALL, Place(2.0, 0.1)), PLAIN) == 5
    assert places(place(SMALL, Place(0.1, 2.0)), PLAIN) == 2
    with pytest.raises(ValueError, match="no student fits"):
        places(Place(11, 0.1), PLAIN)


def test_an_hour_costs_more_with_dearer_nodes_later_culling_and_fewer_students():
    def hour(students=300, settings=None, **changed):
        return cost(students, 0.5, settings or values(300), used()[0], replace(Assumptions(), **changed))[
            "learner-hour"
        ]

    later = merged(values(300), {"cull": {"timeout": 4 * 3600}})
    assert hour() < hour(node_hour=1) and hour() < hour(settings=later) and hour() < hour(30)
    assert hour(filled=0.3) > hour(filled=0.9)


def test_what_a_student_uses_is_read_from_the_largest_measured_load(tmp_path):
    assert used(tmp_path / "absent.json") == (Place(0.25, 0.1), False)
    runs = [{"students": n, "memory_p50_mb": 512 * n, "own_cores": n * 0.2} for n in (1, 2)]
    (tmp_path / "load.json").write_text(json.dumps({"runs": runs}))
    assert used(tmp_path / "load.json") == (Place(1.0, 0.2), True)


# ---- the page


def test_the_page_shows_the_cost_that_is_computed():
    assert hub_cost.written(PAGE) == PAGE


def test_the_numbers_of_the_page_are_those_of_the_settings():
    given, cull = values(30)["singleuser"], values(30)["cull"]
    kernels, asked = given["extraFiles"]["kernels"]["data"]["MappingKernelManager"], Assumptions()
    for text in (
        f"guarantee of {gigabytes(given['memory']['guarantee']) * 1024:.0f} MB",
        f"limit of {gigabytes(given['memory']['limit']):.0f} GB",
        f"{places(place(values(30), used()[0]), asked)} students share a node",
        f"after {cull['timeout'] // 60} minutes",
        f"after {cull['maxAge'] // 3600} hours",
        f"{kernels['cull_idle_timeout'] // 60} minutes",
        f"{gigabytes(given['storage']['capacity']):.0f} GB",
        f"{asked.node_hour} dollars an hour",
        f"{asked.weeks} weeks of {asked.hours_a_week:g} hours",
        "chart 4.4.0",
    ):
        assert text in " ".join(PAGE.split()), text
