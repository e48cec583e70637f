"""One node of a cache: a process that keeps entries in memory and speaks HTTP.

`GET /{key}` answers 200 with the entry or 404; `PUT /{key}` keeps the body; `DELETE /{key}` forgets it. A key
may hold slashes. At most `--capacity` entries are kept; the one least recently used goes first.
`GET /metrics` tells `entries`, `hits`, `misses` and `evicted` in Prometheus' text format.
Run by `python -m coursekit.cache_node`; bound to loopback.   Taught in: notebooks/02_hash_tables.ipynb
"""

import argparse
from collections import OrderedDict

from aiohttp import web

LARGEST = 1_000_000  # bytes of one entry


class Cache:
    """The handlers, and the entries in order of their last use, the latest at the end."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.entries: OrderedDict[str, bytes] = OrderedDict()
        self.hits = self.misses = self.evicted = 0

    async def get(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if key not in self.entries:
            self.misses += 1
            raise web.HTTPNotFound(text=f"no entry {key}")
        self.hits += 1
        self.entries.move_to_end(key)
        return web.Response(body=self.entries[key])

    async def put(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        self.entries[key] = await request.read()
        self.entries.move_to_end(key)
        if len(self.entries) > self.capacity:
            self.entries.popitem(last=False)
            self.evicted += 1
        return web.Response(status=204)

    async def delete(self, request: web.Request) -> web.Response:
        self.entries.pop(request.match_info["key"], None)
        return web.Response(status=204)

    async def metrics(self, _: web.Request) -> web.Response:
        seen = {"entries": len(self.entries), "hits": self.hits}
        seen |= {"misses": self.misses, "evicted": self.evicted}
        return web.Response(text="".join(f"{name} {value}\n" for name, value in seen.items()))


def make_app(capacity: int) -> web.Application:
    """The node as an application of aiohttp, for a server of your own or a test."""
    if capacity < 1:
        raise ValueError(f"a cache needs room for at least one entry, got {capacity}")
    cache = Cache(capacity)
    app = web.Application(client_max_size=LARGEST)
    app.add_routes([
        web.get("/metrics", cache.metrics),
        web.get("/{key:.+}", cache.get, allow_head=False),
        web.put("/{key:.+}", cache.put),
        web.delete("/{key:.+}", cache.delete),
    ])  # fmt: skip
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--capacity", type=int, default=10_000)
    options = parser.parse_args()
    web.run_app(make_app(options.capacity), host="127.0.0.1", port=options.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
