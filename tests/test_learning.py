"""Learning in the page: the questions as data, the built pages, and a reader in a real browser."""

import gzip
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import specimen
import yaml
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from nbformat import write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import Browser, Page, expect
from test_pages import GRAVE, NARROW, RULES, SHIFTS, WIDE, serve_book

from tools import book
from tools.project import ROOT

sys.path.append(str(ROOT / "book" / "_ext"))
import changes
import chapter_cells
import question_slips
import questions
from inline import inline

FILES = sorted((ROOT / questions.HOME).glob("*.yml"))
NAME = "01_littles_law"
SCRIPTS = ("memory.js", "learning.js", "progress.js")
KEY = "course-progress"
BLOCKED = """for (const what of ["getItem", "setItem"]) Storage.prototype[what] = (key) => {
  if (key === "course-progress") throw new DOMException("blocked", "SecurityError");
  return null;
};"""

HINTS = '["Count the *customers*.", "There are `2` and two more."]'
CHAPTER = f"""# Little's Law
---
visits = [1, 2, 3]
sum(visits)
---
assert sum(visits) == 6
---
It is six: the sum of $1 + 2 + 3$.
---
assert len(visits) == 3
---
More on the same.
---
## Where it stops

A line of words, and a number: 0.43.
---
len(visits)
---
## Exercise 1: count
---
answer = ...
check.close("Exercise 1", answer, 4, hints={HINTS})
---
answer = 4
---
## What you now know

Enough."""

QUESTIONS = {
    "predict": [
        {
            "cell": "cell0001",
            "ask": "What is the sum?",
            "options": ["5", "6", "7"],
            "answer": 2,
            "because": "1 + 2 + 3 = 6.",
        }
    ],
    "quiz": [
        {
            "ask": "Where does it stop?",
            "options": ["here", "there", "nowhere"],
            "answer": 3,
            "because": "It *never* does.",
            "evidence": "A line of words",
            "section": "Where it stops",
        },
        {
            "ask": "Which are even?",
            "options": ["1", "2", "3", "4"],
            "answer": [2, 4],
            "because": "Two divides them.",
            "evidence": 0.43,
            "section": "Little's Law",
        },
        {
            "ask": "How long is $W$?",
            "number": 80,
            "unit": "ms",
            "by": "20 / (1 - 0.75)",
            "because": "20 ms by 1/4.",
            "evidence": "sum(visits) == 6",
            "section": "Where it stops",
        },
    ],
}
CHANGES = """\
- {date: 2026-12-20, chapters: [01_littles_law], what: "The second change, <b>new</b>."}
- {date: 2026-12-10, chapters: [01_littles_law], what: The first change.}
- {date: 2026-11-22, chapters: [01_littles_law], what: First published.}
"""


def write_chapter(root: Path, asked: dict | str = QUESTIONS) -> None:
    """A short notebook with a guess, an exercise and three questions, in the course's own book."""
    cells = []
    for number, source in enumerate(CHAPTER.split("\n---\n")):
        kind = new_markdown_cell if source.startswith(("#", "It is", "More")) else new_code_cell
        cells.append(kind(source, id=f"cell{number:04}"))
    cells[1]["outputs"] = [new_output("execute_result", {"text/plain": "6"}, execution_count=1)]
    cells[7]["outputs"] = [new_output("execute_result", {"text/plain": "3"}, execution_count=2)]
    cells[10]["outputs"] = [new_output("execute_result", {"text/plain": "4"}, execution_count=3)]
    cells[10]["metadata"]["tags"] = ["solution", "hide-cell"]
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (root / "notebooks").mkdir(exist_ok=True)
    about = {"kernelspec": python, "language_info": {"name": "python"}}
    write(new_notebook(cells=cells, metadata=about), root / "notebooks" / f"{NAME}.ipynb")
    (root / questions.HOME).mkdir(parents=True, exist_ok=True)
    text = asked if isinstance(asked, str) else yaml.safe_dump(asked, allow_unicode=True)
    (root / questions.HOME / f"{NAME}.yml").write_text(text, encoding="utf-8")


