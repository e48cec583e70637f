"""Open in your hub: the reader's own JupyterHub, its address entered once."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlparse

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect
from test_pages import serve_book

from tools import book
from tools.project import ROOT

CHAPTER = "notebooks/20_langchain"
REPOSITORY = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    yield from serve_book(book.ensure())


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(5000)
    yield context.new_page()
    context.close()


def pulled(url: str, folder: str = "") -> dict[str, list[str]]:
    """What an address asks nbgitpuller for."""
    hub = f"https://hub.example.org{folder}/hub/user-redirect/git-pull"
    assert urlparse(url)._replace(query="").geturl() == hub
    return parse_qs(urlparse(url).query)


@pytest.mark.parametrize(
    ("typed", "folder"),
    [
        ("https://hub.example.org", ""),
        ("https://hub.example.org/hub/home", ""),
        ("https://hub.example.org/teaching/", "/teaching"),
    ],
)
def test_an_address_is_entered_once_and_then_one_click_opens_the_notebook(tab, site, typed, folder):
    tab.goto(f"{site}{CHAPTER}.html")
    tab.locator(".hub summary").click()
    tab.get_by_label("Address of your JupyterHub").fill(typed)
    with tab.expect_request("https://hub.example.org/**") as asked:  # no such host is there to answer
        tab.get_by_role("button", name="Open", exact=True).click()
    wanted = {"repo": [REPOSITORY], "branch": ["main"], "urlpath": [f"lab/tree/live/{CHAPTER}.ipynb"]}
    assert pulled(asked.value.url, folder) == wanted
    tab.goto(f"{site}notebooks/21_langgraph.html")
    link = tab.get_by_role("link", name="Open in your hub")
    known = pulled(link.get_attribute("href"), folder)
    assert known["urlpath"] == ["lab/tree/live/notebooks/21_langgraph.ipynb"]
    expect(tab.locator(".hub summary")).to_have_text("Change hub")


def test_what_is_no_address_opens_nothing(tab, site):
    tab.goto(f"{site}{CHAPTER}.html")
    tab.locator(".hub summary").click()
    tab.get_by_label("Address of your JupyterHub").fill("my hub")
    tab.get_by_role("button", name="Open", exact=True).click()
    assert tab.url == f"{site}{CHAPTER}.html"
    expect(tab.get_by_role("link", name="Open in your hub")).to_have_count(0)
