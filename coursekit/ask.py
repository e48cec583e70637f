"""Ask the course: a question in, passages with links to their sections out.

A published page searches by words in JavaScript, and a test proves that it ranks as `retrieval.BM25` does.
With a kernel the same box searches by meaning as well, fuses both rankings, and doubts what is not close.
"""

import functools
from collections.abc import Sequence

import anywidget
import traitlets

from coursekit import corpus, embeddings
from coursekit.retrieval import BM25, STOP_WORDS, Dense, fuse
from coursekit.widgets import CSS, STATIC

MOST = 4  # passages shown
DEPTH = 50  # of each ranking that is fused


class AskTheCourse(anywidget.AnyWidget):
    """A search box over the course.

    query: what stands in it at first.   cutoff: if the best cosine is below, the answer is doubted.
    passages: what is searched; by default the course's.
    Taught in: notebooks/06_llm_prompting_and_rag.ipynb
    """

    _esm = (STATIC / "ask.js").read_text(encoding="utf-8")
    _css = CSS + (STATIC / "ask.css").read_text(encoding="utf-8")
    passages = traitlets.List().tag(sync=True)
    stop_words = traitlets.List(sorted(STOP_WORDS)).tag(sync=True)
    most = traitlets.Int(MOST).tag(sync=True)
    query = traitlets.Unicode().tag(sync=True)
    found = traitlets.Dict().tag(sync=True)  # the kernel's answer: query, hits (numbers of passages), doubt

    def __init__(
        self, query: str = "", *, cutoff: float = 0.0, passages: Sequence[corpus.Passage] | None = None
    ) -> None:
        self.searched = corpus.passages() if passages is None else tuple(passages)
        self.cutoff = cutoff
        super().__init__(passages=[_shown(one) for one in self.searched], query=query)
        self.observe(self._answer, "query")

    @functools.cached_property
    def _indexes(self) -> tuple[BM25, Dense]:
        texts = {one.id: one.text for one in self.searched}
        stored = self.searched == corpus.passages()
        vectors = corpus.vectors() if stored else embeddings.embed(list(texts.values()))
        return BM25(texts), Dense(list(texts), vectors)

    def ask(self, query: str) -> tuple[list[corpus.Passage], float]:
        """The passages that the kernel finds by words and by meaning, best first, and the best cosine."""
        by_words, by_meaning = self._indexes
        near = by_meaning.search(embeddings.embed(query), DEPTH)
        ranking = fuse([key for key, _ in by_words.search(query, DEPTH)], [key for key, _ in near])
        by_id = {one.id: one for one in self.searched}
        return [by_id[key] for key in ranking[: self.most]], near[0][1]

    def _answer(self, change: dict) -> None:
        query = change["new"]
        if not query.strip():
            return
        passages, cosine = self.ask(query)
        numbers = {one.id: number for number, one in enumerate(self.searched)}
        hits = [numbers[one.id] for one in passages]
        self.found = {"query": query, "hits": hits, "doubt": cosine < self.cutoff}

    def __repr__(self) -> str:
        return f"A search box over {len(self.searched)} passages of the course, with {self.query!r} in it"


def _shown(passage: corpus.Passage) -> dict[str, str]:
    document = passage.document
    where = document.title if document.title == document.chapter else f"{document.chapter} · {document.title}"
    return {"id": passage.id, "where": where, "link": document.link, "text": passage.text}
