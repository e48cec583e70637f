"""Two generals, Paxos and what lies beyond: held against exhaustive search, hand-made cases and mutants."""

from fractions import Fraction
from itertools import combinations, permutations, product
from random import Random

import pytest
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.world import World

consensus = chapter("03_consensus")

ballots = st.tuples(st.integers(1, 5), st.sampled_from("AB"))
chances = st.floats(0.05, 0.95)


@given(st.integers(1, 5), chances)
def test_the_chance_of_a_disaster_is_the_sum_over_everything_that_may_be_lost(messengers, loss):
    total = 0.0
    for fates in product(product((True, False), repeat=2), repeat=messengers):  # (order, its reply) arrives
        weight = 1.0
        for order, reply in fates:
            weight *= (1 - loss if order else loss) * (1 - loss if reply else loss)
        if any(order for order, _ in fates) and not any(order and reply for order, reply in fates):
            total += weight
    assert consensus.disaster(messengers, loss) == pytest.approx(total)


def test_without_loss_both_generals_attack_and_with_all_lost_neither():
    assert consensus.war(1, 1, loss=0) == (True, True) and consensus.war(1, 5, loss=1) == (False, False)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_no_plan_that_listens_is_safe_by_playing_every_loss(k):
    """Independent of counting: play the exchange message by message under every pattern of losses."""

    def heard(losses):
        ears = [0, 0]  # A, B
        for number in range(k):
            if losses[number]:
                break
            ears[(number + 1) % 2] += 1  # message 0 goes to B
        return ears

    outcomes = [heard(losses) for losses in product((False, True), repeat=k)]
    seen_a, seen_b = (sorted({ears[i] for ears in outcomes}) for i in (0, 1))
    safe = 0
    for acts_a in product((False, True), repeat=len(seen_a)):
        for acts_b in product((False, True), repeat=len(seen_b)):
            safe += all(acts_a[seen_a.index(a)] == acts_b[seen_b.index(b)] for a, b in outcomes)
    plans, _ = consensus.safe_plans(k)
    assert safe == len(plans) == 2


@given(st.integers(1, 7))
def test_majorities_are_all_sets_of_more_than_half(n):
    found = consensus.majorities(n)
    every = [set(some) for size in range(n + 1) for some in combinations(range(n), size)]
    assert sorted(map(sorted, found)) == sorted(sorted(one) for one in every if 2 * len(one) > n)


@pytest.mark.parametrize("seed", range(20))
def test_the_naive_cluster_has_one_leader_while_nothing_goes_wrong(seed):
    world = consensus.naive_world(seed)
    world.run(until=3000)
    assert len(consensus.leaders(world)) == 1


@given(
    st.dictionaries(ballots, st.sampled_from(["red", "blue"]), max_size=4), st.integers(0, 3), st.randoms()
)
def test_the_solution_of_exercise_3_takes_the_value_that_no_higher_ballot_overrules(accepted, empty, rng):
    told = [*accepted.items(), *[consensus.NOTHING] * (empty or not accepted)]
    rng.shuffle(told)
    value = consensus.free_choice(told, "mine")
    if not accepted:
        assert value == "mine"
    else:
        assert any(v == value and all(b >= other for other, _ in told) for b, v in told)


def test_the_stub_of_exercise_3_is_not_a_solution():
    untouched = chapter("03_consensus", without="solution")
    assert untouched.free_choice([consensus.NOTHING], "mine") is None


class Deaf:
    """A machine that only remembers what it sent."""

    def __init__(self):
        self.name, self.disk, self.sent, self.rng = "me", {}, [], Random(1)

    def send(self, to, message):
        self.sent.append(message)


@given(st.lists(st.tuples(st.booleans(), ballots), max_size=12))
def test_an_acceptor_never_goes_back_on_a_promise(calls):
    machine = Deaf()
    acceptor, highest = consensus.Acceptor(machine), (0, "")
    for accepts, ballot in calls:
        message = consensus.Accept(ballot, "v") if accepts else consensus.Prepare(ballot)
        acceptor.receive("x", message)
        yes = ballot >= highest if accepts else ballot > highest
        wanted = (consensus.Accepted if accepts else consensus.Promise) if yes else consensus.TooOld
        assert type(machine.sent[-1]) is wanted
        highest = max(highest, ballot) if yes else highest
        assert machine.disk["promised"] == highest


@pytest.mark.parametrize("start", range(0, 1000, 250))
def test_paxos_never_chooses_two_values_in_a_thousand_random_schedules(start):
    for seed in range(10_000 + start, 10_250 + start):
        chosen, known = consensus.paxos_run(seed)
        assert len(chosen) <= 1 and known <= chosen, f"seed {seed}: {chosen}, {known}"


@pytest.mark.parametrize("start", range(0, 1000, 250))
def test_multi_paxos_never_chooses_two_values_for_a_slot_in_a_thousand_random_schedules(start):
    for seed in range(10_000 + start, 10_250 + start):
        chosen, known = consensus.multi_run(seed)
        assert len(dict(chosen)) == len(chosen) and known <= chosen, f"seed {seed}: {chosen}, {known}"


@pytest.mark.parametrize("mistake", ["OwnWish", "OneIsEnough", "MostFrequent", "Forgetful"])
def test_every_seeded_mistake_is_caught(mistake):
    assert consensus.schedules_until_caught(getattr(consensus, mistake))


