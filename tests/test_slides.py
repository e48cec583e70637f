"""The slides: every cell has its place, no word is lost, and a browser shows them without a network."""

import re
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import Browser

from tools import lessons, node, slides
from tools.project import COLAB_CELL, ROOT, notebooks

sys.path.append(str(ROOT / "book" / "_ext"))

from syllabi import read_syllabi

LONG = "The line grows. " + "It grows because each idle moment of a server is lost for good. " * 5
every_chapter = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


def deck_of(*cells):
    start = [new_markdown_cell("# Title"), new_code_cell(COLAB_CELL), new_code_cell("import math")]
    return slides.deck(new_notebook(cells=[*start, *cells])).cells


def kinds(cells) -> list[tuple[str, str]]:
    return [(cell.source[:12], cell.metadata.slideshow.slide_type) for cell in cells]


def test_a_heading_begins_a_section_and_code_joins_its_text():
    cells = deck_of(new_markdown_cell("## One\n\nA text.\n\n### Part\n\nMore."), new_code_cell("f(1)"))
    assert kinds(cells) == [
        ("# Title", "slide"),
        ("## One\n\nA te", "slide"),
        ("### Part\n\nMo", "subslide"),
        ("f(1)", "-"),
    ]


def test_what_does_not_fit_and_what_answers_gets_a_slide_of_its_own():
    long = new_code_cell("\n".join(f"line_{n} = {n}" for n in range(slides.LINES)))
    answer = new_code_cell("x = 1", metadata={"tags": ["solution"]})
    cells = deck_of(new_markdown_cell("## One"), long, answer)
    assert [kind for _, kind in kinds(cells)] == ["slide", "slide", "subslide", "subslide"]


def test_a_long_text_leaves_its_first_sentence_and_its_table_and_all_of_it_is_said():
    shown, said = deck_of(new_markdown_cell(f"## One\n\n{LONG}\n\n| a | b |\n|---|---|\n| 1 | 2 |"))[1:]
    assert shown.source == "## One\n\nThe line grows.\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    assert said.metadata.slideshow.slide_type == "notes" and LONG.strip() in said.source


@pytest.mark.parametrize(
    "text, first",
    [
        ("*Start when a server is free.* Then go on.", "*Start when a server is free.*"),
        ("A **rule. Of two** sentences. And more.", "A **rule. Of two** sentences."),
        ("It takes 2.5 s (see ch. 4 of it. Really). And more.", "It takes 2.5 s (see ch. 4 of it. Really)."),
        ("No end", "No end"),
    ],
)
def test_a_first_sentence_leaves_no_mark_open(text, first):
    assert slides.first_sentence(text) == first


def test_a_formula_becomes_mathml_and_code_with_a_dollar_stays():
    (cell,) = deck_of(new_markdown_cell("So $L = 2$, and `$HOME` is `$5`."))[1:]
    assert "<math" in cell.source and "$L" not in cell.source
    assert cell.source.endswith("and `$HOME` is `$5`.")


def test_a_link_to_a_chapter_leads_to_its_deck():
    (cell,) = deck_of(new_markdown_cell("See [the law](01_littles_law.ipynb)."))[1:]
    assert cell.source == "See [the law](01_littles_law.html)."


def test_a_folded_source_is_not_shown_and_a_widget_leaves_its_words():
    data = {slides.VIEW: {"model_id": "1"}, "text/plain": "five visits"}
    folded = new_code_cell(
        "f()", metadata={"tags": ["hide-input"]}, outputs=[new_output("display_data", data)]
    )
    (cell,) = deck_of(folded)[1:]
    assert cell.source == "" and cell.outputs[0].data == {"text/plain": "five visits"}


@every_chapter
def test_every_word_of_a_chapter_is_on_a_slide_or_said(path):
    notebook = nbformat.read(path, as_version=4)
    written = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    code = [cell.source for cell in notebook.cells[3:] if cell.cell_type == "code"]
    folded = [c.source for c in notebook.cells if "hide-input" in c.metadata.get("tags", [])]
    cells = slides.deck(notebook).cells
    kept = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert words(written.replace(".ipynb", ".html")) - words(kept) == set()
    shown = [cell.source for cell in cells if cell.cell_type == "code" and cell.source]
    assert shown == [source for source in code if source not in folded]


