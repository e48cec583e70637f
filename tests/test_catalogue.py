"""The course about itself: as the notebooks say, in an order that can be read, with a path for everybody."""

import itertools
import re

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from coursekit import catalogue, plots
from coursekit.catalogue import Chapter
from coursekit.errors import CourseError
from coursekit.pathfinder import PathFinder, Probe
from tools import catalogue as tool
from tools.project import NOTEBOOKS

NAMES = [one.name for one in catalogue.chapters()]


def test_the_catalogue_says_what_the_notebooks_say():
    assert catalogue.HOME.read_text() == tool.read(), "store a notebook with `make run`"


def test_a_chapter_builds_on_earlier_chapters_only():
    assert [(one.name, need) for one in catalogue.chapters() for need in one.needs if need >= one.name] == []


def test_what_is_needed_comes_before_what_needs_it_and_comes_once():
    for name in NAMES:
        order = [one.name for one in catalogue.needed_for([name])]
        assert order[-1] == name and len(set(order)) == len(order)
        for one in map(catalogue.chapter, order):
            assert set(one.needs) <= set(order[: order.index(one.name)])


def test_an_unknown_chapter_is_named_together_with_those_there_are():
    with pytest.raises(CourseError, match=r"'05_nothing'; there are 01_littles_law, "):
        catalogue.chapter("05_nothing")


def test_a_notebook_that_does_not_say_how_long_it_takes_is_named(tmp_path):
    cell = nbformat.v4.new_markdown_cell("# T\n\n**Before this:** nothing\n**Takes** a while\n**Runs** fast")
    path = tmp_path / "01_littles_law.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    with pytest.raises(tool.NotSaid, match=r"01_littles_law.ipynb: the first cell must say .*40 minutes"):
        tool.describe(path)


def test_reading_time_grows_with_words_and_lines_and_is_rounded_to_five():
    short, long = (
        Chapter("01_x", "X", "I", "", (), 1, 1, words, lines) for words, lines in [(0, 0), (3000, 300)]
    )
    assert (short.reading_min, long.reading_min) == (5, 30)


def test_the_drawn_map_says_in_words_who_needs_whom():
    figure = catalogue.draw(NAMES[:3], "Three chapters").figure
    assert "Hash tables needs nothing" in plots.describe(figure)


# The path finder.

PROBES = [
    Probe(name, f"section {number} of {name}", f"Question {number}?", "right", ("wrong", "other"))
    for name, number in itertools.product(NAMES[:3], (1, 2))
]


def test_who_knows_everything_has_nothing_to_read_and_who_knows_nothing_reads_all():
    finder = PathFinder(PROBES)
    assert finder.answer(*["right"] * 6).path() == []
    assert [name for name, _ in finder.answer(*[None] * 6).path()] == NAMES[:3]


def test_a_wrong_answer_sends_to_its_section():
    path = PathFinder(PROBES).answer("right", "wrong", *["right"] * 4).path()
    assert path == [(NAMES[0], [f"section 2 of {NAMES[0]}"])]


def test_too_few_answers_are_refused():
    with pytest.raises(CourseError, match="6 questions, 1 answers"):
        PathFinder(PROBES).answer("right")


@pytest.fixture
def page(browser: Browser) -> Page:
    page = browser.new_page()
    finder = PathFinder(PROBES)
    state = {name: getattr(finder, name) for name in ("probes", "chapters", "answers")}
    page.evaluate(
        """async ([code, values]) => {
          const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
          const { default: widget } = await import(url);
          const listeners = [];
          const model = {
            get: (name) => values[name],
            set: (name, value) => { values[name] = value; listeners.forEach((tell) => tell()); },
            save_changes: () => {}, on: (_, tell) => listeners.push(tell),
          };
          window.values = values;
          document.body.innerHTML = "<main></main>";
          widget.render({ model, el: document.querySelector("main") });
        }""",
        [PathFinder._esm, state],
    )
    yield page
    page.close()


def test_the_page_proposes_the_same_path_as_python_without_a_kernel(page: Page):
    said = ["right", "wrong", None, "right", "right", "right"]
    for number, answer in enumerate(said):
        page.locator("fieldset").nth(number).get_by_label(answer or "I do not know").check()
    path = PathFinder(PROBES).answer(*said).path()
    items = page.locator(".ck-path li")
    expect(items).to_have_count(len(path))
    for item, (name, sections) in zip(items.all(), path, strict=True):
        assert item.locator("a").get_attribute("href") == f"{name}.html"
        assert all(section in item.inner_text() for section in sections)


def test_the_page_counts_the_questions_to_go_and_adds_up_the_minutes(page: Page):
    expect(page.locator(".ck-said")).to_have_text("6 of 6 questions to go. Your path so far:")
    for box in page.locator("fieldset").all():
        box.get_by_label("I do not know").check()
    minutes = sum(catalogue.chapter(name).reading_min for name in NAMES[:3])
    expect(page.locator(".ck-said")).to_have_text(f"Your path, about {minutes} minutes of reading:")
    for box in page.locator("fieldset").all():
        box.get_by_label("right", exact=True).check()
    assert re.match("You know all of this", page.locator(".ck-said").inner_text())


def test_every_notebook_stands_in_the_catalogue():
    assert [path.stem for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))] == NAMES
