"""Retrieval over the course: quality with intervals and time a question, for four searches and six cutters.

`python -m tools.bench_rag --record` asks SmolLM2 all that notebook 06 asks, and keeps its replies as a tape.
"""

import argparse
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient

from coursekit import chunks, corpus, embeddings, retrieval
from coursekit.chapters import carried, text
from coursekit.display import table
from coursekit.retrieval import BM25, Dense, Ranking
from coursekit.sweep import grid, sweep
from tools.project import NOTEBOOKS, notebook_environment

SEED, BUDGET = 1989, 400  # words read
BLOCK = 12  # questions in a point of the sweep
SEARCHES = {  # and what the notebook calls them
    "BM25": "words (BM25)",
    "dense": "meaning (MiniLM)",
    "hybrid (RRF)": "hybrid, RRF",
    "hybrid, reranked": "… reranked by maxsim",
}
NOTEBOOK = NOTEBOOKS / "06_llm_prompting_and_rag.ipynb"
TAPE = corpus.DATA / "rag_tape.json"


def ids(hits: retrieval.Hits) -> Ranking:
    return [key for key, _ in hits]


def graded(chapter: str, search: str, first: int) -> dict:
    """nDCG@10 of each question of a block, and CPU seconds. chapter: the notebook's text.

    The index is made once in each process from what the package holds: it is larger, so it never travels.
    """
    notebook = carried(NOTEBOOK.stem, chapter)
    find, asked = notebook.SEARCHES[SEARCHES[search]], answerable()[first : first + BLOCK]
    find("what is searched")  # makes the index
    notebook.vector.cache_clear()  # each search turns the questions into vectors itself
    start = time.thread_time()
    rankings = [find(question.text) for question in asked]
    spent = time.thread_time() - start
    grades = [question.relevant(corpus.passages()) for question in asked]
    scores = [retrieval.ndcg_at(10, *pair) for pair in zip(rankings, grades, strict=True)]
    return {"search": search, "scores": scores, "s": spent}


def row(name: str, blocks: list[dict]) -> dict:
    """A search over all questions: mean, interval, time."""
    mine = [block for block in blocks if block["search"] == name]
    scores = [score for block in mine for score in block["scores"]]
    low, high = retrieval.interval(scores, np.random.default_rng(SEED))
    each = sum(block["s"] for block in mine) / len(scores) * 1000
    return {"search": name, "nDCG@10": np.mean(scores), "from": low, "to": high, "CPU ms": each}


def answerable() -> list[corpus.Question]:
    return [question for question in corpus.golden() if question.answerable]


def cutting(name: str) -> dict:
    """How much a way of cutting finds: by words, and by meaning."""
    cut = [piece for document in corpus.course() for piece in chunks.CUTTERS[name](document, 120)]
    pieces = {piece.id: piece for piece in cut}
    texts = {key: piece.text for key, piece in pieces.items()}
    words, near = BM25(texts), Dense(list(texts), embeddings.embed(list(texts.values())))
    by = {
        "by words": lambda query: words.search(query, 20),
        "by meaning": lambda query: near.search(embeddings.embed(query), 20),
    }
    found = {
        how: np.mean(
            [
                chunks.found_within(BUDGET, [pieces[key] for key in ids(search(q.text))], q)
                for q in answerable()
            ]
        )
        for how, search in by.items()
    }
    return {"cut by": name, "chunks": len(pieces), **found}


def record() -> int:
    """Run the notebook; what it asked SmolLM2, and nothing else, becomes the tape."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder, "tape.json")
        os.environ.clear()
        os.environ.update(notebook_environment(), COURSE_RECORD=str(fresh))
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        where = {"metadata": {"path": str(NOTEBOOK.parent)}}
        NotebookClient(notebook, timeout=3600, resources=where, allow_errors=True).execute()
        TAPE.write_text(fresh.read_text(encoding="utf-8"), encoding="utf-8")
    print(f"{TAPE.name} holds what {NOTEBOOK.name} asks; now store the notebook with `make run NB=06`")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """1 if fusion finds less than the weaker of the two searches that it joins."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench_rag", description=__doc__)
    parser.add_argument("--record", action="store_true", help="ask SmolLM2 anew, about twenty minutes")
    if parser.parse_args(arguments).record:
        return record()
    asked = answerable()
    points = grid(search=list(SEARCHES), first=range(0, len(asked), BLOCK))
    blocks = sweep(partial(graded, text(NOTEBOOK)), points)
    rows = [row(name, blocks) for name in SEARCHES]
    form = {"nDCG@10": ".3f", "from": ".3f", "to": ".3f", "CPU ms": ".1f"}
    caption = f"{len(asked)} questions, {len(corpus.passages())} passages, 95 % intervals"
    print(table(rows, caption, form), "\n")
    shares = {"by words": ".0%", "by meaning": ".0%"}
    cuts = sweep(cutting, grid(name=list(chunks.CUTTERS)))
    print(table(cuts, f"evidence within the first {BUDGET} words found", shares))
    words, meaning, fused = (row["nDCG@10"] for row in rows[:3])
    return int(fused < min(words, meaning))


if __name__ == "__main__":
    sys.exit(main())
