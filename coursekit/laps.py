"""How long a question takes by each way, and how many a second: all ways in turns, so that noise hits all.

    prices = await price_list(broker)            # the robot in a process of its own
    claims(prices)                               # what must hold on any machine

Taught in: notebooks/11_agent_communication.ipynb
"""

import asyncio
import statistics
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import count

from coursekit import polyglot
from coursekit.acl import Message
from coursekit.mqtt import Broker
from coursekit.talking import Ask, robot

CALL = Message(
    "cfp", "manager", ("r1",), "(deliver p7 d2)", "fipa-sl", "warehouse-1", "fipa-contract-net", "c1", "m1"
)
FAST = {"WebSocket", "ZeroMQ", "DDS"}
HEAVY = {"MCP", "A2A", "GraphQL, no cache", "MQTT, QoS 0", "MQTT, QoS 1"}
_numbers = count(1)
Prices = dict[str, dict[str, float]]  # way -> p50 and p95 in µs, answers per second


async def lap(ask: Ask, call: Message = CALL) -> float:
    """Seconds from a question to its answer."""
    question = replace(call, reply_with=f"lap-{next(_numbers)}")
    start = time.perf_counter()
    answer = await ask(question)
    took = time.perf_counter() - start
    if answer != replace(robot(question), in_reply_to=question.reply_with):
        raise AssertionError(f"another answer came: {answer}")
    return took


async def per_second(ask: Ask, workers: int = 16, each: int = 6) -> float:
    """Answers a second with so many questions under way."""

    async def worker() -> None:
        for _ in range(each):
            await lap(ask)

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(workers)))
    return workers * each / (time.perf_counter() - start)


async def compare(ways: dict[str, polyglot.Way], addresses: dict, blocks: int = 5, laps: int = 16) -> Prices:
    """All ways in turns, block by block; the first block warms up and does not count."""
    times: dict[str, list[float]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        asks = {}
        for name, way in ways.items():
            asks[name] = await stack.enter_async_context(way.connect(addresses[name]))
        for block in range(blocks):
            for name, ask in asks.items():
                took = [await lap(ask) for _ in range(laps)]
                times[name] += took if block else []
        best = {name: max([await per_second(ask) for _ in range(2)]) for name, ask in asks.items()}
    share = lambda name, of: 1e6 * sorted(times[name])[int(of * len(times[name]))]
    return {
        name: {"p50": share(name, 0.5), "p95": share(name, 0.95), "per second": best[name]} for name in ways
    }


async def price_list(broker: Broker, mosquitto: Broker | None = None, **more: int) -> Prices:
    """The comparison, with the robot in a process of its own and the queue in this one."""
    process, addresses = await asyncio.to_thread(polyglot.start, broker, mosquitto)
    try:
        async with polyglot.serve_queue(robot) as questions:
            ways = polyglot.ways(broker, mosquitto)
            return await compare(ways, addresses | {"queue": questions}, **more)
    finally:
        await asyncio.to_thread(process.stop)


def claims(prices: Prices) -> dict[str, bool]:
    """What the price list must show on any machine: the order of groups, and a few ratios."""
    p50 = {name: row["p50"] for name, row in prices.items()}
    fast, heavy = ([p50[name] for name in group] for group in (FAST, HEAVY))
    rate = lambda group: [prices[name]["per second"] for name in group]
    return {
        "any wire costs three queues or more": min(v for k, v in p50.items() if k != "queue")
        > 3 * p50["queue"],
        "the slowest of the fast beats the quickest of the heavy": max(fast) < min(heavy),
        "the heavy take three times as long as the fast": statistics.median(heavy)
        > 3 * statistics.median(fast),
        "the fast answer more a second than the heavy": min(rate(FAST)) > max(rate(HEAVY)),
        "gRPC does not beat REST": p50["gRPC"] >= p50["REST"],
        "GraphQL pays for a query that is not kept": p50["GraphQL, no cache"] > 1.5 * p50["GraphQL"],
    }
