"""How a reader finds things, as files: terms, concepts, map, paths, old addresses, feed, structured data."""

import datetime
import json
import re
import sys
from pathlib import Path
from urllib.parse import unquote, urljoin, urlparse
from xml.etree import ElementTree

import pytest
import specimen
import test_book
import yaml
from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.errors import ExtensionError
from test_book import CHAPTERS, PAGES, SITE, page

from tools import book
from tools.project import ROOT

sys.path.append(str(ROOT / "book" / "_ext"))
import changes
import feed
import finder
import linked_data
import redirects
import terms
import ways

site = test_book.site  # the fixture
ATOM = "{http://www.w3.org/2005/Atom}"
WITH_CHAPTERS = [name for name in PAGES if name in CHAPTERS]
TERMS = terms.read_terms(ROOT)

every_chapter = pytest.mark.parametrize("name", WITH_CHAPTERS)


def quiet_links(site: Path, name: str) -> list:
    return page(site, name).article.select('a[href*="glossary.html#term-"]')


def names_in(row) -> list[str]:
    """Names of the chapters that are linked here."""
    return [urlparse(link["href"]).path.split("/")[-1].removesuffix(".html") for link in row.select("a")]


def exists(site: Path, address: str) -> bool:
    """Does this full address lead to a page of the book, and to a place on it if it names one?"""
    link = urlparse(address.removeprefix(SITE))
    target = site / unquote(link.path or "index.html")
    if not address.startswith(SITE) or not target.is_file():
        return False
    return not link.fragment or page(site, link.path.removesuffix(".html")).find(id=unquote(link.fragment))


# Terms in the text


def test_a_name_that_means_one_thing_links_anywhere_and_a_common_word_only_at_home():
    text = "A Bloom filter, the load and a wait; BM25 too."
    found = {
        name: [match[0] for match, _ in terms.Finder(ROOT, f"notebooks/{name}")(text)]
        for name in ("01_littles_law", "20_langchain")
    }
    assert found["01_littles_law"] == ["Bloom filter", "load", "wait", "BM25"]
    assert found["20_langchain"] == ["Bloom filter", "BM25"]


def test_a_verb_is_no_term():
    find = terms.Finder(ROOT, "notebooks/01_littles_law")
    assert [match[0] for match, _ in find("Nobody waits, they wait; the wait grows.")] == ["wait"]


def test_whole_words_are_found_in_the_plural_and_at_the_start_of_a_sentence():
    find = terms.Finder(ROOT, "notebooks/02_hash_tables")
    said = "Bloom filters and retry budgets. Tombstones; a hash-table, hash functional. Kingman’s formula"
    found = [(match[0], term.title) for match, term in find(said)]
    assert found == [
        ("Bloom filters", "Bloom filter"),
        ("retry budgets", "retry budget"),
        ("Tombstones", "tombstone"),
        ("Kingman’s formula", "Kingman's formula"),
    ]


def test_the_longest_name_wins():
    find = terms.Finder(ROOT, "notebooks/02_hash_tables")
    assert [term.title for _, term in find("the hash function of a hash table")] == [
        "hash function",
        "hash table",
    ]


def test_a_title_holds_one_name_or_several():
    assert terms.names_in("trace, span") == ["trace", "span"]
    assert terms.names_in("least recently used (LRU)") == ["least recently used", "LRU"]
    assert terms.names_in("fork (of a thread)") == ["fork"]


def test_every_term_of_the_glossary_is_read(site):
    shown = [term.get_text().rstrip("#") for term in page(site, "book/glossary").select("dl.glossary dt")]
    assert [title.replace("’", "'") for title in shown] == [term.title for term in TERMS]


@every_chapter
def test_in_a_section_a_term_is_linked_once_and_never_are_there_more_than_twelve(site, name):
    for section in page(site, name).article.find("section").find_all("section", recursive=False):
        quiet = section.select('a.reference[href*="glossary.html#term-"]:not(td a)')
        targets = [link["href"] for link in quiet]
        assert len(targets) == len(set(targets)) <= terms.MOST, section["id"]


