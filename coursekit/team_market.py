"""Bids and auctions: whether to bid and for what price, and what an auction must check before a bid counts.

    sale = Auction(part, deadline=5.0, registered=CREW)
    sale.receive(make_bid(agent, part, backlog=3), at=1.0)      # "" if it counts, else why not
    sale.close(score)

Taught in: notebooks/19_agent_teams.ipynb
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from coursekit.team_jobs import Agent, Part


class Bid(NamedTuple):
    agent: str
    price: float
    minutes: float  # until it would be finished
    confidence: float
    approach: str = ""


def make_bid(agent: Agent, part: Part, backlog: float, value=None, horizon_min=30.0) -> Bid | None:
    """A bid, or None: cannot, too busy (workload above 0.8), not worth it (value / effort up to 0.5)."""
    workload, effort = min(1.0, backlog / horizon_min), agent.minutes(part)
    worth = part.work if value is None else value
    if not agent.can(part) or workload > 0.8 or worth <= 0.5 * effort:
        return None
    price = effort * agent.rate * (1 + 0.5 * workload)
    return Bid(agent.name, price, backlog + effort, agent.right(part), f"{part.name} after {backlog:.0f} min")


@dataclass
class Auction:
    """Open until `deadline`; one bid an agent (the last), of agents that are registered and able."""

    part: Part
    deadline: float
    registered: Mapping[str, Agent]
    bids: dict[str, Bid] = field(default_factory=dict)
    open: bool = True

    def invited(self) -> list[str]:
        """All who have every skill needed; a part without needs is for everybody."""
        return [name for name, agent in self.registered.items() if agent.can(self.part)]

    def receive(self, bid: Bid, at: float) -> str:
        """ "" if it counts, else why not."""
        if not self.open or at > self.deadline:
            return "too late"
        if bid.agent not in self.registered:
            return "not registered"
        if not self.registered[bid.agent].can(self.part):
            return "cannot do it"
        if not (0 < bid.price < inf and 0 < bid.minutes < inf):
            return "price and minutes must be positive numbers"
        self.bids[bid.agent] = bid
        return ""

    def close(self, score: Callable) -> str | None:
        """The winner by the highest score, None without bids. No bid counts afterwards."""
        self.open = False
        scores = score(list(self.bids.values()), self.part, self.registered)
        return max(scores, key=lambda name: (scores[name], name), default=None)
