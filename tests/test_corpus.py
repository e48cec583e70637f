"""The texts that are searched, the way they are cut, and the questions that judge a search."""

import collections
import dataclasses
import datetime
import itertools
import json
import re

import nbformat
import numpy as np
import pytest
from docutils.nodes import make_id
from hypothesis import example, given
from hypothesis import strategies as st

from coursekit import corpus, embeddings, retrieval
from coursekit.corpus import Document, Passage, Question
from tools import corpus as edition
from tools.project import NOTEBOOKS

ANSWERABLE = [question for question in corpus.golden() if question.answerable]
TEXTS = {document.id: document.text for document in corpus.course()}
made_texts = st.lists(
    st.sampled_from(["a", "queue", "λ·W", "$n$", " ", "\n", "\t", "\n\n", "\n \n", "\n\t\n\n"])
).map("".join)


def of_kind(kind: str) -> list[Question]:
    return [question for question in corpus.golden() if question.kind == kind]


def headings(chapter: str) -> list[str]:
    """Anchors of the headings that a notebook shows, read line by line."""
    found, fenced = [], False
    for cell in nbformat.read(NOTEBOOKS / f"{chapter}.ipynb", as_version=4).cells:
        for line in cell.source.split("\n") if cell.cell_type == "markdown" else []:
            fenced ^= line.startswith("```")
            if not fenced and re.match("#{1,3} ", line):
                found.append(make_id(line.lstrip("#")))
    return found


def is_in_order(some: list, among: list) -> bool:
    rest = iter(among)
    return all(one in rest for one in some)


def paragraphs_of(text: str) -> list[str]:
    """Split at lines that are blank: another way to the same pieces as `corpus.paragraphs`."""
    blocks, block = [], []
    for line in [*text.split("\n"), ""]:
        if line.strip():
            block.append(line)
        elif block:
            blocks.append("\n".join(block))
            block = []
    return blocks


# the documents


def test_every_document_says_something_and_has_an_id_of_its_own():
    documents = [*corpus.course(), *corpus.constitution()]
    assert all(one.text.strip() and one.title.strip() and one.chapter.strip() for one in documents)
    assert len({one.id for one in documents}) == len(documents)


def test_the_edition_is_a_day_that_has_been():
    assert datetime.date.fromisoformat(corpus.edition()) > datetime.date(2025, 1, 1)


def test_documents_stand_as_in_the_book_and_link_to_headings_of_their_notebook():
    """If this fails, a heading has changed since the edition was frozen: run `make corpus`."""
    pages = [one.id.partition("#")[0] for one in corpus.course()]
    chapters = list(dict.fromkeys(pages))
    assert pages == sorted(pages, key=chapters.index) and is_in_order(chapters, edition.LABELLED)
    for chapter in chapters:
        links = [one.link for one in corpus.course() if one.id.startswith(f"{chapter}#")]
        anchors = [link.removeprefix(f"{chapter}.html#") for link in links]
        missing = [anchor for anchor in anchors if anchor not in headings(chapter)]
        assert missing == []
        assert is_in_order(anchors, headings(chapter))


def test_the_constitution_has_its_preamble_seven_articles_and_27_amendments():
    count = collections.Counter(one.title.split()[0] for one in corpus.constitution())
    assert count == {"Preamble": 1, "Article": 7, "Amendment": 27}
    assert {one.link for one in corpus.constitution()} == {""}


# how they are cut


@given(made_texts, st.integers(1, 6))
@example("", 3)
@example("a a a a\n \na", 2)
@example("\n\na\n\n\n\na \n", 1)
def test_passages_hold_every_word_of_their_document_once_and_in_order(text, most):
    document = Document("made#up", "Made", "Up", text)
    cut = corpus.paragraphs(document, most)
    assert [word for one in cut for word in one.text.split()] == text.split()
    assert all(0 <= one.start < one.end <= len(text) for one in cut)
    assert all(one.end <= other.start for one, other in itertools.pairwise(cut))


@given(made_texts, st.integers(1, 6))
@example("a a\n\na a a a\n\na\n\na", 3)
def test_passages_are_whole_paragraphs_joined_for_as_long_as_they_fit(text, most):
    expected = []
    for block in paragraphs_of(text):
        size = len(block.split())
        if expected and sum(len(one.split()) for one in expected[-1]) + size <= most:
            expected[-1].append(block)
        else:
            expected.append([block])
    cut = corpus.paragraphs(Document("made#up", "Made", "Up", text), most)
    found = [[block.split() for block in paragraphs_of(one.text)] for one in cut]
    assert found == [[block.split() for block in blocks] for blocks in expected]


def test_the_course_is_cut_into_exact_slices_without_loss():
    words = collections.defaultdict(list)
    for one in corpus.passages():
        assert one.text == TEXTS[one.document.id][one.start : one.end]
        words[one.document.id] += one.text.split()
    assert words == {key: text.split() for key, text in TEXTS.items()}


def test_the_stored_vectors_are_those_of_the_passages():
    texts = [one.text for one in corpus.passages()]
    assert corpus.vectors().shape == (len(texts), embeddings.DIMENSIONS)
    assert np.allclose(np.linalg.norm(corpus.vectors(), axis=1), 1, atol=1e-5)
    sample = range(0, len(texts), 20)
    cosines = (embeddings.embed([texts[i] for i in sample]) * corpus.vectors()[sample]).sum(axis=1)
    assert cosines.min() > 0.999


