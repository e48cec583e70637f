"""Cells that run in the page: real Python in a real Chromium, with the network cut off but for loopback."""

import gzip
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from test_pages import NARROW, SHIFTS, WIDE, serve_book

from tools import book, live, live_cells, node
from tools.project import ROOT, notebooks
from tools.tidy import VIEW

sys.path.append(str(ROOT / "book" / "_ext"))
import live as delivery  # the book's extension of that name

LAW = "notebooks/01_littles_law.html"
FIRST, LAST_LINES = "8daa96e2", "6e2ac206"  # `inside`, and L = λW from it
GUESS = "e84c5b2c"  # exercise 2: how many times as long at 90 % as at 60 %
GUESSED = "bffad276"  # the bakers get faster: readers guess before they see what that brings
COLD_S = 60
OUTPUTS = """() => Object.fromEntries([...document.querySelectorAll(".cell.runs")]
  .filter((cell) => cell.querySelector(".live-label span")?.textContent.startsWith("Live: "))
  .map((cell) => {
    const text = (box) => {
      const copy = box?.cloneNode(true);
      copy?.querySelectorAll("button, style").forEach((part) => part.remove());
      return copy?.textContent.trim() ?? "";
    };
    const [live, stored] = [cell.querySelector(".live > div"), cell.querySelector(".cell_output:not(.live)")];
    return [cell.id.replace("cell-", ""), [text(live), text(stored)]];
  }))"""
