"""Raft as the notebook builds it, held against its promises, single machines and broken twins."""

from functools import partial
from itertools import combinations, permutations
from math import inf
from random import Random

import pytest
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.world import World

raft = chapter("03_consensus")
Entry, Log = raft.Entry, raft.Log


# ---- the log


@given(st.lists(st.integers(0, 3), max_size=12), st.data())
def test_a_log_with_a_forgotten_beginning_answers_like_a_whole_list(steps, data):
    terms = [sum(steps[: i + 1]) for i in range(len(steps))]  # never falling
    log = Log()
    log.entries = [Entry(term, ("set", "x", i)) for i, term in enumerate(terms, 1)]
    whole = list(log.entries)
    start = data.draw(st.integers(0, len(whole)))
    log.forget_to(start)
    assert log.last == len(whole) and log.start == start
    for index in range(start + 1, len(whole) + 1):
        assert log[index] == whole[index - 1] and log.term(index) == terms[index - 1]
        assert log.has(index, terms[index - 1]) and not log.has(index, terms[index - 1] + 1)
        assert log.after(index - 1, 3) == tuple(whole[index - 1 : index + 2])
    assert not log.has(len(whole) + 1, 0)
    cut = data.draw(st.integers(start, len(whole)))
    log.cut_after(cut)
    assert log.last == cut and list(log.after(start, 99)) == whole[start:cut]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9))
def test_what_a_majority_has_reached_is_what_a_count_finds(values):
    names = [f"n{i}" for i in range(len(values))]
    node = raft.Replicator(machine("n0"), names)
    reached = node.reached(values[0], dict(zip(names, values, strict=True)))
    counted = max(v for v in range(10) if 2 * sum(one >= v for one in values) > len(values))
    assert reached == counted


def machine(name):
    """A machine that nobody talks to."""
    world = World(1)
    world.add(name, lambda itself: None)
    return world.machines[name]


# ---- ordeals: 1,200 schedules, five promises after each event, and what the clients saw


@pytest.mark.parametrize("block", range(12))
def test_a_hundred_ordeals_break_no_promise_tell_no_lie_and_end_well(block):
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        world = raft.ordeal(seed)
        seen = raft.operations(world)
        assert raft.is_linearizable(seen), f"ordeal {seed}"
        assert raft.is_content(world), f"ordeal {seed}: somebody still waits"


def test_an_ordeal_can_be_repeated_event_by_event():
    assert raft.ordeal(5).log == raft.ordeal(5).log


def test_after_an_ordeal_all_nodes_reach_the_same_state():
    for seed in range(40):
        world = raft.ordeal(seed)
        world.run(until=world.now + 1000)
        members = world[raft.leader(world)].members
        states = [world[name].values.data for name in members]
        assert all(state == states[0] for state in states), f"ordeal {seed}"
        assert len({world[name].commit for name in members}) == 1


def test_a_counter_that_only_grows_tells_each_client_a_number_of_its_own():
    """Linearizability in one line, without the checker: additions of 1 never give the same answer twice."""
    for seed in range(20):
        world = raft.cluster("n1 n2 n3", raft.Raft, World(seed, loss=0.1, duplication=0.1), **raft.QUICK)
        names = ["n1", "n2", "n3"]
        for client in ("ann", "bob"):
            world.add(client, partial(raft.Client, servers=names, commands=[("add", "x", 1)] * 15))
        world.plan(raft.any_faults(Random(seed), names, 600))
        world.at(600, "repair", partial(raft.repair, world))
        world.run(until=20_000, stop=lambda w=world: all(len(w[c].history) == 15 for c in ("ann", "bob")))
        values = [seen.value for client in ("ann", "bob") for seen in world[client].history]
        assert sorted(values) == list(range(1, 31)), f"seed {seed}"


@pytest.mark.parametrize("block", range(4))
def test_the_adversary_finds_nothing_in_a_hundred_long_walks(block):
    for seed in range(5000 + 100 * block, 5100 + 100 * block):
        assert raft.walk(seed, raft.Raft, length=150)[1] is None, f"walk {seed}"


