"""The built book in a real browser: every page wide and narrow, light and dark, by mouse and by keyboard."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

import pytest
import specimen
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from test_book import PAGES

from tools import book, serve

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
GRAVE = ("serious", "critical")
RULES = {  # colours depend on the theme, nothing else does
    "light": {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]},
    "dark": {"runOnly": ["color-contrast"]},
}
SHIFTS = """new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) window.shifted = (window.shifted ?? 0) + shift.value;
}).observe({ type: "layout-shift", buffered: true });"""
LINE = """() => [...document.querySelectorAll("article section > p")]
  .filter((p) => p.textContent.length > 150)
  .map((p) => p.getBoundingClientRect().width / parseFloat(getComputedStyle(p).fontSize) * 2)"""
THIN = """() => {
  const judged = new Set();
  for (const token of document.querySelectorAll(".highlight span")) {
    if (judged.has(token.className)) token.replaceWith(token.textContent);
    else judged.add(token.className);
  }
  for (const part of document.querySelectorAll("svg[role=img] > *")) part.remove();
}"""  # one token of each colour is enough, and a picture is read by its name: axe is slow on 15 000 elements

every_page = pytest.mark.parametrize("name", [*PAGES, "search", "404"])
every_width = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])


@dataclass
class Visit:
    """What a browser noticed while it opened one page."""

    address: str
    complaints: list[str] = field(default_factory=list)  # console errors, exceptions, answers of 400 and more
    hosts: set[str] = field(default_factory=set)  # that the page asked
    shifted: float = 0.0  # cumulative layout shift
    sideways: int = 0  # px that the page can be scrolled sideways
    line: float = 0.0  # longest line of prose, in characters
    findings: list[str] = field(default_factory=list)  # grave accessibility findings, in light and in dark


def serve_book(folder: Path) -> Iterator[str]:
    """The address of `folder` under the base path of the published site, for as long as it is used."""
    pages = serve.server(folder, serve.base_path())
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{pages.server_port}{serve.base_path()}"
    pages.shutdown()
    pages.server_close()


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    yield from serve_book(book.ensure())


@pytest.fixture(scope="session")
def sample(tmp_path_factory) -> Iterator[str]:
    """The address of the specimen's page: everything a notebook may hold."""
    for address in serve_book(specimen.build(tmp_path_factory.mktemp("specimen"))):
        yield address + specimen.PAGE


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=WIDE)
    context.set_default_timeout(5000)
    yield context.new_page()
    context.close()


def visit(browser: Browser, address: str, size: dict) -> Visit:
    """Open a page in a fresh profile, let everything on it load, and look at it in light and in dark."""
    seen = Visit(address)
    context = browser.new_context(viewport=size, color_scheme="light")
    context.set_default_timeout(5000)
    context.add_init_script(SHIFTS)
    tab = context.new_page()
    tab.on("request", lambda request: seen.hosts.update(filter(None, [urlparse(request.url).netloc])))
    tab.on("response", lambda answer: answer.status >= 400 and seen.complaints.append(answer.url))
    tab.on("console", lambda said: said.type == "error" and seen.complaints.append(said.text))
    tab.on("pageerror", lambda error: seen.complaints.append(str(error)))
    tab.goto(address)
    tab.evaluate("document.fonts.ready")
    seen.shifted = tab.evaluate("window.shifted ?? 0")
    seen.line = max(tab.evaluate(LINE), default=0)
    for box in tab.locator(".widget").all():
        box.scroll_into_view_if_needed()
    tab.locator("details.fold").evaluate_all("(all) => all.forEach((fold) => { fold.open = true })")
    seen.sideways = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
    tab.evaluate(THIN)
    for theme, rules in RULES.items():
        tab.evaluate("(theme) => { document.body.dataset.theme = theme }", theme)
        for rule in Axe().run(tab, options={**rules, "resultTypes": ["violations"]}).response["violations"]:
            if rule["impact"] in GRAVE:
                seen.findings += [f"{theme}: {rule['id']}: {node['html']}" for node in rule["nodes"]]
    context.close()
    return seen


@pytest.fixture(scope="session")
def visits(browser, site) -> dict:
    """All visits so far; each page is opened once at each width, however many tests ask about it."""
    known: dict[tuple[str, int], Visit] = {}

    def at(name: str, size: dict) -> Visit:
        key = (name, size["width"])
        if key not in known:
            known[key] = visit(browser, f"{site}{name}.html", size)
        return known[key]

    return at