# The files


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_questions_of_a_chapter_are_free_of_slips(path):
    assert question_slips.slips(ROOT, path.stem) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_chapter_asks_three_guesses_and_five_questions_or_more(path):
    chapter = questions.read(ROOT, path.stem)
    assert 3 <= len(chapter.predict) <= 5 and 5 <= len(chapter.quiz) <= 7
    keys = [question.key for question in chapter.predict + chapter.quiz]
    assert len(set(keys)) == len(keys)


def change(part: str, at: int, /, **fields: object) -> dict:
    """The questions, with some fields of one entry changed; None takes a field away."""
    asked = json.loads(json.dumps(QUESTIONS))
    entry = asked[part][at] | fields
    asked[part][at] = {field: value for field, value in entry.items() if value is not None}
    return asked


def one_sided() -> dict:
    asked = json.loads(json.dumps(QUESTIONS))
    first = asked["quiz"][0] | {"answer": 1}
    asked["quiz"] = [first | {"ask": f"Question {number}?"} for number in range(3)]
    return asked


SLIPS = {
    "no code cell has the id 'cell9999'": change("predict", 0, cell="cell9999"),
    "the cell 'cell0002' shows no output": change("predict", 0, cell="cell0002"),
    "the cell 'cell0010' hides its output already": change("predict", 0, cell="cell0010"),
    "predict 1: has no `answer`": change("predict", 0, answer=None),
    "the answer 4 names no option: count from 1 to 3": change("predict", 0, answer=4),
    "the answer True names no option": change("predict", 0, answer=True),
    "the answer [2] names no option": change("predict", 0, answer=[2]),
    "`options` must be a list of 2 to 4 texts": change("predict", 0, options=["one"]),
    "the option '6' stands there twice": change("predict", 0, options=["5", "6", 6]),
    "YAML reads the option False": change("predict", 0, options=["5", False]),
    "predict 1: has no `because`": change("predict", 0, because=None),
    "'sektion' is no field": change("quiz", 0, sektion="Where it stops"),
    "quiz 1: has no `evidence`": change("quiz", 0, evidence=None),
    "no section is called 'Nowhere'": change("quiz", 0, section="Nowhere"),
    "the evidence 'no such words' does not stand": change("quiz", 0, evidence="no such words"),
    "the evidence '0.4' does not stand": change("quiz", 1, evidence=0.4),
    "the answer [2, 5] names no option": change("quiz", 1, answer=[2, 5]),
    "the answer [2, 2] names an option twice": change("quiz", 1, answer=[2, 2]),
    "quiz 2: has no `answer`": change("quiz", 1, answer=[]),
    "has a `number` and also": change("quiz", 2, answer=1),
    "the number 'eighty' is none": change("quiz", 2, number="eighty"),
    "the tolerance 5 must be a share": change("quiz", 2, tolerance=5),
    "gives 80 and not 81": change("quiz", 2, number=81, tolerance=0.001),
    "`by: open(1)` cannot be computed": change("quiz", 2, by="open(1)"),
    "is not LaTeX we can draw": change("quiz", 2, because="$\\nosuchcommand$"),
    "quiz: two entries have the ask 'Which are even?'": change("quiz", 0, ask="Which are even?"),
    "option 1 is right 3 times out of 3": one_sided(),
    "line 2 is no YAML": "predict:\n  - ask: a: b\n",
    "must be a list of entries": {"quiz": ["one"]},
    "the file must hold two lists": {"quizz": []},
}


@pytest.mark.parametrize("said", SLIPS)
def test_a_slip_is_one_line_that_names_the_entry_and_the_way_out(tmp_path, said):
    write_chapter(tmp_path, SLIPS[said])
    found = question_slips.slips(tmp_path, NAME)
    assert len(found) == 1 and said in found[0] and "\n" not in found[0]
    assert ": " in found[0] or "must" in found[0]


