"""A pytest plugin: what running the notebooks cost, and which held, for the fact cards of the book.

`make test ARGS=notebooks` loads it; it writes `_build/verified.json`, one entry for each notebook whose every
cell passed. `python -m tools.record` keeps those as `book/verified.json`, which a book built elsewhere shows.
"""

import hashlib
import json
import platform
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import psutil

from tools.project import ROOT

FRESH = ROOT / "_build" / "verified.json"
KEPT = ROOT / "book" / "verified.json"
MEMORY = "memory_mb"
UNCOMPARED = {"nbval-ignore-output", "nbval-skip"}


def fingerprint(notebook: Path) -> str:
    """Of the bytes that were proved: a notebook that changed since is not what an entry speaks of."""
    return hashlib.sha256(notebook.read_bytes()).hexdigest()[:16]


def read(path: Path) -> dict[str, dict]:
    """The entries of `path` by notebook; none where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(path: Path, entries: dict[str, dict]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(entries, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def verified(notebook: Path) -> dict:
    """The newest proof of this very notebook; without one, the last that is known of it, called stale."""
    known = [entries[notebook.stem] for path in (FRESH, KEPT) if notebook.stem in (entries := read(path))]
    ours = [entry for entry in known if entry["fingerprint"] == fingerprint(notebook)]
    newest = max(ours or known, key=lambda entry: entry["date"], default={})
    return newest | {"stale": not ours} if newest else {}


def _memory_mb(kernel: psutil.Process) -> float:
    """Resident memory of a kernel and of all that it has started."""
    total = 0
    for process in [kernel, *kernel.children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


class Recorder:
    """Adds up, over the processes that share the tests, what each notebook's cells report."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seconds: dict[str, float] = defaultdict(float)
        self.memory: dict[str, float] = defaultdict(float)
        self.cells: dict[str, int] = defaultdict(int)
        self.failed: set[str] = set()

    def pytest_runtest_teardown(self, item) -> None:
        kernel = getattr(item.parent, "kernel", None)
        if kernel is not None:
            process = psutil.Process(kernel.km.provisioner.process.pid)
            item.user_properties.append((MEMORY, _memory_mb(process)))

    def pytest_runtest_logreport(self, report) -> None:
        notebook = report.nodeid.partition("::")[0]
        if not notebook.endswith(".ipynb"):
            return
        self.seconds[notebook] += report.duration
        self.cells[notebook] += report.when == "call" and report.passed
        if report.failed:
            self.failed.add(notebook)
        memory = dict(report.user_properties).get(MEMORY, 0)
        self.memory[notebook] = max(self.memory[notebook], memory)

    def pytest_sessionfinish(self, session) -> None:
        if hasattr(session.config, "workerinput"):
            return  # one of several: the controller writes
        passed = {Path(name).stem: self._entry(name) for name in self.seconds if self._whole(name)}
        fresh = self.root / FRESH.relative_to(ROOT)
        write(fresh, read(fresh) | passed)

    def _whole(self, name: str) -> bool:
        return name not in self.failed and self.cells[name] == len(_cells(self.root / name, {"nbval-skip"}))

    def _entry(self, name: str) -> dict:
        notebook = self.root / name
        return {
            "fingerprint": fingerprint(notebook),
            "date": datetime.now(UTC).date().isoformat(),
            "seconds": round(self.seconds[name], 1),
            "memory_mb": round(self.memory[name]),
            "cells": self.cells[name],
            "compared": sum(bool(cell.outputs) for cell in _cells(notebook, UNCOMPARED)),
            "python": platform.python_version(),
        }


def _cells(notebook: Path, without: set[str]) -> list:
    """The code cells that carry none of these tags."""
    cells = nbformat.read(notebook, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    return [cell for cell in code if not without & set(cell.metadata.get("tags", []))]


def pytest_configure(config) -> None:
    config.pluginmanager.register(Recorder(config.rootpath), "recorder")


def main() -> int:
    """Keep what the last run proved, so that a book that is built without a run can say it too."""
    fresh = read(FRESH)
    if not fresh:
        print("Nothing is proved yet: run `make test ARGS=notebooks` first.", file=sys.stderr)
        return 1
    write(KEPT, read(KEPT) | fresh)
    print(f"{len(fresh)} notebooks: {KEPT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
