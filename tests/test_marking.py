"""Assignments, and the marking of what comes back: right is right, wrong is told why, no harm is done."""

import ast
import csv
import io
import json
import shutil
import sqlite3
import subprocess
from functools import cache
from pathlib import Path
from random import Random

import nbformat
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as some
from nbformat.v4 import new_code_cell

from coursekit import check
from tools import editions, marks
from tools.marking import (
    attacks,
    collect,
    course,
    demonstrate,
    hidden,
    hostile,
    inside,
    judge,
    report,
    sandbox,
)
from tools.marking.exercises import BEGIN, assignment, exercises, split
from tools.marking.needed import needed
from tools.marking.rebuild import rebuild
from tools.project import ROOT, notebooks
from tools.student import student

pytestmark = pytest.mark.timeout(1200)  # one fixture marks some thirty submissions
every_chapter = pytest.mark.parametrize("name", [path.stem for path in notebooks()])


@cache
def source(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def copy(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


@cache
def made(name: str) -> nbformat.NotebookNode:
    return assignment(copy(name), name)


def known(cell) -> dict:
    return cell.metadata.get("nbgrader", {})


def body(code: str) -> list[str]:
    return [ast.unparse(node) for node in ast.parse(code).body]


# ---- assignments


def test_every_closed_exercise_of_the_course_has_an_answer_and_a_test():
    count = 0
    for path in notebooks():
        cells = {known(cell).get("grade_id"): cell for cell in made(path.stem).cells}
        for each in exercises(copy(path.stem)).values():
            count += 1
            answer, test = cells[f"{each.id}-answer"], cells[each.id]
            assert known(answer)["solution"] and not known(answer)["locked"]
            assert known(test)["grade"] and known(test)["locked"] and known(test)["points"] == 1
            assert "..." in answer.source.partition(BEGIN)[0]
            assert hidden.read(test.source).parts
    assert count == 68


@every_chapter
def test_a_stub_cell_that_is_split_says_what_it_said(name):
    for section in editions.sections(copy(name)):
        if section.is_exercise and not section.is_open:
            stub, solution = section.checked
            parts = split(stub, solution)
            assert [line for part in parts for line in body(part)] == body(stub.source)
            assert set(editions.names([new_code_cell(parts[1])])[0]) <= editions.names([solution])[0]


@every_chapter
def test_what_exercises_build_on_is_locked_and_the_rest_is_open(name):
    code = [cell for cell in made(name).cells if cell.cell_type == "code"]
    locked = {name for cell in code if known(cell).get("locked") for name in editions.names([cell])[0]}
    free = {name for cell in code if not known(cell) for name in editions.names([cell])[0]} - locked
    for cell in code:
        if known(cell).get("grade"):
            assert not editions.names([cell])[1] & free
    assert any(not known(cell) for cell in code)


@every_chapter
def test_an_open_exercise_has_a_text_that_somebody_reads(name):
    texts = [cell for cell in made(name).cells if cell.cell_type == "markdown" and known(cell).get("grade")]
    opened = [section for section in editions.sections(copy(name)) if section.is_open]
    assert len(texts) == len(opened) == 1


def test_an_answer_is_cut_out_between_what_is_given_and_what_tests_it():
    stub = new_code_cell(
        "LIMIT = 3  # given\n\n# to do\ndef f(x):\n    ...\n\n\nHINTS = []\ncheck.same(1, f, g, h)"
    )
    solution = new_code_cell("def f(x):\n    return LIMIT\n\n\ncheck.same(1, f, g, h)")
    assert split(stub, solution) == (
        "LIMIT = 3  # given\n\n# to do",
        "def f(x):\n    ...",
        "HINTS = []\ncheck.same(1, f, g, h)",
    )


# ---- what is needed


def cells(*sources: str) -> list:
    return [new_code_cell(text) for text in sources]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["a = 1", "b = 2", "a"], {0, 2}),
        (["a = []", "a.append(1)", "b = []", "len(a)"], {0, 1, 3}),
        (["def f():\n    return g()", "def g():\n    return 1", "h = 1", "f()"], {0, 1, 3}),
        (["import os", "x = 1", "2"], {0, 2}),
        (["a = 1", "a = 2", "print(a)", "a"], {1, 3}),
        (["a = {}", "a['b'] = 1", "a"], {0, 1, 2}),
        (["rng = 1\nx = rng", "rng = []\nrng.append(2)", "x"], {0, 2}),
    ],
)
def test_a_cell_is_needed_if_it_gives_or_changes_what_is_used(sources, expected):
    assert needed(cells(*sources), {len(sources) - 1}) == expected