def test_the_questions_that_the_slips_are_made_from_have_none(tmp_path):
    write_chapter(tmp_path)
    assert question_slips.slips(tmp_path, NAME) == []
    chapter = questions.read(tmp_path, NAME)
    assert [each.right for each in chapter.predict + chapter.quiz] == ["2", "3", "2 4", "80 0.01"]


def test_a_file_without_a_notebook_is_a_slip(tmp_path):
    write_chapter(tmp_path)
    (tmp_path / "notebooks" / f"{NAME}.ipynb").unlink()
    assert "name this file like the notebook" in question_slips.slips(tmp_path, NAME)[0]


def test_hints_are_read_where_they_are_literal_and_not_from_a_solution(tmp_path):
    sources = {
        "a": 'check.same("Exercise 1", f, g, any_one, hints=["one", "two"])',
        "b": 'HINTS = ("three",)\ncheck.close("Exercise 2", x, 1, hints=HINTS)',
        "c": 'check.close("Exercise 3", x, 1, hints=made_up())',
        "d": 'check.close("Exercise 4", x, 1, hints=UNKNOWN)',
        "e": 'check.close("Exercise 5", x, 1)',
    }
    cells = [new_code_cell(source, id=name) for name, source in sources.items()]
    cells.append(new_code_cell(sources["a"], id="f", metadata={"tags": ["solution"]}))
    write(new_notebook(cells=cells), tmp_path / "some.ipynb")
    found = chapter_cells.hints(chapter_cells.read_cells(tmp_path / "some.ipynb"))
    assert found == {"a": ("one", "two"), "b": ("three",)}


def test_every_exercise_with_hints_in_the_course_is_found():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = chapter_cells.read_cells(path)
        asked = [cell.id for cell in cells if "hints=" in cell.source and "solution" not in cell.tags]
        assert list(chapter_cells.hints(cells)) == asked, path.stem


def test_markdown_of_one_line_becomes_html_and_nothing_else_does():
    made = inline("*so* `a<b` <b>bold</b> $\\frac{1}{2}$ costs $5, don't")
    assert "<em>so</em>" in made and "<code" in made and "a&lt;b" in made and "&lt;b&gt;" in made
    assert "<mfrac>" in made and "costs $5, don’t" in made


def test_changes_are_well_formed_and_a_slip_in_them_says_what_to_do():
    known = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert changes.slips(changes.read(ROOT), known) == []
    wrong = [{"date": "yesterday", "chapters": ["99_none"], "what": 5}, {}]
    said = "\n".join(changes.slips(wrong, known))
    assert "entry 1: the date 'yesterday'" in said and "no chapter is called '99_none'" in said
    assert "entry 1: `what` is 5" in said and "entry 2: `chapters` is None" in said


def test_a_slip_stops_the_build_in_one_line_that_names_the_file(tmp_path):
    specimen.write_book(tmp_path)
    write_chapter(tmp_path, change("quiz", 0, section="Nowhere"))
    (tmp_path / "_toc.yml").write_text(f"format: jb-book\nroot: notebooks/{NAME}\n", encoding="utf-8")
    with pytest.raises(book.NotBuilt) as stopped:
        book.build(tmp_path)
    (line,) = str(stopped.value).splitlines()
    assert line.startswith(f"{questions.HOME}/{NAME}.yml: WARNING: quiz 1: no section is called 'Nowhere'")


# The built pages


