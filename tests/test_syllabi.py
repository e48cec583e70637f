"""The schedules for teachers: they fit the chapters, and a slip in them is said in one line."""

import copy
import json
import sys

import pytest
import yaml
from bs4 import BeautifulSoup
from sphinx.testing.util import SphinxTestApp

from tools.project import ROOT

sys.path.append(str(ROOT / "book" / "_ext"))
import reading
import syllabi

MADE = yaml.safe_load((ROOT / syllabi.HOME).read_text(encoding="utf-8"))
KNOWN = {
    one["name"]: one
    for one in json.loads((ROOT / "coursekit/data/catalogue.json").read_text(encoding="utf-8"))
}


def taught(syllabus: dict) -> list[str]:
    """The chapters in the order of the file, each once for every session that has a part of it."""
    entries = [entry for session in syllabus["sessions"] for entry in session["chapters"]]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def by_id(name: str) -> dict:
    return next(copy.deepcopy(one) for one in MADE if one["id"] == name)


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Reads a file with this one schedule, beside the real chapters."""
    root = tmp_path_factory.mktemp("slips")
    (root / "book").mkdir()
    for shared in ("notebooks", "coursekit"):
        (root / shared).symlink_to(ROOT / shared)

    def read(syllabus: dict) -> dict:
        (root / syllabi.HOME).write_text(yaml.safe_dump([syllabus], allow_unicode=True), encoding="utf-8")
        syllabi.read_syllabi.cache_clear()
        return syllabi.read_syllabi(root)

    return read


def test_there_are_a_day_two_weeks_and_twelve_weeks():
    shape = {
        one["id"]: (len(one["sessions"]), {session["minutes"] for session in one["sessions"]}) for one in MADE
    }
    assert shape == {"workshop": (4, {90}), "module": (10, {90}), "course": (24, {90})}
    assert syllabi.read_syllabi(ROOT).keys() == shape.keys()


@pytest.mark.parametrize("syllabus", MADE, ids=lambda one: one["id"])
def test_a_chapter_comes_after_what_it_needs_and_minutes_add_up(syllabus):
    before = set(syllabus.get("given", []))
    for name in taught(syllabus):
        assert set(KNOWN[name]["needs"]) <= before
        before.add(name)
    assert sum(session["minutes"] for session in syllabus["sessions"]) == syllabus["minutes"]


def test_twelve_weeks_hold_every_chapter_and_the_time_that_they_take():
    course = by_id("course")
    assert list(dict.fromkeys(taught(course))) == list(KNOWN)
    planned = sum(session["minutes"] + session["home"] for session in course["sessions"])
    assert planned >= sum(one["takes_min"] for one in KNOWN.values())


SLIPS = {
    "no chapter": (
        lambda one: one["sessions"][0].update(chapters=["01_little"]),
        "names '01_little'; there are 01_",
    ),
    "too early": (lambda one: one["sessions"].reverse(), "needs .*: teach it before, or name it in `given`"),
    "no heading": (
        lambda one: one["sessions"][1].update(chapters=[{"02_hash_tables": {"to": "Cukoo"}}]),
        "session 2 of 'course': 02_hash_tables has no heading 'Cukoo'; there are",
    ),
    "twice": (
        lambda one: one["sessions"][2].update(chapters=["02_hash_tables"]),
        "02_hash_tables was taught to 'Exercise 2: complete': begin with what follows",
    ),
    "a gap": (
        lambda one: one["sessions"][2].update(chapters=[{"02_hash_tables": {"from": "Cuckoo"}}]),
        "leaves 'Linear probing without tombstones' out: begin there",
    ),
    "no end": (
        lambda one: one["sessions"][0].update(chapters=[{"01_littles_law": {"to": "The dashboard"}}]),
        "never teaches 'Stages: a box around each, a box around all' of 01_littles_law",
    ),
    "turned round": (
        lambda one: one["sessions"][2].update(
            chapters=[{"02_hash_tables": {"from": "Cuckoo", "to": "Robin Hood"}}]
        ),
        "'Cuckoo' comes after 'Robin Hood': change the two",
    ),
    "no exercise": (
        lambda one: one["sessions"][1].update(hand_in="Exercises 1 and 3"),
        "session 2 of 'course' asks for Exercise 3, which is not among what it teaches",
    ),
    "minutes": (lambda one: one.update(minutes=2000), "says 2000 minutes, its sessions have 2160"),
    "left out": (
        lambda one: one.update(sessions=one["sessions"][:-1], minutes=2070),
        "promises the whole course and leaves 21_langgraph out: add it",
    ),
    "too short": (
        lambda one: [session.update(home=0) for session in one["sessions"]],
        "plans 2160 minutes, its chapters take 2360: give more time at home",
    ),
    "no field": (lambda one: one["sessions"][4].pop("prepare"), "session 5 of 'course' lacks `prepare`"),
    "odd field": (
        lambda one: one["sessions"][4].update(room=7),
        "session 5 of 'course' has an unknown `room`",
    ),
    "odd part": (
        lambda one: one["sessions"][0].update(chapters=[{"01_littles_law": {"until": "The dashboard"}}]),
        "01_littles_law has 'until': a part goes `from` a heading, `to` one, or both",
    ),
    "given": (lambda one: one.update(given=["00_nothing"]), "'course' names '00_nothing'; there are"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_stops_the_build_in_one_line_with_the_way_out(read, slip):
    course = by_id("course")
    spoil, said = SLIPS[slip]
    read(copy.deepcopy(course))  # in order, until it is spoilt
    spoil(course)
    with pytest.raises(syllabi.Slip, match=said) as slipped:
        read(course)
    assert str(slipped.value).startswith(syllabi.HOME) and "\n" not in str(slipped.value)


LATER = {
    "id": "later",
    "title": "One evening",
    "promise": "Nothing before it.",
    "given": ["01_littles_law", "06_llm_prompting_and_rag"],
    "minutes": 50,
    "sessions": [by_id("course")["sessions"][9] | {"minutes": 50}],
}


CONF = """
extensions = ["myst_parser", "reading", "syllabus"]
myst_enable_extensions = ["dollarmath"]
exclude_patterns = ["**.ipynb"]
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The three schedules as Sphinx writes them, with one chapter in the book and the others to come."""
    root = tmp_path_factory.mktemp("teach")
    (root / "book").mkdir()
    for shared in ("coursekit", "book/chapters.yml"):
        (root / shared).symlink_to(ROOT / shared)
    every = [*MADE, LATER]
    (root / syllabi.HOME).write_text(yaml.safe_dump(every, allow_unicode=True), encoding="utf-8")
    (root / "notebooks").mkdir()
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        (root / "notebooks" / notebook.name).symlink_to(notebook)
    (root / "notebooks" / "01_littles_law.md").write_text("# Little's Law\n")
    parts = "\n".join(f"```{{syllabus}} {one['id']}\n```\n" for one in every)
    parts += "```{reading} workshop\n```\n"
    (root / "index.md").write_text(f"# Teach\n\n{parts}\n```{{toctree}}\nnotebooks/01_littles_law\n```\n")
    (root / "conf.py").write_text(CONF)
    app = SphinxTestApp("html", srcdir=root, warningiserror=True)
    app.build()
    app.cleanup()
    return BeautifulSoup((root / "_build/html/index.html").read_text(encoding="utf-8"), "html.parser")


def test_a_schedule_is_a_table_with_a_row_for_each_session_and_its_sums(page):
    tables = page.select("table.syllabus")
    assert [len(table.select("tbody tr")) - 1 for table in tables] == [4, 10, 24, 1]
    sums = [[cell.get_text(strip=True) for cell in table.select("tr")[-1].select("td")] for table in tables]
    assert sums[0] == ["", "4 sessions", "6 h", "", "", "30 min"]
    assert sums[2][1:3] == ["24 sessions", "36 h"]
    assert page.select_one("table.syllabus code").get_text() == "make learn"
    strong = [one.get_text() for one in page.select("p > strong")]
    assert all(one["promise"] in strong for one in MADE)


def test_a_session_links_its_chapters_and_says_which_part(page):
    rows = page.select("table.syllabus")[2].select("tbody tr")
    (link,) = rows[0].select("a[href]")
    assert (link.get_text(), link["href"]) == ("1. Little’s Law", "notebooks/01_littles_law.html")
    assert "2. Hash tables, to “Exercise 2: complete”" in rows[1].get_text()
    assert not rows[1].select("a[href]")  # announced, and not in this book yet


def test_what_students_must_know_already_is_said(page):
    (said,) = [one.get_text() for one in page.select("p") if LATER["promise"] in one.get_text()]
    known = "Students know already: 1. Little’s Law, 6. Prompting and retrieval."
    assert said == f"{LATER['promise']} {known}"


def test_a_reading_list_has_each_session_with_its_minutes_and_the_sources_of_what_it_completes(page):
    titles = [one.get_text() for one in page.select("p.rubric")]
    assert titles == [f"{n}. {one['title']}" for n, one in enumerate(by_id("workshop")["sessions"], 1)]
    after = [
        [child.name for child in rubric.find_next_siblings(limit=2)] for rubric in page.select("p.rubric")
    ]
    assert after == [["p", "p"], ["p", "ul"], ["p", "p"], ["p", "ul"]]  # chapters 1 and 15 end elsewhere
    first = page.select_one("p.rubric").find_next_sibling("p")
    share = syllabi.Share("01_littles_law", end="Capacity planning")
    assert first.get_text().endswith(
        f"to “Capacity planning”: {reading.minutes(ROOT, share)} minutes to read"
    )
    assert "Intelligent agents: theory and practice" in page.get_text()


@pytest.mark.parametrize("name", KNOWN)
def test_a_chapters_sources_are_listed_and_its_parts_take_as_long_as_the_whole(name):
    assert all(item.startswith("- ") and len(item) > 30 for item in reading.sources(ROOT, name))
    every = [title for title, _, _ in reading.sections(ROOT, name)][1:]
    half = len(every) // 2
    parts = [syllabi.Share(name, end=every[half - 1]), syllabi.Share(name, begin=every[half])]
    took = [reading.minutes(ROOT, one) for one in (*parts, syllabi.Share(name))]
    assert abs(took[0] + took[1] - took[2]) <= 1 < took[2]


def test_the_lists_stand_in_the_book():
    text = (ROOT / "book" / "reading.md").read_text(encoding="utf-8")
    assert all(f"```{{reading}} {one['id']}\n" in text for one in MADE)


def test_the_page_for_teachers_shows_all_schedules_and_stands_in_the_book():
    text = (ROOT / "book" / "teach.md").read_text(encoding="utf-8")
    assert all(f"```{{syllabus}} {one['id']}\n" in text for one in MADE)
    assert "book/teach" in (ROOT / "_toc.yml").read_text(encoding="utf-8")
    questions = [
        len(yaml.safe_load(path.read_text(encoding="utf-8"))["quiz"])
        for path in (ROOT / "book" / "learning").glob("*.yml")
    ]
    assert f"{sum(questions)} questions" in text