@every_chapter
def test_no_term_is_linked_in_a_heading_in_code_in_a_table_or_inside_another_link(site, name):
    for link in quiet_links(site, name):
        assert not link.find_parent(["h1", "h2", "h3", "h4", "pre", "code", "table", "a"]), link


def test_a_reader_meets_links_but_no_carpet(site):
    """Over all chapters a link every few paragraphs: fewer would hide the glossary, more would be noise."""
    articles = [page(site, name).article for name in WITH_CHAPTERS]
    paragraphs = sum(len(article.select("section > p")) for article in articles)
    links = sum(len(article.select('p a[href*="glossary.html#term-"]')) for article in articles)
    assert 0.1 < links / paragraphs < 0.5


def test_every_card_says_a_term_its_meaning_and_its_chapter(site):
    cards = json.loads((site / terms.CARDS).read_text(encoding="utf-8"))
    assert len(cards) == len(TERMS)
    for name, card in cards.items():
        assert page(site, "book/glossary").find(id=name), name
        assert card["term"] and len(card["means"]) > 20 and card["built"].startswith("Chapter ")
        assert "<a" not in card["means"] and "<script" not in card["means"]


# Index of concepts


def test_the_index_of_concepts_has_every_term_in_order_under_its_letter(site):
    document = page(site, "book/concepts")
    shown = [
        (section.h2.find(string=True), term.get_text())
        for section in document.select("article section section")
        for term in section.select("dl.concepts > dt")
    ]
    assert len(shown) == len(TERMS)
    assert all(title.upper().startswith(letter) for letter, title in shown)
    assert [title.lower() for _, title in shown] == sorted(title.lower() for _, title in shown)


def test_each_letter_above_the_index_leads_to_its_terms(site):
    document = page(site, "book/concepts")
    row = [link["href"].removeprefix("#") for link in document.select("p.letters a")]
    assert row == [section["id"] for section in document.select("article section section")]


def test_each_concept_names_the_chapter_that_builds_it(site):
    document = page(site, "book/concepts")
    homes = {term.title: term.page for term in TERMS}
    for title, place in zip(
        document.select("dl.concepts > dt"), document.select("dl.concepts .places"), strict=True
    ):
        first = urljoin("book/concepts.html", place.find("a")["href"])
        assert first.split("#")[0] == f"{homes[title.get_text().replace('’', chr(39))]}.html", title


def test_most_concepts_lead_to_the_very_section(site):
    firsts = [place.find("a")["href"] for place in page(site, "book/concepts").select(".places")]
    assert sum("#" in href for href in firsts) / len(firsts) > 0.7


# Map, paths, and the foot of a chapter


def test_the_map_has_a_box_for_each_chapter_and_an_arrow_for_each_need(site):
    svg = page(site, "book/map").select_one(".route-map svg")
    boxes = {box["data-chapter"]: urljoin("book/map.html", box["href"]) for box in svg.select("a")}
    assert boxes == {CHAPTERS[name]["name"]: f"{name}.html" for name in WITH_CHAPTERS}
    arrows = {(arrow["data-from"], arrow["data-to"]) for arrow in svg.select("path[data-from]")}
    known = ways.read_catalogue(ROOT)
    assert arrows == {(need, name) for name, one in known.items() for need in one["needs"]}


def test_the_list_below_the_map_says_the_same_in_words(site):
    items = page(site, "book/map").select(".route-list > li")
    known = ways.read_catalogue(ROOT)
    assert len(items) == len(known)
    for item, (name, one) in zip(items, known.items(), strict=True):
        links = [link["href"].split("/")[-1].removesuffix(".html") for link in item.select("a")]
        leads = [other for other in known if name in known[other]["needs"]]
        assert links == [name, *one["needs"], *leads]


def test_boxes_of_the_map_do_not_overlap(site):
    boxes = [
        tuple(float(rect[side]) for side in ("x", "y", "width", "height"))
        for rect in page(site, "book/map").select(".route-map rect")
    ]
    for i, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, *_ in boxes[i + 1 :]:
            assert abs(x - other_x) >= width or abs(y - other_y) >= height


