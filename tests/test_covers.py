"""Covers: true to their chapters, small, in the colours of the theme, shown wherever a chapter is named."""

import gzip
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import test_book
from bs4 import BeautifulSoup
from PIL import Image
from playwright.sync_api import Page, expect
from sphinx.errors import ExtensionError
from test_book import CHAPTERS, PAGES, SITE, meta, page
from test_pages import NARROW, WIDE, serve_book

from tools import book, covers
from tools.drawings import canvas, cards
from tools.project import ROOT

FILES = sorted(covers.HOME.glob("*.svg"))
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in FILES}
NAMES = [name.removeprefix("notebooks/") for name in CHAPTERS]
CHEAP = ["course", *(NAMES[number - 1] for number in (1, 2, 3, 5, 10, 12, 13, 14, 16))]
HEAVIEST, TYPICAL, HEAVIEST_CARD, ALL_CARDS = 12_000, 4_000, 60_000, 1_500_000  # bytes
STYLE = (ROOT / "book" / "_static" / "course.css").read_text(encoding="utf-8")
LIGHT = dict(re.findall(r"(--[\w-]+): light-dark\((#\w{6}), #\w{6}\)", STYLE))

every_cover = pytest.mark.parametrize("name", TEXTS)
site = test_book.site
extension = test_book.course_map.covers  # book/_ext/covers.py


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from serve_book(book.ensure())


@pytest.fixture
def tab(browser) -> Iterator[Page]:
    context = browser.new_context(viewport=WIDE)
    context.set_default_timeout(5000)
    yield context.new_page()
    context.close()


def head(site: Path, name: str) -> BeautifulSoup:
    """A page down to the end of its title: quicker to read than a whole chapter."""
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    return BeautifulSoup(text[: text.index("</h1>", text.index("<article"))], "html.parser")


def picture_of(name: str, pages: dict[str, str]) -> str:
    """The card that a page should show."""
    own = name.rpartition("/")[2]
    return own if own in pages else "course"


def test_each_chapter_and_the_front_page_have_a_cover_and_no_other_file_lies_there():
    assert sorted(TEXTS) == sorted(covers.names()) == sorted(["course", *NAMES])


@pytest.mark.parametrize("name", CHEAP)
def test_a_cover_drawn_anew_is_the_one_that_is_stored(name):
    said = f"the chapter has moved on: make covers ARGS={name[:2]}"
    assert covers.draw(name).svg() == TEXTS[name], said


@every_cover
def test_a_cover_is_well_formed_and_says_in_words_what_it_shows(name):
    root = ElementTree.fromstring(TEXTS[name])
    assert root.get("viewBox") == "0 0 1200 320" and root.get("role") == "img"
    assert 60 < len(root.get("aria-label")) < 200 and root.get("aria-label").endswith(".")
    assert {part.tag.rpartition("}")[2] for part in root} == {"path"}, "no text, no style, no script"
    assert not any("id" in part.attrib for part in root.iter())


@every_cover
def test_a_cover_has_the_colours_of_the_theme_and_alone_those_of_the_light_page(name):
    used = set(re.findall(r'(?:fill|stroke)="([^"]+)"', TEXTS[name])) - {"none", "currentColor"}
    named = [re.fullmatch(r"var\((--[\w-]+),(#\w{6})\)", colour) for colour in used]
    assert all(named) and all(LIGHT[one[1]] == one[2] for one in named)


@every_cover
def test_a_cover_stays_inside_its_strip(name):
    starts = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", TEXTS[name])
    assert starts and all(0 <= float(x) <= 1200 and 0 <= float(y) <= 320 for x, y in starts)


def test_covers_are_small():
    sizes = [len(gzip.compress(text.encode())) for text in TEXTS.values()]
    assert max(sizes) <= HEAVIEST and statistics.median(sizes) <= TYPICAL


def test_a_drawing_of_one_colour_is_one_path_whatever_it_is_made_of():
    drawn = canvas.Canvas("Words & more.")
    drawn.dots("measured", [(1, 2), (3, 4)])
    drawn.boxes("alarm", [])
    root = ElementTree.fromstring(drawn.svg())
    assert [part.get("d") for part in root] == ["M1 2h0M3 4h0"] and root.get("aria-label") == "Words & more."


def test_each_card_shows_its_page_as_it_is_now():
    pages = cards.pages()
    assert sorted(path.stem for path in cards.HOME.glob("*.png")) == sorted(pages)
    stale = [name for name, html in pages.items() if not cards.is_fresh(cards.HOME / f"{name}.png", html)]
    assert stale == [], "make covers"
    assert cards.is_fresh(cards.ICON, cards.icon_page())


def test_cards_have_the_size_that_is_shared_and_are_small():
    files = list(cards.HOME.glob("*.png"))
    assert {Image.open(path).size for path in files} == {(1200, 630)}
    assert Image.open(cards.ICON).size == (180, 180)
    sizes = [path.stat().st_size for path in files]
    assert max(sizes) < HEAVIEST_CARD and sum(sizes) < ALL_CARDS