# the golden questions


def test_questions_are_numbered_and_none_is_asked_twice():
    assert [one.id for one in corpus.golden()] == [f"q{number:02d}" for number in range(1, 89)]
    assert len({one.text.lower() for one in corpus.golden()}) == len(corpus.golden())


def test_the_file_is_stored_as_json_writes_it():
    text = (corpus.DATA / "golden.json").read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=1) + "\n"


def test_there_are_as_many_questions_of_each_kind_as_promised():
    assert collections.Counter(one.kind for one in corpus.golden()) == {
        "paraphrase": 24,
        "exact": 12,
        "keywords": 10,
        "multi-section": 6,
        "typo": 5,
        "fact": 3,
        "definition": 3,
        "why": 3,
        "how-to": 3,
        "compare": 3,
        "unanswerable": 16,
    }


def test_each_chapter_is_asked_about_as_often_as_the_others_and_in_many_of_its_sections():
    asked = collections.Counter(one.evidence[0][0].partition("#")[0] for one in ANSWERABLE)
    assert asked == {"01_littles_law": 24, "02_hash_tables": 24, "03_consensus": 24}
    named = {document for one in ANSWERABLE for document, _, _ in one.evidence}
    assert named <= TEXTS.keys() and len(named) > len(TEXTS) / 2


def test_evidence_quotes_words_that_stand_once_in_their_document():
    for one in ANSWERABLE:
        for document, quote, grade in one.evidence:
            assert TEXTS[document].count(quote) == 1, (one.id, quote)
            assert 5 <= len(quote.split()) <= 40 and grade in (1, 2), (one.id, quote)
        assert len(set(one.evidence)) == len(one.evidence)


def test_an_answerable_question_has_a_short_answer_and_a_passage_that_gives_it():
    for one in ANSWERABLE:
        assert one.answer.endswith(".") and len(one.answer.split()) <= 30, one.id
        relevant = one.relevant(corpus.passages())
        assert 2 in relevant.values() and len(relevant) <= 12, one.id
        named = {document for document, _, _ in one.evidence}
        assert {key.partition("@")[0] for key in relevant} == named, one.id


def test_a_question_without_an_answer_has_no_evidence():
    assert [one for one in corpus.golden() if not one.answerable] == of_kind("unanswerable")
    for one in of_kind("unanswerable"):
        assert one.answer == "" and one.relevant(corpus.passages()) == {}


def test_a_paraphrase_shares_at_most_a_third_of_its_words_with_what_answers_it():
    for one in of_kind("paraphrase"):
        asked = set(retrieval.words(one.text))
        for _, quote, grade in one.evidence:
            assert grade == 1 or len(asked & set(retrieval.words(quote))) <= len(asked) / 3, (one.id, quote)


def test_an_exact_question_names_what_at_most_three_passages_do():
    known = collections.Counter(w for one in corpus.passages() for w in set(retrieval.words(one.text)))
    for one in of_kind("exact"):
        assert min(known[word] for word in retrieval.words(one.text) if known[word]) <= 3, one.id


def test_a_typo_is_a_word_that_the_course_never_writes():
    written = set(re.findall(r"\w+", " ".join(TEXTS.values()).lower()))
    assert all(set(re.findall(r"\w+", one.text.lower())) - written for one in of_kind("typo"))


def test_keywords_are_what_people_type_into_a_box():
    assert all(len(one.text.split()) <= 5 and "?" not in one.text for one in of_kind("keywords"))


def test_a_question_over_several_sections_is_answered_in_two_or_more():
    for one in of_kind("multi-section"):
        assert len({document for document, _, grade in one.evidence if grade == 2}) > 1, one.id


def test_a_passage_is_relevant_if_it_holds_half_of_a_quote_or_more():
    document = Document("made#up", "Made", "Up", "one two three four")
    question = Question("q1", "?", "!", (("made#up", "two three", 2), ("made#up", "three four", 1)))
    cuts = {"one t": (0, 5), "three": (8, 13), "ree four": (10, 18), "all": (0, 18)}
    found = question.relevant([Passage(document, *cut) for cut in cuts.values()])
    assert found == {"made#up@8": 2, "made#up@10": 1, "made#up@0": 2}
    assert question.relevant([Passage(dataclasses.replace(document, id="other#one"), 0, 18)]) == {}


# no label points into the void


def test_no_evidence_is_lost_in_the_edition_that_is_stored():
    assert edition.lost_evidence([{"id": key, "text": text} for key, text in TEXTS.items()]) == []


@pytest.mark.parametrize("gone", [True, False])
def test_evidence_that_was_changed_or_removed_is_found(gone):
    question = ANSWERABLE[-1]
    document, quote, _ = question.evidence[0]
    texts = TEXTS | {document: TEXTS[document].replace(quote, quote.upper())}
    if gone:
        del texts[document]
    lost = edition.lost_evidence([{"id": key, "text": text} for key, text in texts.items()])
    assert f"{question.id}: {quote[:60]!r} is not in {document}" in lost
    assert all(line.endswith(f" is not in {document}") for line in lost)
