"""`make corpus`: freeze the course's prose anew, with its vectors, for the chapters that search it.

Run it when a chapter's text has changed much, then `make run` the notebooks that search. It refuses an
edition in which the evidence of a golden question is no longer found: no label points into the void.
"""

import datetime
import json
import re
import sys

import nbformat
import numpy as np
from docutils.nodes import make_id

from coursekit import corpus, embeddings
from tools.project import NOTEBOOKS

ROLE = re.compile(r"\{(\w+)\}`(?:([^`<]+?)\s*<[^>]*>|([^`]+))`")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
LABELLED = ["01_littles_law", "02_hash_tables", "03_consensus"]  # here the golden set knows every answer
SKIPPED = {"solution", "remove-cell"}
LOGISTICS = re.compile(r"^\*\*(?:Before this|Takes|Runs).*$", re.MULTILINE)


def documents(chapters: list[str]) -> list[dict]:
    """The sections of these notebooks, each with the prose that learners read."""
    return [document for chapter in chapters for document in _sections(chapter)]


def _sections(chapter: str) -> list[dict]:
    cells = nbformat.read(NOTEBOOKS / f"{chapter}.ipynb", as_version=4).cells
    shown = [
        cell.source
        for cell in cells
        if cell.cell_type == "markdown" and not SKIPPED & set(cell.metadata.get("tags", []))
    ]
    text = "\n\n".join(shown)
    name = re.match(r"# (.+)", text)[1]
    heads = list(re.finditer(r"^#{1,3} (.+)$", text, re.MULTILINE))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    found = {}
    for head, end in zip(heads, ends, strict=True):
        body, anchor = plain(text[head.end() : end]), make_id(plain(head[1]))
        if body and anchor not in found:
            found[anchor] = {
                "id": f"{chapter}#{anchor}",
                "chapter": name,
                "title": plain(head[1]),
                "text": body,
            }
    return list(found.values())


def plain(text: str) -> str:
    """Markdown without what only the book can follow (roles, links, citations), and without logistics."""
    text = ROLE.sub(lambda role: "" if role[1].startswith("cite") else role[2] or role[3], text)
    return LOGISTICS.sub("", LINK.sub(r"\1", text)).strip()


def lost_evidence(found: list[dict]) -> list[str]:
    """Golden questions whose quoted evidence these documents do not hold."""
    if not (corpus.DATA / "golden.json").exists():
        return []
    texts = {document["id"]: document["text"] for document in found}
    return [
        f"{question.id}: {quote[:60]!r} is not in {document}"
        for question in corpus.golden()
        for document, quote, _ in question.evidence
        if quote not in texts.get(document, "")
    ]


def main(arguments: list[str] | None = None) -> int:
    chapters = (sys.argv[1:] if arguments is None else arguments) or LABELLED
    found = documents(chapters)
    if lost := lost_evidence(found):
        sys.exit("make corpus: nothing was written; quote anew in golden.json:\n" + "\n".join(lost))
    edition = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    frozen = json.dumps({"edition": edition, "documents": found}, ensure_ascii=False, indent=1)
    (corpus.DATA / "course.json").write_text(frozen + "\n", encoding="utf-8")
    texts = [passage.text for passage in corpus.passages()]
    np.save(corpus.DATA / "course_vectors.npy", embeddings.embed(texts, visible=True).astype(np.float16))
    print(f"{len(chapters)} chapters, {len(found)} documents, {len(texts)} passages, edition {edition}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
