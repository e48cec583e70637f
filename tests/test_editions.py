"""The editions for students and instructors: nothing given away, nothing lost, in step with the notebooks."""

import ast
import json
import re
import sys
from collections import Counter
from functools import cache
from itertools import pairwise

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from tools import cuts, editions
from tools.instructor import CUTS_MIN, answer, instructor
from tools.project import ROOT, notebooks
from tools.student import student

sys.path.append(str(ROOT / "book" / "_ext"))

import questions

SHORTEST = 12  # characters of a line that can give something away
every_chapter = pytest.mark.parametrize("name", [path.stem for path in notebooks()])


@cache
def source(name: str) -> NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


@cache
def for_students(name: str) -> NotebookNode:
    return student(nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4), name)


@cache
def for_instructors(name: str) -> NotebookNode:
    return instructor(nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4), name)


def is_note(cell: NotebookNode) -> bool:
    return "instructor" in cell.metadata.get("tags", [])


def notes(name: str) -> str:
    """All notes of an edition as they read, without the marks of a quotation."""
    cells = [cell.source for cell in for_instructors(name).cells if is_note(cell)]
    return re.sub(r"^> ?", "", "\n".join(cells), flags=re.MULTILINE)


def solutions(name: str) -> list[NotebookNode]:
    return [cell for cell in source(name).cells if editions.is_solution(cell)]


def kept(name: str) -> list[NotebookNode]:
    return [cell for cell in source(name).cells if not editions.is_solution(cell)]


def lines(cell: NotebookNode) -> set[str]:
    found = {line.strip() for line in cell.source.splitlines()}
    return {line for line in found if len(line) >= SHORTEST}


def tree(code: str) -> ast.Module:
    return ast.parse(TransformerManager().transform_cell(code))


# ---- what students get


@every_chapter
def test_no_line_of_a_solution_is_anywhere_in_the_student_edition(name):
    said_anyway = "\n".join(cell.source for cell in kept(name))
    secret = {line for cell in solutions(name) for line in lines(cell) if line not in said_anyway}
    assert len(secret) >= len(solutions(name)) > 0  # each solution says something of its own
    whole = nbformat.writes(for_students(name))  # sources, outputs, metadata
    assert [line for line in secret if json.dumps(line, ensure_ascii=False)[1:-1] in whole] == []


@every_chapter
def test_cells_that_everybody_reads_hold_less_than_half_of_an_answer(name):
    """A line that is written anyway is no secret; most of an answer is one, wherever it stands."""
    read_by_all = {line.strip() for cell in kept(name) for line in cell.source.splitlines()}
    for cell in solutions(name):
        body = {line.strip() for line in answer(cell).splitlines() if not line.startswith("def ")}
        assert len(body & read_by_all) < len(body) / 2, cell.source


