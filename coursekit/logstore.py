"""A log store on loopback: as much of Elasticsearch's search API as an agent needs, over SQLite's FTS5.

    store = LogStore(lambda: datetime.now(UTC))
    store.add(lines)                                   # dicts with @timestamp, level, message, service, host
    with web.serve(store.app, "logs") as service:      # POST /logs-shop/_search, behind an API key
        ...

The bodies are Elasticsearch's own, so a client of this one also speaks to a real one. Known are `bool` with
`must` and `filter`, `query_string`, `simple_query_string`, `term`, `range`, `sort` and `size`.
Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import hmac
import json
import re
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

FIELDS = ("message", "@timestamp", "level", "service", "host")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class BadQuery(ValueError):
    """What Elasticsearch answers with 400."""


class LogStore:
    """Lines by word. now: what `now` means in a query."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now, self.key, self.searches = now, secrets.token_urlsafe(16), 0
        self.peers: set[int] = set()  # ports of clients: one for each connection that was ever opened
        self.db, self.lock = sqlite3.connect(":memory:", check_same_thread=False), threading.Lock()
        self.db.execute(
            "CREATE VIRTUAL TABLE logs USING fts5(message, at UNINDEXED, level UNINDEXED,"
            " service UNINDEXED, host UNINDEXED, shown UNINDEXED)"
        )
        self.app = Starlette(
            routes=[
                Route("/{index}/_search", self._search, methods=["POST"]),
                Route("/{index}/_doc", self._index, methods=["POST"]),
            ]
        )

    def add(self, lines: Iterable[dict]) -> None:
        rows = []
        for line in lines:
            at = datetime.fromisoformat(line["@timestamp"]).timestamp()
            words = [line.get(field) or "" for field in ("message", "level", "service", "host")]
            rows.append((words[0], at, *words[1:], json.dumps(line)))
        with self.lock:
            self.db.executemany("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?)", rows)

    def clear(self) -> None:
        with self.lock:
            self.db.execute("DELETE FROM logs")

    def search(self, body: dict) -> dict:
        """The answer of `_search`, newest first where the body sorts so. Raises: BadQuery."""
        where, values = conditions(body.get("query", {}), self.now())
        order = _order(body.get("sort", []))
        size = body.get("size", 10)
        if not isinstance(size, int) or not 0 <= size <= 10_000:
            raise BadQuery(f"size must be 0 to 10000, got {size!r}")
        tail = (
            f"FROM logs WHERE {' AND '.join(where) or '1'}"  # pieces of ours; what was asked is in `values`
        )
        with self.lock:
            self.searches += 1
            total = self.db.execute(f"SELECT count(*) {tail}", values).fetchone()[0]
            rows = self.db.execute(
                f"SELECT shown {tail} ORDER BY {order} LIMIT ?", [*values, size]
            ).fetchall()
        hits = [{"_source": json.loads(row[0])} for row in rows]
        return {"hits": {"total": {"value": total, "relation": "eq"}, "hits": hits}}

    async def _search(self, request: Request) -> Response:
        return self._guarded(request, lambda body: self.search(body), await request.body())

    async def _index(self, request: Request) -> Response:
        return self._guarded(
            request, lambda line: self.add([line]) or {"result": "created"}, await request.body()
        )

    def _guarded(self, request: Request, work: Callable, body: bytes) -> Response:
        self.peers.add(request.client.port)
        given = request.headers.get("authorization", "").removeprefix("ApiKey ")
        if not hmac.compare_digest(given.encode(), self.key.encode()):
            return _error(401, "security_exception", "missing authentication credentials")
        try:
            return JSONResponse(work(json.loads(body or b"{}")))
        except (BadQuery, KeyError, ValueError) as error:
            return _error(400, "parsing_exception", str(error))


def _error(status: int, kind: str, reason: str) -> Response:
    return JSONResponse({"error": {"type": kind, "reason": reason}, "status": status}, status)


def _order(sort: list) -> str:
    for each in sort:
        if "@timestamp" in each:
            return "at DESC, rowid DESC" if each["@timestamp"].get("order") == "desc" else "at, rowid"
    return "bm25(logs), rowid"


def conditions(query: dict, now: datetime) -> tuple[list[str], list]:
    """SQL conditions and their values. Raises: BadQuery for a query that is not known here."""
    if not query or "match_all" in query:
        return [], []
    ((kind, asked),) = query.items()
    if kind == "bool":
        found = [conditions(each, now) for part in ("must", "filter") for each in asked.get(part, [])]
        return [c for where, _ in found for c in where], [v for _, values in found for v in values]
    if kind in ("query_string", "simple_query_string"):
        return ["logs MATCH ?"], [words(asked["query"], strict=kind == "query_string")]
    if kind == "term":
        ((field, value),) = asked.items()
        return ([f"{field} = ?"], [value]) if field in FIELDS[2:] else (["0"], [])
    if kind == "range":
        ((field, bounds),) = asked.items()
        if field != "@timestamp":
            return ["0"], []  # as in Elasticsearch: a field that no line has is in no range
        return ["at >= ?"], [moment(bounds["gte"], now).timestamp()]
    raise BadQuery(f"unknown query [{kind}]")


def words(text: str, strict: bool = False) -> str:
    """An FTS5 query for any of the words. Raises: BadQuery if `strict` and brackets or quotes do not close.

    >>> words("timeout OR (refused)")
    '"timeout" OR "refused"'
    """
    if strict and (text.count('"') % 2 or text.count("(") != text.count(")")):
        raise BadQuery(f"Failed to parse query [{text}]")
    found = [word for word in re.findall(r"[\w.-]*\w[\w.-]*", text) if word not in ("OR", "AND", "NOT")]
    if not found:
        raise BadQuery("a query needs at least one word")
    return " OR ".join(f'"{word}"' for word in found)


def moment(text: str, now: datetime) -> datetime:
    """
    >>> moment("now-2h", datetime(2026, 1, 1, 12)).hour
    10
    """
    if found := re.fullmatch(r"now-(\d{1,4})([smhd])", text):
        return now - timedelta(**{UNITS[found[2]]: int(found[1])})
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise BadQuery(f"failed to parse date field [{text}]") from None
