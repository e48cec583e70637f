"""Teams of agents: the three teams, their parts and the exercises, against enumeration and naive versions."""

import asyncio
import json
from collections import Counter, defaultdict
from itertools import combinations
from math import inf, isclose
from random import Random

import openai
import pytest
from chapters import chapter
from hypothesis import given
from hypothesis import strategies as st

from coursekit import check, llm, rehearsal
from coursekit.team_floor import Floor, stream
from coursekit.team_jobs import CREW, JOBS, Agent, Job, Part, cheapest
from coursekit.team_market import Bid
from coursekit.team_sources import SERVICES, log_lines

teams = chapter("19_agent_teams")
untouched = chapter("19_agent_teams", without="solution")


def played(team, jobs=30, every=10, seed=1, crew=CREW, **faults):
    floor = Floor(crew, team, seed, **faults)
    for at, job in stream(Random(seed), jobs, every):
        floor.submit(job, at)
    floor.run()
    return floor


# One agent or many.


def test_the_skill_needed_is_where_the_bills_meet():
    skill = teams.needed(JOBS["report"])
    assert isclose(
        cheapest(teams.expert(skill), JOBS["report"])[0], cheapest(CREW, JOBS["report"])[0], rel_tol=1e-6
    )
    assert teams.needed(JOBS["survey"]) == inf


@pytest.mark.parametrize("name", ["one agent", "hierarchy", "peers", "market"])
def test_every_team_finishes_every_job_and_none_beats_trying_all(name):
    floor = played(teams.TEAMS[name](), every=40)
    assert all(run.finished for run in floor.runs)
    assert all(teams.lone_bill(teams.TEAMS[name](), job) >= cheapest(CREW, job)[0] for job in JOBS.values())


# The hierarchy.


def test_the_forgetful_coordinator_never_frees_anybody_and_ours_does():
    forgetful = teams.Forgetful({"generalist": CREW["generalist"]})
    assert forgetful.assign(JOBS["report"].parts) == {"logs": "generalist"} and len(forgetful.queue) == 3
    floor = played(teams.Hierarchy(), crew={"generalist": CREW["generalist"]}, jobs=5)
    assert all(run.finished for run in floor.runs) and not floor.waiting


def test_a_worker_has_at_most_one_part_in_hand():
    class Watched(teams.Hierarchy):
        def choose(self, floor, run, part):
            choice = super().choose(floor, run, part)
            assert choice is None or floor.backlog(choice.agent) == 0
            return choice

    played(Watched(), every=4)


def test_an_agent_without_skills_may_do_what_needs_none():
    idle = {"idle": Agent("idle", {}, 1.0, 1.0)}
    floor = Floor(idle, teams.Hierarchy())
    floor.submit(Job("any", (Part("any", frozenset(), 2),)), at=0)
    floor.run()
    assert floor.runs[0].finished


def test_decisions_follow_each_other():
    crew = {f"s{i}": Agent(f"s{i}", {"collect": 1.0}, 1.0, 1.0) for i in range(4)}
    parts = tuple(Part(f"p{i}", frozenset({"collect"}), 1) for i in range(4))
    floor = Floor(crew, teams.Hierarchy(think_min=0.5))
    floor.submit(Job("wide", parts), at=0)
    floor.run()
    assert sorted(entry.started for entry in floor.log) == pytest.approx([0.6, 1.1, 1.6, 2.1])


def test_a_standby_takes_over_when_it_should():
    team = teams.Hierarchy(dies=0, back=60)
    floor = Floor(CREW, team)
    floor.submit(JOBS["report"], at=10)
    floor.wake(60)
    floor.run()
    assert min(entry.started for entry in floor.log) >= 60 and floor.runs[0].finished


def test_performance_moves_a_tenth_of_the_way():
    team = teams.Hierarchy()
    for well, score in ((False, 0.9), (False, 0.81), (True, 0.829)):
        team.learn(None, None, None, "a", well)
        assert isclose(team.score["a"], score)


def test_a_plan_of_a_model_is_checked():
    client = llm.client()
    job = teams.decompose(client, "Write, then choose.")
    assert [part.name for part in job.parts] == ["0 write", "1 choose"]
    with pytest.raises(ValueError, match="a circle"):
        teams.decompose(client, "Collect and write in a circle")

    @rehearsal.policy("flyer")
    def flyer(request):
        return rehearsal.say(json.dumps([{"name": "x", "needs": ["fly"], "work": 1, "after": []}]))

    with pytest.raises(ValueError, match="'x' needs fly"):
        teams.decompose(client, "any", policy="flyer")


# Peers.


