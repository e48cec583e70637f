import asyncio
import sys
from urllib.request import urlopen

import pytest
from aiohttp.test_utils import TestClient, TestServer

from coursekit import servers
from coursekit.service import make_app


def with_client(connections, story):
    """Run `story(client)` against the real service on a real port."""

    async def run():
        async with TestClient(TestServer(make_app(connections))) as client:
            return await story(client)

    return asyncio.run(run())


async def metrics(client):
    text = await (await client.get("/metrics")).text()
    return {name: int(value) for name, value in map(str.split, text.splitlines())}


async def work(client, seconds):
    reply = await client.get("/work", params={"service": seconds})
    assert reply.status == 200
    return await reply.text()


def test_what_came_either_left_or_is_inside():
    async def story(client):
        asked = [asyncio.create_task(work(client, 0.2)) for _ in range(5)]
        await asyncio.sleep(0.1)
        during = await metrics(client)
        await asyncio.gather(*asked)
        return during, await metrics(client)

    during, after = with_client(connections=10, story=story)
    assert during == {"active": 5, "holding": 5, "arrived": 5, "left": 0}
    assert after == {"active": 0, "holding": 0, "arrived": 5, "left": 5}


def test_never_more_requests_hold_a_connection_than_there_are():
    async def story(client):
        asked = [asyncio.create_task(work(client, 0.1)) for _ in range(6)]
        await asyncio.sleep(0.05)
        seen = await metrics(client)
        await asyncio.gather(*asked)
        return seen

    seen = with_client(connections=2, story=story)
    assert seen["active"] == 6 and seen["holding"] == 2


@pytest.mark.parametrize("wish", ["soon", "-1", "nan", "1e9"])
def test_a_service_time_that_makes_no_sense_is_refused_and_counted_nowhere(wish):
    async def story(client):
        reply = await client.get("/work", params={"service": wish})
        return reply.status, await reply.text(), await metrics(client)

    status, text, seen = with_client(connections=2, story=story)
    assert status == 400 and wish in text and seen["arrived"] == 0


def test_a_client_that_gives_up_frees_its_connection():
    command = [sys.executable, "-m", "coursekit.service", "--port", "{port}", "--connections", "1"]
    with servers.start("service", command, path="/metrics") as server:
        with pytest.raises(TimeoutError):
            urlopen(f"{server.url}/work?service=30", timeout=0.2)
        with urlopen(f"{server.url}/work?service=0.01", timeout=5) as reply:
            assert reply.read() == b"done"