# ---- answers as JSON, compared outside

values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(max_size=5),
    lambda inner: (
        some.lists(inner, max_size=4)
        | some.tuples(inner, inner)
        | some.dictionaries(some.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values, values)
def test_answers_agree_outside_exactly_when_the_check_inside_says_so(one, other):
    for right in (one, other):
        said = judge.agree(json.loads(json.dumps(inside.encode(one))), inside.encode(right), 1e-9)
        assert said == check._agree(one, right, 1e-9) or nested_numbers(one)


def nested_numbers(value) -> bool:
    """Where a dictionary holds numbers or sequences, the comparison outside is the milder one."""
    return "{" in repr(value)


@pytest.mark.parametrize("value", [object(), print, 3j, b"x", {1, 2}, frozenset("a"), 10**400, Random(1)])
def test_any_answer_has_a_form_and_nothing_is_called_to_read_it(value):
    read = json.loads(json.dumps(inside.encode(value)))
    assert isinstance(judge.text(read), str)
    opaque = isinstance(read, dict) and "other" in read
    assert judge.agree(read, inside.encode(value), 0) != opaque


def test_half_a_pair_of_surrogates_stops_nobody():
    assert judge.judge({"answers": ["\ud800"]}, {"expected": ["x"], "calls": ["f()"], "inputs": ""}, 0).said
    row = report.Row("a", "c", "e", 0.0, 1.0, "wrong", "\ud800")
    assert "\ud800" not in report.as_text([row]) + report.as_csv([row]) + report.as_html([row])


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, '{"answers": 3}', "7", '{"answers": [{"int": "no"}, {"float": []}, {"set": 1}]}', None, 3],
)
def test_what_a_submission_writes_in_place_of_answers_is_wrong_or_none(text):
    found = judge.answers([{"output_type": "display_data", "data": {inside.MIME: text}}])
    if found is not None:
        reference = {"expected": [1, 2, 3], "calls": ["f()"] * 3, "inputs": ""}
        assert judge.judge(found, reference, 0).state == judge.WRONG


# ---- what comes in