@given(
    st.dictionaries(st.sampled_from("pqrstu"), st.sets(st.sampled_from("abcd"), min_size=1), min_size=1),
    st.sets(st.sampled_from("abcd"), min_size=1),
    st.randoms(use_true_random=False),
)
def test_partners_cover_a_skill_whenever_three_trusted_ones_can_cover_all(skills, needs, rng):
    trust = {name: rng.choice([0.2, 0.3, 0.31, 0.9]) for name in skills}
    chosen = teams.partners(needs, (), skills, trust)
    assert len(chosen) <= 3 and len(set(chosen)) == len(chosen)
    assert all(trust[name] > 0.3 and needs & skills[name] for name in chosen)
    covered = lambda names: len(needs & set().union(*(skills[name] for name in names)))
    able = [name for name in skills if trust[name] > 0.3]
    most = max((covered(c) for n in range(4) for c in combinations(able, n)), default=0)
    assert covered(chosen) >= most - 1 and (covered(chosen) > 0) == (
        most > 0
    )  # greedy: at most one less of four


def test_the_only_one_with_a_skill_is_not_crowded_out_by_the_trusted():
    skills, trust = {"p": "a", "q": "a", "r": "a", "s": "b"}, {"p": 0.9, "q": 0.8, "r": 0.7, "s": 0.4}
    assert teams.partners("ab", "", skills, trust) == ["p", "s", "q"]


def test_more_trust_goes_first_where_the_cover_is_the_same():
    skills, trust = {"p": ["a"], "q": ["a"]}, {"p": 0.4, "q": 0.8}
    assert teams.partners("a", "", skills, trust) == ["q", "p"]
    assert teams.partners("a", "", skills, dict.fromkeys("pq", 0.5), {"p": 3}) == ["p", "q"]


def test_peers_trust_from_the_middle_on_what_they_saw_themselves():
    floor = played(teams.Peers(), jobs=40)
    for (me, other), trust in floor.team.trust.items():
        n = floor.team.together[me, other]
        assert n == 0 or 0.5 * 0.9**n <= trust <= 1 - 0.5 * 0.9**n + 1e-12
    assert sum(floor.team.together.values()) == len(floor.log)


def test_a_home_that_can_do_everything_asks_nobody():
    crew = {"generalist": CREW["generalist"]}
    floor = played(teams.Peers(), crew=crew, jobs=3, every=100)
    assert all(run.messages == 0 and run.finished for run in floor.runs)


def test_when_nobody_trusted_can_the_others_are_asked():
    team = teams.Peers()
    team.trust = defaultdict(lambda: 0.1)
    assert all(run.finished for run in played(team, jobs=5, every=100).runs)


def test_a_peer_offers_declines_or_is_busy():
    part = JOBS["report"].parts[0]
    assert teams.contribution(CREW["scout"], part, 20).accepted
    assert teams.contribution(CREW["scout"], part, 20.1).reason == "busy for 20 min"
    assert teams.contribution(CREW["judge"], part, 0).reason == "no meaningful contribution possible"


# The market.

bids = st.lists(
    st.builds(Bid, st.sampled_from(list(CREW)), st.floats(0.1, 1000), st.floats(0.1, 1000), st.just(0.9)),
    min_size=1,
    max_size=6,
    unique_by=lambda bid: bid.agent,
)


@given(bids, st.sampled_from([0.01, 100, 60]))
def test_the_score_does_not_change_with_the_unit(given_bids, factor):
    part = JOBS["report"].parts[0]
    rescaled = [b._replace(price=b.price * factor, minutes=b.minutes * 60) for b in given_bids]
    before, after = (teams.by_share_of_best(b, part, CREW) for b in (given_bids, rescaled))
    assert all(isclose(before[name], after[name], rel_tol=1e-9) for name in before)
    assert all(0 < score <= 1 for score in before.values())


def test_the_score_has_its_four_weights():
    part = Part("p", frozenset({"collect"}), 1)
    scores = teams.by_share_of_best(
        [Bid("miner", 2, 10, 1), Bid("scout", 1, 40, 1)], part, CREW, {"miner": 0.8}
    )
    assert isclose(scores["miner"], 0.4 * 0.5 + 0.3 * 0.5 + 0.2 + 0.1 * 0.8)
    assert isclose(scores["scout"], 0.4 + 0.3 + 0.2 * 0.25 + 0.1 * 0.5)


def test_a_silent_bidder_costs_the_wait_until_the_deadline():
    started = []
    for deaths in ({}, {"miner": 0}):
        floor = Floor(CREW, teams.Market(close_min=0.5), deaths=deaths)
        floor.submit(JOBS["report"], at=0)
        floor.run()
        started.append(floor.log[0].started)
    assert started == pytest.approx([0.2, 0.5])