def words(text: str) -> set[str]:
    """Those of the prose: formulas have become something else."""
    return set(re.findall(r"[^\W\d_]{4,}", slides.MATH.sub(lambda found: found["code"] or " ", text)))


def test_a_deck_is_the_same_twice():
    (path,) = notebooks(["04"])
    assert slides.chapter(path) == slides.chapter(path)


SCHEDULES = read_syllabi(ROOT)


def test_the_sessions_of_the_whole_course_hold_every_section_once_and_in_order():
    taught, every = [], []
    for session in SCHEDULES["course"]["sessions"]:
        for share in session["shares"]:
            taught += [(share.chapter, heading) for heading in sections(lessons.within(share))]
    for path in notebooks():
        every += [(path.stem, one) for one in sections(nbformat.read(path, as_version=4).cells)]
    assert taught == every


def sections(cells) -> list[str]:
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    return [heading for text in texts for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)]


def test_a_session_opens_with_what_it_asks_for_and_ends_where_its_chapter_is_cut():
    session = SCHEDULES["workshop"]["sessions"][0]
    opening, said, *rest = lessons.lesson(session).cells
    assert opening.source == f"# {session['title']}\n\n90 minutes. To hand in: {session['hand_in']}"
    assert said.metadata.slideshow.slide_type == "notes" and session["prepare"] in said.source
    assert rest[0].source.startswith("# Little's Law")
    (share,) = session["shares"]
    assert sections(rest)[-1] == share.end


def test_a_part_begins_with_its_heading():
    share = SCHEDULES["workshop"]["sessions"][3]["shares"][0]
    assert lessons.within(share)[0].source.startswith(f"## {share.begin}")


def test_a_schedule_that_there_is_not_is_named_with_those_that_there_are(capsys):
    with pytest.raises(SystemExit, match="no schedule 'weekend'; there are workshop, module, course"):
        lessons.main(["weekend"])


def test_an_index_leads_to_every_session_of_a_schedule_and_decks_of_other_schedules_stay(
    shown_with, tmp_path
):
    for old in ("workshop_09_gone.html", "module_01_kept.html"):
        (tmp_path / old).touch()
    short = SCHEDULES["workshop"] | {"sessions": SCHEDULES["workshop"]["sessions"][1:3]}
    (index,) = lessons.build([short], tmp_path)
    linked = re.findall(r'href="(.+?)"', index.read_text(encoding="utf-8"))
    assert len(linked) == 2 and all((tmp_path / name).exists() for name in linked)
    assert "An alert, and a loop that looks into it" in (tmp_path / linked[1]).read_text(encoding="utf-8")
    found = {path.name for path in tmp_path.glob("*_*.html")}
    assert found == {*linked, "module_01_kept.html"}


@pytest.fixture(scope="module")
def shown_with():
    if node.find() is None:
        pytest.skip(f"no Node.js, so reveal.js cannot be had: {node.ADVICE}")
    try:
        slides.reveal()
    except node.NoNode as problem:
        pytest.skip(f"reveal.js cannot be had: {problem}")


@pytest.fixture(scope="module")
def folder(shown_with, tmp_path_factory):
    return slides.build(notebooks(["04"]), tmp_path_factory.mktemp("slides"))


def test_a_browser_shows_a_deck_from_a_folder_and_asks_nobody(folder, browser: Browser):
    page = browser.new_page()
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto((folder / "04_llm_engineering_series.html").as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady() && Reveal.hasPlugin('notes')")
    assert page.evaluate("document.querySelector('.present h1').getBoundingClientRect().height") > 30
    before = page.evaluate("Reveal.getTotalSlides()")
    for _ in range(before):
        page.evaluate("Reveal.next()")
    assert before > 10 and page.evaluate("Reveal.isLastSlide()")
    assert page.evaluate("document.querySelectorAll('aside.notes').length") > 3
    assert wrong == [] and [url for url in asked if not url.startswith(("file:", "data:"))] == []
    page.close()


def test_the_lock_names_no_registry_and_pins_the_one_package():
    text = (slides.HOME / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in text and "http" not in text
    assert text.count('"integrity"') == 1 and '"version": "5.2.1"' in text