@every_chapter
def test_what_outputs_and_widgets_held_is_gone(name):
    edition = for_students(name)
    code = [cell for cell in edition.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert set(edition.metadata) == {"kernelspec", "language_info"}
    assert {key for cell in edition.cells for key in cell.metadata} <= {"tags", "jupyter"}


@every_chapter
def test_all_else_is_the_notebook_cell_by_cell(name):
    same = [(cell.id, cell.cell_type, cell.source, cell.metadata) for cell in kept(name)]
    cells = [cell for cell in for_students(name).cells if "waits" not in cell.metadata.get("tags", [])]
    assert [(cell.id, cell.cell_type, cell.source, cell.metadata) for cell in cells] == same


def test_a_cell_that_uses_an_answer_says_so_and_no_other_does():
    waits = {}
    for path in notebooks():
        cells = for_students(path.stem).cells
        for line, after in pairwise(cells):
            if "waits" in line.metadata.get("tags", []):
                waits[after.id] = line.source
    assert {cell[:4] for cell in waits} == {"994a", "6f6b", "20af", "a897", "b3a8", "3f6c", "0193", "deab"}
    assert waits["20af8327"] == "*The next cell needs your answer to Exercise 4; until then it fails.*"


@every_chapter
def test_each_check_stands_in_the_cell_of_its_stub_and_asks_about_it(name):
    """A stub is a function whose body ends in `...`, or a name that `...` is given to."""
    stubs, checked = set(), []
    for section in editions.sections(for_students(name)):
        if not section.is_exercise or section.is_open:
            continue
        body = tree("\n\n".join(cell.source for cell in section.checked)).body
        found = {stub for node in body if (stub := stub_of(node))}
        calls = [node.value for node in body if isinstance(node, ast.Expr) and is_check(node.value)]
        assert len(found) == len(calls) == 1, section.title
        around = tree("\n\n".join(cell.source for cell in section.cells)).body
        assert depends_on(calls[0], around) & found, section.title
        stubs |= found
        checked.append(ast.literal_eval(calls[0].args[0]))
    asked = [one.title.partition(":")[0] for one in editions.sections(source(name)) if one.is_exercise]
    assert checked == asked[: len(checked)] and len(asked) - len(checked) == 1  # the open one is last
    assert stubs <= {each for cell in solutions(name) for each in editions.names([cell])[0]}


def stub_of(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef) and is_dots(node.body[-1]):
        return node.name
    if isinstance(node, ast.Assign) and is_dots(node):
        return node.targets[0].id
    return None


def is_dots(node: ast.stmt) -> bool:
    value = getattr(node, "value", None)
    return isinstance(value, ast.Constant) and value.value is ...


def is_check(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("check.same", "check.close")


def depends_on(call: ast.Call, body: list[ast.stmt]) -> set[str]:
    """The names in what is checked, and those in the statements of the exercise that make it."""
    found = used(call.args[1])
    return found.union(*(used(node) for node in body if made_by(node) & found))


def used(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def made_by(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {node.name} if isinstance(node, ast.FunctionDef) else set()


# ---- what instructors get


@every_chapter
def test_every_cell_is_in_the_instructors_edition_with_its_outputs(name):
    cells = [cell for cell in for_instructors(name).cells if not is_note(cell)]
    assert [(cell.id, cell.source, cell.get("outputs")) for cell in cells] == [
        (cell.id, cell.source, cell.get("outputs")) for cell in source(name).cells
    ]
    assert for_instructors(name).metadata == source(name).metadata


@every_chapter
def test_no_solution_is_folded_for_instructors(name):
    open_ones = [cell for cell in for_instructors(name).cells if editions.is_solution(cell)]
    assert len(open_ones) == len(solutions(name))
    assert all(cell.metadata == {"tags": ["solution"]} for cell in open_ones)


@every_chapter
def test_every_answer_of_an_exercise_stands_in_the_first_note(name):
    first = for_instructors(name).cells[1]
    assert is_note(first)
    said = {line.removeprefix(">").strip() for line in first.source.splitlines()}
    wanted = {line for cell in solutions(name) for line in lines(cell) if "check." not in line}
    # An argument of a check that is broken over lines belongs to the check.
    missing = [
        line for line in wanted if line not in said and not line.startswith(("hints=", "lambda", "tol"))
    ]
    assert missing == []


@every_chapter
def test_each_guess_stands_before_its_cell_with_its_answer(name):
    cells = for_instructors(name).cells
    after = {cells[here - 1].id: cell.id for here, cell in enumerate(cells) if here}
    for guess in questions.read(ROOT, name).predict:
        assert after[f"note-{guess.cell}"] == guess.cell
    assert asked_and_answered(questions.read(ROOT, name).predict, notes(name)) == []


@every_chapter
def test_the_last_note_holds_every_question_of_the_quiz_with_its_answer(name):
    last = re.sub(r"^> ?", "", for_instructors(name).cells[-1].source, flags=re.MULTILINE)
    assert asked_and_answered(questions.read(ROOT, name).quiz, last) == []


def asked_and_answered(asked: tuple, text: str) -> list[str]:
    """The questions that the text does not hold with each option, its mark, and the reason."""
    return [
        one.ask
        for one in asked
        if not (one.ask in text and one.because in text and all(mark in text for mark in marks(one)))
    ]


def marks(one: questions.Question) -> list[str]:
    if one.number is not None:
        return [f"**Answer: {one.number:g}"]
    right = {one.options[number - 1] for number in one.answer}
    return [f"- {'✓' if option in right else '✗'} {option}" for option in one.options]


@every_chapter
@pytest.mark.parametrize("minutes", CUTS_MIN)
def test_a_cut_fits_its_minutes_and_holds_what_it_builds_on(name, minutes):
    sections = editions.sections(source(name))
    asked = Counter(one.section for one in questions.read(ROOT, name).quiz)
    pieces = cuts.pieces(sections, {}, asked)
    chosen = cuts.cut(pieces, minutes)
    assert 0.6 * min(minutes, cuts.total(pieces, range(len(pieces)))) < cuts.total(pieces, chosen) <= minutes
    assert [here for here in chosen if not pieces[here].needs <= set(chosen)] == []
    titles = [pieces[here].title for here in chosen]
    assert titles[0] == sections[0].title and titles[-1] == cuts.CLOSING
    assert [title for title in titles if title.endswith(": open")] == []


def test_what_is_asked_about_comes_first_with_what_it_needs():
    def piece(title, minutes, worth, *needs):
        return cuts.Piece(title, minutes, worth, frozenset(needs))

    pieces = [
        piece("Opening", 5, 0),
        piece("A tool", 10, 0),
        piece("Nobody asks", 10, 0),
        piece("Everybody asks", 10, 5, 1),
        piece("Some ask", 15, 2),
        piece(cuts.CLOSING, 1, 0),
    ]
    assert cuts.cut(pieces, 30) == [0, 1, 3, 5]
    assert cuts.cut(pieces, 45) == [0, 1, 3, 4, 5]
    assert cuts.cut(pieces, 60) == [0, 1, 2, 3, 4, 5]


def test_a_section_needs_the_nearest_one_that_defines_what_it_uses():
    def section(title, code):
        return editions.Section(title, 100, [nbformat.v4.new_code_cell(code)])

    sections = [
        section("A", "def tool(x):\n    y = x\n    return y"),
        section("B", "y = 1"),
        section("C", "def tool(x):\n    return [y for y in x]\n\nz = tool(3)"),
        section("D", "w = [tool(y) for y in range(3)]"),
        section("Exercise 1: complete", "guess = ..."),
    ]
    needs = [set(piece.needs) for piece in cuts.pieces(sections, {}, {})]
    assert needs == [set(), set(), set(), {2}, {2, 3}]


# ---- both


@every_chapter
@pytest.mark.parametrize("edition", [for_students, for_instructors], ids=["student", "instructor"])
def test_an_edition_is_a_valid_notebook_with_one_id_a_cell(name, edition):
    nbformat.validate(edition(name))
    ids = [cell.id for cell in edition(name).cells]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("kind, edition", [("student", student), ("instructor", instructor)])
def test_what_is_built_twice_is_the_same_byte_for_byte(kind, edition, tmp_path, monkeypatch):
    monkeypatch.setattr(editions, "ROOT", tmp_path)
    paths = notebooks(["01", "17"])

    def build() -> dict[str, bytes]:
        folder = editions.build(kind, edition, paths)
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    first = build()
    assert list(first) == [path.name for path in paths] and build() == first


def test_a_name_that_is_no_notebook_is_refused_with_those_that_there_are(monkeypatch):
    with pytest.raises(SystemExit, match="make student: '99' names no notebook; there is 01_littles_law"):
        editions.main("student", "", student, ["99"])


def test_an_edition_whose_notebook_is_gone_goes_too(tmp_path, monkeypatch):
    monkeypatch.setattr(editions, "ROOT", tmp_path)
    left_over = tmp_path / "_build" / "student" / "00_gone.ipynb"
    left_over.parent.mkdir(parents=True)
    left_over.write_text("{}")
    monkeypatch.setattr(editions, "notebooks", lambda names=None: notebooks(["04"]))
    assert editions.main("student", "", student, []) == 0
    assert [path.name for path in left_over.parent.iterdir()] == ["04_llm_engineering_series.ipynb"]