@cache
def page(name: str) -> BeautifulSoup:
    return BeautifulSoup((book.ensure() / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_a_quiz_stands_before_the_last_words_and_in_the_contents(name):
    document = page(f"notebooks/{name}")
    titles = [tag.text.removesuffix("#") for tag in document.select("article h2")]
    assert titles.index("Check yourself") == titles.index("What you now know") - 1
    assert document.select_one('.toc-tree a[href="#check-yourself"]')
    assert len(document.select("form.question")) == len(questions.read(ROOT, name).quiz)


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_an_output_to_be_guessed_waits_in_a_fold_below_its_code(name):
    guesses = page(f"notebooks/{name}").select(".guess")
    assert len(guesses) == len(questions.read(ROOT, name).predict)
    for guess in guesses:
        assert "cell_output" in guess.select_one("details.reveal:not([open]) > .cell_output")["class"]
        assert "cell" in guess.parent["class"] and guess.parent.select_one(".cell_input")


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_a_place_to_read_again_is_the_section_that_was_meant(name):
    document = page(f"notebooks/{name}")
    for question, link in zip(questions.read(ROOT, name).quiz, document.select(".again a"), strict=True):
        heading = document.find(id=link["href"].removeprefix("#")).find(re.compile("^h[1-3]$"))
        assert chapter_cells.plain(heading.text.removesuffix("#")) == chapter_cells.plain(question.section)


def test_every_heading_of_the_course_can_be_a_place_to_read_again():
    marked = re.compile(r"<h[1-6]>(.*?)<a class=\"headerlink\"", re.DOTALL)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        text = (book.ensure() / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        shown = {BeautifulSoup(title, "html.parser").text for title in marked.findall(text)}
        written = chapter_cells.headings(chapter_cells.read_cells(path))
        assert set(map(chapter_cells.plain, written)) <= set(map(chapter_cells.plain, shown)), path.stem


def test_the_questions_of_a_chapter_are_on_its_page_and_on_no_other():
    keys = {question.key for question in questions.read(ROOT, NAME).quiz}
    holders = [
        path.stem for path in book.ensure().rglob("*.html") if any(key in path.read_text() for key in keys)
    ]
    assert holders == [NAME]


def test_the_script_of_questions_is_loaded_by_chapters_only():
    loading = {path.stem for path in book.ensure().rglob("*.html") if "learning.js" in path.read_text()}
    assert loading == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


def test_all_scripts_of_learning_together_weigh_less_than_8_kb():
    bodies = [(ROOT / "book" / "_static" / script).read_bytes() for script in SCRIPTS]
    assert sum(len(gzip.compress(body)) for body in bodies) < 8000


def test_your_progress_lists_every_chapter_with_what_there_is_to_do():
    rows = page("book/progress").select("tr[data-chapter]")
    assert [row["data-chapter"] for row in rows] == [
        path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
    ]
    for row in rows:  # as many as its page lets a reader tick
        text = (book.ensure() / "notebooks" / f"{row['data-chapter']}.html").read_text(encoding="utf-8")
        assert row["data-exercises"] == str(text.count('data-part="done"')) != "0"
    first = questions.read(ROOT, NAME)
    assert (rows[0]["data-guesses"], rows[0]["data-quiz"]) == (str(len(first.predict)), str(len(first.quiz)))


# A reader in a browser


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[str]:
    """The address of a book with one short chapter that changed twice since it was published."""
    root = tmp_path_factory.mktemp("learning")
    specimen.write_book(root)
    write_chapter(root)
    (root / "book" / "changes.yml").write_text(CHANGES, encoding="utf-8")
    toc = (root / "_toc.yml").read_text(encoding="utf-8")
    (root / "_toc.yml").write_text(f"{toc}\n- file: book/progress", encoding="utf-8")
    yield from serve_book(book.build(root))


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=WIDE, accept_downloads=True)
    context.set_default_timeout(5000)
    context.add_init_script(SHIFTS)
    made = context.new_page()
    complaints = []
    made.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    assert complaints == []
    context.close()


def chapter(site: str) -> str:
    return f"{site}notebooks/{NAME}.html"


def remember(tab: Page, **fields: object) -> None:
    """What a browser knows of the chapter, before any page of the book is open."""
    stored = json.dumps({"version": 1, "last": NAME, "chapters": {NAME: fields}})
    tab.add_init_script(
        f"if (!localStorage.getItem('{KEY}')) localStorage.setItem('{KEY}', {json.dumps(stored)})"
    )


def remembered(tab: Page) -> dict:
    return json.loads(tab.evaluate(f"localStorage.getItem('{KEY}')"))["chapters"][NAME]


def test_a_guess_opens_the_output_and_is_kept_after_a_reload(tab, site):
    tab.goto(chapter(site))
    output, told = tab.locator(".guess .cell_output"), tab.get_by_text("It is six")
    expect(output).to_be_hidden()
    expect(told).to_be_hidden()
    expect(tab.get_by_text("sum(visits) == 6")).to_be_hidden()
    expect(tab.get_by_text("len(visits) == 3")).to_be_hidden()
    expect(tab.get_by_text("More on the same.")).to_be_visible()
    tab.get_by_role("button", name="5").click()
    for _ in range(2):
        expect(output).to_be_visible()
        expect(told).to_be_visible()
        expect(tab.get_by_text("sum(visits) == 6")).to_be_visible()
        expect(tab.get_by_text("len(visits) == 3")).to_be_visible()
        expect(tab.locator(".guess [role=status]")).to_have_text(
            "Not so. Answer: 6. 1 + 2 + 3 = 6. What came out stands below."
        )
        expect(tab.get_by_role("button", name="5")).to_have_attribute("aria-pressed", "true")
        tab.reload()
    expect(output).to_be_in_viewport()
    assert tab.evaluate("window.shifted ?? 0") < 0.02


def test_a_guess_is_made_once(tab, site):
    tab.goto(chapter(site))
    tab.get_by_role("button", name="6").click()
    tab.get_by_role("button", name="7").click(force=True)
    expect(tab.locator(".guess [role=status]")).to_contain_text("Right. 1 + 2 + 3 = 6.")
    assert list(remembered(tab)["guesses"].values()) == ["2"] or list(
        remembered(tab)["guesses"].values()
    ) == [2]


def test_who_does_not_want_to_guess_need_not(tab, site):
    tab.goto(chapter(site))
    tab.get_by_text("Show me without guessing").click()
    expect(tab.locator(".guess .cell_output")).to_be_visible()
    expect(tab.get_by_text("It is six")).to_be_visible()
    expect(tab.locator(".guess .because")).to_have_text("Answer: 6. 1 + 2 + 3 = 6.")
    assert remembered(tab)["guesses"] == {}


def test_a_wrong_answer_says_where_to_read_again_and_a_second_one_why(tab, site):
    tab.goto(chapter(site))
    form = tab.locator("form.question").first
    said = form.locator("[role=status]")
    form.get_by_label("here", exact=True).check()
    form.get_by_role("button", name="Check").click()
    expect(said).to_have_text("Not yet. Read again: Where it stops")
    form.get_by_role("button", name="Check").click()
    expect(said).to_contain_text("It never does.")
    form.get_by_label("nowhere").check()
    expect(said).to_be_empty()
    form.get_by_label("here", exact=True).check()
    form.get_by_role("button", name="Check").click()
    said.get_by_role("link").click()
    assert tab.url.endswith("#where-it-stops")
    expect(tab.locator(".score")).to_have_text("0 of 3 answered right")


def test_right_answers_are_counted_and_kept(tab, site):
    tab.goto(chapter(site))
    one, several, number = (tab.locator("form.question").nth(i) for i in range(3))
    one.get_by_label("nowhere").check()
    several.get_by_label("2").check()
    number.get_by_label("Your answer").fill("79.5")
    for form in (one, several, number):
        form.get_by_role("button", name="Check").click()
    expect(one.locator("[role=status]")).to_have_text("Right. It never does.")
    expect(several.locator("[role=status]")).to_contain_text("Not yet.")  # half of it is not all of it
    expect(number.locator("[role=status]")).to_have_text("Right. 20 ms by 1/4.")
    several.get_by_label("4").check()
    several.get_by_role("button", name="Check").click()
    for _ in range(2):
        expect(tab.locator(".score")).to_have_text("3 of 3 answered right")
        expect(several.get_by_label("4")).to_be_checked()
        expect(number.locator("input")).to_have_value(re.compile("80|79.5"))
        tab.reload()


def test_an_empty_answer_is_no_miss(tab, site):
    tab.goto(chapter(site))
    for form in tab.locator("form.question").all():
        form.get_by_role("button", name="Check").click()
        expect(form.locator("[role=status]")).to_have_text("Choose or write an answer first.")


def test_hints_come_one_after_the_other(tab, site):
    tab.goto(chapter(site))
    first, second = tab.locator("summary", has_text="Hint 1"), tab.locator("summary", has_text="Hint 2")
    expect(second).to_be_hidden()
    first.click()
    expect(tab.get_by_text("Count the customers.")).to_be_visible()
    second.click()
    expect(tab.get_by_text("There are 2 and two more.")).to_be_visible()
    assert tab.locator("details:has(> summary:text('Hint 2'))").evaluate(
        "(hint) => hint.compareDocumentPosition(document.querySelector('.tag_solution')) === 4"
    )


def test_an_exercise_that_is_done_stays_done(tab, site):
    tab.goto(chapter(site))
    tab.get_by_label("I have done exercise 1").check()
    tab.reload()
    expect(tab.get_by_label("I have done exercise 1")).to_be_checked()
    tab.get_by_label("I have done exercise 1").uncheck()
    assert remembered(tab)["done"] == []


def test_a_finished_chapter_has_a_tick_in_words_and_leads_on_from_the_map(tab, site):
    tab.goto(f"{site}index.html")
    expect(tab.locator(".progress-line")).to_contain_text("0 of 1 finished; start with Little’s Law.")
    tab.goto(chapter(site))
    tab.get_by_role("button", name="Mark this chapter as finished").click()
    expect(tab.locator(".finish [role=status]")).to_contain_text("Finished on ")
    expect(tab.locator(".sidebar-tree .current-page [role=img][aria-label=finished]")).to_be_visible()
    tab.goto(f"{site}index.html")
    expect(tab.locator(".progress-line")).to_contain_text("1 of 1 finished.")
    tab.goto(chapter(site))
    tab.get_by_role("button", name="Not finished after all").click()
    expect(tab.locator(".tick")).to_have_count(0)


def test_two_tabs_know_of_each_other(tab, site):
    other = tab.context.new_page()
    tab.goto(chapter(site))
    other.goto(chapter(site))
    tab.get_by_role("button", name="6").click()
    other.get_by_role("button", name="Mark this chapter as finished").click()
    expect(tab.locator(".tick")).to_have_count(1)
    assert remembered(tab)["finished"] and remembered(tab)["guesses"]


def do_everything(tab: Page, site: str) -> None:
    tab.goto(chapter(site))
    tab.get_by_role("button", name="6").click()
    tab.locator("form.question").first.get_by_label("nowhere").check()
    tab.locator("form.question").first.get_by_role("button", name="Check").click()
    tab.get_by_label("I have done exercise 1").check()
    tab.get_by_role("button", name="Mark this chapter as finished").click()


def test_export_clear_and_import_bring_everything_back(tab, site, tmp_path):
    do_everything(tab, site)
    before = remembered(tab)
    tab.goto(f"{site}book/progress.html")
    row = tab.locator(f"tr[data-chapter='{NAME}']")
    expect(row).to_contain_text(re.compile(r"Law.*finished.*1 of 1.*1 of 3.*1 of 1", re.DOTALL))
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Export").click()
    download.value.save_as(tmp_path / "mine.json")
    tab.get_by_role("button", name="Clear").click()
    tab.get_by_role("button", name="Keep it").click()
    assert remembered(tab) == before
    tab.get_by_role("button", name="Clear").click()
    tab.get_by_role("button", name="Forget all").click()
    expect(row).to_contain_text("0 of 1")
    expect(tab.get_by_role("button", name="Clear")).to_be_focused()
    tab.locator("input[type=file]").set_input_files(tmp_path / "mine.json")
    expect(tab.get_by_text("Added what the file knows of 1 chapter;")).to_be_visible()
    assert remembered(tab) == before
    expect(row).to_contain_text("1 of 3")


def test_an_import_takes_nothing_away_and_refuses_what_is_no_export(tab, site, tmp_path):
    do_everything(tab, site)
    before = remembered(tab)
    tab.goto(f"{site}book/progress.html")
    other = {
        "read": "2026-01-01",
        "finished": "2026-01-02",
        "guesses": {"0123abcd": 1},
        "right": ["89abcdef"],
    }
    poison = {"__proto__": {"read": "x"}, "../../x": {}, "02_hash_tables": "no"}
    files = {
        "other.json": json.dumps({"version": 1, "chapters": {NAME: other, **poison}}),
        "broken.json": "{",
        "strange.json": '{"version": 7, "chapters": {}}',
        "picture.json": "\x89PNG",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        tab.locator("input[type=file]").set_input_files(tmp_path / name)
        words = "Added what the file knows of 1 chapter;" if name == "other.json" else "Nothing has changed"
        expect(tab.locator(".your-progress > [role=status]")).to_contain_text(words)
        after = remembered(tab)
    assert before["guesses"].items() <= after["guesses"].items() and after["guesses"]["0123abcd"]
    assert {*before["right"], "89abcdef"} == set(after["right"]) and after["done"] == before["done"]
    assert after["read"] == before["read"] and after["finished"] == "2026-01-02"


@pytest.mark.parametrize("stored", ["{", "[]", "null", '{"version": 1, "chapters": {"01_littles_law": 5}}'])
def test_broken_data_is_an_empty_page_and_not_a_broken_one(tab, site, stored):
    once = f"localStorage.setItem('{KEY}', {json.dumps(stored)})"
    tab.add_init_script(f"if (!sessionStorage.once) {{ sessionStorage.once = 1; {once}; }}")
    do_everything(tab, site)
    tab.reload()
    expect(tab.locator(".score")).to_have_text("1 of 3 answered right")


def test_a_blocked_storage_does_not_break_the_page(browser, site):
    context = browser.new_context(viewport=WIDE)
    context.add_init_script(BLOCKED)
    tab = context.new_page()
    errors = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    do_everything(tab, site)
    expect(tab.locator(".score")).to_have_text("1 of 3 answered right")
    expect(tab.locator(".guess .cell_output")).to_be_visible()
    tab.goto(f"{site}book/progress.html")
    expect(tab.get_by_text("This browser keeps nothing for this site")).to_be_visible()
    assert errors == []
    context.close()


def test_what_is_stored_by_a_later_version_is_left_alone(tab, site):
    later = json.dumps({"version": 2, "chapters": {"everything": "else"}})
    tab.add_init_script(f"localStorage.setItem('{KEY}', {json.dumps(later)})")
    do_everything(tab, site)
    assert tab.evaluate(f"localStorage.getItem('{KEY}')") == later


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_returning_reader_sees_what_changed_since_and_nothing_moves(tab, site, size):
    tab.set_viewport_size(size)
    remember(tab, read="2026-12-12", seen="2026-12-10")
    tab.goto(chapter(site))
    note = tab.locator(".since")
    for _ in range(2):
        expect(note.locator("li")).to_have_text(["The second change, <b>new</b>. (20 December 2026)"])
        tab.wait_for_load_state("load")
        assert tab.evaluate("window.shifted ?? 0") < 0.02
        tab.reload()
    note.get_by_role("button", name="Got it").click()
    expect(note).to_have_count(0)
    expect(tab.locator("h1")).to_be_focused()
    tab.reload()
    expect(note).to_be_hidden()


def test_a_new_reader_is_not_told_what_changed(tab, site):
    tab.goto(chapter(site))
    expect(tab.locator(".since")).to_be_hidden()
    tab.reload()
    expect(tab.locator(".since")).to_be_hidden()


def test_everything_can_be_done_by_keyboard(tab, site):
    tab.goto(chapter(site))
    tab.get_by_text("Guess first.").click()

    def tab_to(words: str) -> None:
        for _ in range(60):
            tab.keyboard.press("Tab")
            if words in tab.evaluate(
                "document.activeElement.closest('label, button, summary')?.textContent ?? ''"
            ):
                return
        raise AssertionError(f"no stop at {words}")

    tab_to("7")
    tab.keyboard.press("Enter")
    expect(tab.locator(".guess .cell_output")).to_be_visible()
    expect(tab.get_by_role("button", name="7")).to_be_focused()
    tab_to("Hint 1")
    tab.keyboard.press("Enter")
    tab_to("Hint 2")
    tab_to("I have done exercise 1")
    tab.keyboard.press("Space")
    expect(tab.get_by_label("I have done exercise 1")).to_be_checked()
    tab_to("here")
    tab.keyboard.press("ArrowUp")  # around to the last one
    tab_to("Check")
    tab.keyboard.press("Enter")
    expect(tab.locator("form.question [role=status]").first).to_contain_text("Right.")
    tab_to("Mark this chapter as finished")
    tab.keyboard.press("Space")
    expect(tab.locator(".tick").first).to_be_attached()


def test_without_javascript_everything_can_be_read(browser, site):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(chapter(site))
    tab.get_by_text("Show me without guessing").click()
    expect(tab.locator(".guess .cell_output")).to_be_visible()
    expect(tab.locator(".guess .because")).to_have_text("Answer: 6. 1 + 2 + 3 = 6.")
    expect(tab.get_by_text("It is six")).to_be_visible()
    tab.locator("summary", has_text="Hint 1").click()
    tab.locator("summary", has_text="Hint 2").click()
    expect(tab.get_by_text("There are 2 and two more.")).to_be_visible()
    for fold in tab.locator(".answer").all():
        fold.locator("summary").click()
        expect(fold.locator(".because")).to_be_visible()
    for useless in ("Check", "Mark this chapter as finished"):
        expect(tab.get_by_role("button", name=useless)).to_have_count(0)
    tab.goto(f"{site}book/progress.html")
    expect(tab.get_by_text("JavaScript is off")).to_be_visible()
    expect(tab.get_by_role("button", name="Export")).to_have_count(0)
    context.close()


def test_on_paper_everything_is_open(tab, site):
    tab.goto(chapter(site))
    tab.emulate_media(media="print")
    for words in ("It is six", "Count the customers", "There are 2", "Two divides them."):
        expect(tab.get_by_text(words)).to_be_visible()
    expect(tab.locator(".guess .cell_output")).to_be_visible()
    assert tab.locator(".reveal .cell_output").bounding_box()["height"] > 10
    for useless in (".check", ".finish", ".done", ".reveal > summary"):
        expect(tab.locator(useless).first).to_be_hidden()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_page_with_all_of_it_open_has_no_grave_accessibility_finding(tab, site, size):
    tab.set_viewport_size(size)
    remember(tab, read="2026-12-12", seen="2026-12-10")
    do_everything(tab, site)
    tab.locator("details").evaluate_all("(all) => all.forEach((fold) => { fold.open = true })")
    second = tab.locator("form.question").nth(1)
    second.get_by_label("1").check()
    second.get_by_role("button").click()
    small = """(all) => all.filter((one) => one.offsetParent)
      .filter((one) => Math.min(one.offsetWidth, one.offsetHeight) < 24).map((one) => one.outerHTML)"""
    assert (
        tab.locator(".guess button, .check, .question label, .done label, .finish button").evaluate_all(small)
        == []
    )
    assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert findings(tab) == []
    tab.goto(f"{site}book/progress.html")
    tab.get_by_role("button", name="Clear").click()
    assert findings(tab) == []


def findings(tab: Page) -> list[str]:
    found = []
    for theme, rules in RULES.items():
        tab.evaluate("(theme) => { document.body.dataset.theme = theme }", theme)
        for rule in Axe().run(tab, options={**rules, "resultTypes": ["violations"]}).response["violations"]:
            if rule["impact"] in GRAVE:
                found += [f"{theme}: {rule['id']}: {node['html']}" for node in rule["nodes"]]
    return found