def test_files_of_a_learning_management_system_are_taken_over_and_strange_ones_refused(tmp_path):
    export, folder = tmp_path / "export", tmp_path / "course"
    (export / "cyd").mkdir(parents=True)
    chapters = ["01_littles_law"]
    for name in (
        "ann_01_littles_law.ipynb",
        "bob@uni.example_01_littles_law.ipynb",
        "cyd/01_littles_law.ipynb",
        "=cmd_01_littles_law.ipynb",
        "-x_01_littles_law.ipynb",
        ".._01_littles_law.ipynb",
        "_01_littles_law.ipynb",
        "dan_99_unknown.ipynb",
        "readme.txt",
        "new\nline_01_littles_law.ipynb",
    ):
        (export / name).write_text("{}")
    (export / "eve_01_littles_law.ipynb").symlink_to("/etc/passwd")
    (export / "link").symlink_to("/etc")
    taken, refused = collect.collect(export, folder, chapters)
    assert taken == 3 and len(refused) == 9
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.ipynb"))
    assert found == [
        f"submitted/{who}/{chapters[0]}/{chapters[0]}.ipynb" for who in ("ann", "bob@uni.example", "cyd")
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1"])
def test_no_cell_of_the_marks_is_a_formula(text):
    row = report.Row(text, "c", "e", 1.0, 1.0, "right", text)
    (_, line) = csv.reader(io.StringIO(report.as_csv([row])))
    assert line[0].startswith("'") and line[5].startswith("right")
    assert report.harmless(text).startswith("'")


def test_a_page_of_marks_shows_tags_as_text():
    row = report.Row("<b>", "c", "e", None, 1.0, "<script>", "<img onerror=x>")
    page = report.as_html([row])
    assert "<script" not in page and "<img" not in page and "default-src 'none'" in page
    assert "\x1b" not in report.as_text([row._replace(remark="\x1b[2J")])


def test_a_submission_is_put_back_into_the_notebook_that_was_handed_out():
    release = made("01_littles_law")
    again = nbformat.from_dict(json.loads(json.dumps(release)))
    theirs = nbformat.from_dict(json.loads(json.dumps(release)))
    for cell in theirs.cells:
        if known(cell).get("locked"):
            cell.source = "0"
    theirs.cells = [cell for cell in theirs.cells if known(cell).get("grade_id") != "exercise-2"]
    theirs.cells.insert(0, new_code_cell("mine = 1"))
    said = rebuild(again, theirs)
    assert len(said) == 2 and "locked" in said[0] and said[1].startswith("1 cells")
    assert again.cells[0].source == "mine = 1" and again.cells[0].metadata.changed
    assert [cell.source for cell in again.cells[1:]] == [cell.source for cell in release.cells]


# ---- in the sandbox


@pytest.fixture(scope="session")
def room() -> None:
    """Submissions can be run here."""
    try:
        sandbox.ensure()
    except sandbox.NoRoom as why:
        pytest.skip(str(why))
    course.ready()


@pytest.fixture
def inside_of(room, tmp_path):
    """What a program prints inside."""
    shared = tmp_path / "run"
    shared.mkdir()
    shared.chmod(0o777)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)

    def run(code: str, **limits: int) -> str:
        python = sandbox.course_python()
        argv = [f"{python['prefix']}/bin/python", "-c", code]
        done = subprocess.run(sandbox.command(shared, argv, python, limits), capture_output=True, text=True)
        return done.stdout + done.stderr

    return run