def test_a_multi_paxos_that_ignores_what_the_promises_tell_is_caught(monkeypatch):
    monkeypatch.setattr(consensus, "free_choice", lambda told, own: own)
    runs = (consensus.multi_run(seed) for seed in range(500))
    assert any(len(dict(chosen)) < len(chosen) for chosen, _ in runs)


def test_an_observer_sees_a_value_chosen_exactly_when_a_majority_has_accepted_it_in_one_ballot():
    world = consensus.paxos_world(1, names=["n1", "n2", "n3"])
    observer = consensus.Observer(world)
    for name, pair in (("n1", ((1, "a"), "x")), ("n2", ((2, "b"), "x"))):
        world.machines[name].disk["accepted"] = pair
    observer.look(None)
    assert observer.chosen == set()  # twice the value, but in two ballots
    world.machines["n3"].disk["accepted"] = ((2, "b"), "x")
    observer.look(None)
    assert observer.chosen == {"x"}


def test_a_new_leader_fills_gaps_and_finishes_what_was_begun():
    world = consensus.paxos_world(kind=consensus.MultiPaxos, names=["n1", "n2", "n3"], delay=(1, 1))
    for name in ("n1", "n2"):  # a dead leader's command for slot 2 is on two disks, slot 1 on none
        world[name].slots[2] = ((1, "n0"), "begun")
        world.machines[name].disk["promised"] = (1, "n0")
    world["n3"].lead()
    world.run(until=20)
    assert all(world[name].log == {1: "noop", 2: "begun"} for name in ("n1", "n2", "n3"))


def test_eager_duellists_never_decide_and_random_pauses_always_do():
    assert consensus.duel(consensus.Eager, until=2000, seed=7)[1] is None
    assert all(consensus.duel(consensus.Polite, seed=seed)[1] in ("red", "blue") for seed in range(200, 300))


@given(st.lists(st.booleans(), min_size=3, max_size=3), st.booleans(), st.integers(0, 3))
def test_oral_messages_with_four_agrees_with_a_naive_retelling(lies, order, traitor):
    """The same exchange, written out: who heard what from whom."""
    said, spare = {}, list(lies)
    for i in (1, 2, 3):
        said[0, i] = spare.pop(0) if traitor == 0 else order
    for i, j in permutations((1, 2, 3), 2):
        said[i, j] = spare.pop(0) if traitor == i else said[0, i]
    wanted = {}
    for me in {1, 2, 3} - {traitor}:
        ayes = [said[other, me] for other in (0, 1, 2, 3) if other != me].count(True)
        wanted[me] = ayes >= 2
    assert consensus.oral_messages(4, traitor, order, lies) == wanted


def test_one_liar_of_three_betrays_and_one_of_four_cannot():
    assert list(consensus.betrayals(3)) and not list(consensus.betrayals(4))


def test_distances_on_the_globe_are_those_of_a_quarter_and_half_of_its_circumference():
    quarter = 6371 * 3.141592653589793 / 2
    assert consensus.distance_km((0, 0), (90, 0)) == pytest.approx(quarter)
    assert consensus.distance_km((0, 10), (0, -170)) == pytest.approx(2 * quarter)


def test_a_commit_needs_the_nearest_majority_whichever_way_one_finds_it():
    cities = consensus.CITIES
    for leader in cities:
        trips = {city: 2 * consensus.distance_km(cities[leader], cities[city]) / 200 for city in cities}
        best = min(
            max(trips[city] for city in (leader, *two))
            for two in combinations(cities, 2)
            if leader not in two
        )
        assert consensus.commit_floor_ms(leader, cities) == pytest.approx(best)


@given(st.fractions(0, Fraction(1, 50)))
@settings(max_examples=15)
def test_a_margin_as_wide_as_the_clock_is_slow_leaves_no_late_write(slow):
    assert consensus.late_writes(float(slow), consensus.Careful) == 0


@given(st.floats(0, 0.5))
@settings(max_examples=15)
def test_a_fence_stops_late_writes_of_any_clock(slow):
    assert consensus.late_writes(slow, consensus.Tenant, consensus.Fenced) == 0


@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=6))
def test_merging_counts_does_not_mind_order_or_repetition(order, again):
    world = World(1)
    for name in ("a", "b"):
        world.add(name, consensus.Likes)
    told = [(("a", 2),), (("b", 5),), (("a", 7), ("c", 1)), (("c", 4),), (("b", 3),), (("a", 1),)]
    for number in [*order, *again]:
        world["a"].receive("b", told[number])
    assert world["a"].counts == {"a": 7, "b": 5, "c": 4} and world["a"].total() == 16


def test_figure_8_loses_a_committed_entry_only_without_the_rule():
    kept = consensus.commands_at(consensus.figure_8(consensus.Raft), 2)
    lost = consensus.commands_at(consensus.figure_8(consensus.CommitsOldTerms), 2)
    assert len(kept) == 1 and len(lost) == 2


def test_every_click_of_the_steady_story_changes_what_comes_after_it_and_nothing_before():
    def until(frames, moment):
        told = [(frame["time"], frame["what"], frame["nodes"]) for frame in frames]
        return [each for each in told if each[0] < moment]

    steady = consensus.tell()
    for fault in [("crash", "n1"), ("cut", "n4", "n1")]:
        other = consensus.tell(fault)
        assert until(other, 450) == until(steady, 450) and until(other, 2000) != until(steady, 2000)