@every_width
@every_page
def test_a_page_opens_without_complaint_and_asks_its_own_host_only(visits, site, name, size):
    seen = visits(name, size)
    assert seen.complaints == []
    assert seen.hosts == {urlparse(site).netloc}


@every_width
@every_page
def test_a_page_has_no_grave_accessibility_finding_in_light_or_dark(visits, name, size):
    assert visits(name, size).findings == []


@every_width
@every_page
def test_a_page_stays_where_it_is_while_it_loads_and_never_scrolls_sideways(visits, name, size):
    seen = visits(name, size)
    assert seen.shifted < 0.02
    assert seen.sideways <= 0


@every_page
def test_a_line_of_prose_holds_at_most_75_characters(visits, name):
    assert visits(name, WIDE).line <= 75


@every_width
def test_everything_a_notebook_may_hold_keeps_these_promises(browser, sample, size):
    seen = visit(browser, sample, size)
    assert (seen.complaints, seen.findings, len(seen.hosts)) == ([], [], 1)
    assert seen.shifted < 0.02 and seen.sideways <= 0


def test_the_first_tab_stop_skips_to_the_content(tab, site):
    tab.goto(f"{site}{PAGES[1]}.html")
    tab.keyboard.press("Tab")
    expect(tab.locator(":focus")).to_have_text("Skip to content")
    tab.keyboard.press("Enter")
    assert urlparse(tab.url).fragment == tab.locator("article").get_attribute("id")


def test_on_a_phone_the_menu_opens_and_closes_by_keyboard(browser, site):
    tab = browser.new_page(viewport=NARROW)
    tab.goto(f"{site}{PAGES[1]}.html")
    link = tab.locator(".sidebar-drawer").get_by_role("link", name="Systems", exact=True)
    expect(link).to_be_hidden()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    expect(link).to_be_in_viewport()
    tab.keyboard.press("Space")
    expect(link).to_be_hidden()
    tab.close()


def test_the_dark_theme_is_two_clicks_away_and_survives_a_reload(tab, site):
    dark = "document.body.dataset.theme === 'dark'"
    tab.goto(f"{site}index.html")
    for _ in range(2):  # from "as the system" over light to dark, or back
        if not tab.evaluate(dark):
            tab.locator(".theme-toggle-content button").click()
    tab.reload()
    assert tab.evaluate(dark)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"


def test_the_dark_theme_of_the_system_is_followed_without_a_click(browser, site):
    tab = browser.new_page(color_scheme="dark")
    tab.goto(f"{site}index.html")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    tab.close()


def test_a_lost_reader_gets_the_404_page_in_full_dress_and_finds_home(tab, site):
    answer = tab.goto(f"{site}notebooks/deep/nowhere.html")
    assert answer.status == 404
    expect(tab.locator(".sidebar-brand")).to_have_css("display", "flex")
    tab.get_by_role("link", name="the map of all chapters").click()
    assert tab.url == f"{site}index.html"


def test_without_javascript_every_word_is_there(browser, sample):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(sample)
    expect(tab.get_by_text("A figure that moves: it needs JavaScript").first).to_be_visible()
    tab.locator("summary", has_text="Solution").click()
    expect(tab.get_by_text("answer = 4")).to_be_visible()
    context.close()


def test_formulas_are_drawn_in_the_maths_font_and_no_other(tab, site):
    for name in PAGES:
        tab.goto(f"{site}{name}.html")
        tab.evaluate("document.fonts.ready")
        assert letters_in_other_fonts(tab) == set(), name


