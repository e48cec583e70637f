"""The three services of notebook 07, to be run by a container: its code is the notebook's own.

    python -m deploy.app llm            also: rag, gateway; on 127.0.0.1 unless HOST says otherwise
    python -m deploy.app key NAME       a key for one client of the gateway, shown once
    python -m deploy.app token NAME     a token for one person, good for a quarter of an hour
    uvicorn deploy.app:gateway --factory

Settings come from the environment; `.env.example` lists them.
"""

import argparse
import asyncio
import os
import sys
from functools import cache
from types import ModuleType

import redis.asyncio
import uvicorn
from fastapi import FastAPI

from coursekit import corpus, llm, vendors
from coursekit.access import ApiKeys, SafeHeaders, Tokens, make_guard
from coursekit.chapters import chapter
from coursekit.errors import CourseError
from coursekit.metrics import instrument

SPACE = "course"  # before every name in Redis
GRACE_S = 30  # for running requests, when the process is asked to end


@cache
def taught() -> ModuleType:
    """What notebook 07 defines."""
    return chapter("07_llm_production")


def setting(name: str, default: str = "") -> str:
    """Raises: CourseError if the environment does not hold it and there is no default."""
    found = os.environ.get(name, "").strip() or default
    if not found:
        raise CourseError(f"{name} is not set; see deploy/.env.example")
    return found


def connect() -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(setting("REDIS_URL"), decode_responses=True, socket_timeout=2)


def llm_service() -> FastAPI:
    """Every provider with a key; scripted answers where there is none. Cached where there is a Redis."""
    model = setting("CHAT_MODEL", "gpt-5.4-mini")
    providers = {"gpt": taught().OpenAIProvider(llm.async_client, model)}
    if os.environ.get("ANTHROPIC_API_KEY"):
        import anthropic

        model = setting("CLAUDE_MODEL", vendors.MODELS["anthropic"][1])
        providers["claude"] = taught().AnthropicProvider(anthropic.AsyncAnthropic, model)
    if os.environ.get("REDIS_URL"):
        providers = {
            prefix: taught().CachedProvider(provider, connect) for prefix, provider in providers.items()
        }
    return watched(taught().make_llm_service(providers), "openai")


def rag_service() -> FastAPI:
    """The course's text and the Constitution; vectors in Chroma where VECTOR_DB_URL names one."""
    collections = taught().collections()
    if os.environ.get("VECTOR_DB_URL"):
        course = collections["course"]
        course.by_meaning = Chroma(chroma(), list(course.passages), corpus.vectors())
    return watched(taught().make_rag_service(setting("LLM_SERVICE_URL"), collections))


def gateway() -> FastAPI:
    """The door: known callers only, each within its limit."""
    urls = setting("LLM_SERVICE_URL"), setting("RAG_SERVICE_URL")
    limit = int(setting("REQUESTS_PER_MINUTE", "100"))
    guard = make_guard(tokens(), connect, SPACE, limit=limit, window_s=60)
    return watched(taught().make_gateway(*urls, slots=int(setting("SLOTS", "8")), guards=[guard]))


def tokens() -> Tokens:
    """Signed with JWT_KEYS, `name:key,name:key`, the last one signing: one secret for all replicas.

    Raises: CourseError if there is none, or one of them has fewer than 32 bytes.
    """
    pairs = [each.strip().partition(":") for each in setting("JWT_KEYS").split(",")]
    if not all(name and colon for name, colon, _ in pairs):  # what stands there may be a key: not shown
        raise CourseError("JWT_KEYS is written name:key,name:key; see deploy/.env.example")
    try:
        return Tokens({name: key.encode() for name, _, key in pairs})
    except ValueError as error:
        raise CourseError(f"JWT_KEYS: {error}") from None


def watched(app: FastAPI, provider: str = "") -> FastAPI:
    instrument(app, provider=provider)
    app.add_middleware(SafeHeaders)
    return app


def chroma():
    """A client of the server at VECTOR_DB_URL."""
    import chromadb

    host, _, port = setting("VECTOR_DB_URL").removeprefix("http://").partition(":")
    return chromadb.HttpClient(host=host, port=int(port or 8000))


class Chroma:
    """Vectors in a Chroma server, searched as `coursekit.retrieval.Dense` is. Filled when it is empty."""

    def __init__(self, client, ids, vectors) -> None:
        name = f"course-{corpus.edition()}"  # another edition is another collection
        self.kept = client.get_or_create_collection(
            name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        if self.kept.count() != len(ids):
            self.kept.upsert(ids=ids, embeddings=vectors)

    def search(self, query, k: int = 10):
        found = self.kept.query(query_embeddings=[query], n_results=k, include=["distances"])
        return [(name, 1 - far) for name, far in zip(found["ids"][0], found["distances"][0], strict=True)]


async def make_key(owner: str) -> str:
    async with connect() as store:
        return await ApiKeys(store, SPACE).create(owner, ["llm:chat"])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.app", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=[*SERVICES, "key", "token"])
    parser.add_argument("owner", nargs="?", help="of the key or token")
    parser.add_argument("--port", type=int)
    given = parser.parse_args(arguments)
    if given.what not in SERVICES:
        owner = given.owner or parser.error(f"whose {given.what}?")
        print(asyncio.run(make_key(owner)) if given.what == "key" else tokens().issue(owner, ["llm:chat"]))
        return
    factory, usual = SERVICES[given.what]
    uvicorn.run(
        factory(),
        host=setting("HOST", "127.0.0.1"),
        port=given.port or int(setting("PORT", str(usual))),
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )


SERVICES = {"llm": (llm_service, 8000), "rag": (rag_service, 8001), "gateway": (gateway, 8080)}

if __name__ == "__main__":
    try:
        main()
    except CourseError as error:
        sys.exit(f"deploy.app: {error}")
