"""Documents in Chroma, in memory, in a folder or on a server: what comes again replaces itself.

Ids are made of the content, so that no two chunks share one by accident and none is stored twice.
Taught in: notebooks/06_llm_prompting_and_rag.ipynb
"""

import atexit
import os
import shutil
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import chromadb
from chromadb.config import Settings

from coursekit import servers
from coursekit.corpus import Document, paragraphs
from coursekit.embeddings import ChromaEmbedding
from coursekit.errors import CourseError

MOST_SIGNS = 1_000_000
OURS = ("document", "title", "start")


def checked(document: Document, about: dict) -> dict:
    """The metadata to store. Raises CourseError, before anything is written, if it cannot be stored."""
    if not document.text.strip():
        raise CourseError(f"{document.id} has no text; nothing was stored")
    if len(document.text) > MOST_SIGNS:
        size = f"{len(document.text) / 1e6:.0f} million signs, at most {MOST_SIGNS / 1e6:.0f} million fit"
        raise CourseError(f"{document.id} has {size}; put its parts in one by one")
    for name, value in about.items():
        if name in OURS:
            raise CourseError(f"{name!r} is set by the shelf itself; choose another name")
        if not isinstance(value, str | int | float | bool):
            raise CourseError(f"{name}={value!r} cannot be filtered by; give a text or a number")
    return {**about, "document": document.id, "title": document.title}


class Shelf:
    """A collection of documents, cut at paragraphs and searched by meaning."""

    def __init__(self, client, name: str) -> None:
        space = {"hnsw": {"space": "cosine"}}
        self.collection = client.get_or_create_collection(
            name, embedding_function=ChromaEmbedding(), configuration=space
        )

    def put(self, document: Document, **about) -> int:
        """Store it, first what is new, then without what is gone. Returns how many chunks are new."""
        about = checked(document, about)
        pieces = {_id(document, piece.text): piece for piece in paragraphs(document)}
        old = self.collection.get(where={"document": document.id}, include=[])["ids"]
        new = {key: piece for key, piece in pieces.items() if key not in old}
        self.collection.upsert(
            ids=list(pieces),
            documents=[piece.text for piece in pieces.values()],
            metadatas=[{**about, "start": piece.start} for piece in pieces.values()],
        )
        if gone := set(old) - set(pieces):
            self.collection.delete(ids=sorted(gone))
        return len(new)

    def search(self, query: str, k: int = 3, where: dict | None = None) -> list[tuple[float, str, str]]:
        """Cosine, title and text of the nearest chunks. where: a filter, as {"title": "Amendment III"}."""
        found = self.collection.query(query_texts=[query], n_results=k, where=where)
        rows = zip(found["distances"][0], found["metadatas"][0], found["documents"][0], strict=True)
        return [(1 - distance, about["title"], text) for distance, about, text in rows]

    def drop(self, document_id: str) -> None:
        self.collection.delete(where={"document": document_id})


def _id(document: Document, text: str) -> str:
    return sha256(f"{document.id}\0{text}".encode()).hexdigest()[:24]


def in_memory():
    """A client whose data end with this process."""
    return chromadb.EphemeralClient(settings=_quiet())


def in_folder(folder: str | Path):
    """A client whose data stay in a folder."""
    return chromadb.PersistentClient(str(folder), settings=_quiet())


def on_server(url: str):
    """A client of a server. Raises CourseError if none answers at `url`."""
    parts = urlsplit(url)
    try:
        secure = parts.scheme == "https"
        return chromadb.HttpClient(parts.hostname, parts.port or 8000, ssl=secure, settings=_quiet())
    except ValueError:
        raise CourseError(f"no Chroma answers at {url}; start it, or correct CHROMA_URL") from None


def start_server() -> tuple[str, servers.Server | None]:
    """The URL in CHROMA_URL and None; without it, `chroma run` on loopback, and the server to stop.

    Chroma's own server knows no password, so it must not listen where others can reach it.
    """
    if url := os.environ.get("CHROMA_URL"):
        return url, None
    program = shutil.which("chroma", path=str(Path(sys.executable).parent))
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = [program, "run", "--host", "127.0.0.1", "--port", "{port}", "--path", folder]
    server = servers.start("chroma", command, path="/api/v2/heartbeat")
    return server.url, server


def _quiet() -> Settings:
    return Settings(anonymized_telemetry=False)