def test_inside_there_is_the_course_and_nothing_of_the_one_who_marks(inside_of, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    said = inside_of("import os; print(os.environ, os.listdir('..'), os.listdir('/home'), os.getuid())")
    assert "secret-key" not in said and "65534" in said
    assert "'coursekit'" in said and "_build" not in said and "['nobody']" in said
    assert "No such file" in inside_of(f"open({str(ROOT / 'notebooks' / '01_littles_law.ipynb')!r})")


def test_inside_only_memory_can_be_written_to(inside_of):
    code = """
import os
for place in ("/", "/usr", "/dev", "/etc", "..", "../coursekit", "/tmp", "/home/nobody"):
    try:
        open(place + "/x", "w"); print("wrote", place)
    except OSError: pass"""
    assert inside_of(code).split() == ["wrote", "/tmp", "wrote", "/home/nobody"]
    assert not (ROOT / "coursekit" / "x").exists()


def test_inside_there_are_no_rights_to_win_back(inside_of):
    said = inside_of("print(open('/proc/self/status').read())")
    held = {
        line.split(":")[0]: line.split()[1] for line in said.splitlines() if line.startswith(("Cap", "NoNew"))
    }
    assert int(held["CapEff"], 16) == int(held["CapPrm"], 16) == int(held["CapAmb"], 16) == 0
    assert held["NoNewPrivs"] == "1"


def test_inside_loopback_is_its_own_and_there_is_no_other_network(inside_of):
    with hostile.listener() as (port, came):
        said = inside_of(
            "import socket\n"
            "own = socket.create_server(('127.0.0.1', 0))\n"
            "socket.create_connection(own.getsockname()); print('own')\n"
            f"for place in (('127.0.0.1', {port}), ('192.0.2.1', 80)):\n"
            "    try: socket.create_connection(place, timeout=2); print('out')\n"
            "    except OSError as error: print(error.errno)"
        )
    assert said.split() == ["own", "111", "101"] and came == []


def test_without_bubblewrap_the_way_out_is_said(monkeypatch):
    monkeypatch.setattr(sandbox, "find", lambda: None)
    monkeypatch.setattr(sandbox, "install", lambda: None)
    with pytest.raises(sandbox.NoRoom, match=r"apt install bubblewrap.*Linux virtual machine"):
        sandbox.ensure()


# ---- marked

HONEST = {
    "right": "def double(numbers):\n    return list(map(lambda one: one * 2, numbers))",
    "helped": "def double(numbers):\n    return helper(numbers)",
    "wrong": "def double(numbers):\n    return numbers * 2",
    "raises": "def double(numbers):\n    return numbers[9]",
    "stub": None,
}
EXPECTED = {  # name: points and state of the second exercise, and a remark
    "right": (1, "right", "agrees on 30 hidden inputs"),
    "helped": (1, "right", ""),
    "wrong": (0, "wrong", "expected"),
    "raises": (0, "wrong", "raised IndexError: list index out of range"),
    "stub": (0, "not tried", ""),
    "loops": (0, "stopped at the time limit", ""),
    "stubborn": (0, "stopped at the time limit", ""),
    "deletes": (1, "right", ""),
    "floods": (0, "output cut", ""),
    "floods-raw": (0, "output cut", ""),
    "large": (0, "output cut", ""),
    "network": (1, "right", ""),
    "spies": (0, "not tried", ""),
    "patches": (0, "wrong", "expected"),
    "forges": (0, "wrong", "expected"),
    "copies": (1, "right", "uses the witness by_adding"),
    "bomb": (0, "started too many processes", ""),
    "eats": (0, "used too much memory", ""),
    "exits": (0, "ended its own process", ""),
    "kills": (0, "no answer", "NameError"),
    "huge": (0, "wrote too much", ""),
    "unlocks": (0, "wrong", "gave 7"),
    "drops": (1, "right", ""),
    "twice": (1, "right", ""),
    "scripts": (1, "right", ""),
    "no-json": (0, "refused", ""),
    "nested": (0, "refused", ""),
    "heavy": (0, "refused", ""),
    "link": (0, "refused", ""),
}
REMARKS = {  # on the whole submission
    "network": "tried the network",
    "unlocks": "3 locked cells were changed: put back",
    "drops": "3 cells of the assignment were missing: put back",
    "heavy": "200 MB; at most 20 are taken",
    "link": "a link, not a file",
    "no-json": "not a notebook",
    "nested": "not a notebook",
}


def honest(folder: Path) -> None:
    for name, answer in HONEST.items():
        one = attacks.Hostile(name, "", answer or "")
        path = hostile.hand_in(folder, one, 0)
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if answer is None and known(cell).get("grade_id") == "exercise-2-answer":
                cell.source = "def double(numbers):\n    ..."
        if name == "helped":
            notebook.cells.insert(
                2, new_code_cell("def helper(numbers):\n    return [2 * one for one in numbers]")
            )
        nbformat.write(notebook, path)


@pytest.fixture(scope="session")
def course_of(room, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    course.make(folder, {hostile.CHAPTER: hostile.specimen()})
    return folder


@pytest.fixture(scope="session")
def marked(course_of):
    """All submissions, honest and hostile, marked in one go: the folder, the marks, what became of each."""
    honest(course_of)
    rows, table = demonstrate.run(course_of, marks.mark_all)
    return course_of, table, rows


def of(table: list, name: str) -> list[report.Row]:
    return [row for row in table if row.student == name]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_submission_gets_what_it_deserves(marked, name):
    _, table, _ = marked
    points, state, remark = EXPECTED[name]
    first, second, _ = of(table, name)
    assert (second.points, second.state) == (points, state)
    assert remark in second.remark and REMARKS.get(name, "") in first.remark
    assert first.points == (0 if state == "refused" else 1)  # the harm reaches no other exercise


def test_every_hostile_submission_is_expected_to_be_one():
    assert EXPECTED.keys() == HONEST.keys() | {one.name for one in attacks.hostiles()}


def test_no_hostile_submission_does_harm(marked):
    _, _, rows = marked
    assert [row["name"] for row in rows if row["harm"] != "none"] == []


def test_harm_would_be_seen(marked, tmp_path, monkeypatch):
    folder, _, _ = marked
    assert list(demonstrate.harms(folder, demonstrate.treasures(folder), [])) == []
    assert list(demonstrate.harms(folder, "otherwise", ["a caller"])) == [
        "files were changed",
        "1 connections came out",
    ]
    left = Path("/tmp", f"{course.room(folder)}left")
    left.mkdir()
    try:
        assert list(demonstrate.harms(folder, demonstrate.treasures(folder), [])) == [
            "files were left behind"
        ]
    finally:
        left.rmdir()


def test_the_table_in_the_book_is_what_happens(marked):
    _, _, rows = marked
    assert demonstrate.stored("hostile") == rows
    assert demonstrate.as_markdown(rows) in demonstrate.PAGE.read_text(encoding="utf-8")


def test_a_marking_that_takes_too_long_is_ended_with_its_kernel(course_of):
    path = hostile.hand_in(course_of, attacks.Hostile("endless", "", "while True:\n    pass"), 0)
    right = course.reference(course_of, hostile.CHAPTER, "seed")
    try:
        with pytest.raises(course.Failed, match="stopped at the time limit"):
            course.mark(course_of, "endless", hostile.CHAPTER, path, right, {}, timeout_s=4)
        left = [line for line in demonstrate.command_lines() if course.room(course_of).encode() in line]
        assert left == list(Path("/tmp").glob(f"{course.room(course_of)}*")) == []
    finally:
        shutil.rmtree(path.parent.parent)


def test_a_wrong_answer_is_told_which_input_failed(marked):
    folder, _, _ = marked
    page = (folder / "feedback" / "wrong" / hostile.CHAPTER / f"{hostile.CHAPTER}.html").read_text()
    assert "double([" in page and "expected [" in page


def test_what_spies_saw_holds_neither_answers_nor_marks(marked):
    folder, _, _ = marked
    notebook = nbformat.read(
        folder / "autograded" / "spies" / hostile.CHAPTER / f"{hostile.CHAPTER}.ipynb", 4
    )
    seen = notebook.cells[-1].outputs[0].text
    assert "'cases': 30" in seen  # it did look into the hidden test, which holds no answers
    assert "/gradebook.db: No such file" in seen and ".ipynb: No such file" in seen
    assert "SQLite format" not in seen and BEGIN not in seen


def test_feedback_holds_no_script_of_a_submission_and_may_run_none(marked):
    folder, _, _ = marked
    pages = sorted(folder.glob("feedback/*/*/*.html"))
    assert len(pages) >= 20
    for page in pages:
        text = page.read_text()
        head = text[text.index("<head>") :].splitlines()[1]
        assert "Content-Security-Policy" in head and "default-src 'none'" in head
    hurt = (folder / "feedback" / "scripts" / hostile.CHAPTER / f"{hostile.CHAPTER}.html").read_text()
    tree = BeautifulSoup(hurt, "html.parser")
    assert not [each for each in tree.find_all("script") if "taken" in each.text]
    assert not [each for each in tree.find_all(True) if "taken" in json.dumps(each.attrs)]
    assert not tree.find_all("meta", {"http-equiv": "refresh"}) and not tree.find_all("svg")
    assert hurt.count("taken") >= 3  # what it wrote is there to read


def test_marking_twice_changes_nothing_and_a_resubmission_is_marked_anew(marked):
    folder, table, _ = marked

    def written() -> dict[str, bytes]:
        files = [*folder.glob("*.csv"), *folder.glob("report.*"), *folder.glob("feedback/*/*/*.html")]
        return {str(path): path.read_bytes() for path in files}

    before = written()
    assert marks.mark_all(folder, limits=hostile.LIMITS) == table and written() == before
    path = folder / "submitted" / "wrong" / hostile.CHAPTER / f"{hostile.CHAPTER}.ipynb"
    old = path.read_text()
    path.write_text(old.replace("numbers * 2", "[one * 2 for one in numbers]"))
    try:
        again = marks.mark_all(folder, limits=hostile.LIMITS)
    finally:
        path.write_text(old)
    assert of(again, "wrong")[1].points == 1
    assert [row for row in again if row.student != "wrong"] == [
        row for row in table if row.student != "wrong"
    ]


def test_points_that_a_reader_gives_stand_in_the_next_report(marked):
    folder, table, _ = marked
    (waiting,) = [row for row in table if row.points is None]
    change = (
        "update grade set manual_score = ?, needs_manual_grade = ? where auto_score is null "
        "and notebook_id in (select one.id from submitted_notebook one join submitted_assignment whole "
        "on one.assignment_id = whole.id where whole.student_id = ?)"
    )

    def give(points: float | None) -> list[report.Row]:
        with sqlite3.connect(folder / "gradebook.db") as gradebook:
            assert gradebook.execute(change, (points, points is None, waiting.student)).rowcount == 1
        return of(marks.mark_all(folder, limits=hostile.LIMITS), waiting.student)

    assert [(row.points, row.state) for row in give(0.5)][2] == (0.5, "read")
    assert [(row.points, row.state) for row in give(None)][2] == (None, "to be read")


def test_the_marks_stand_in_one_line_an_exercise(marked):
    folder, table, _ = marked
    lines = list(csv.DictReader((folder / "marks.csv").open()))
    assert list(lines[0]) == ["student", "chapter", "exercise", "points", "of", "remark"]
    assert len(lines) == len(table) == 3 * len(EXPECTED)
    assert [line["points"] for line in lines if line["student"] == "right"] == ["1", "1", "0"]
    assert [line["points"] for line in lines if line["student"] == "scripts"] == ["1", "1", ""]  # to be read


# ---- chapters


def test_every_solution_got_its_point_and_every_stub_none_when_all_chapters_were_marked_last():
    record = demonstrate.stored("chapters")
    assert {(row["solution"], row["stub"]) for row in record} == {("right", "not tried")}
    named = [(row["chapter"], row["exercise"]) for row in record]
    there = [(path.stem, each.id) for path in notebooks() for each in exercises(copy(path.stem)).values()]
    assert named == there and len(there) == 68
    assert demonstrate.times(record) in demonstrate.PAGE.read_text(encoding="utf-8")


def test_the_page_names_the_exercises_whose_right_answers_are_alike():
    record = demonstrate.stored("chapters")
    alike = [f"{row['chapter'][:2]} ({row['exercise'].replace('-', ' ')})" for row in record if row["alike"]]
    page = " ".join(demonstrate.PAGE.read_text(encoding="utf-8").split())
    assert f"In chapters {', '.join(alike[:-1])} and {alike[-1]} every right answer" in page


@pytest.mark.parametrize("name", ["13_multi_agent_systems"])
def test_the_solutions_of_a_chapter_get_full_marks_and_its_stubs_none(room, tmp_path, name):
    from tools.marking.prove import prove

    course.make(tmp_path, {name: copy(name)})
    found = list(prove(tmp_path, name))
    assert [(row["solution"], row["stub"]) for row in found] == [("right", "not tried")] * 3
    record = demonstrate.stored("chapters")
    assert {row["cells"] for row in record if row["chapter"] == name} == {found[0]["cells"]}
    released, edition = course.read(tmp_path / "release" / name / f"{name}.ipynb"), student(copy(name), name)
    code = [each for cell in released.cells if cell.cell_type == "code" for each in statements(cell.source)]
    assert code == [
        each for cell in edition.cells if cell.cell_type == "code" for each in statements(cell.source)
    ]
    whole = nbformat.writes(released)
    for each in exercises(copy(name)).values():
        lines = {line.strip() for line in each.solution.splitlines() if len(line.strip()) > 11}
        said = "\n".join(cell.source for cell in edition.cells)
        assert [line for line in lines if line not in said and json.dumps(line)[1:-1] in whole] == []


def statements(code: str) -> list[str]:
    return [] if "%pip" in code else body(code)
