"""Multi-agent systems in practice: fleet, watch, market and assistant against naive versions."""

from collections import Counter
from itertools import product
from math import isclose
from random import Random

import numpy as np
import pytest
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import check
from coursekit.rehearsal import Request
from coursekit.world import World

practice = chapter("14_multi_agent_in_practice")
untouched = chapter("14_multi_agent_in_practice", without="solution")


# The fleet.


def fleet(skills, seed, **network) -> World:
    world = World(seed, **network)
    for name in practice.FLEET:
        world.add(name, lambda machine: practice.Member(machine, skills))
    return world


def jobs_done(world) -> Counter:
    return Counter(event.what for event in world.log if event.kind == "note")


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.floats(0, 0.4))
def test_with_all_skills_a_fleet_finishes_whatever_share_of_messages_is_lost(seed, loss):
    world = fleet(practice.SKILLS, seed, loss=loss, duplication=0.2)
    world.run(1500, stop=lambda: any(world[name].done >= practice.JOBS for name in practice.FLEET))
    assert any(world[name].done == practice.JOBS for name in practice.FLEET)
    assert set(jobs_done(world)) == {f"does job {job}" for job in practice.JOBS}


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.permutations(practice.FLEET), st.integers(20, 150))
def test_any_two_members_may_die_and_the_rest_finish(seed, order, moment):
    world = fleet(practice.SKILLS, seed)
    world.plan([(moment, "crash", order[0]), (moment + 40, "crash", order[1])])
    world.run(1500)
    alive = [name for name in practice.FLEET if world[name]]
    assert len(alive) == 3 and all(world[name].done == practice.JOBS for name in alive)


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_a_doubled_message_changes_nothing_while_nobody_is_lost(seed):
    world = fleet(practice.SKILLS, seed, duplication=1.0)
    world.run(600)
    assert set(jobs_done(world).values()) == {1}


def test_a_minority_has_no_coordinator_and_a_majority_has_one():
    world = fleet(practice.SKILLS, 5)
    world.plan([(25, "partition", ["m1", "m5"], ["m2", "m3", "m4"])])
    world.run(200)
    who = [name for name in practice.FLEET if practice.coordinates(world[name])]
    assert who == ["m4"]


@pytest.mark.parametrize("fault", practice.FAULTS)
def test_every_skill_that_a_fault_needs_is_enough_with_those_before_it(fault):
    needed = {"30 % loss": 1, "a worker dies": 2, "the coordinator dies": 3}.get(fault, 0)
    for number, skill in enumerate(practice.SKILLS):
        assert practice.mission(skill, fault, 99)[0] is (number >= needed)


# Marks, couriers, neighbours.


def test_a_patrol_with_messages_that_all_arrive_knows_what_marks_know():
    few = [practice.patrol(way, 0, Random(1)) for way in ("messages", "marks", "nothing")]
    assert abs(few[0] - few[1]) < 1.5 < few[2] - few[1]


def test_partners_never_head_for_the_same_parcel():
    assert practice.couriers(True, np.random.default_rng(3), turns=200)[1] == 0


def test_a_neighbourhood_counts_eight_cells_and_no_empty_ones():
    town = np.zeros((20, 20), int)
    town[3, 3], town[2, 2], town[4, 4], town[3, 4] = 1, 1, 2, 1
    assert practice.alike(town, (3, 3)) == 2 / 3
    assert practice.alike(np.ones((20, 20), int), (0, 0)) == 1
    lonely = np.zeros((20, 20), int)
    lonely[0, 0] = 1
    assert practice.alike(lonely, (0, 0)) == 1


# The watch.


@pytest.mark.parametrize("n", [2, 5, 20])
def test_gossip_never_beats_doubling(n):
    assert all(2 ** practice.rounds_until_all_know(n, Random(seed)) >= n for seed in range(50))


@given(st.integers(1, 8), st.integers(0, 8), st.sampled_from([0.0, 0.01, 0.5, 1.0]))
def test_a_quorum_formula_agrees_with_all_ways_to_be_wrong(n, k, p):
    assert isclose(practice.at_least(n, k, p), practice.by_enumeration(n, k, p), abs_tol=1e-12)


# The market.

orders = st.lists(
    st.tuples(st.sampled_from(["buy", "sell"]), st.none() | st.integers(95, 105), st.integers(1, 5)),
    max_size=25,
)


class Naive:
    """All waiting orders in one list, sorted anew each time."""

    def __init__(self):
        self.waiting, self.clock = [], 0

    def submit(self, owner, side, price, size):
        self.clock += 1
        sign = 1 if side == "buy" else -1
        trades = []
        theirs = sorted(
            (order for order in self.waiting if order["side"] != side),
            key=lambda order: (sign * order["price"], order["time"]),
        )
        for order in theirs:
            if size and (price is None or sign * order["price"] <= sign * price):
                amount = min(size, order["size"])
                size, order["size"] = size - amount, order["size"] - amount
                both = (owner, order["owner"]) if side == "buy" else (order["owner"], owner)
                trades.append((*both, order["price"], amount))
        if size and price is not None:
            self.waiting.append(
                {"owner": owner, "side": side, "price": price, "size": size, "time": self.clock}
            )
        self.waiting = [order for order in self.waiting if order["size"]]
        return trades


