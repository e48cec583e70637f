"""The map of Part IV: every question leads to a section that exists; one agent, and what each step adds."""

import re
from itertools import pairwise

import nbformat
import pytest
import yaml
from chapters import NOTEBOOKS, chapter
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from coursekit import catalogue, check
from coursekit.pathfinder import PathFinder

series = chapter("16_agent_development_series")
untouched = chapter("16_agent_development_series", without="solution")
PARTS = (series.COMPONENTS, series.PRODUCTION, series.TEAMS, series.LANGCHAIN, series.LANGGRAPH)


@pytest.mark.parametrize("probe", series.PROBES, ids=lambda probe: probe.section)
def test_a_question_leads_to_a_section_that_its_chapter_has(probe):
    cells = nbformat.read(NOTEBOOKS / f"{probe.chapter}.ipynb", as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert probe.section in re.findall(r"^#{1,3} (.+)$", text, re.MULTILINE)


def test_each_part_is_asked_about_three_times_and_no_option_stands_twice():
    chapters = [probe.chapter for probe in series.PROBES]
    assert {name: chapters.count(name) for name in PARTS} == dict.fromkeys(PARTS, 3)
    assert all(len(set(probe.options())) == 3 for probe in series.PROBES)


def test_the_right_answer_is_not_always_in_the_same_place():
    places = [probe.options().index(probe.right) for probe in series.PROBES]
    assert set(places) == {0, 1, 2} and max(map(places.count, places)) < 9


@pytest.mark.parametrize("known", PARTS)
def test_who_knows_one_part_reads_the_others(known):
    answers = [probe.right if probe.chapter == known else None for probe in series.PROBES]
    path = [name for name, _ in PathFinder(series.PROBES).answer(*answers).path()]
    assert path == [name for name in PARTS if name != known]


def test_the_part_is_whole_and_each_chapter_leads_to_the_next():
    planned = yaml.safe_load((NOTEBOOKS.parent / "book" / "chapters.yml").read_text())
    names = next([one["name"] for one in part["chapters"]] for part in planned if part["numeral"] == "IV")
    assert [one.name for one in catalogue.chapters() if one.part == "IV"] == names
    for name, after in pairwise(names):
        last = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells[-1].source
        assert f"Next: [{catalogue.chapter(after).title}]({after}.ipynb)" in last


def test_every_agent_of_the_map_is_put_to_the_same_cases():
    assert series.passed(series.silent) == [False] * 3
    assert series.passed(series.run) == series.passed(series.framed) == [True] * 3


def test_a_case_fails_whoever_changes_more_or_says_less():
    def eager(library, question):
        answer = series.run(library, question)
        library.changes.append("something else")
        return answer

    def taciturn(library, question):
        return series.run(library, question) and "done"

    assert not any(series.passed(eager)) and not any(series.passed(taciturn))


def test_the_tool_keeps_the_rule_whatever_the_model_wants():
    library = series.Library()
    assert "refused" in series.renew(library, "Emma") and not library.changes


def test_with_a_key_the_effect_happens_once_for_each_request():
    library = series.Library()
    for key in ("a", "a", "b", "a"):
        series.sturdy(library, "Dune", key)
    assert library.loans["Dune"].due == 10 + 2 * 14


@pytest.mark.parametrize(("said", "changes"), [("yes", ["waived Ulysses"]), ("no", [])])
def test_the_desk_waits_for_a_person_and_does_what_was_said(said, changes):
    library, ticket = series.Library(), {"configurable": {"thread_id": "1"}}
    graph = series.desk(library, InMemorySaver())
    assert graph.invoke({"title": "Ulysses"}, ticket)["__interrupt__"] and not library.changes
    graph.invoke(Command(resume=said), ticket)
    assert library.changes == changes


def test_the_team_renews_what_one_agent_renews():
    alone, together = series.Library(), series.Library()
    series.run(alone, series.LIST)
    series.team(together, series.LIST)
    assert sorted(alone.changes) == sorted(together.changes) and alone.loans == together.loans


CHECKS = {
    "may_renew": ("some_loan", lambda renewed, owed, waiting: renewed < 2 and not waiting),
    "readable": ("some_order", lambda names: names == sorted(names)),
}


@pytest.mark.parametrize("name", CHECKS)
def test_stubs_and_wrong_answers_do_not_pass_and_solutions_do(name):
    series.PART = [one.name for one in catalogue.chapters() if one.part == "IV"]
    witness, (draw, wrong) = getattr(series, f"{name}_witness"), CHECKS[name]
    tried = lambda function: check.same(name, function, witness, getattr(series, draw))
    assert tried(getattr(series, name)) and not tried(getattr(untouched, name))
    assert not all(tried(wrong) for _ in range(5)), "inputs are drawn anew; in five times thirty one tells"