def test_each_path_respects_what_its_chapters_need():
    known = ways.read_catalogue(ROOT)
    for path in ways.read_paths(ROOT):
        before = set(path["given"])
        for name in path["chapters"]:
            assert set(known[name]["needs"]) <= before, (path["id"], name)
            before.add(name)


def test_a_path_that_breaks_the_order_or_names_a_stranger_stops_the_build(tmp_path):
    (tmp_path / "book").mkdir()
    for chapters, said in (
        (["07_llm_production"], "in path 'p' 07_llm_production needs 01_littles_law: put it before"),
        (["99_nothing"], "path 'p' names '99_nothing'; there are 01_littles_law, "),
    ):
        path = {"id": "p", "title": "P", "promise": "P.", "chapters": chapters}
        (tmp_path / ways.HOME).write_text(yaml.safe_dump([path]))
        ways.read_paths.cache_clear()
        with pytest.raises(ExtensionError, match=f"{ways.HOME}: {re.escape(said)}"):
            ways.read_paths(tmp_path)
    ways.read_paths.cache_clear()


def test_the_paths_show_their_hours_and_their_chapters_in_order(site):
    document = page(site, "book/paths")
    known = ways.read_catalogue(ROOT)
    for path in ways.read_paths(ROOT):
        section = document.find(id=path["id"])
        names = [link["href"].split("/")[-1].removesuffix(".html") for link in section.select("ol a")]
        assert names == path["chapters"]
        minutes = sum(known[name]["takes_min"] for name in names)
        assert f"{len(names)} chapters, about {round(minutes / 60)} hours" in section.get_text()
        assert section.select_one("a.follow")["href"].endswith(f"{names[0]}.html?path={path['id']}")


@every_chapter
def test_the_foot_of_a_chapter_lists_its_neighbours_and_its_step_on_every_path(site, name):
    foot = page(site, name).select_one("nav.ways")
    own = CHAPTERS[name]["name"]
    said = {row.dt.text: names_in(row) for row in foot.select("dl > div")}
    assert said == {kind: names for kind, names in ways.neighbours(ROOT, own).items() if names}
    on = [path for path in ways.read_paths(ROOT) if own in path["chapters"]]
    lines = foot.select(".on-paths > li")
    assert [line["data-path"] for line in lines] == [path["id"] for path in on]
    for line, path in zip(lines, on, strict=True):
        assert f"step {path['chapters'].index(own) + 1} of {len(path['chapters'])}" in line.text


# Addresses


def article_addresses() -> set[str]:
    slugs = {chapter["post"]["slug"] for chapter in CHAPTERS.values()}
    return slugs | set(yaml.safe_load((ROOT / redirects.HOME).read_text(encoding="utf-8")))


def test_each_address_of_an_article_leads_to_its_chapter(site):
    assert {"little's-law", "littles-law"} <= article_addresses()
    for name in article_addresses():
        for form in (f"posts/{name}/index.html", f"posts/{name}.html", f"posts/{name}.md/index.html"):
            document = BeautifulSoup((site / form).read_text(encoding="utf-8"), "html.parser")
            seconds, url = document.select_one('meta[http-equiv="refresh"]')["content"].split("; url=")
            target = unquote(urlparse(urljoin(f"{SITE}{form.replace(chr(39), '%27')}", url)).geturl())
            assert seconds == "0" and exists(site, target), form
            assert document.select_one('link[rel="canonical"]')["href"] == target
            assert document.select_one('meta[name="robots"]')["content"] == "noindex"
            assert document.a["href"] == url and document.h1.text


def test_old_addresses_are_no_part_of_the_sitemap_or_of_the_search(site):
    assert "/posts/" not in (site / "sitemap.xml").read_text(encoding="utf-8")
    assert len(list((site / "pagefind" / "fragment").iterdir())) == len(finder_entries(site))


def finder_entries(site: Path) -> list[str]:
    """The places that the search should know: pages, their sections, and terms."""
    known = []
    for name in PAGES:
        document = page(site, name)
        text = (ROOT / f"{name}.md").read_text(encoding="utf-8") if (ROOT / f"{name}.md").exists() else ""
        if "nosearch: true" in text:
            continue
        if name == "book/glossary":
            known += [f"{name}#{dt['id']}" for dt in document.select("dl.glossary dt")]
        else:
            known += [f"{name}#{section['id']}" for section in document.article.select("section[id]")]
    return known


