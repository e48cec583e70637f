"""The book on paper: every page once, in order, with links that lead inside."""

import os
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Link
from test_pages import serve_book

from tools import book, chromium, pdf

HERE, SITE = "http://127.0.0.1:8000/live/", "https://example.org/live/"


@pytest.fixture
def whole(tmp_path) -> PdfReader:
    """Two pages of a book, the first with links to the second, to a file of the site, and elsewhere."""
    printed = {}
    for name in ("index", "one"):
        page = PdfWriter()
        page.add_blank_page(100, 100)
        page.add_metadata({"/Title": f"Title of {name} - The book"})
        if name == "index":
            for url in (f"{HERE}one.html#part", f"{HERE}feed.xml", "https://elsewhere.org/x"):
                page.add_annotation(0, Link(rect=(0, 0, 9, 9), url=url))
        printed[name] = tmp_path / f"{name}.pdf"
        page.write(printed[name])
    parts = [("Front page", ["index"]), ("Part I", ["one"])]
    pdf.join(parts, printed, HERE, SITE).write(tmp_path / "whole.pdf")
    return PdfReader(tmp_path / "whole.pdf")


def test_pages_follow_one_another_and_have_their_bookmarks(whole):
    assert len(whole.pages) == 2
    front, [index], part, [one] = whole.outline
    assert [entry.title for entry in (front, index, part, one)] == [
        "Front page",
        "Title of index",
        "Part I",
        "Title of one",
    ]
    assert whole.get_destination_page_number(one) == 1


def test_a_link_into_the_book_leads_to_a_page_of_the_file_and_no_link_to_the_machine_is_left(whole):
    inside, site, elsewhere = (link.get_object() for link in whole.pages[0]["/Annots"])
    assert inside["/Dest"][0].get_object() == whole.pages[1]
    assert site["/A"]["/URI"] == f"{SITE}feed.xml"
    assert elsewhere["/A"]["/URI"] == "https://elsewhere.org/x"


def test_the_contents_are_those_of_the_book_without_what_ages(tmp_path):
    toc = {"parts": [{"caption": "Part I", "chapters": [{"file": "a"}, {"file": "book/status"}]}]}
    text = "root: index\nparts:\n- caption: Part I\n  chapters: [{file: a}, {file: book/status}]\n"
    (tmp_path / "_toc.yml").write_text(text)
    assert pdf.contents(Path(tmp_path)) == [("Front page", ["index"]), (toc["parts"][0]["caption"], ["a"])]


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> str:
    """The text of a chapter as it stands on paper."""
    if chromium.find() is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(chromium.ADVICE)
    name = "notebooks/16_agent_development_series"
    for address in serve_book(book.ensure()):
        file = pdf.print_pages([name], address, tmp_path_factory.mktemp("printed"))[name]
        return "\n".join(page.extract_text() for page in PdfReader(file).pages)


def test_on_paper_a_chapter_has_its_text_its_solutions_and_the_figures_that_move(printed):
    assert "A sentence of requirements" in printed
    assert "books = 3" in printed  # the solution of exercise 1
    assert "it needs JavaScript here" not in printed
    assert "Renewed twice." in printed  # on the page it waits for a guess


def test_on_paper_there_is_nothing_to_press(printed):
    for chrome in (
        "Skip to content",
        "Open in Colab",
        "Run in this page",
        "Show the source",
        "Mark this chapter",
    ):
        assert chrome not in printed, chrome
