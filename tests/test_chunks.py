"""Cutting loses nothing, keeps its limit, and the inspector shows what was cut."""

import re
import textwrap
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from coursekit import chunks, corpus, embeddings
from coursekit.chunks import CUTTERS, ChunkInspector
from coursekit.corpus import Document, Passage, Question
from coursekit.errors import CourseError

SIGNS = st.sampled_from(
    ["a", "Bee", "Dr.", "No.", "e.g.", "x!", "Is", "it?", "(Yes.)", "λ", "𝔘", "```\ncode\n\nx\n```"]
)
TEXTS = st.lists(st.tuples(SIGNS, st.sampled_from([" ", "  ", "\n", "\n\n", " \n \n"]))).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)
SHOW = """async ([code, css, values]) => {
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  const model = {
    get: (name) => values[name], set: (name, value) => { values[name] = value; }, save_changes: () => {},
    on: () => {},
  };
  document.body.innerHTML = `<style>${css}</style><main><div></div></main>`;
  widget.render({ model, el: document.querySelector("main div") });
}"""


def encode(texts: list[str]) -> np.ndarray:
    """A stand-in for MiniLM: by the first letter, quick and as good for the rules of cutting."""
    rows = np.eye(2)[[ord(text[0]) % 2 for text in texts]] + 0.1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cut(name: str, document: Document, most: int) -> list[corpus.Passage]:
    return (
        chunks.semantic(document, most, encode=encode)
        if name == "semantic"
        else CUTTERS[name](document, most)
    )


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(1, 12), st.sampled_from(sorted(set(CUTTERS) - {"fixed, a fifth overlaps"})))
def test_every_word_is_in_exactly_one_chunk_and_in_its_place(text, most, name):
    pieces = cut(name, Document("d", "D", "T", text), most)
    edges = [0, *(edge for piece in pieces for edge in (piece.start, piece.end)), len(text)]
    assert edges == sorted(edges)
    between = [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    assert "".join(between).strip() == ""
    assert all(piece.text == text[piece.start : piece.end] and piece.text.strip() for piece in pieces)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(1, 12), st.sampled_from(sorted(set(CUTTERS) - {"paragraphs"})))
def test_no_chunk_has_more_words_than_allowed(text, most, name):
    assert all(len(piece.text.split()) <= most for piece in cut(name, Document("d", "D", "T", text), most))


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 19))
def test_windows_repeat_as_many_words_as_asked(length, most, overlap):
    words = [f"w{number}" for number in range(length)]
    document = Document("d", "D", "T", " ".join(words))
    if overlap >= most:
        with pytest.raises(CourseError, match=f"from 0 to {most - 1} .* got {overlap}"):
            chunks.fixed(document, most, overlap=overlap)
        return
    pieces = [piece.text.split() for piece in chunks.fixed(document, most, overlap=overlap)]
    assert pieces[0] + [word for piece in pieces[1:] for word in piece[overlap:]] == words
    shared = [(before[-overlap:], after[:overlap]) for before, after in pairwise(pieces) if overlap]
    assert all(before == after for before, after in shared)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
        ("Dr. J. D. C. Little, e.g. in No. 3.", ["Dr. J. D. C. Little, e.g. in No. 3."]),
        ("At 0.5 s. a pause", ["At 0.5 s. a pause"]),
        ("- one\n\n- two", ["- one", "- two"]),
        ("See:\n```\na. B\n\nc. D\n```\nDone. End.", ["See:\n```\na. B\n\nc. D\n```\nDone.", "End."]),
        ("", []),
    ],
)  # fmt: skip
def test_sentences_end_where_a_reader_would_stop(text, expected):
    assert [text[start:end] for start, end in chunks.sentences(text)] == expected


def test_recursive_keeps_paragraphs_and_lines_whole_where_they_fit():
    text = "a b c\n\nd e\nf g h. I j\n\nk"
    pieces = chunks.recursive(Document("d", "D", "T", text), 4)
    assert [piece.text for piece in pieces] == ["a b c", "d e", "f g h.", "I j\n\nk"]