def test_below_the_least_reputation_nobody_is_invited():
    team = teams.Market(least=0.4)
    team.reputation["scout"] = 0.39
    floor = played(team, jobs=10)
    assert all(entry.agent != "scout" for entry in floor.log)


def test_a_braggart_loses_its_place_where_experience_counts():
    shares = {name: teams.braggarts_share(make(), jobs=100)[1] for name, make in teams.FOOLED.items()}
    assert shares["hierarchy"] < 0.2 < shares["hierarchy that never learns"]
    assert shares["market, reputation at least 0.4"] < 0.1 < shares["market"]


def test_intervals_are_students():
    mean, half = teams.interval(range(20))
    assert mean == 9.5 and isclose(half, 2.093 * 5.916079783 / 20**0.5, rel_tol=1e-6)


# A problem too large for one.


@pytest.mark.parametrize("seed", range(4))
def test_team_and_notes_are_right_about_every_log(seed):
    lines = log_lines(seed, 250)
    opened = {line.split()[1] for line in lines if line.startswith("open")}
    closed = {line.split()[1] for line in lines if line.startswith("close")}
    for way, at_once in ((teams.team_of_readers, 3), (teams.one_with_notes, 1)):
        counts = Counter()
        found = asyncio.run(way(llm.async_client(), lines, counts))
        assert set(found["open"]) == opened - closed and counts["at once"] == at_once
        assert all(found["errors"].get(s, 0) == lines.count(f"{s} ERROR") for s in SERVICES)


def test_more_than_the_window_is_refused():
    with pytest.raises(openai.BadRequestError, match="600 tokens"):
        asyncio.run(teams.read_log(llm.async_client(), ["cart ERROR"] * 400, Counter()))


# What goes wrong.


def test_the_naive_ways_fail_as_described():
    bus, heard = teams.NaiveBus(), []
    bus.callbacks = {"a": heard.append, "b": heard.append}
    assert bus.publish(teams.letter("nobody")) and len(heard) == 2
    assert teams.careless(["x", "y"], fails_at=0)["status"] == "completed"
    assert teams.careless_level({"a": {"decision": "x"}, "b": {"error": "late"}}) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["reserve", "charge", "ship"])
def test_an_order_is_whole_or_not_there(name, when):
    report, left = teams.order(fails=(name, when))
    assert report["status"] == "rolled back" and left == []


def test_the_discussions_stand_in_their_order():
    right = [asyncio.run(teams.meetings(*style, n=150))["right"] for style in teams.STYLES.values()]
    assert right == sorted(right) and right[0] < 0.85 and right[-1] == 1


# Exercises.

ONE = ("Exercise 1", "shortest", "by_floor", "some_parts")
TWO = ("Exercise 2", "settled", "by_comparison", "some_vote")
THREE = ("Exercise 3", "calls_at_the_bottom", "counted_calls", "some_chain")


def verdict(exercise, answer):
    name, _, witness, draw = exercise
    return check.same(name, answer, getattr(teams, witness), getattr(teams, draw))


@pytest.mark.parametrize("exercise", [ONE, TWO, THREE])
def test_a_stub_is_open_and_its_solution_is_right(exercise):
    assert not verdict(exercise, getattr(untouched, exercise[1]))
    assert verdict(exercise, getattr(teams, exercise[1]))


def of_those_who_voted(votes, eligible, threshold, quorum):
    named = [v for v in votes if v]
    best = max(named, key=named.count, default=None)
    return (
        best
        if named and len(votes) >= quorum * eligible and named.count(best) >= threshold * len(votes)
        else None
    )


def without_quorum(votes, eligible, threshold, quorum):
    return teams.settled(votes, eligible, threshold, 0)


def abstentions_are_absent(votes, eligible, threshold, quorum):
    return teams.settled([v for v in votes if v], eligible, threshold, quorum)


def more_than_the_threshold(votes, eligible, threshold, quorum):
    return teams.settled(votes, eligible, threshold + 1e-6, quorum)


@pytest.mark.parametrize(
    ("exercise", "wrong"),
    [
        (ONE, lambda parts: sum(work for work, _ in parts.values())),
        (ONE, lambda parts: max(work for work, _ in parts.values())),
        (ONE, lambda parts: 0),
        (TWO, of_those_who_voted),
        (TWO, without_quorum),
        (TWO, abstentions_are_absent),
        (TWO, more_than_the_threshold),
        (TWO, lambda *_: "x"),
        (THREE, lambda tries, layers: tries * layers),
        (THREE, lambda tries, layers: layers**tries),
        (THREE, lambda tries, layers: tries ** (layers + 1)),
    ],
)
def test_a_wrong_answer_is_refused(exercise, wrong):
    assert not all(verdict(exercise, wrong) for _ in range(3))  # a try draws 30 cases at random