def test_five_nodes_withstand_the_adversary_as_well():
    for seed in range(100):
        assert raft.walk(seed, raft.Raft, "n1 n2 n3 n4 n5", length=150)[1] is None, f"walk {seed}"


# ---- broken twins


@pytest.mark.parametrize("kind", raft.MUTANTS, ids=lambda kind: kind.__name__)
def test_a_rule_switched_off_is_found_and_its_schedule_cannot_be_shortened(kind):
    names = raft.MUTANTS[kind]
    _, few, broken = raft.hunt(kind, names)
    assert few, f"{kind.__name__} was not found out"
    for i in range(len(few)):
        shorter = raft.play(few[:i] + few[i + 1 :], kind, names)
        assert shorter is None or shorter.split(":")[0] != broken.split(":")[0]
    assert raft.play(few, raft.Raft, names) is None


def test_figure_8_breaks_a_raft_without_5_4_2_and_leaves_the_whole_one_alone():
    assert "Leader Completeness" in raft.play(raft.FIGURE_8, raft.CommitsOldTerms)
    assert raft.play(raft.FIGURE_8, raft.Raft) is None


def test_many_members_at_once_lose_a_committed_entry():
    with pytest.raises(raft.Violation, match="Leader Completeness"):
        raft.sudden_five(raft.ChangesManyAtOnce)
    raft.sudden_five(raft.Raft)


class ChangesTooSoon(raft.Raft):
    """The condition that was missing from Raft until 2015: an entry of the own term first."""

    def may_change(self, members):
        one = len(set(members) ^ set(self.members)) == 1
        return one and self.change_before(self.log.last) <= self.commit


def bug_of_2015(kind):
    """Ongaro's example: two leaders change four members, one by one, and never heard of each other."""
    world = raft.apart(kind, "n1 n2 n3 n4")
    world.add("n5", partial(kind, members=[]))

    def perform(*choices):
        for choice in choices:
            raft.perform(world, choice)

    def ask(name, members):
        if world[name].role == "leader":
            world[name].receive("you", raft.Ask(len(world.log), ("members", tuple(members.split()))))

    def votes(one, *voters):
        perform(
            f"{one} election", *(c for v in voters for c in (f"{one} → {v} AskVote", f"{v} → {one} Vote"))
        )

    def agree(one, other, rounds=4):
        perform(f"{one} heartbeat", *raft.append(one, other) * rounds)

    votes("n1", "n2", "n3")
    ask("n1", "n1 n2 n3 n4 n5")  # only on n1 and n5
    agree("n1", "n5")
    votes("n2", "n3", "n4")
    ask("n2", "n2 n3 n4")  # without n1, committed by two of three
    agree("n2", "n3")
    perform("crash n1", "restart n1", "n1 election")
    votes("n1", "n4", "n5")  # three of the five that it knows


def test_a_change_before_an_entry_of_the_own_term_loses_a_committed_one():
    with pytest.raises(raft.Violation):
        bug_of_2015(ChangesTooSoon)
    bug_of_2015(raft.Raft)


class WithoutEmptyEntry(raft.Raft):
    """A new leader waits for a command, instead of writing an empty entry."""

    def write(self, entry):
        if entry.command != ("noop",):
            super().write(entry)


class BelievesTheCommit(raft.Raft):
    """Takes the leader's commit index for the whole of its own log."""

    def on_Append(self, sender, append):
        super().on_Append(sender, append)
        self.commit_to(min(append.commit, self.log.last))


class ForgetsSessions(raft.Raft):
    """Snapshots hold the data only."""

    def commit_to(self, index):
        super().commit_to(index)
        if self.disk.snapshot:
            self.disk.snapshot = self.disk.snapshot._replace(sessions={})


def test_what_the_open_exercise_says_of_its_four_rules_is_true():
    assert raft.hunt(WithoutEmptyEntry, walks=300)[2] == "nothing found"
    assert raft.hunt(BelievesTheCommit, walks=2000)[1]
    assert asked_twice(raft.Raft) == 1 < asked_twice(ForgetsSessions)


