"""Fixtures, and the guard that keeps tests on this machine."""

import os
import signal
from collections.abc import Iterator

import pytest
from chapters import policies
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from coursekit import rehearsal
from tools import chromium
from tools.project import notebook_environment

AMONG_NOTEBOOKS = notebook_environment()
PROMTOOLS = {
    name: os.environ[name] for name in ("PROMETHEUS_BIN",) if name in os.environ
}  # a tool, no setting
os.environ.clear()
os.environ.update(AMONG_NOTEBOOKS | PROMTOOLS)  # for processes that tests start,
import tools.offline.sitecustomize  # noqa: E402, F401  and for this one

settings.register_profile("course", deadline=None)  # a busy machine is no defect
settings.load_profile("course")

# Started in the background, a shell's children ignore Ctrl-C; those that tests start and stop must not.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def policies_of_this_chapter(request: pytest.FixtureRequest) -> None:
    """All test files are imported before the first test, so another chapter may hold a model of this name."""
    for registered in policies(request.module):
        rehearsal.policies.update(registered)


@pytest.fixture(autouse=True)
def policies_of_notebooks() -> Iterator[None]:
    """Scripted models that chapters registered when they were imported: still there for the next test."""
    known = dict(rehearsal.policies)
    yield
    rehearsal.policies.clear()
    rehearsal.policies.update(known)


@pytest.fixture
def empty_stage() -> None:
    """No scripted model is known yet, and nothing has gone over the wire."""
    rehearsal.policies.clear()
    rehearsal.log.clear()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium that reaches loopback only, shared by all tests of a session. Under CI it must be there."""
    path = chromium.find()
    if path is None:
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up(f"no browser, so nothing was opened: {chromium.ADVICE}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
        yield browser
        browser.close()
