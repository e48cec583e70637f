"""The built book as files: what a search engine, a screen reader and a link checker see."""

import gzip
import os
import re
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urljoin, urlparse
from xml.etree import ElementTree

import pytest
import specimen
import yaml
from bs4 import BeautifulSoup

from tools import book, serve
from tools.project import ROOT

sys.path.append(str(ROOT / "book" / "_ext"))
import course_map
import mathml
import outputs

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
SITE = CONFIG["html"]["baseurl"]
PAGES = [TOC["root"], *(page["file"] for part in TOC["parts"] for page in part["chapters"])]
CHAPTERS = course_map.read_chapters(ROOT)
HEAVIEST_PAGE = 300_000  # bytes, compressed

every_page = pytest.mark.parametrize("name", PAGES)


@pytest.fixture(scope="session")
def site() -> Path:
    return book.ensure()


@cache
def _parse(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def page(site: Path, name: str) -> BeautifulSoup:
    return _parse(site / f"{name}.html")


def loaded(document: BeautifulSoup) -> list[str]:
    """Addresses that a browser asks for on its own when it opens the page."""
    sources = [tag["src"] for tag in document.select("[src]")]
    kinds = {"stylesheet", "icon", "shortcut", "preload", "prefetch", "modulepreload", "preconnect"}
    links = [tag["href"] for tag in document.select("link[href]") if kinds & set(tag.get("rel", []))]
    return sources + links


def meta(document: BeautifulSoup, name: str) -> str:
    tag = document.select_one(f'meta[name="{name}"], meta[property="{name}"]')
    return tag["content"] if tag else ""


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio of two colours #rrggbb, from 1 to 21."""

    def luminance(colour: str) -> float:
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@every_page
def test_a_page_asks_no_other_host_for_anything(site, name):
    foreign = [url for url in loaded(page(site, name)) if urlparse(url).netloc]
    assert foreign == []


def test_no_style_sheet_asks_another_host_for_anything(site):
    for sheet in site.rglob("*.css"):
        urls = re.findall(r"url\(['\"]?([^'\")]+)", sheet.read_text(encoding="utf-8"))
        assert [url for url in urls if re.match(r"(https?:)?//", url)] == [], sheet.name


@every_page
def test_every_link_into_the_book_leads_somewhere(site, name):
    for tag in page(site, name).select("[href], [src]"):
        link = urlparse(urljoin(f"{name}.html", tag.get("href") or tag.get("src")))
        if link.netloc or link.scheme:
            continue
        target = site / unquote(link.path)
        assert target.is_file(), f"{name} links to {link.path}"
        if link.fragment and target.suffix == ".html" and tag.name != "use":
            assert _parse(target).find(id=unquote(link.fragment)), f"{name} links to {link.geturl()}"


@every_page
def test_a_page_says_what_it_is_when_it_is_shared_or_found(site, name):
    document = page(site, name)
    address = f"{SITE}{name}.html"
    assert document.html["lang"] == "en"
    assert document.select_one('link[rel="canonical"]')["href"] == meta(document, "og:url") == address
    assert len(document.title.text) > 10 and meta(document, "og:title")
    assert len(meta(document, "description")) > 50 and meta(document, "og:description")
    picture = meta(document, "og:image").removeprefix(SITE)
    assert (site / picture).read_bytes().startswith(b"\x89PNG") and meta(document, "og:image:alt")


@every_page
def test_a_page_has_one_main_heading_and_skips_no_level(site, name):
    levels = [int(tag.name[1]) for tag in page(site, name).select("article :is(h1, h2, h3, h4, h5, h6)")]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@every_page
def test_every_picture_says_in_words_what_it_shows(site, name):
    article = page(site, name).article
    assert all(len(svg.get("aria-label", "")) > 20 for svg in article.select("svg[role=img]"))
    assert all(len(image.get("alt", "")) > 20 for image in article.select("img"))


@every_page
def test_no_name_stands_twice_on_a_page(site, name):
    names = [tag["id"] for tag in page(site, name).select("[id]")]
    assert sorted(names) == sorted(set(names))


@every_page
def test_a_page_weighs_at_most_300_kb_with_all_it_loads(site, name):
    document = page(site, name)
    fonts = ["../_static/course-math.woff2"] if document.find("math") else []
    files = {urlparse(urljoin(f"{name}.html", url)).path for url in loaded(document) + fonts}
    bodies = [(site / file).read_bytes() for file in {f"{name}.html", *files}]
    assert sum(len(gzip.compress(body)) for body in bodies) < HEAVIEST_PAGE


@every_page
def test_no_formula_is_left_as_latex(site, name):
    texts = page(site, name).article.find_all(string=True)
    prose = " ".join(text for text in texts if not text.find_parent(["pre", "code", "script"]))
    assert not re.search(r"\\[a-zA-Z]{2,}|\$\$|\\\(", prose)


def test_the_sitemap_lists_every_page_and_nothing_else(site):
    places = ElementTree.parse(site / "sitemap.xml").iterfind(".//{*}loc")
    assert sorted(place.text for place in places) == sorted(f"{SITE}{name}.html" for name in PAGES)
    assert f"Sitemap: {SITE}sitemap.xml" in (site / "robots.txt").read_text()


def test_the_404_page_works_from_any_folder(site):
    document = page(site, "404")
    base = serve.base_path()
    inner = [tag.get("href") or tag.get("src") for tag in document.select("[href], [src]")]
    inner = [url for url in inner if not urlparse(url).netloc and not url.startswith("#")]
    assert inner and all(url.startswith(base) for url in inner)
    assert all((site / urlparse(url).path.removeprefix(base)).is_file() for url in inner)


def test_the_map_names_21_chapters_in_the_order_of_their_numbers():
    assert [chapter["number"] for chapter in CHAPTERS.values()] == list(range(1, 22))


def test_pages_stand_in_the_order_of_their_numbers():
    shown = [CHAPTERS[name]["number"] for name in PAGES if name in CHAPTERS]
    assert shown == sorted(shown)


def test_a_notebook_in_the_book_and_a_notebook_in_the_folder_are_the_same_set():
    files = {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    assert files == {name for name in PAGES if name.startswith("notebooks/")}


def test_the_map_links_what_is_finished_and_calls_the_rest_planned(site):
    items = page(site, "index").select(".chapters > li")
    assert len(items) == 21
    for item, (name, chapter) in zip(items, CHAPTERS.items(), strict=True):
        link = item.find("a")
        assert chapter["title"] in item.text.replace("’", "'") and chapter["promise"] in item.text
        assert bool(link) == (name in PAGES) != ("planned" in item.text)
        assert link is None or link["href"] == f"{name}.html"


@pytest.mark.parametrize("name", [name for name in PAGES if name in CHAPTERS])
def test_a_notebook_opens_in_colab_and_binder_and_downloads_as_it_is(site, name):
    links = {tag.text: tag["href"] for tag in page(site, name).select(".launch a")}
    repo = CONFIG["repository"]["url"].removeprefix("https://github.com/")
    assert links["Open in Colab"].endswith(f"/github/{repo}/blob/main/{name}.ipynb")
    assert links["Open in Binder"].endswith(f"/gh/{repo}/main?urlpath=lab/tree/{name}.ipynb")
    download = site / urljoin(f"{name}.html", links["Download notebook"])
    assert download.read_bytes() == (ROOT / f"{name}.ipynb").read_bytes()


def test_each_series_colour_stands_out_from_the_page_in_light_and_dark():
    style = (ROOT / "book" / "_static" / "course.css").read_text(encoding="utf-8")
    written = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", style)
    pairs = {name: (light, dark) for name, light, dark in written}
    page_light, page_dark = pairs["color-background-primary"]
    for name in ("measured", "theory", "alarm", "second", "third", "fourth"):
        light, dark = pairs[name]
        assert contrast(light, page_light) >= 3 and contrast(dark, page_dark) >= 3, name


def test_black_on_white_has_the_contrast_that_the_standard_says():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_two_copies_of_a_picture_share_no_name_and_keep_their_inner_links():
    one, two = (outputs.inline_svg(specimen.SVG, "Words.", prefix) for prefix in ("p0-", "p1-"))
    for prefix, svg in (("p0-", one), ("p1-", two)):
        assert f'id="{prefix}dot"' in svg and f'href="#{prefix}dot"' in svg
        assert "unused" not in svg and "#ffffff" not in svg and 'aria-label="Words."' in svg


def test_a_formula_becomes_a_tree_with_its_letters_in_place():
    tree = ElementTree.fromstring(mathml.mathml(r"\frac{\rho}{1-\rho}", block=True))
    fraction = tree.find("mfrac")
    assert tree.get("display") == "block"
    assert ["".join(part.itertext()) for part in fraction] == ["ρ", "1−ρ"]


def test_each_slip_of_an_author_stops_the_build_in_one_line_that_names_it(tmp_path):
    slips = {
        "no text alternative": "![](book/_static/logo.svg)",
        "nosuchcommand": "$\\nosuchcommand$",
        "nosuchpart": "```{chapters} nosuchpart\n```",
        "nowhere.md": "[there](nowhere.md)",
    }
    specimen.write_book(tmp_path)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\n", encoding="utf-8")
    (tmp_path / "index.md").write_text("# A page\n\n" + "\n\n".join(slips.values()), encoding="utf-8")
    with pytest.raises(book.NotBuilt) as stopped:
        book.build(tmp_path)
    lines = str(stopped.value).splitlines()
    assert len(lines) == len(slips) and all(line.startswith("index.md:") for line in lines)
    for named in slips:
        assert sum(named in line for line in lines) == 1, named


def test_a_taken_port_ends_in_one_line_that_says_what_to_do(site):
    with serve.server(site, "/") as taken, pytest.raises(SystemExit, match="a free one is taken") as end:
        serve.main(["--port", str(taken.server_port)])
    assert str(taken.server_port) in str(end.value) and "\n" not in str(end.value)


def test_every_mention_of_the_repository_and_the_site_is_the_one_of_the_configuration():
    ours = re.compile(r"https://(?:github\.com/abstract-algorithms|abstract-algorithms\.github\.io)/[\w-]*")
    places = [*ROOT.glob("*.*"), *ROOT.glob("book/*.md"), *ROOT.glob("notebooks/*.ipynb")]
    mentions = {url for path in places if path.is_file() for url in ours.findall(path.read_text("utf-8"))}
    assert mentions == {CONFIG["repository"]["url"], SITE.rstrip("/")}


def test_a_book_is_fresh_until_one_of_its_sources_changes(tmp_path):
    assert not book.is_fresh(tmp_path)
    folder = book.html_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "index.html").touch()
    assert book.is_fresh(tmp_path)
    (tmp_path / "index.md").touch()
    os.utime(folder / "index.html", (0, 0))
    assert not book.is_fresh(tmp_path)


def kept_by_a_build_of_touched_pages(root: Path, monkeypatch, *, code: int = 0) -> bool:
    """Does a page of an earlier build outlive the next? Jupyter Book is left out and ends with `code`."""
    answer = book.subprocess.CompletedProcess([], code, stdout="index.md:1: WARNING: slip")
    monkeypatch.setattr(book.subprocess, "run", lambda *_, **__: answer)
    earlier = book.html_folder(root) / "earlier.html"
    earlier.parent.mkdir(parents=True, exist_ok=True)
    earlier.touch()
    try:
        book.build(root, touched=True)
    except book.NotBuilt:
        assert code
    return earlier.exists()


def test_only_touched_pages_are_made_anew_while_what_all_share_has_not_changed(tmp_path, monkeypatch):
    style = tmp_path / "book" / "_static" / "course.css"
    style.parent.mkdir(parents=True)
    style.write_text("a {}")
    assert not kept_by_a_build_of_touched_pages(tmp_path, monkeypatch)  # nothing is known of the first
    (tmp_path / "index.md").write_text("# Touched")
    assert kept_by_a_build_of_touched_pages(tmp_path, monkeypatch)
    style.write_text("b {}")
    assert not kept_by_a_build_of_touched_pages(tmp_path, monkeypatch)


def test_a_build_that_failed_is_begun_anew_as_its_warnings_would_not_come_again(tmp_path, monkeypatch):
    kept_by_a_build_of_touched_pages(tmp_path, monkeypatch)
    assert kept_by_a_build_of_touched_pages(tmp_path, monkeypatch, code=1)
    assert not kept_by_a_build_of_touched_pages(tmp_path, monkeypatch)
