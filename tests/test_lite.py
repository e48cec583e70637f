"""JupyterLite under /lite/: a live notebook opens and runs there, with the network cut off."""

import os

import pytest
from playwright.sync_api import expect
from test_pages import WIDE, serve_book

from tools import book, lite

PATIENCE_MS = 90_000


@pytest.fixture(scope="module")
def site():
    if not lite.is_ready() and os.environ.get("CI") != "true":
        pytest.skip("JupyterLite is not set up here: python -m tools.lite")
    pages = book.ensure()
    if not (pages / "lite").exists():
        pages = book.build()
    yield from serve_book(pages)


def test_a_notebook_opens_from_its_chapter_and_its_first_cells_run(browser, site):
    tab = browser.new_page(viewport=WIDE)
    tab.set_default_timeout(PATIENCE_MS)
    tab.goto(f"{site}notebooks/01_littles_law.html")
    tab.get_by_role("link", name="JupyterLite").click()
    codes = tab.locator(".jp-CodeCell")
    for number in (0, 1):
        codes.nth(number).locator(".cm-content").click()
        tab.keyboard.press("Shift+Enter")
    expect(codes.nth(1).locator(".jp-OutputArea-output")).to_have_text(
        "[1, 2, 3, 2, 1, 0, 1, 2, 1, 0]", timeout=PATIENCE_MS
    )
    tab.close()
