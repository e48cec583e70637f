"""The page for instructors says what the settings and the measurements say."""

import json
import os
import re
import sys

import pytest
from bs4 import BeautifulSoup
from jupyterhub.app import JupyterHub
from sphinx.errors import ExtensionError
from sphinx.testing.util import SphinxTestApp
from traitlets.config import Config

from tools import hub_server, sizing
from tools.project import ROOT

sys.path.append(str(ROOT / "book" / "_ext"))

import hub_load

PAGE = (ROOT / "book" / "hub.md").read_text(encoding="utf-8")
STORED = json.loads((ROOT / hub_load.HOME).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Config:
    """What deploy/hub/jupyterhub_config.py sets."""
    file = hub_server.SOURCE / "jupyterhub_config.py"
    mask = os.umask(0o022)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_HOME", str(tmp_path_factory.mktemp("hub")))
        patch.delenv("HUB_IDLE_S", raising=False)
        made = Config()
        given = {"get_config": lambda: made, "__file__": str(file)}
        exec(compile(file.read_text(encoding="utf-8"), file, "exec"), given)
    os.umask(mask)
    return made


def row(begin: str) -> str:
    return next(line for line in PAGE.splitlines() if line.startswith(f"| {begin}"))


def test_the_table_of_limits_is_that_of_the_settings(settings):
    assert settings.Spawner.mem_limit == "2G" and "| 2 GB |" in row("memory of a student")
    assert settings.Spawner.cpu_limit == max(1, os.cpu_count() / 2) and "half of the machine" in row("cores")
    from spawners import Limited

    assert f"| {Limited.process_limit.default_value} |" in row("processes")
    assert settings.JupyterHub.concurrent_spawn_limit == 20 * os.cpu_count()
    low, high = JupyterHub.spawn_throttle_retry_range.default_args[0]
    assert "| 20 for each core |" in row("servers that") and f"in {low} to {high} seconds" in row(
        "servers that"
    )
    assert settings.JupyterHub.services[0]["command"][-1] == "--timeout=3600" and "an hour" in row(
        "an idle server"
    )


def test_the_hub_listens_to_this_machine_only_and_lets_in_only_those_that_are_named(settings):
    addresses = [
        settings.JupyterHub.bind_url,
        settings.JupyterHub.hub_bind_url,
        settings.ConfigurableHTTPProxy.api_url,
    ]
    assert all(address.startswith("http://127.0.0.1:") for address in addresses)
    assert "allow_all" not in settings.Authenticator and settings.Authenticator.allowed_users == {
        "student01",
        "student02",
    }
    passwords = settings.SharedPasswordAuthenticator
    assert len(passwords.user_password) == 12 and len(passwords.admin_password) == 32


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> list[list[list[str]]]:
    """Both tables as Sphinx writes them."""
    root = tmp_path_factory.mktemp("page")
    (root / "book").mkdir()
    (root / hub_load.HOME).symlink_to(ROOT / hub_load.HOME)
    (root / "index.md").write_text("# A hub\n\n```{hub-load}\n```\n\n```{hub-sizing}\n```\n")
    (root / "conf.py").write_text("extensions = ['myst_parser', 'hub_load']\n")
    app = SphinxTestApp("html", srcdir=root, warningiserror=True)
    app.build()
    app.cleanup()
    page = BeautifulSoup((root / "_build/html/index.html").read_text(encoding="utf-8"), "html.parser")
    rows = [table.select("tr") for table in page.select("table.measured")]
    return [[[cell.get_text(strip=True) for cell in row.select("th, td")] for row in table] for table in rows]


def test_every_stored_run_has_a_column_and_every_class_two_rows(tables):
    load, needs = tables
    assert len(load[0]) == 1 + len(STORED["runs"]) and len({len(row) for row in load}) == 1
    largest = max(STORED["runs"], key=lambda run: run["students"])
    column = next(at for at, head in enumerate(load[0]) if head.startswith(f"{largest['students']} students"))
    memory = next(row[column] for row in load if row[0].startswith("memory of all"))
    assert memory == f"{largest['together_mb'] / 1000:.1f} GB"
    assert needs[0] == list(hub_load.NEEDS)
    assert [row[0] for row in needs[1:]] == ["30", "30", "300", "300", "3,000", "3,000"]
    assert needs[1][2] == "30" and needs[5][2] == "3,000"  # in a lesson all are inside


def test_the_figures_that_are_stored_can_be_true():
    assert {"cores", "memory_gb"} <= STORED["machine"].keys()
    for run in STORED["runs"]:
        assert 0 < run["finished"] <= run["students"]
        assert run["finished"] + sum(run["failures"].values()) == run["students"]
        assert sum(run["failed_cells"].values()) <= run["cells"]
        assert run["startup_p50_s"] <= run["startup_p95_s"] and run["cell_p50_s"] <= run["cell_p95_s"]
        assert run["together_mb"] < STORED["machine"]["memory_gb"] * 1024 * 1.05
        assert run["own_cores"] + run["others_cores"] < STORED["machine"]["cores"] + 0.2


def test_the_page_names_the_machine_that_was_measured():
    machine = STORED["machine"]
    words = {2: "two", 4: "four", 8: "eight"}
    assert f"{words[machine['cores']]} cores and {machine['memory_gb']} GB" in PAGE


def test_the_page_says_what_the_sizes_assume():
    flat = " ".join(PAGE.split())
    assert sizing.Machine() == sizing.Machine(cores=8, memory_gb=64, own_gb=2)
    assert "machines of eight cores and 64 GB" in flat
    assert sizing.Habits() == sizing.Habits(60, 5, 60, visits_per_week=3, busy_hours_per_week=40)
    assert (
        "within five minutes" in flat and "three times a week, spread over forty hours, for an hour" in flat
    )
    assert sizing.MAY_WAIT == 0.2 and "four of five cells" in flat
    assert sizing.ALL_RUN_S == 5 and "the last waits five seconds" in flat
    assert sizing.SURE == 0.999 and "worst of a thousand moments" in flat


def test_a_missing_measurement_is_said_in_one_line(tmp_path):
    with pytest.raises(ExtensionError, match="make load"):
        hub_load.read_runs(tmp_path)


def test_the_page_shows_both_tables_and_its_commands_exist():
    assert "```{hub-load}\n```" in PAGE and "```{hub-sizing}\n```" in PAGE
    assert "book/hub" in (ROOT / "_toc.yml").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"^make (\w+)", PAGE, re.MULTILINE)):
        assert f"\n{target}:" in makefile
