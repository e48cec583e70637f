"""What was said and what is known, found again by meaning: LangChain's Chroma with an owner on every text.

    memory = SemanticMemory(open_store("talks", folder), user="anna", clock=time.time)
    memory.add_turn("My invoices go to Graz.", "Noted.")
    memory.context("Where do invoices go?")      # "[turn] Human: My invoices …"

Whose text it is, of what kind, and when it came are written by the memory alone; a caller who sets them is
refused. What comes again replaces itself, since ids are made of the content.
Taught in: notebooks/20_langchain.ipynb
"""

import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from coursekit import shelf
from coursekit.embeddings import embed
from coursekit.errors import CourseError

EVERYBODY = "*"
OURS = ("user", "kind", "stored_at")


class MiniLM(Embeddings):
    """The course's sentence vectors behind LangChain's interface: 384 numbers a text, length 1."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return embed(texts).tolist() if texts else []

    def embed_query(self, text: str) -> list[float]:
        return embed(text).tolist()


def open_store(name: str, folder: str | Path | None = None) -> Chroma:
    """A collection in a folder, or in memory without one. What is in memory begins empty each time."""
    client = shelf.in_folder(folder) if folder else shelf.in_memory()
    space = {"hnsw": {"space": "cosine"}}
    store = Chroma(name, embedding_function=MiniLM(), client=client, collection_configuration=space)
    if not folder:  # all clients in memory share one memory
        store.reset_collection()
    return store


class SemanticMemory:
    """What one user said, and what everybody may know. clock: in seconds since the epoch."""

    def __init__(self, store: Chroma, user: str, clock: Callable[[], float] = time.time) -> None:
        if not user or user == EVERYBODY:
            raise CourseError(f"a memory needs an owner, got {user!r}; name the user whose talks these are")
        self.store, self.user, self.clock = store, user, clock

    def add_turn(self, said: str, answered: str, **about) -> None:
        """One question and its answer, which only this user will find."""
        self._add(f"Human: {said}\nAI: {answered}", about, user=self.user, kind="turn")

    def add_fact(self, text: str, category: str, **about) -> None:
        """A piece of knowledge, which every user will find."""
        self._add(text, {**about, "category": category}, user=EVERYBODY, kind="fact")

    def _add(self, text: str, about: dict, **ours) -> None:
        if taken := [name for name in OURS if name in about]:
            raise CourseError(f"{taken[0]!r} is written by the memory itself; choose another name")
        key = sha256("\0".join([*ours.values(), text]).encode()).hexdigest()[:24]
        document = Document(text, metadata={**about, **ours, "stored_at": self.clock()})
        self.store.add_documents([document], ids=[key])

    def search(self, query: str, k: int = 5, kind: str | None = None) -> list[Document]:
        """The nearest `k` of this user's and everybody's texts, best first. kind: only `turn` or `fact`."""
        allowed = {"user": {"$in": [self.user, EVERYBODY]}}
        where = {"$and": [allowed, {"kind": kind}]} if kind else allowed
        return self.store.similarity_search(query, k=k, filter=where)

    def context(self, query: str, k: int = 5) -> str:
        """What is nearest as one text, each piece after its kind; "" if nothing is stored."""
        found = self.search(query, k)
        return "\n\n".join(f"[{each.metadata['kind']}] {each.page_content}" for each in found)

    def forget(self, older_than_s: float) -> int:
        """Delete this user's turns that are older. Returns how many; facts stay."""
        old = {"$and": [{"user": self.user}, {"stored_at": {"$lt": self.clock() - older_than_s}}]}
        ids = self.store.get(where=old)["ids"]
        if ids:
            self.store.delete(ids=ids)
        return len(ids)
