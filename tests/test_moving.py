"""Every figure that moves, in the published page with no kernel: by keyboard, and with words beside it."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from test_pages import WIDE, serve_book

from tools import book
from tools.project import notebooks
from tools.tidy import VIEW

CONTROLS = "button, input, select, textarea, summary, [tabindex='0'], [role=slider]"
KEYS = {"range": ["ArrowRight", "ArrowLeft"], "radio": ["Space", "ArrowDown"], "checkbox": ["Space"]}
SHOWN = """(box) => box.innerHTML
  + [...box.querySelectorAll("input, select")].map((it) => it.value + it.checked).join()"""
IN_WORDS = """(box) => [
  ...[...box.querySelectorAll("[aria-label]")].map((it) => it.getAttribute("aria-label")),
  box.innerText,
].join(" ").trim()"""


def moving(path) -> int:
    """How many views of widgets a notebook has stored."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return sum(VIEW in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))


CHAPTERS = [path.stem for path in notebooks() if moving(path)]


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    yield from serve_book(book.ensure())


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=WIDE)
    context.set_default_timeout(5000)
    yield context.new_page()
    context.close()


def drawn(box: Locator) -> Locator:
    """The figure, once it stands in place of the sentence for readers without JavaScript."""
    box.scroll_into_view_if_needed()
    expect(box).not_to_contain_text("it needs JavaScript here")
    expect(box).not_to_contain_text("could not be drawn")
    return box


def answers_to_keys(box: Locator) -> bool:
    """Does what is shown change when its controls are used by keyboard alone?"""
    before = box.evaluate(SHOWN)
    for control in box.locator(CONTROLS).all():
        if not control.is_visible() or control.is_disabled():
            continue
        kind = control.get_attribute("type") or control.evaluate("(it) => it.tagName.toLowerCase()")
        control.focus()
        for key in KEYS.get(kind, ["ArrowDown", "ArrowRight", "Enter", "Space"]):
            control.page.keyboard.press(key)
            control.page.wait_for_timeout(40)
            if box.evaluate(SHOWN) != before:
                return True
            if not control.is_visible():
                break
    return False


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_moving_figure_of_a_chapter_answers_to_keys_and_says_what_it_shows(tab, site, name):
    tab.goto(f"{site}notebooks/{name}.html")
    boxes = tab.locator(".widget").all()
    assert boxes
    for number, box in enumerate(boxes, start=1):
        drawn(box)
        assert answers_to_keys(box), f"figure {number} does not move by keyboard"
        assert len(box.evaluate(IN_WORDS)) > 40, f"figure {number} has no words"
