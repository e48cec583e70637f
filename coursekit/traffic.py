"""Real traffic for a real service, and three observers who do not talk to each other.

The traffic is *open*: requests come at random moments whether or not earlier ones were answered, as users do.
A client that waits for each answer before it asks again slows down with the server and hides its trouble
(Schroeder, Wierman & Harchol-Balter 2006, "Open versus closed: a cautionary tale").
"""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from aiohttp import ClientSession, TCPConnector

LOOK_EVERY_S = 0.02


@dataclass
class Observed:
    """What the observers wrote down: heads inside, moments of arrival and stays, both in seconds."""

    inside: list[int] = field(default_factory=list)
    came: list[float] = field(default_factory=list)
    stays: list[float] = field(default_factory=list)

    @property
    def mean_in_system(self) -> float:
        """L, by the one who counts heads."""
        return float(np.mean(self.inside))

    @property
    def arrival_rate(self) -> float:
        """λ per second, by the one at the door."""
        return (len(self.came) - 1) / (self.came[-1] - self.came[0])

    @property
    def mean_stay(self) -> float:
        """W in seconds, by the one with the stopwatch, who stands outside."""
        return float(np.mean(self.stays))


async def drive(
    url: str, rate: float, seconds: float, mean_service: float, rng: np.random.Generator
) -> Observed:
    """Send requests to a `coursekit.service` at random moments, `rate` per second; wait for the last answer.

    mean_service: seconds that a request holds a connection, exponential.
    Raises: aiohttp.ClientError, in a group, if the service refuses or goes away.
    """
    seen, moments = Observed(), rng.exponential(1 / rate, int(rate * seconds)).cumsum()
    async with clients() as session:
        watcher = asyncio.create_task(watch(session, url, seen))
        try:
            async with asyncio.TaskGroup() as requests:
                start = time.perf_counter()
                for moment in moments:
                    await asyncio.sleep(max(0, start + moment - time.perf_counter()))
                    requests.create_task(visit(session, url, rng.exponential(mean_service), seen))
                watcher.cancel()  # no more arrivals: the window closes, whoever is inside may finish
        finally:
            watcher.cancel()
    return seen


async def visit(session: ClientSession, url: str, service: float, seen: Observed) -> None:
    """One request; its stay is measured from the outside, the way there and back included."""
    came = time.perf_counter()
    seen.came.append(came)
    async with session.get(f"{url}/work", params={"service": service}) as reply:
        await reply.read()
        reply.raise_for_status()
    seen.stays.append(time.perf_counter() - came)


async def watch(session: ClientSession, url: str, seen: Observed) -> None:
    """Ask the service every 20 ms how many are inside, until cancelled."""
    while True:
        seen.inside.append((await metrics(session, url))["active"])
        await asyncio.sleep(LOOK_EVERY_S)


async def metrics(session: ClientSession, url: str) -> dict[str, int]:
    """The gauges and counters that the service shows at `/metrics`."""
    async with session.get(f"{url}/metrics") as reply:
        return {name: int(value) for name, value in map(str.split, (await reply.text()).splitlines())}


@asynccontextmanager
async def clients():
    """A session that opens as many connections as there are requests: users do not queue at the client."""
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        yield session
