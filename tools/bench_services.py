"""The services of notebook 07 as processes: throughput and times, asked directly and through the gateway."""

import asyncio
import os
import sys
import time
from contextlib import ExitStack

import numpy as np

from coursekit import servers, traffic, valkey
from coursekit.display import table
from deploy import app

SEED, CLIENTS, SECONDS = 2024, 16, 4
HELLO = {"messages": [{"role": "user", "content": "Hello"}]}  # with no temperature: never from the cache
SETTINGS = {"SLOTS": "64", "REQUESTS_PER_MINUTE": "1000000", "COURSE_MODEL": "rehearsal"}
FORM = {"p50 (ms)": ".1f", "p95 (ms)": ".1f", "p99 (ms)": ".1f"}


async def one(http, url: str, key: str) -> float:
    """Seconds that a request takes. Raises: aiohttp.ClientResponseError unless it is answered."""
    start = time.perf_counter()
    async with http.post(url, json=HELLO, headers={"authorization": f"Bearer {key}"}) as reply:
        reply.raise_for_status()
        await reply.read()
    return time.perf_counter() - start


async def busy(url: str, key: str) -> float:
    """Answers a second, to clients who ask again at once."""

    async with traffic.clients() as http:
        await one(http, url, key)
        end, answered = time.perf_counter() + SECONDS, []

        async def client():
            while time.perf_counter() < end:
                answered.append(await one(http, url, key))

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return len(answered) / SECONDS


async def calm(ways: list[tuple], rate: float) -> list[np.ndarray]:
    """Seconds of each request by each way, in turns; they come at random, answered or not."""
    moments = np.random.default_rng(SEED).exponential(1 / rate, int(rate * 2 * SECONDS)).cumsum()
    async with traffic.clients() as http, asyncio.TaskGroup() as group:
        start, asked = time.perf_counter(), []
        for number, moment in enumerate(moments):
            await asyncio.sleep(max(0, start + moment - time.perf_counter()))
            asked.append(group.create_task(one(http, *ways[number % len(ways)])))
    return [np.array([each.result() for each in asked[i :: len(ways)]]) for i in range(len(ways))]


def main() -> None:
    """The model behind both is scripted; the gateway also checks a key and a limit, in a real Redis."""
    os.environ |= SETTINGS | {"REDIS_URL": valkey.url(), "JWT_KEYS": f"k1:{os.urandom(32).hex()}"}
    with ExitStack() as running:
        urls = []
        for name in ("llm", "gateway"):
            command = [sys.executable, "-m", "deploy.app", name, "--port", "{port}"]
            server = servers.start(name, command, path="/health", timeout_s=60)
            running.callback(server.stop)
            urls.append(server.url)
            os.environ |= {"LLM_SERVICE_URL": urls[0], "RAG_SERVICE_URL": urls[0]}  # no question goes to RAG
        key = asyncio.run(app.make_key("bench"))
        ways = [(f"{urls[0]}/chat/completions", ""), (f"{urls[1]}/v1/chat/completions", key)]
        answers = [asyncio.run(busy(*way)) for way in ways]
        seconds = asyncio.run(calm(ways, rate := min(answers) / 3))
    points = [1000 * np.quantile(each, [0.5, 0.95, 0.99]) for each in seconds]
    names = ("LLM service, directly", "through the gateway", "the gateway's share")
    numbers = zip(names, (*map(round, answers), ""), (*points, points[1] - points[0]), strict=True)
    rows = [{"way": n, "answers/s": a, **dict(zip(FORM, p, strict=True))} for n, a, p in numbers]
    print(table(rows, f"answers/s to {CLIENTS} clients; times at {rate:.0f} random requests/s", FORM))


if __name__ == "__main__":
    main()