def letters_in_other_fonts(tab: Page) -> set[tuple[str, str]]:
    """Letters of formulas on this page that a font of the system had to draw, each with that font's name."""
    ask = tab.context.new_cdp_session(tab).send
    ask("DOM.enable")
    ask("CSS.enable")
    root = ask("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    found = set()
    leaves = ask("DOM.querySelectorAll", {"nodeId": root, "selector": "math :is(mi, mo, mn, mtext)"})[
        "nodeIds"
    ]
    texts = tab.locator("math :is(mi, mo, mn, mtext)").all_text_contents()
    for leaf, text in zip(leaves, texts, strict=True):
        fonts = ask("CSS.getPlatformFontsForNode", {"nodeId": leaf})["fonts"]
        found |= {(text, font["familyName"]) for font in fonts if not font["isCustomFont"]}
    return found


def test_a_figure_changes_its_colours_with_the_theme_and_has_no_card(tab, sample):
    tab.goto(sample)
    line = tab.locator("figure svg .line").first
    strokes = set()
    for theme in ("light", "dark"):
        tab.evaluate("(theme) => { document.body.dataset.theme = theme }", theme)
        strokes.add(line.evaluate("(line) => getComputedStyle(line).stroke"))
    assert strokes == {"rgb(0, 114, 178)", "rgb(86, 180, 233)"}
    card = tab.locator("figure svg").first.evaluate("(svg) => getComputedStyle(svg).backgroundColor")
    assert card == "rgba(0, 0, 0, 0)"


def test_two_equal_figures_on_a_page_share_no_name(tab, sample):
    tab.goto(sample)
    names = tab.locator("article [id]").evaluate_all("(all) => all.map((one) => one.id)")
    assert sum(name.endswith("dot") for name in names) == 2
    assert sorted(names) == sorted(set(names))


def test_a_figure_keeps_its_shape_at_every_width(tab, sample):
    for size in (WIDE, NARROW):
        tab.set_viewport_size(size)
        tab.goto(sample)
        box = tab.get_by_role("img", name="The wait grows with the load.").first.bounding_box()
        assert box["width"] / box["height"] == pytest.approx(504 / 259, rel=0.01)


def test_a_fold_opens_by_keyboard_and_says_what_is_inside(tab, sample):
    tab.goto(sample)
    expect(tab.get_by_text("answer = 4")).to_be_hidden()
    tab.locator("summary", has_text="Solution").focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("answer = 4")).to_be_visible()
    assert tab.locator("details.fold > summary").all_text_contents() == ["Show the source", "Solution"]


def test_a_copy_button_copies_the_code_of_its_cell(browser, sample):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.goto(sample)
    tab.get_by_role("button", name="Copy").first.focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("button.copybtn.success").first).to_be_visible()
    assert tab.evaluate("navigator.clipboard.readText()").startswith("total = number_0 + ")
    context.close()


def test_code_that_is_too_wide_can_be_reached_and_scrolled_by_keyboard(tab, sample):
    tab.goto(sample)
    tab.wait_for_load_state("load")
    assert tab.locator("pre[tabindex='0']").count() == 1
    tab.locator("pre[tabindex='0']").focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function("document.activeElement.scrollLeft > 0")


def test_a_stored_widget_moves_without_a_kernel(tab, sample):
    tab.goto(sample)
    views = tab.locator(".widget")
    views.nth(0).scroll_into_view_if_needed()
    expect(views.nth(0).locator("output")).to_have_text("one")
    views.nth(0).get_by_role("button").click()
    expect(views.nth(0).locator("output")).to_have_text("two")
    assert views.nth(0).get_by_role("button").evaluate("(b) => getComputedStyle(b).letterSpacing") == "7px"


def test_two_views_of_one_widget_move_together(tab, sample):
    tab.goto(sample)
    views = tab.locator(".widget")
    views.nth(1).scroll_into_view_if_needed()
    views.nth(1).get_by_role("button").click()
    expect(views.nth(0).locator("output")).to_have_text("two")


def test_a_widget_is_initialised_before_it_is_drawn(tab, sample):
    tab.goto(sample)
    tab.locator(".widget").nth(2).scroll_into_view_if_needed()
    expect(tab.locator(".ready")).to_have_text("yes")


def test_a_widget_that_fails_says_so_and_leaves_the_others_alone(tab, sample):
    tab.goto(sample)
    tab.locator(".widget").nth(3).scroll_into_view_if_needed()
    expect(tab.locator(".widget").nth(3)).to_contain_text("could not be drawn here (no such column)")
    expect(tab.locator(".widget").nth(0).get_by_role("button")).to_be_visible()


def test_only_pages_with_widgets_load_the_script_that_shows_them(tab, site, sample):
    tab.goto(f"{site}index.html")
    assert tab.locator("script[src*='host.js']").count() == 0
    tab.goto(sample)
    assert tab.locator("script[src*='host.js']").count() == 1


def test_on_paper_only_the_content_is_left_and_no_code_is_cut(tab, sample):
    tab.goto(sample)
    tab.emulate_media(media="print")
    for chrome in (".sidebar-drawer", ".toc-drawer", ".launch ul", "button.copybtn"):
        expect(tab.locator(chrome).first).to_be_hidden()
    cut = "(all) => all.filter((pre) => pre.scrollWidth > pre.clientWidth).length"
    assert tab.locator("pre").evaluate_all(cut) == 0
