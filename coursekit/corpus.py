"""Texts to search: the course's own prose, frozen as an edition, a constitution, and questions with answers.

Documents are cut by readers as they like: a `Passage` is a slice of one document, and a golden question names
its evidence by quoting it, so the same labels score every way of cutting. Made by `tools/corpus.py`.
"""

import functools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"
PASSAGE_WORDS = 120  # about 160 word pieces: whole paragraphs that MiniLM reads to their end


@dataclass(frozen=True)
class Document:
    """One section of a chapter, or one article of the Constitution."""

    id: str  # "02_hash_tables#growth"
    chapter: str
    title: str
    text: str

    @property
    def link(self) -> str:
        """Relative to a page of the book; "" for what stands in no chapter."""
        page, _, anchor = self.id.partition("#")
        return f"{page}.html#{anchor}" if anchor and page[:2].isdigit() else ""


@dataclass(frozen=True)
class Passage:
    """`document.text[start:end]`, unchanged: what is searched, shown and cited."""

    document: Document
    start: int
    end: int

    @property
    def id(self) -> str:
        return f"{self.document.id}@{self.start}"

    @property
    def text(self) -> str:
        return self.document.text[self.start : self.end]


@dataclass(frozen=True)
class Question:
    """A golden question. evidence: document id and exact words in it, with a grade (2 answers it, 1 helps).

    Without evidence, the corpus does not answer it and a system should say so. kind: what it tries, such as
    "paraphrase" (few words in common with its evidence) or "exact" (a rare term decides).
    """

    id: str
    text: str
    answer: str = ""
    evidence: tuple[tuple[str, str, int], ...] = field(default=())
    kind: str = ""

    @property
    def answerable(self) -> bool:
        return bool(self.evidence)

    def relevant(self, passages: Iterable[Passage]) -> dict[str, int]:
        """Passage id -> grade, for each passage that holds at least half of a quote."""
        grades: dict[str, int] = {}
        for passage in passages:
            for document, quote, grade in self.evidence:
                if document == passage.document.id and _covers(passage, quote):
                    grades[passage.id] = max(grade, grades.get(passage.id, 0))
        return grades


def _covers(passage: Passage, quote: str) -> bool:
    at = passage.document.text.index(quote)
    shared = min(passage.end, at + len(quote)) - max(passage.start, at)
    return shared * 2 >= len(quote)


@functools.cache
def _read(name: str) -> dict:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def edition() -> str:
    """The day on which the course's text was frozen, as 2026-11-22."""
    return _read("course")["edition"]


@functools.cache
def course() -> tuple[Document, ...]:
    """The prose of the finished chapters, one document a section, in reading order."""
    return tuple(Document(**document) for document in _read("course")["documents"])


@functools.cache
def constitution() -> tuple[Document, ...]:
    """The Constitution of the United States, one document an article or amendment. Public domain."""
    text = (DATA / "us_constitution.txt").read_text(encoding="utf-8")
    heads = list(re.finditer(r"^(Preamble|Article [IV]+|Amendment [IVX]+)$", text, re.MULTILINE))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    name = "The Constitution of the United States"
    return tuple(
        Document(f"constitution#{_slug(head[0])}", name, head[0], text[head.end() : end].strip())
        for head, end in zip(heads, ends, strict=True)
    )


@functools.cache
def golden() -> tuple[Question, ...]:
    """Questions about the course with their evidence, and some that it does not answer."""
    return tuple(
        Question(q["id"], q["text"], q["answer"], tuple(map(tuple, q["evidence"])), q["kind"])
        for q in _read("golden")["questions"]
    )


@functools.cache
def passages() -> tuple[Passage, ...]:
    """The course cut at paragraphs, up to 120 words a passage: the cut whose vectors are stored."""
    return tuple(passage for document in course() for passage in paragraphs(document))


def paragraphs(document: Document, most: int = PASSAGE_WORDS) -> list[Passage]:
    """Whole paragraphs, joined while they fit into `most` words; a longer one stands alone."""
    cut, start, end, count = [], 0, 0, 0
    for found in re.finditer(r"\S(?:.|\n(?!\s*\n))*", document.text):
        size = len(found[0].split())
        if count and count + size > most:
            cut.append(Passage(document, start, end))
            start, count = found.start(), 0
        end, count = found.end(), count + size
    return [*cut, Passage(document, start, end)] if count else cut


@functools.cache
def vectors() -> np.ndarray:
    """MiniLM's vectors of `passages()`, computed beforehand: float32, (passages, 384), each of length 1."""
    stored = np.load(DATA / "course_vectors.npy").astype(np.float32)
    return stored / np.linalg.norm(stored, axis=1, keepdims=True)


def _slug(title: str) -> str:
    """As the book makes anchors of headings."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