def asked_twice(kind):
    """One command of ann's twice in the log, with a snapshot and a restart in between: her counter."""
    world = raft.cluster("n1", kind, keep=2)
    world.add("ann", raft.Mute)
    for _ in range(4):
        world.run(until=world.now + 1000)
        world["n1"].propose(Entry(world["n1"].disk.term, ("add", "x", 1), "ann", 1))
        world.crash("n1")
        world.restart("n1")
    return world["n1"].values.data["x"]


# ---- the checker itself


def brute_force(seen):
    """Every order of every choice of what happened among the unanswered."""
    sure = [o for o in seen if o.heard < inf]
    open_ones = [o for o in seen if o.heard == inf]
    for size in range(len(open_ones) + 1):
        for chosen in combinations(open_ones, size):
            for order in permutations([*sure, *chosen]):
                if all(a.asked <= b.heard for i, a in enumerate(order) for b in order[i + 1 :]):
                    value, fits = None, True
                    for operation in order:
                        value, answer = raft.outcome(value, operation.command)
                        fits = fits and (operation.heard == inf or answer == operation.value)
                    if fits:
                        return True
    return False


commands = st.sampled_from([("get", "x"), ("set", "x", 1), ("set", "x", 2), ("add", "x", 1)])
spans = st.tuples(st.integers(0, 9), st.one_of(st.integers(0, 6), st.just(inf)))
operation = st.builds(
    lambda span, command, value: raft.Operation("c", span[0], span[0] + span[1], command, value),
    spans,
    commands,
    st.sampled_from([None, 1, 2, 3]),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(operation, max_size=5))
def test_the_linearizability_checker_agrees_with_trying_all_orders(seen):
    assert raft.has_order(seen) == brute_force(seen)


@given(st.lists(operation, max_size=4), st.lists(operation, max_size=4))
def test_keys_are_judged_one_by_one(first, second):
    elsewhere = [o._replace(command=(o.command[0], "y", *o.command[2:])) for o in second]
    assert raft.is_linearizable(first + elsewhere) == (raft.has_order(first) and raft.has_order(second))


@given(st.lists(st.integers(0, 50), max_size=40), st.sets(st.integers(0, 50), min_size=1, max_size=4))
def test_shrinking_keeps_exactly_what_is_needed(choices, needed):
    fails = lambda some: needed <= set(some)
    few = raft.shrink([*choices, *needed], fails)
    assert fails(few) and sorted(few) == sorted(needed)


# ---- the exercises, and bad input


@given(st.lists(st.integers(0, 6), max_size=6), st.lists(st.integers(1, 3), min_size=1, max_size=6))
def test_the_solution_of_exercise_1_commits_what_a_count_commits(reached, terms):
    terms = sorted(terms)
    match = [len(terms)] + [min(one, len(terms)) for one in reached]
    counted = [
        i
        for i, term in enumerate(terms, 1)
        if 2 * sum(one >= i for one in match) > len(match) and term == terms[-1]
    ]
    assert raft.committable(match, terms, terms[-1]) == max(counted, default=0)
    assert raft.committable(match, terms, terms[-1] + 1) == 0


def test_stubs_left_as_they_are_are_no_solutions():
    untouched = chapter("03_consensus", without="solution")
    assert untouched.committable([1], [1], 1) is None
    assert untouched.claimed(untouched.claim)({}, "a", "ann") is None
    chapter("03_consensus")  # the whole one again, for whoever looks it up by name


def test_a_cluster_of_nobody_and_an_unknown_node_are_refused_with_words():
    with pytest.raises(ValueError, match="at least one node"):
        raft.cluster("")
    with pytest.raises(ValueError, match="no node is named 'n4'; there are n1, n2, n3"):
        raft.perform(raft.cluster("n1 n2 n3"), "crash n4")


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7])
def test_a_cluster_survives_as_many_deaths_as_leave_a_majority(n):
    assert raft.survives(n, seed=n) == n - (n // 2 + 1)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_messages_for_one_command_are_two_for_each_follower(size):
    assert raft.messages_for_one(size) == 2 * (size - 1)
