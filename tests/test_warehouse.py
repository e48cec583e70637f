"""The warehouse of Part III: who stands where, what becomes of orders, and what a robot may know."""

import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.floor import ahead, apart, distances, settle
from coursekit.warehouse import ACTIONS, CHARGE, RESCUE, STOP, Order, Warehouse, run, say

worlds = st.builds(
    Warehouse,
    seed=st.integers(0, 999),
    robots=st.integers(1, 5),
    people=st.integers(0, 6),
    rate=st.floats(0, 1),
    radius=st.integers(0, 8),
    battery=st.integers(1, 60),
)
wills = st.lists(st.sampled_from(ACTIONS), min_size=150, max_size=150)
quick = settings(max_examples=40, deadline=None)


def live(world, will):
    """Turn after turn, the robots doing what `will` says; yields the percepts."""
    names = list(world.robots)
    for turn in range(len(will) // len(names)):
        yield world.step({name: will[turn * len(names) + i] for i, name in enumerate(names)})


@quick
@given(worlds, wills)
def test_nobody_stands_on_a_shelf_or_on_another(world, will):
    for _ in live(world, will):
        cells = [robot.cell for robot in world.robots.values()] + list(world.people.values())
        assert len(set(cells)) == len(cells) and set(cells) <= world.floor
        assert all(world.rows[row][column] != "#" for row, column in cells)


@quick
@given(worlds, wills)
def test_orders_are_waiting_carried_or_delivered_each_in_one_place(world, will):
    for _ in live(world, will):
        carried = [robot.load.number for robot in world.robots.values() if robot.load]
        everywhere = [*world.waiting, *carried, *(order.number for _, order in world.delivered)]
        assert sorted(everywhere) == list(range(1, world.arrived + 1))


@quick
@given(worlds, wills)
def test_a_battery_is_never_below_zero_nor_above_full_and_energy_adds_up(world, will):
    before = {name: robot.battery for name, robot in world.robots.items()}
    for _ in live(world, will):
        spent = world.counts["energy"]
        for name, robot in world.robots.items():
            assert 0 <= robot.battery <= world.full
            rise = robot.battery - before[name]
            assert -1 <= rise <= CHARGE or rise == (world.full + 1) // 2  # the latter by rescue
            before[name] = robot.battery
        assert spent >= world.counts["moves"]


@quick
@given(worlds, wills)
def test_nobody_moves_further_than_one_step(world, will):
    where = lambda: {name: robot.cell for name, robot in world.robots.items()} | world.people
    before = where()
    for _ in live(world, will):
        now = where()
        assert all(apart(before[name], now[name]) <= 1 for name in now)
        assert not any(
            now[a] == before[b] and now[b] == before[a] and a != b and now[a] != before[a]
            for a in now
            for b in now
        )
        before = now


@quick
@given(worlds, wills)
def test_a_percept_shows_all_within_the_radius_and_nothing_beyond(world, will):
    for percepts in live(world, will):
        bodies = {robot.cell: name for name, robot in world.robots.items()}
        bodies |= {cell: name for name, cell in world.people.items()}
        for name, percept in percepts.items():
            near = {c: who for c, who in bodies.items() if apart(c, percept.cell) <= world.radius}
            assert percept.around == {cell: who for cell, who in near.items() if who != name}
            orders = [o for o in world.waiting.values() if apart(o.shelf, percept.cell) <= world.radius]
            assert list(percept.orders) == orders


@quick
@given(st.integers(0, 999), wills)
def test_the_same_seed_gives_the_same_journal_and_another_seed_another(seed, will):
    def once(seed):
        script = iter(will)
        return run(Warehouse(seed=seed, rate=0.5), [lambda p: next(script)] * 2, 70)

    assert once(seed) == once(seed)
    assert once(seed).frames != once(seed + 1).frames


@quick
@given(st.integers(0, 999), wills)
def test_the_same_orders_come_whatever_the_robots_do(seed, will):
    idle, busy = (Warehouse(seed=seed, robots=2, rate=0.3) for _ in range(2))
    for _ in live(busy, will):
        idle.step()
    told = [[event for event in world.log if event[1] == "order"] for world in (idle, busy)]
    assert told[0] == told[1]


cells = st.tuples(st.integers(0, 2), st.integers(0, 2))


@given(st.lists(cells, min_size=1, max_size=6, unique=True), st.data())
def test_settled_moves_keep_cells_apart_and_stop_nobody_without_a_reason(starts, data):
    start = {f"r{i}": cell for i, cell in enumerate(starts)}
    wish = {n: data.draw(st.sampled_from([cell, (0, 0), (1, 1), (2, 2)])) for n, cell in start.items()}
    goal = dict(wish)
    met = settle(start, goal)
    assert len(set(goal.values())) == len(goal)
    assert all(goal[name] == (start[name] if name in met else wish[name]) for name in start)
    assert all(name != other for name, other in met.items())
    lone = [n for n in wish if [*wish.values()].count(wish[n]) == 1 and wish[n] not in start.values()]
    assert not set(lone) & set(met)


def face_to_face(people=0):
    world = Warehouse("#####\n.....\nD...C", robots=2, people=people, rate=0)
    world.robots["r1"].cell, world.robots["r2"].cell = (1, 1), (1, 2)
    return world


def test_swapping_places_is_a_collision_and_both_stay_and_stop():
    world = face_to_face()
    percepts = world.step({"r1": "east", "r2": "west"})
    assert world.score()["collisions"] == 1 and world.score()["moves"] == 0
    assert percepts["r1"].cell == (1, 1) and percepts["r1"].last == "collided with r2"
    for _ in range(STOP):
        assert world.step({"r1": "west"})["r1"].cell == (1, 1)
    assert world.step({"r1": "west"})["r1"].cell == (1, 0)


def test_one_may_follow_another_and_the_same_free_cell_is_a_collision():
    world = face_to_face()
    world.step({"r1": "east", "r2": "east"})
    assert [robot.cell for robot in world.robots.values()] == [(1, 2), (1, 3)]
    world.robots["r1"].cell = (1, 1)
    world.step({"r1": "east", "r2": "west"})
    assert world.score()["collisions"] == 1


def test_people_never_walk_into_a_robot_that_stands():
    for seed in range(20):
        world = Warehouse(seed=seed, robots=4, people=8, rate=0)
        for _ in range(100):
            world.step()
        assert world.score()["collisions"] == 0


def test_an_order_goes_from_shelf_to_its_own_dock_and_pays_half_when_late():
    world = Warehouse("###\nD.C\n..D", robots=1, people=0, rate=0)
    world.robots["r1"].cell = (1, 1)
    world.waiting[1], world.arrived = Order(1, (0, 1), (1, 0), 0, 2, 4), 1
    assert world.step({"r1": "pick"})["r1"].load.number == 1
    assert world.step({"r1": "drop"})["r1"].last == "not the dock of its order"
    world.step({"r1": "west"})
    world.step({"r1": "drop"})
    score = world.score()
    assert (score["delivered"], score["late"], score["value"], score["turns per order"]) == (1, 1, 2, 3)


def test_an_empty_robot_stands_until_people_help_and_a_charger_fills_it():
    world = Warehouse("###\nD.C\n...", robots=1, people=0, rate=0, battery=20)
    robot = world.robots["r1"]
    robot.cell, robot.battery = (1, 1), 1
    assert world.step({"r1": "south"})["r1"].battery == 0
    for _ in range(RESCUE):
        assert world.robots["r1"].cell == (2, 1)
        world.step({"r1": "north"})
    assert world.score()["rescues"] == 1 and world.robots["r1"].battery == 10
    world.robots["r1"].cell = (1, 2)
    world.step({"r1": "charge"})
    assert world.robots["r1"].battery == 20


def test_a_message_is_heard_by_all_others_in_the_next_turn_only():
    world = Warehouse(robots=3, radius=0)
    first = world.step({"r1": say("aisle 3 is wet", "north")})
    assert first["r1"].heard == () and first["r2"].heard == (("r1", "aisle 3 is wet"),) == first["r3"].heard
    assert world.step()["r2"].heard == () and world.score()["messages"] == 1


def test_a_call_comes_once_for_an_order_that_nobody_picked_in_time():
    world = Warehouse(robots=1, rate=1, patience=5)
    calls = [order.number for _ in range(20) for order in world.step()["r1"].called]
    assert calls == list(range(1, 16))


def test_distances_agree_with_the_number_of_steps_of_a_naive_search():
    world, rng = Warehouse(), Random(8)
    for goal in rng.sample(sorted(world.floor), 5):
        ring, reached, steps = {goal}, {goal: 0}, 0
        while ring:
            steps += 1
            ring = {ahead(c, to) for c in ring for to in ACTIONS[:4]} & world.floor - reached.keys()
            reached |= dict.fromkeys(ring, steps)
        assert distances(world.floor, (goal,)) == reached


@pytest.mark.parametrize(
    ("layout", "hall", "says"),
    [
        ("#D?\n..C", {}, r"drawn with \. # D C; got \?"),
        ("D.C\n...", {}, "needs a shelf"),
        ("#D.#.C\n####..", {"robots": 1, "people": 0}, "one connected floor"),
        ("#D.C", {"robots": 2, "people": 0}, "room for all"),
    ],
)
def test_a_layout_that_cannot_work_is_refused(layout, hall, says):
    with pytest.raises(ValueError, match=says):
        Warehouse(layout, **hall)


def test_an_action_that_there_is_not_is_refused_before_anybody_moves():
    world = Warehouse(robots=2)
    before = [robot.cell for robot in world.robots.values()]
    for wrong in ("fly", say("hello", "fly"), None):
        with pytest.raises(ValueError, match="r2 wants"):
            world.step({"r1": "north", "r2": wrong})
    assert [robot.cell for robot in world.robots.values()] == before and world.turn == 0


def test_twenty_thousand_agent_steps_take_about_a_second():
    world, start = Warehouse(robots=4), time.process_time()
    run(world, [lambda p: ACTIONS[p.turn % 4]] * 4, 2_500)
    assert time.process_time() - start < 2  # for 10,000; half a second on a quiet machine