def test_few_colours_are_enough_for_a_card_and_its_grounds_are_those_of_the_page():
    for path in cards.HOME.glob("*.png"):
        picture = Image.open(path).convert("RGB")
        corners = [f"#{bytes(picture.getpixel(spot)).hex()}" for spot in ((2, 2), (2, 627))]
        assert corners == [LIGHT["--color-background-secondary"], LIGHT["--color-background-primary"]]


@pytest.mark.parametrize("name", PAGES)
def test_a_shared_link_shows_the_card_of_its_page(site, name):
    document = head(site, name)
    picture = meta(document, "og:image").removeprefix(SITE)
    assert picture == f"cards/{picture_of(name, cards.pages())}.png"
    assert (site / picture).read_bytes() == (cards.HOME.parent / picture).read_bytes()
    assert (meta(document, "og:image:width"), meta(document, "og:image:height")) == ("1200", "630")
    assert (
        meta(document, "twitter:card") == "summary_large_image" and len(meta(document, "og:image:alt")) > 20
    )
    assert len(document.select('meta[property="og:image"]')) == 1


@pytest.mark.parametrize("name", [name for name in PAGES if name in CHAPTERS])
def test_a_chapter_opens_with_its_cover_above_its_title(site, name):
    drawn = head(site, name).select("article > figure.cover > svg[role=img]")
    assert len(drawn) == 1
    own = ElementTree.fromstring(TEXTS[name.removeprefix("notebooks/")])
    assert [part["d"] for part in drawn[0].select("path")] == [part.get("d") for part in own]


@pytest.mark.parametrize("name", ["index", *(f"book/{name}" for name in ("systems", "llm", "agents"))])
def test_a_list_of_chapters_shows_their_covers_without_a_second_name_or_a_file_to_load(site, name):
    items = page(site, name).select(".chapters > li")
    assert items and all(len(item.select("svg[aria-hidden=true]:not([role])")) == 1 for item in items)
    assert all(re.search(r"\d+ minutes", item.text) for item in items if item.find("a"))
    assert not page(site, name).select("article img")


def test_the_front_page_with_all_covers_is_lighter_than_a_photograph(site):
    assert len(gzip.compress((site / "index.html").read_bytes())) < 50_000


def test_a_notebook_without_a_cover_stops_the_build_in_one_line_that_says_how_to_draw_one(tmp_path):
    app, env = SimpleNamespace(srcdir=tmp_path), SimpleNamespace(found_docs={"index", "notebooks/22_new"})
    with pytest.raises(ExtensionError, match=r"^notebooks/22_new has no cover: .*make covers ARGS=22_new"):
        extension._check(app, env)


def test_a_page_names_an_icon_for_telephones_and_the_colour_of_the_frame(site):
    document = head(site, PAGES[-1])
    assert document.select_one('link[rel="apple-touch-icon"]')["href"].endswith("_static/touch-icon.png")
    assert len(document.select('meta[name="theme-color"][media]')) == 2


def test_covers_and_the_frame_take_the_colours_that_the_reader_has_chosen(tab, address):
    tab.emulate_media(color_scheme="light")
    tab.goto(f"{address}notebooks/{NAMES[1]}.html")
    for theme, colours in (
        ("dark", ["rgb(255, 138, 74)", "rgb(20, 23, 26)"]),
        ("light", ["rgb(208, 79, 0)", "rgb(255, 255, 255)"]),
    ):
        tab.evaluate("(theme) => { document.body.dataset.theme = theme }", theme)
        bar = tab.locator(".cover path").first.evaluate("(path) => getComputedStyle(path).fill")
        frame = tab.locator("meta[name=theme-color]").first.get_attribute("content")
        assert [bar, frame] == colours


def test_the_first_screen_of_a_telephone_says_what_this_is_and_where_to_begin(tab, address):
    tab.set_viewport_size(NARROW)
    tab.goto(f"{address}index.html")
    for part in ("h1", "h1 + p", "a.button >> nth=0", "article svg[role=img] >> nth=0"):
        expect(tab.locator(part).first).to_be_in_viewport(ratio=1)


def test_the_squares_of_the_front_page_fall_once_and_lie_still_for_those_who_ask_for_rest(tab, address):
    moving = "(all) => all.filter((one) => one.getAnimations().length).length"
    for motion, falls in (("no-preference", True), ("reduce", False)):
        tab.emulate_media(reduced_motion=motion)
        tab.goto(f"{address}index.html")
        assert (tab.locator(".fall").evaluate_all(moving) > 0) == falls
    times = tab.locator(".fall").first.evaluate("(one) => getComputedStyle(one).animationIterationCount")
    assert times == "1"


def test_the_whole_face_of_a_card_leads_to_its_chapter(tab, address):
    tab.goto(f"{address}index.html")
    box = tab.locator(".chapters > li").nth(1)
    box.scroll_into_view_if_needed()
    box.click(position={"x": 20, "y": 20})
    assert tab.url == f"{address}notebooks/{NAMES[1]}.html"
