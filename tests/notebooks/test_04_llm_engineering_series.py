"""The map of Part II: every question leads to a section that exists; answers are quoted, not invented."""

import re

import nbformat
import pytest
from chapters import NOTEBOOKS, chapter
from hypothesis import given
from hypothesis import strategies as st

from coursekit import catalogue, corpus
from coursekit.pathfinder import PathFinder

series = chapter("04_llm_engineering_series")


@pytest.mark.parametrize("probe", series.PROBES, ids=lambda probe: probe.section)
def test_a_question_leads_to_a_section_that_its_chapter_has(probe):
    cells = nbformat.read(NOTEBOOKS / f"{probe.chapter}.ipynb", as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert probe.section in re.findall(r"^#{1,3} (.+)$", text, re.MULTILINE)


def test_each_part_is_asked_about_three_times_and_no_option_stands_twice():
    chapters = [probe.chapter for probe in series.PROBES]
    assert {name: chapters.count(name) for name in chapters} == dict.fromkeys(chapters, 3)
    assert all(len(set(probe.options())) == 3 for probe in series.PROBES)


def test_the_right_answer_is_not_always_in_the_same_place():
    places = [probe.options().index(probe.right) for probe in series.PROBES]
    assert set(places) == {0, 1, 2} and max(map(places.count, places)) < 6


def test_who_knows_one_part_reads_the_two_others():
    for known in (series.MODELS, series.RAG, series.OPERATIONS):
        answers = [probe.right if probe.chapter == known else None for probe in series.PROBES]
        path = [name for name, _ in PathFinder(series.PROBES).answer(*answers).path()]
        assert path == [one for one in (series.MODELS, series.RAG, series.OPERATIONS) if one != known]


sentences = st.lists(
    st.from_regex(r"[A-Z][a-z]{2,9}( [a-z]{2,9}){2,5}[.?]", fullmatch=True), min_size=1, max_size=5
)


@given(sentences)
def test_a_quotation_is_a_sentence_of_its_text_and_nothing_else(said):
    assert series.nearest_sentence(said[-1], " ".join(said)) in said


def test_a_sentence_that_is_asked_for_word_for_word_is_quoted():
    for passage in corpus.passages()[::40]:
        sentence = re.split(r"(?<=[.?!])\s+", passage.text)[0]
        assert series.nearest_sentence(sentence, passage.text) == sentence


def test_the_solution_finds_what_is_needed_through_others():
    assert series.before(series.OPERATIONS) == series.all_but_itself(series.OPERATIONS)
    assert series.MODELS in series.before(series.OPERATIONS)
    assert series.MODELS not in catalogue.chapter(series.OPERATIONS).needs, "else direct needs would pass"