@given(orders)
def test_a_book_trades_as_a_sorted_list_does_and_is_never_crossed(orders):
    book, naive = practice.Book(), Naive()
    for number, (side, price, size) in enumerate(orders):
        owner = f"t{number}"
        assert [tuple(trade) for trade in book.submit(owner, side, price, size)] == naive.submit(
            owner, side, price, size
        )
        best = book.best("buy"), book.best("sell")
        assert None in best or best[0] < best[1]
        left = sum(size for prices in book.waiting.values() for line in prices.values() for _, size in line)
        assert left == sum(order["size"] for order in naive.waiting)


@given(orders, st.integers(0, 24))
def test_what_is_withdrawn_is_gone_and_nothing_else(orders, whose):
    book = practice.Book()
    for number, order in enumerate(orders):
        book.submit(f"t{number % 5}", *order)
    waiting = lambda: sorted(
        (side, price, *order)
        for side, prices in book.waiting.items()
        for price, line in prices.items()
        for order in line
    )
    before = waiting()
    book.withdraw(f"t{whose % 5}")
    assert waiting() == [order for order in before if order[2] != f"t{whose % 5}"]
    assert all(line for prices in book.waiting.values() for line in prices.values())


@pytest.mark.parametrize("seed", range(5))
def test_careful_traders_never_gain_more_than_the_best_matching(seed):
    assert 0.5 < practice.session(True, Random(seed)) <= 1


def test_a_maker_without_strangers_earns_its_spread():
    assert practice.maker(40, 0.0, Random(1), 4000) == pytest.approx(40, abs=6)
    assert practice.maker(40, 1.0, Random(1), 400) == -60


def test_without_bots_and_without_a_large_order_the_price_stays_near_its_value():
    prices = practice.trading_day(0, Random(4), turns=190)
    assert len(prices) == 190 and min(prices) > 9_900 and max(prices) < 10_100


# The assistant.


def test_the_same_order_is_paid_back_once_and_an_unknown_one_never():
    base = practice.shop()
    said = [practice.refund(base, number) for number in (17, 17, 99)]
    assert said == [
        "49 euros for order 17 are on their way.",
        "Nothing to pay back for 17.",
        "Nothing to pay back for 99.",
    ]


def test_a_status_is_read_and_nothing_is_changed():
    base = practice.shop()
    assert practice.order_status(base, 18) == "Order 18, a kettle, is on its way."
    assert practice.order_status(base, 7) == "There is no order 7."
    assert base.total_changes == 2  # the two orders of a fresh shop


def test_the_manual_answers_in_other_words():
    assert practice.manual(None, "no light from my lamp") == "Hold its button for five seconds."


@pytest.mark.parametrize("name", practice.TOOLS)
def test_a_specialist_cannot_use_another_ones_tool(name):
    offered = {practice.TOOLS[name].__name__: {}, "hand_over": {}}
    for wish, owner in {
        "refund order 17": "billing",
        "status of order 17": "orders",
        "it is dark": "technical",
    }.items():
        made = practice.specialist_model(Request("m", [{"role": "user", "content": wish}], offered))
        assert made.tool == (practice.TOOLS[name].__name__ if owner == name else "hand_over")


def test_nobody_is_passed_on_for_ever(monkeypatch):
    ring = dict(zip(practice.TOOLS, [*practice.TOOLS][1:] + [*practice.TOOLS][:1], strict=True))
    asked = []
    monkeypatch.setattr(
        practice, "specialist", lambda name, talk, base: asked.append(name) or ("", ring[name])
    )
    monkeypatch.setattr(practice, "route", lambda text: [("orders", 0.9)], raising=False)
    monkeypatch.setattr(practice, "LEAST", 0.25)
    practice.assistant(["Where is it?"], None)
    assert len(asked) == 2


# The exercises.

CHECKS = {
    "Exercise 1": ("false_alarm", practice.by_enumeration, practice.some_watch),
    "Exercise 2": ("turnover", practice.by_pairs, practice.some_orders),
    "Exercise 3": ("decide", practice.by_cases, practice.some_similarities),
}


def verdict(exercise, function):
    _, witness, cases = CHECKS[exercise]
    return check.same(exercise, function, witness, cases)


@pytest.mark.parametrize("exercise", CHECKS)
def test_a_solution_passes_and_its_stub_does_not(exercise):
    name = CHECKS[exercise][0]
    assert verdict(exercise, getattr(practice, name))
    assert not verdict(exercise, getattr(untouched, name))


@pytest.mark.parametrize(
    ("exercise", "wrong"),
    [
        ("Exercise 1", lambda n, k, p: p**k),
        ("Exercise 1", lambda n, k, p: practice.at_least(n, k + 1, p)),
        ("Exercise 1", lambda n, k, p: 1 - (1 - p) ** n),
        ("Exercise 2", lambda buys, sells, price: sum(bid >= price for bid in buys)),
        (
            "Exercise 2",
            lambda buys, sells, price: min(sum(b > price for b in buys), sum(s < price for s in sells)),
        ),
        ("Exercise 2", lambda buys, sells, price: min(len(buys), len(sells))),
        ("Exercise 3", lambda near, least, gap: near[0][0]),
        ("Exercise 3", lambda near, least, gap: near[0][0] if near[0][1] >= least else "none"),
        ("Exercise 3", lambda near, least, gap: "ask" if near[0][1] - near[1][1] < gap else near[0][0]),
    ],
)
def test_a_wrong_answer_does_not_pass(exercise, wrong):
    assert not verdict(exercise, wrong)


def test_the_turnover_is_the_most_that_pairs_can_do():
    for buys, sells in product([[1, 5, 9], [4], []], [[2, 6], [9], []]):
        assert all(
            practice.turnover(buys, sells, p) == practice.by_pairs(buys, sells, p) for p in range(1, 10)
        )
