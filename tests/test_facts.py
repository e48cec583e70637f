"""Fact cards: only what was run is called verified, and only as long as nothing changed."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat import v4

from tools import book, record
from tools.project import ROOT, notebooks

sys.path.append(str(ROOT / "book" / "_ext"))
import facts


def store(path, *sources_and_outputs) -> None:
    """A notebook whose cells claim these outputs."""
    cells = []
    for source, output in sources_and_outputs:
        result = v4.new_output("execute_result", {"text/plain": output}, execution_count=1)
        cells.append(v4.new_code_cell(source, outputs=[result] if output else [], execution_count=1))
    nbformat.write(v4.new_notebook(cells=cells), path)


@pytest.fixture(scope="module")
def proved(tmp_path_factory):
    """A folder in which one notebook held and one did not, and what was written about them."""
    folder = tmp_path_factory.mktemp("proof")
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    store(folder / "true.ipynb", ("x = 2", ""), ("x + 2", "4"), ("big = bytearray(40_000_000)", ""))
    store(folder / "false.ipynb", ("2 + 2", "5"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tools.record", "--nbval", "--nbval-current-env"]
    subprocess.run([*command, "--rootdir", folder, folder], cwd=ROOT, capture_output=True)
    return folder, record.read(folder / "_build" / "verified.json")


def test_only_a_notebook_whose_every_cell_held_is_verified(proved):
    folder, entries = proved
    entry = entries["true"]
    assert list(entries) == ["true"]
    assert (entry["cells"], entry["compared"]) == (3, 1)
    assert entry["fingerprint"] == record.fingerprint(folder / "true.ipynb")
    assert entry["date"] == datetime.now(UTC).date().isoformat()


def test_memory_and_time_are_those_of_the_kernel_that_ran(proved):
    entry = proved[1]["true"]
    assert 80 < entry["memory_mb"] < 400  # a kernel, and 40 MB on top
    assert 0.3 < entry["seconds"] < 60


def test_a_changed_notebook_is_not_called_verified(tmp_path, monkeypatch):
    path = tmp_path / "one.ipynb"
    path.write_text("as it was proved")
    entry = {"fingerprint": record.fingerprint(path), "date": "2026-01-02"}
    record.write(tmp_path / "kept.json", {"one": entry})
    monkeypatch.setattr(record, "FRESH", tmp_path / "missing.json")
    monkeypatch.setattr(record, "KEPT", tmp_path / "kept.json")
    assert record.verified(path)["stale"] is False
    path.write_text("changed since")
    assert record.verified(path)["stale"] is True
    assert record.verified(tmp_path / "other.ipynb") == {}


def test_a_proof_of_today_wins_over_one_that_was_kept(tmp_path, monkeypatch):
    path = tmp_path / "one.ipynb"
    path.write_text("as it is")
    for name, date in (("KEPT", "2026-01-02"), ("FRESH", "2026-03-04")):
        entry = {"fingerprint": record.fingerprint(path), "date": date}
        record.write(tmp_path / name, {"one": entry})
        monkeypatch.setattr(record, name, tmp_path / name)
    assert record.verified(path)["date"] == "2026-03-04"


def test_the_kept_proofs_speak_of_every_notebook():
    assert set(record.read(record.KEPT)) == {path.stem for path in notebooks()}


def test_packages_are_looked_for_behind_our_own_modules():
    found = facts.packages(["import json", "from coursekit import plots", "import yaml as y"])
    assert {"matplotlib", "PyYAML"} <= set(found)
    assert not {"coursekit", "json"} & set(found)


def test_a_day_is_written_out():
    assert facts.day("2026-11-03") == "3 November 2026"


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_each_chapter_shows_its_facts_and_the_table_of_all_has_its_row(path):
    site = book.ensure()
    page = BeautifulSoup((site / f"notebooks/{path.stem}.html").read_text("utf-8"), "html.parser")
    status = BeautifulSoup((site / "book/status.html").read_text("utf-8"), "html.parser")
    known, card = facts.facts(path), page.select_one("details.facts")
    proof = known["proof"]
    row = next(row for row in status.select("table.status tr") if row.select(f'a[href$="{path.stem}.html"]'))
    assert proof["day"] in card.summary.text and proof["date"] in row.text
    assert ("Verified on" in card.text) != proof["stale"]
    assert f"{proof['compared']}" in card.dl.text and f"{proof['memory_mb']} MB" in card.dl.text
    seeds = [c.source for c in nbformat.read(path, as_version=4).cells if "SEED = " in c.source]
    assert bool(known["seed"]) == bool(seeds) and (not seeds or f"SEED = {known['seed']}" in seeds[0])
    links = [link["href"] for link in card.select("dd a")]
    assert links == [f"{need}.html" for need in json_needs(path.stem)]


def json_needs(name: str) -> list[str]:
    """What the catalogue says that a chapter builds on, read without our own reader."""
    entries = json.loads((ROOT / "coursekit" / "data" / "catalogue.json").read_text("utf-8"))
    return next(entry["needs"] for entry in entries if entry["name"] == name)