def test_a_redirect_to_nowhere_stops_the_build(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "chapters.yml").write_text((ROOT / "book" / "chapters.yml").read_text())
    (tmp_path / redirects.HOME).write_text("old: 99_nothing\n")
    with pytest.raises(ExtensionError, match=r"book/redirects.yml: old leads to '99_nothing'; there are 01_"):
        redirects.read_redirects(tmp_path)


def test_a_slip_in_the_data_ends_the_build_in_one_line_that_names_it(tmp_path):
    specimen.write_book(tmp_path)
    with (tmp_path / redirects.HOME).open("a", encoding="utf-8") as data:
        data.write("old: 99_nothing\n")
    with pytest.raises(book.NotBuilt) as stopped:
        book.build(tmp_path)
    assert str(stopped.value).startswith("book/redirects.yml: old leads to '99_nothing'; there are 01_")
    assert "\n" not in str(stopped.value)


@pytest.mark.parametrize("name", [*PAGES, "404"])
def test_every_page_names_the_feed(site, name):
    link = page(site, name).select_one('link[rel="alternate"][type="application/atom+xml"]')
    assert link["href"].endswith("feed.xml")


def test_the_feed_is_valid_atom_and_tells_every_change_once(site):
    root = ElementTree.parse(site / "feed.xml").getroot()
    assert root.tag == f"{ATOM}feed"
    assert all(root.findtext(f"{ATOM}{name}") for name in ("id", "title", "updated"))
    assert root.findtext(f"{ATOM}author/{ATOM}name")
    known = yaml.safe_load((ROOT / changes.HOME).read_text())
    entries = root.findall(f"{ATOM}entry")
    assert len(entries) == len(known)
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == len(ids)
    for entry, change in zip(entries, known, strict=True):
        day = datetime.datetime.fromisoformat(entry.findtext(f"{ATOM}updated")).date()
        assert day == change["date"] and change["what"] in entry.findtext(f"{ATOM}title")
        assert exists(site, entry.find(f"{ATOM}link").get("href"))
        content = BeautifulSoup(entry.findtext(f"{ATOM}content"), "html.parser")
        assert len(content.select("li a")) == len(change["chapters"])
        assert all(exists(site, link["href"]) for link in content.select("a"))


def test_the_sitemap_dates_each_chapter_by_its_last_change(site):
    known = feed.days(ROOT)
    for url in ElementTree.parse(site / "sitemap.xml").iterfind("{*}url"):
        name = url.findtext("{*}loc").removeprefix(SITE).removesuffix(".html")
        day = (url.findtext("{*}lastmod") or "")[:10]
        assert day == (known[CHAPTERS[name]["name"]][1] if name in CHAPTERS else ""), name


# Structured data


def graph(site: Path, name: str) -> dict[str, dict]:
    """What a page says of itself to machines, by type."""
    data = json.loads(page(site, name).select_one('script[type="application/ld+json"]').string)
    assert data["@context"] == "https://schema.org"
    return {one["@type"]: one for one in data["@graph"]}


def test_the_landing_page_describes_the_course_and_all_its_chapters(site):
    course = graph(site, "index")["Course"]
    assert all(course[name] for name in ("name", "description", "provider", "license", "hasCourseInstance"))
    assert [part["url"] for part in course["hasPart"]] == [f"{SITE}{name}.html" for name in WITH_CHAPTERS]
    assert all(exists(site, part["url"]) for part in course["hasPart"])
    assert re.fullmatch(r"PT(\d+H)?(\d+M)?", course["hasCourseInstance"]["courseWorkload"])


