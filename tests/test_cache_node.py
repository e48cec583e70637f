import asyncio
import sys
from collections import OrderedDict
from random import Random
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from aiohttp.test_utils import TestClient, TestServer

from coursekit import servers
from coursekit.cache_node import LARGEST, make_app


def with_client(story, capacity=100):
    """Run `story(client)` against the real node on a real port."""

    async def run():
        async with TestClient(TestServer(make_app(capacity))) as client:
            return await story(client)

    return asyncio.run(run())


async def look(client, key):
    reply = await client.get(f"/{key}")
    return await reply.text() if reply.status == 200 else None


async def metrics(client):
    text = await (await client.get("/metrics")).text()
    return {name: int(value) for name, value in map(str.split, text.splitlines())}


def test_an_entry_is_found_until_it_is_deleted_and_the_last_one_put_counts():
    async def story(client):
        seen = [await look(client, "shop/page-1")]
        for value in ("old", "new"):
            assert (await client.put("/shop/page-1", data=value)).status == 204
        seen += [await look(client, "shop/page-1"), await look(client, "shop/page-2")]
        for _ in range(2):
            assert (await client.delete("/shop/page-1")).status == 204
        return [*seen, await look(client, "shop/page-1")]

    assert with_client(story) == [None, "new", None, None]


@pytest.mark.parametrize("value", [b"", b"\x00\xff", "grüße".encode(), b"x" * 10_000])
def test_an_entry_comes_back_byte_by_byte(value):
    async def story(client):
        await client.put("/it", data=value)
        return await (await client.get("/it")).read()

    assert with_client(story) == value


def test_the_node_forgets_what_a_naive_list_of_last_uses_would_forget():
    async def story(client):
        rng, witness, evicted = Random(3), OrderedDict(), 0
        for step in range(300):
            key = f"k{rng.randrange(12)}"
            if rng.random() < 0.5:
                await client.put(f"/{key}", data=str(step))
                witness.pop(key, None)
                witness[key] = str(step)
                if len(witness) > 5:
                    del witness[next(iter(witness))]
                    evicted += 1
            else:
                assert await look(client, key) == witness.get(key)
                if key in witness:
                    witness[key] = witness.pop(key)
        return await metrics(client), {"entries": len(witness), "evicted": evicted}

    seen, expected = with_client(story, capacity=5)
    assert expected.items() <= seen.items() and expected["evicted"] > 20


def test_hits_and_misses_are_counted():
    async def story(client):
        await client.put("/a", data="1")
        for key in ("a", "b", "a", "c", "d"):
            await look(client, key)
        return await metrics(client)

    assert with_client(story) == {"entries": 1, "hits": 2, "misses": 3, "evicted": 0}


def test_an_entry_that_is_too_large_is_refused_and_nothing_is_kept():
    async def story(client):
        reply = await client.put("/big", data=b"x" * (LARGEST + 1))
        return reply.status, await metrics(client)

    status, seen = with_client(story)
    assert status == 413 and seen["entries"] == 0


def test_a_cache_without_room_is_refused():
    with pytest.raises(ValueError, match="at least one entry, got 0"):
        make_app(0)


def test_the_node_runs_as_a_process_of_its_own():
    command = [sys.executable, "-m", "coursekit.cache_node", "--port", "{port}", "--capacity", "1"]
    with servers.start("cache", command, path="/metrics") as server:
        for key in ("a", "b"):
            urlopen(Request(f"{server.url}/{key}", data=b"it", method="PUT")).close()
        with urlopen(f"{server.url}/b") as reply:
            assert reply.read() == b"it"
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"{server.url}/a")
