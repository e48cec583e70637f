"""Votes in rounds with discussion between them, and members whose votes follow from the facts they know.

    members = hidden_profile()
    await build_consensus(members, CURES, say_what_is_new(members), threshold=0.7, rounds=5)

Source of the hidden profile: Stasser and Titus 1985, "Pooling of unshared information in group decision
making".   Taught in: notebooks/19_agent_teams.ipynb
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from random import Random


def tally(votes: Mapping[str, str | None], eligible: int) -> tuple[str | None, float]:
    """The leading option (of equals the first by name) and its share of all who may vote."""
    counts = Counter(vote for vote in votes.values() if vote is not None)
    if not counts:
        return None, 0.0
    lead = min(counts, key=lambda option: (-counts[option], option))
    return lead, counts[lead] / eligible


async def collect_votes(
    voters: Mapping[str, Callable], options: Collection[str], round_: int, before: Mapping, deadline_s=1.0
) -> dict[str, str | None]:
    """A vote each, asked side by side. None: whoever raises, names no option, or has not answered in time.

    A voter that hangs is cancelled. One that computes without ever awaiting holds up everybody: no time-out
    can interrupt it, so give it a thread (`asyncio.to_thread`).
    """

    async def ask(name, voter):
        return await voter(options, round_, before.get(name))

    asked = {name: asyncio.create_task(ask(name, voter)) for name, voter in voters.items()}
    done, late = await asyncio.wait(asked.values(), timeout=deadline_s) if asked else (set(), set())
    for task in late:
        task.cancel()
    said = {name: task.result() for name, task in asked.items() if task in done and not task.exception()}
    named = {name: vote for name, vote in said.items() if isinstance(vote, str) and vote in options}
    return {name: named.get(name) for name in voters}


async def build_consensus(
    voters: Mapping[str, Callable],
    options: Collection[str],
    discuss: Callable,
    threshold=0.7,
    rounds=5,
    least=1,
    deadline_s=1.0,
) -> dict:
    """Vote and discuss until an option has the threshold, in `least` rounds or more.

    voters: name -> coroutine function(options, round, own last vote) that returns an option, or None for no
    opinion.   discuss(votes): between two rounds.   deadline_s: of one round.
    Returns decision, iterations, escalate: true when somebody else must decide.
    """
    iterations, votes = [], {}
    for round_ in range(1, rounds + 1):
        votes = await collect_votes(voters, options, round_, votes, deadline_s)
        lead, level = tally(votes, len(voters))
        iterations.append({"votes": votes, "level": level})
        if lead is not None and level >= threshold and round_ >= least:
            return {"decision": lead, "iterations": iterations, "escalate": False}
        if round_ < rounds:
            discuss(votes)
    return {"decision": None, "iterations": iterations, "escalate": True}


class Member:
    """Votes by the facts it knows; `facts`: (option, name of the fact)."""

    def __init__(self, facts):
        self.facts, self.follows = set(facts), None

    async def __call__(self, options, round_, before):
        counts = Counter(option for option, _ in self.facts)
        return self.follows or min(counts, key=lambda option: (-counts[option], option))


def say_what_is_new(members: Mapping[str, Member]) -> Callable:
    """Each tells all others the fact that fewest know, if somebody does not know it yet."""

    def discuss(votes):
        known = Counter(fact for member in members.values() for fact in member.facts)
        rare = lambda fact: (known[fact], fact[1])
        said = {
            min(new, key=rare)
            for m in members.values()
            if (new := {f for f in m.facts if known[f] < len(members)})
        }
        for member in members.values():
            member.facts |= said

    return discuss


def follow_the_lead(members: Mapping[str, Member]) -> Callable:
    """Everybody hears the votes and joins the largest group."""

    def discuss(votes):
        for member in members.values():
            member.follows = tally(votes, len(members))[0]

    return discuss


def hidden_profile() -> dict[str, Member]:
    return {
        f"m{i}": Member([("restart", f"r{k}") for k in range(3)] + [("roll back", f"b{i}")]) for i in range(5)
    }


CURES = ("add hosts", "restart", "roll back")


async def meeting(discussion: Callable, least: int = 1, make: Callable = hidden_profile) -> dict:
    """Members made anew vote on CURES; discussion(members): what they do between two rounds."""
    members = make()
    return await build_consensus(members, CURES, discussion(members), least=least)


def random_profile(rng: Random) -> tuple[Callable, str | None]:
    """A maker of five members, and what all facts together say (None if they are divided)."""
    facts = [(rng.choice(CURES), f"f{i}") for i in range(12)]
    knows = [rng.sample(facts, 4) for _ in range(5)]
    ranked = Counter(option for option, _ in {fact for known in knows for fact in known}).most_common()
    clear = len(ranked) == 1 or ranked[0][1] > ranked[1][1]
    make = lambda: {f"m{i}": Member(known) for i, known in enumerate(knows)}
    return make, ranked[0][0] if clear else None