def test_semantic_compares_with_the_chunk_and_not_with_the_beginning():
    text = "Cat a. Bee b. Bee c. Bee d."
    pieces = chunks.semantic(Document("d", "D", "T", text), closeness=0.8, encode=encode)
    assert [piece.text for piece in pieces] == ["Cat a.", "Bee b. Bee c. Bee d."]


def test_evidence_counts_only_inside_the_budget_and_only_if_it_answers():
    document = Document("d", "", "", "one two three. four five six. seven eight")
    pieces = [Passage(document, 0, 14), Passage(document, 15, 29), Passage(document, 30, 41)]
    question = Question("q", "?", "", (("d", "four five six", 2), ("d", "seven eight", 1)))
    assert [chunks.found_within(budget, pieces, question) for budget in (3, 5, 6, 99)] == [
        False,
        False,
        True,
        True,
    ]
    helps = Question("q", "?", "", (("d", "seven eight", 1),))
    assert not chunks.found_within(99, pieces, helps)


def test_paragraphs_of_the_course_are_read_to_their_end_nearly_always():
    long = [p for p in corpus.passages() if embeddings.count_pieces(p.text) > embeddings.LONGEST]
    assert len(long) < 0.05 * len(corpus.passages())


TEXT = textwrap.dedent("""\
    The leader sends a command 𝔘 to all. Each follower writes it down. Then it answers.

    ```
    a = 1

    b = 2
    ```

    A majority of answers makes it safe. Nothing else does, however fast the disk may be.""")


@pytest.fixture
def page(browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 390, "height": 700})
    page.set_default_timeout(5000)
    names = ("title", "text", "methods", "sizes", "frames", "limit", "method", "size", "at")
    cutters = {name: lambda d, most, name=name: cut(name, d, most) for name in CUTTERS}
    widget = ChunkInspector(Document("d", "D", "A leader", TEXT), sizes=(10, 20), cutters=cutters)
    state = widget.get_state()
    page.evaluate(SHOW, [widget._esm, widget._css, {name: state[name] for name in names}])
    yield page
    page.close()


def test_the_inspector_shows_each_chunk_as_it_was_cut(page):
    for method, name in enumerate(CUTTERS):
        for size, most in enumerate((10, 20)):
            page.locator("select").nth(0).select_option(index=method)
            page.locator("select").nth(1).select_option(index=size)
            expected = [piece.text for piece in cut(name, Document("d", "D", "", TEXT), most)]
            shown = page.evaluate("""() => {
              const parts = [...document.querySelectorAll(".ck-chunks span")];
              const count = Math.max(...parts.flatMap((one) => one.dataset.of.split(" ").map(Number))) + 1;
              const of = (n) => parts.filter((one) => one.dataset.of.split(" ").includes(`${n}`));
              return [...Array(count).keys()].map((n) => of(n).map((one) => one.textContent).join(""));
            }""")
            assert shown == expected
            text = page.evaluate(
                "[...document.querySelectorAll('.ck-chunks span')].map((x) => x.textContent).join('')"
            )
            assert text == TEXT


def test_arrow_keys_walk_and_the_words_are_told(page):
    page.locator("select").nth(0).select_option(label="fixed, a fifth overlaps")
    box = page.get_by_role("group")
    box.press("End")
    last = re.fullmatch(r"Chunk (\d+) of \1: .*", page.locator(".ck-said").inner_text())
    assert last
    box.press("Home")
    expect(page.locator(".ck-said")).to_contain_text("; its last 2 words are in the next chunk too.")
    box.press("ArrowRight")
    expect(page.locator(".ck-said")).to_contain_text("Chunk 2 of")
    page.get_by_role("button", name="previous chunk").click()
    expect(page.locator(".ck-said")).to_contain_text("Chunk 1 of")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_document_without_words_is_refused():
    with pytest.raises(ValueError, match="d#1 has no words"):
        ChunkInspector(Document("d#1", "D", "T", " \n"))
