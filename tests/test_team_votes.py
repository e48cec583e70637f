"""Votes: what counts, when it is enough, and what discussion does."""

import asyncio
import time
from collections import Counter
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coursekit.team_votes import (
    Member,
    build_consensus,
    collect_votes,
    follow_the_lead,
    meeting,
    random_profile,
    say_what_is_new,
    tally,
)

some_votes = st.dictionaries(st.integers(0, 9), st.sampled_from(["x", "y", "z", None]), max_size=10)


@given(some_votes, st.integers(0, 5))
def test_the_leader_has_the_most_named_votes_of_all_who_may_vote(votes, silent):
    eligible = max(1, len(votes) + silent)
    lead, level = tally(votes, eligible)
    named = [v for v in votes.values() if v is not None]
    assert level == max((named.count(v) for v in named), default=0) / eligible
    assert lead in named or (lead is None and not named)


def says(option):
    async def vote(options, round_, before):
        return option

    return vote


async def raises(*_):
    raise OSError


async def hangs(*_):
    await asyncio.Event().wait()


async def stubborn(*_):
    """No cancellation ends it; it ends by itself, later than anybody should wait."""
    until = time.monotonic() + 1
    while time.monotonic() < until:
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            continue


def test_whoever_raises_hangs_or_names_no_option_has_no_vote():
    voters = {"ok": says("x"), "raises": raises, "hangs": hangs, "nothing": says(None),
              "a dict": says({"x": 1}), "no option": says("tea"), "not async": lambda *_: "x",
              "also ok": says("y")}  # fmt: skip
    votes = asyncio.run(collect_votes(voters, ("x", "y"), 1, {}, deadline_s=0.05))
    assert votes == dict.fromkeys(voters) | {"ok": "x", "also ok": "y"} and list(votes) == list(voters)


@pytest.mark.parametrize(("voter", "ends"), [(hangs, True), (stubborn, False)])
def test_the_collector_waits_no_longer_than_the_deadline(voter, ends):
    async def vote():
        votes = await collect_votes({"a": says("x"), "b": voter}, "xy", 1, {}, deadline_s=0.05)
        await asyncio.sleep(0)  # a cancellation reaches its task
        return votes, asyncio.all_tasks() == {asyncio.current_task()}

    assert asyncio.run(vote()) == ({"a": "x", "b": None}, ends)


def test_nobody_waits_for_the_deadline_when_all_have_voted():
    before = time.monotonic()
    assert asyncio.run(collect_votes({"a": says("x")}, "x", 1, {}, deadline_s=60)) == {"a": "x"}
    assert asyncio.run(collect_votes({}, "x", 1, {}, deadline_s=60)) == {}
    assert time.monotonic() - before < 30


def test_voters_are_asked_side_by_side():
    async def vote():
        met = asyncio.Barrier(3)

        async def voter(*_):
            await met.wait()
            return "x"

        return await collect_votes(dict.fromkeys("abc", voter), "x", 1, {}, deadline_s=30)

    assert set(asyncio.run(vote()).values()) == {"x"}


def test_voters_hear_the_round_and_their_own_last_vote():
    seen, talks = [], []

    async def voter(options, round_, before):
        seen.append((options, round_, before))
        return "xyxyx"[round_ - 1]

    result = asyncio.run(build_consensus({"a": voter, "b": says("z")}, "xyz", talks.append))
    assert seen == [("xyz", 1, None), ("xyz", 2, "x"), ("xyz", 3, "y"), ("xyz", 4, "x"), ("xyz", 5, "y")]
    assert result["escalate"] and result["decision"] is None and len(result["iterations"]) == 5
    assert [talk["a"] for talk in talks] == list("xyxy")  # nothing is left to be decided after the last


@example(10, 7)
@example(10, 6)
@given(st.integers(1, 12), st.integers(0, 12))
def test_a_decision_needs_seven_tenths_of_all(n, agree):
    agree = min(n, agree)
    options = ["x", *(f"own {i}" for i in range(n))]
    voters = {i: says("x" if i < agree else f"own {i}") for i in range(n)}
    decided = asyncio.run(build_consensus(voters, options, lambda votes: None))["decision"]
    assert decided == ("x" if agree >= 0.7 * n and agree else "own 0" if n == 1 else None)


def test_no_opinion_is_never_decided():
    voters = dict.fromkeys("ab", says(None))
    result = asyncio.run(build_consensus(voters, "x", lambda votes: None, threshold=0.0))
    assert result["decision"] is None and result["escalate"]


def test_the_hidden_profile_misleads_a_vote_and_facts_correct_it():
    for least, expected in ((1, "restart"), (2, "roll back"), (5, "roll back")):
        assert asyncio.run(meeting(say_what_is_new, least))["decision"] == expected
    assert asyncio.run(meeting(follow_the_lead, least=5))["decision"] == "restart"


def test_telling_facts_only_ever_adds_facts_that_somebody_had():
    rng = Random(3)
    for _ in range(50):
        make, expected = random_profile(rng)
        members = make()
        pool = set().union(*(m.facts for m in members.values()))
        before = {name: set(m.facts) for name, m in members.items()}
        discuss = say_what_is_new(members)
        for _ in range(12):
            discuss({})
        assert all(before[n] <= m.facts == pool for n, m in members.items())
        counts = Counter(option for option, _ in pool).most_common(2)
        assert expected in (None, counts[0][0])
        assert expected is None or len(counts) == 1 or counts[0][1] > counts[1][1]


def test_a_member_votes_for_what_most_of_its_facts_say():
    assert asyncio.run(Member([("x", 1), ("y", 2), ("y", 3)])("xy", 1, None)) == "y"
    assert asyncio.run(Member([("y", 1), ("x", 2)])("xy", 1, None)) == "x"  # of equals the first by name