CDN = "https://cdn.jsdelivr.net/pyodide/v314.0.7/full/"
KNOWN = json.loads(live_cells.CELLS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    pages = book.ensure()
    if live.ensure() is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(node.ADVICE)
    yield from serve_book(pages)


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """Addresses that the page under test asked for, in order."""
    return []


@pytest.fixture(scope="module")
def tab(browser: Browser, site: str, asked: list[str]) -> Iterator[Page]:
    """One page for all tests of this module: Python starts once."""
    context = browser.new_context(viewport=WIDE)
    context.set_default_timeout(COLD_S * 1000)
    tab = context.new_page()
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(site + LAW)
    yield tab
    context.close()


def cell(tab: Page, name: str) -> Locator:
    return tab.locator(f"#cell-{name}")


def press_run(tab: Page, name: str) -> Locator:
    """Click Run beside a cell; returns its live output when the run is over."""
    box = cell(tab, name)
    box.scroll_into_view_if_needed()
    box.hover()
    box.get_by_role("button", name="Run", exact=True).click()
    return outcome(tab, name)


def outcome(tab: Page, name: str) -> Locator:
    box = cell(tab, name).locator(".live")
    expect(box.locator(".live-label span")).not_to_have_text(re.compile("Running"), timeout=COLD_S * 1000)
    expect(tab.get_by_role("button", name="Run all")).to_be_enabled(timeout=COLD_S * 1000)
    return box.locator("> div")


def status(tab: Page) -> Locator:
    return tab.locator(".run-bar [role=status]")


def write(tab: Page, name: str, code: str) -> None:
    """Put `code` into a cell, by keyboard."""
    cell(tab, name).get_by_role("button", name="Edit").focus()
    tab.keyboard.press("Enter")
    expect(cell(tab, name).locator(".cm-content")).to_be_focused()
    tab.keyboard.press("Control+a")
    tab.keyboard.insert_text(code)


def run_all(tab: Page, name: str) -> tuple[int, list[str]]:
    """Run every cell of the open page. Returns how many ran, and those whose text is not the stored one."""
    tab.get_by_role("button", name="Run all").click()
    expect(tab.get_by_role("button", name="Run all")).to_be_disabled()
    expect(tab.get_by_role("button", name="Run all")).to_be_enabled(timeout=300_000)
    cells = live_cells.code_cells(next(path for path in notebooks() if path.stem == name))
    found = tab.evaluate(OUTPUTS)
    drawn = {
        name for name, one in cells.items() if not any(_plain(out) for out in one.outputs) and one.outputs
    }
    loose = {name for name, one in cells.items() if "nbval-ignore-output" in one.metadata.get("tags", [])}
    return len(found), [
        one for one, (live, stored) in found.items() if live != stored and one not in drawn | loose
    ]


def _plain(output: dict) -> bool:
    return output.output_type == "stream" or not {"image/svg+xml", VIEW} & output.data.keys()


def test_each_live_notebook_is_measured_cell_by_cell_and_its_reasons_are_of_its_cells():
    assert KNOWN.keys() == {path.stem for path in notebooks()}
    for path in notebooks():
        entry = KNOWN[path.stem]
        assert entry["cells"] == list(live_cells.code_cells(path)), (
            f"run python -m tools.live_cells {path.stem[:2]}"
        )
        assert entry["needs"].keys() <= set(entry["cells"]) and all(entry["needs"].values())


def test_the_first_three_chapters_are_live():
    names = [path.stem for path in live.live_notebooks()]
    assert names[:3] == ["01_littles_law", "02_hash_tables", "03_consensus"]


def test_the_lock_of_npm_names_no_host_and_each_package_by_its_hash():
    text = (live.HOME / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in text and "://" not in text
    packages = json.loads(text)["packages"]
    assert all("integrity" in entry for name, entry in packages.items() if name)


def test_a_second_build_asks_neither_npm_nor_anything_else(monkeypatch):
    monkeypatch.setattr(live.node, "ensure", lambda: pytest.fail("Node.js was asked for"))
    start = time.process_time()
    assert live.ensure() == live.OUT
    assert time.process_time() - start < 3


def test_where_there_is_no_node_the_book_is_built_without_run_and_says_so(tmp_path, monkeypatch, capsys):
    def nothing():
        raise live.node.NoNode("install Node.js")

    monkeypatch.setattr(live, "OUT", tmp_path / "live")
    monkeypatch.setattr(live, "SHOP", tmp_path / "npm")
    monkeypatch.setattr(live.node, "ensure", nothing)
    assert live.ensure() is None
    assert capsys.readouterr().out == "The book is built without cells that run: install Node.js\n"


def test_pages_that_are_made_again_find_python_and_jupyterlite_in_their_place(tmp_path):
    for name in ("_build/live/python.zip", "_build/lite/key.txt", "_build/lite/index.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    app = SimpleNamespace(srcdir=tmp_path, outdir=tmp_path / "html", live={"a page": {}})
    for _ in range(2):
        delivery._deliver(app, None)
    assert (tmp_path / "html/_static/live/python.zip").exists() and (
        tmp_path / "html/lite/index.html"
    ).exists()


def test_before_a_click_nothing_but_a_small_script_is_loaded(tab, site, asked):
    assert {urlparse(url).netloc for url in asked} == {urlparse(site).netloc}
    static = [urlparse(url).path.partition("/_static/")[2] for url in asked]
    ours = {name for name in static if name.startswith("live/")}
    scripts = [*(ours - {"live/live.css"}), "widget.js"]
    sizes = [len(gzip.compress((book.html_folder() / "_static" / name).read_bytes())) for name in scripts]
    assert sum(sizes) < 8000
    assert tab.locator(".run-cost").inner_text().count("MB") == 2


def test_the_first_output_comes_soon_and_is_the_stored_one(tab, asked):
    stored = cell(tab, FIRST).locator(".cell_output:not(.live)").inner_text().strip()
    before, start = len(asked), time.monotonic()
    box = press_run(tab, FIRST)
    expect(box).to_have_text(stored)
    assert time.monotonic() - start < COLD_S
    files = [live.OUT / url.split("/_static/live/")[1] for url in asked[before:] if "/_static/live/" in url]
    fetched = sum(len(gzip.compress(path.read_bytes())) for path in files if path.exists())
    assert 5e6 < fetched < 9e6
    assert status(tab).inner_text() == f"Done. Output: {stored}"


def test_a_cell_runs_first_what_it_needs(tab):
    tab.evaluate("window.said = []")
    tab.evaluate("""() => {
      const status = document.querySelector(".run-status");
      new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true });
    }""")
    box = press_run(tab, "887df18c")
    expect(box).to_be_empty()
    expect(cell(tab, "887df18c").locator(".live-label span")).to_contain_text("no output")
    assert any("1 cell that this one needs" in text for text in tab.evaluate("said"))
    expect(cell(tab, LAST_LINES).locator(".live > div")).to_have_text("(1.3, 0.5, 2.6, 1.3)")


def test_the_stored_output_is_one_click_away(tab):
    box = cell(tab, FIRST)
    stored, fresh = box.locator(".cell_output:not(.live)"), box.locator(".live > div")
    expect(stored).to_be_hidden()
    box.get_by_role("button", name="Show stored output").click()
    expect(stored).to_be_visible()
    expect(fresh).to_be_hidden()
    box.get_by_role("button", name="Show live output").click()
    expect(fresh).to_be_visible()


def test_a_widget_of_a_live_cell_is_drawn_from_its_state(tab):
    box = press_run(tab, "862ec35a")
    expect(box.locator(".widget")).to_contain_text("let the pieces fall")


def test_numpy_is_asked_for_at_its_own_address_and_its_absence_is_said(tab, asked):
    assert not any(url.startswith(CDN) for url in asked)
    box = press_run(tab, "e25be818")
    expect(box).to_contain_text("numpy could not be fetched from cdn.jsdelivr.net")
    foreign = [
        url for url in asked if url.startswith("http") and urlparse(url).netloc != urlparse(tab.url).netloc
    ]
    assert foreign and all(re.match(rf"{re.escape(CDN)}numpy-[\d.]+-cp314\S*\.whl$", url) for url in foreign)
    expect(cell(tab, "e25be818").locator(".cell_output:not(.live)")).to_be_visible()


def test_whoever_runs_a_cell_need_not_guess_its_output_any_more(tab):
    guess = cell(tab, GUESSED).locator("details.reveal")
    expect(guess).not_to_have_attribute("open", "")
    press_run(tab, GUESSED)
    expect(guess).to_have_attribute("open", "")


def test_a_cell_that_cannot_run_here_says_so_instead_of_run(tab):
    box = cell(tab, next(iter(KNOWN["01_littles_law"]["needs"])))
    expect(box.get_by_role("link", name="needs JupyterLab")).to_have_attribute("href", "#launch")
    expect(box.get_by_role("button", name="Run", exact=True)).to_have_count(0)


def test_an_edit_by_keyboard_runs_and_its_error_shows_the_readers_line(tab):
    write(tab, FIRST, 'print("counting")\ninside = [1, 2][5]')
    tab.keyboard.press("Control+Enter")
    box = outcome(tab, FIRST)
    expect(box).to_contain_text("counting")
    error = box.locator(".traceback").inner_text()
    lines = ["Traceback (most recent call last):", "  this cell, line 2", "    inside = [1, 2][5]"]
    assert error.splitlines() == [*lines, "IndexError: list index out of range"]
    assert "IndexError" in status(tab).inner_text()
    tab.keyboard.press("Escape")
    expect(cell(tab, FIRST).get_by_role("button", name="Run", exact=True)).to_be_focused()


def test_output_streams_while_a_cell_runs_and_stop_ends_it(tab):
    write(tab, FIRST, 'print("on and on")\nwhile True:\n    pass')
    tab.keyboard.press("Control+Enter")
    expect(cell(tab, FIRST).locator(".live")).to_contain_text("on and on")
    tab.get_by_role("button", name="Stop").click()
    expect(status(tab)).to_contain_text("variables are gone")
    expect(cell(tab, FIRST).locator(".live-label span")).to_have_text("Stopped")


def test_an_edit_survives_a_reload_and_restore_takes_it_back(tab):
    tab.reload()
    expect(cell(tab, FIRST).locator("pre").first).to_contain_text("on and on")
    cell(tab, FIRST).hover()
    expect(cell(tab, FIRST).locator(".tools")).to_contain_text("edited")
    cell(tab, FIRST).get_by_role("button", name="Restore").click()
    expect(cell(tab, FIRST).locator("pre").first).to_contain_text("MORNING: list[Visit]")
    tab.reload()
    expect(cell(tab, FIRST).locator("pre").first).to_contain_text("MORNING: list[Visit]")


def test_an_edit_of_an_older_edition_is_offered_and_not_lost(tab):
    note = {FIRST: {"code": "inside = 'mine'", "of": "another"}}
    tab.evaluate("(note) => localStorage.setItem('live:01_littles_law', JSON.stringify(note))", note)
    tab.reload()
    expect(cell(tab, FIRST).locator("pre").first).to_contain_text("MORNING: list[Visit]")
    cell(tab, FIRST).hover()
    cell(tab, FIRST).get_by_role("button", name="Show my earlier edit").click()
    expect(cell(tab, FIRST).locator("pre").first).to_have_text("inside = 'mine'")


def test_reset_gives_code_and_outputs_back_as_published(tab):
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.get_by_role("button", name="Reset").click()
    expect(cell(tab, FIRST).locator("pre").first).to_contain_text("MORNING: list[Visit]")
    expect(tab.locator(".cell_output.live")).to_have_count(0)
    assert tab.evaluate("localStorage.getItem('live:01_littles_law')") is None


def test_an_exercise_is_solved_in_the_page_and_shift_enter_goes_on(tab):
    published = cell(tab, GUESS).locator("pre").first.inner_text()
    write(tab, GUESS, published.replace("my_guess = ...", "my_guess = 5"))
    tab.keyboard.press("Control+Enter")
    expect(outcome(tab, GUESS).locator(".verdict")).to_contain_text("5 is below it. Hint 1")
    write(tab, GUESS, published.replace("my_guess = ...", "my_guess = 6"))
    tab.keyboard.press("Shift+Enter")
    expect(outcome(tab, GUESS).locator(".verdict.solved")).to_have_text("✓ Exercise 2: 6 it is.")
    cells = live_cells.code_cells(notebooks(["01"])[0])
    below = list(cells)[list(cells).index(GUESS) + 1 :]
    folded = {name for name in below if "hide-cell" in cells[name].metadata.get("tags", [])}
    following = next(name for name in below if name not in folded | KNOWN["01_littles_law"]["needs"].keys())
    assert folded and tab.evaluate("document.activeElement.closest('.cell').id") == f"cell-{following}"


def test_all_cells_that_run_without_numpy_give_their_stored_outputs(tab):
    """Thirty of them in this chapter; test_live_all.py has the others."""
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.get_by_role("button", name="Reset").click()
    ran, differ = run_all(tab, "01_littles_law")
    assert ran >= 25 and differ == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_nothing_moves_when_buttons_come(browser, site, size):
    tab = browser.new_page(viewport=size, has_touch=size is NARROW)
    tab.add_init_script(SHIFTS)
    tab.goto(site + LAW)
    tab.evaluate("document.fonts.ready")
    assert tab.evaluate("window.shifted ?? 0") < 0.02
    if size is NARROW:
        expect(cell(tab, FIRST).get_by_role("button", name="Run", exact=True)).to_be_visible()
    tab.close()