@every_chapter
def test_a_chapter_describes_itself_to_machines(site, name):
    about = graph(site, name)
    lesson, chapter = about["LearningResource"], CHAPTERS[name]
    assert lesson["url"] == f"{SITE}{name}.html" and exists(site, lesson["url"])
    assert (lesson["name"], lesson["description"]) == (chapter["title"], chapter["promise"])
    assert re.fullmatch(r"PT(\d+H)?(\d+M)?", lesson["timeRequired"]) and lesson["timeRequired"] != "PT"
    assert lesson["inLanguage"] == "en" and lesson["license"] and lesson["learningResourceType"]
    assert lesson["isBasedOn"]["headline"] == chapter["post"]["title"]
    assert lesson["datePublished"] <= lesson["dateModified"]
    steps = about["BreadcrumbList"]["itemListElement"]
    assert [step["position"] for step in steps] == [1, 2, 3]
    assert all(exists(site, step["item"]) for step in steps)


def test_the_glossary_describes_its_terms_to_machines(site):
    known = graph(site, "book/glossary")["DefinedTermSet"]["hasDefinedTerm"]
    assert len(known) == len(TERMS)
    assert all(one["name"] and one["description"] and exists(site, one["url"]) for one in known)


def test_a_duration_is_written_as_the_standard_says():
    assert [linked_data.duration(minutes) for minutes in (75, 120, 35, 0)] == [
        "PT1H15M",
        "PT2H",
        "PT35M",
        "PT0M",
    ]


def test_the_citation_is_the_one_of_the_citation_file(site):
    text = page(site, "book/references").select_one(".highlight-bibtex").get_text()
    known = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    for said in (known["title"], known["url"], known["version"], str(known["date-released"])[:4]):
        assert said in text


# The search as files


def test_sphinx_s_own_search_is_gone_and_no_page_asks_for_it(site):
    assert not (site / "searchindex.js").exists()
    for name in [*PAGES, "404", "search"]:
        scripts = " ".join(tag.get("src", "") for tag in page(site, name).select("script"))
        assert not any(gone in scripts for gone in finder.OF_SPHINX), name


def test_what_opening_a_page_costs_for_the_search_is_under_2_kb(site):
    for name in PAGES:
        loaded = {Path(urlparse(tag["src"]).path).name for tag in page(site, name).select("script[src]")}
        assert "search.js" in loaded and not {"results.js", "pagefind.js"} & loaded
    assert (site / "_static" / "search.js").stat().st_size < 2_500


def test_the_index_holds_what_is_said_and_leaves_out_code():
    section = nodes.section(ids=["one"])
    cell = nodes.container("", nodes.paragraph("", "output"), classes=["cell"])
    section += [nodes.title("", "Title"), nodes.paragraph("", "said"), cell, nodes.literal_block("", "code")]
    assert list(finder.text_of(section)) == ["said"]


def test_the_same_book_makes_the_same_index(tmp_path):
    about = [{"page": f"Page {n}", "part": f"Part {n % 4}", "kind": "section"} for n in range(40)]
    entries = [
        finder.entry(f"{n}.html", f"Title {n}", [f"word{n} leader"], one) for n, one in enumerate(about)
    ]
    made = []
    for name in ("one", "two"):
        finder.index(entries, tmp_path / name)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        made.append({str(path.relative_to(tmp_path / name)): path.read_bytes() for path in files})
    assert made[0] == made[1] and len(made[0]) > len(entries)


def test_without_javascript_the_search_page_lists_every_concept(site):
    document = page(site, "search")
    assert document.select_one('meta[name="robots"]')["content"] == "noindex"
    links = document.select(".without-script .search-concepts a")
    assert len(links) == len(TERMS)
    ids = {term["id"] for term in page(site, "book/glossary").select("dl.glossary dt")}
    assert {unquote(link["href"].split("#")[1]) for link in links} == ids


def test_a_word_in_the_data_that_no_term_explains_stops_the_build(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / terms.HOME).write_text((ROOT / terms.HOME).read_text(encoding="utf-8"))
    (tmp_path / terms.NAMES).write_text("anywhere: [nonsense]\nverbs: []\nalso: {}\nfound_by: {}\n")
    with pytest.raises(ExtensionError, match=r"glossary.yml: anywhere names 'nonsense'"):
        terms.read_terms(tmp_path)


def test_the_book_is_counted_without_its_old_addresses(capsys, monkeypatch, site):
    monkeypatch.setattr(book, "build", lambda **_: site)
    book.main([])
    assert f"{len(PAGES) + 2} pages in " in capsys.readouterr().out
