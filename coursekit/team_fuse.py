"""A circuit breaker on each link of a chain of agents, and a chain to try it on, the lowest agent down.

    chain_of_agents(fused=True)["calls while down"]

The breaker is that of `coursekit.breaker`. Source: Nygard 2018, "Release It!".
Taught in: notebooks/19_agent_teams.ipynb
"""

from collections import Counter
from collections.abc import Callable

from coursekit.breaker import CircuitBreaker


class Refused(RuntimeError):
    """A breaker is open: nobody was asked."""


def through(breaker: CircuitBreaker, act: Callable, refusals_count: bool = False):
    """`act()`, unless the breaker is open.   refusals_count: as failures of this link.

    Raises: Refused at once while the breaker is open; else whatever `act` raises.
    """
    if breaker.state == "open":
        raise Refused("not asked: it failed a moment ago")
    try:
        result = act()
    except Exception as error:
        if refusals_count or not isinstance(error, Refused):
            breaker.note(False)
        raise
    breaker.note(True)
    return result


def chain_of_agents(
    fused: bool, layers=3, tries=3, down=(10, 70), seconds=120, refusals_count: bool = False
) -> dict[str, int]:
    """One question a second through layers of retrying agents to one that is down for a while.

    Returns counts; `breakers opened`: of how many links.
    """
    clock, seen, opened = [0.0], Counter(), set()
    breakers = [CircuitBreaker(lambda: clock[0]) for _ in range(layers)]

    def bottom():
        broken = down[0] <= clock[0] < down[1]
        seen["calls while down"] += broken
        if broken:
            raise TimeoutError

    def ask(layer: int):
        below = (lambda: ask(layer - 1)) if layer > 1 else bottom
        for attempt in range(tries):
            try:
                return through(breakers[layer - 1], below, refusals_count) if fused else below()
            except TimeoutError:
                if attempt == tries - 1:
                    raise

    for second in range(seconds):
        clock[0] = second
        try:
            ask(layers)
            seen["answered"] += 1
        except Refused:  # no retry: nobody was asked
            seen["refused at once"] += 1
        except TimeoutError:
            seen["timed out"] += 1
        opened |= {i for i, breaker in enumerate(breakers) if breaker.state == "open"}
    counts = ("calls while down", "answered", "refused at once", "timed out")
    return {what: seen[what] for what in counts} | {"breakers opened": len(opened)}
