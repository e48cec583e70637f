"""JupyterLab in a real browser: a learner opens a notebook, runs it from the menu and moves a slider."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest
from playwright.sync_api import Browser, Page

from tools.project import NOTEBOOKS, ROOT

NOTEBOOK = "01_littles_law.ipynb"
START_LIMIT_S, RUN_LIMIT_S = 60, 240

CODE = "jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code')"
IS_OPEN = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
ALL_RAN = f"() => {CODE}.every(cell => cell.model.executionCount)"
OUTPUTS = f"() => {CODE}.flatMap(cell => cell.model.outputs.toJSON())"
MOVING = ".ck:has(input[type=range]):has(.ck-figure)"
CHANGED = "([figure, before]) => figure.innerHTML !== before"


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address that `make learn` says, with a copy of the notebook without outputs, for a new user."""
    home = tmp_path_factory.mktemp("home")
    notebook = nbformat.read(NOTEBOOKS / NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    (home / "course").mkdir()
    nbformat.write(notebook, home / "course" / NOTEBOOK)
    folders = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | folders | {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
    command = [sys.executable, "-m", "tools.learn", "--no-browser", "--LabApp.expose_app_in_browser=True"]
    command.append(f"--ServerApp.root_dir={home / 'course'}")
    log = home / "log"
    with log.open("w") as errors:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    address = re.search(r"http://127\.0\.0\.1:\d+/lab\?token=\w+", server.stdout.readline())[0]
    give_up = time.monotonic() + START_LIMIT_S
    while not answers(address):
        assert server.poll() is None and time.monotonic() < give_up, (
            f"JupyterLab did not start\n{log.read_text()}"
        )
        time.sleep(0.2)
    yield address
    server.terminate()
    server.wait(START_LIMIT_S)
    server.stdout.close()


def answers(address: str) -> bool:
    try:
        with urlopen(address):
            return True
    except URLError:
        return False


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield page
    page.close()


def test_a_learner_runs_the_notebook_from_the_menu_and_a_moved_slider_changes_the_figure(
    lab: str, page: Page
):
    foreign = []
    page.on("request", lambda asked: foreign.append(asked.url) if is_foreign(asked.url) else None)
    page.goto(lab.replace("/lab?", f"/lab/tree/{NOTEBOOK}?"))
    page.wait_for_function(IS_OPEN, timeout=START_LIMIT_S * 1000)

    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(ALL_RAN, timeout=RUN_LIMIT_S * 1000)
    assert [output["ename"] for output in page.evaluate(OUTPUTS) if output["output_type"] == "error"] == []

    sliders = page.locator(MOVING)
    assert sliders.count() > 0
    for widget in sliders.all():
        slider, figure = widget.locator("input[type=range]").first, widget.locator(".ck-figure")
        slider.press("Home")
        before = figure.inner_html()
        slider.press("ArrowRight")  # a shortcut of JupyterLab too, which must not win here
        page.wait_for_function(CHANGED, arg=[figure.element_handle(), before])

    assert page.get_by_role("alert").count() == 0, "something pops up at the first start"
    assert foreign == [], "JupyterLab asks other hosts"


def is_foreign(address: str) -> bool:
    return address.startswith("http") and not address.startswith("http://127.0.0.1:")
