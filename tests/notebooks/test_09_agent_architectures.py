"""Reactive, deliberative and hybrid agents: each mechanism of notebook 09 against a witness of its own."""

import json
from collections import Counter
from itertools import combinations, pairwise, permutations, product
from math import inf, isclose, log
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
from chapters import chapter
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from coursekit import check, llm, rehearsal
from coursekit.floor import STEPS, ahead, apart, beside, distances
from coursekit.warehouse import ACTIONS, Order, Warehouse, run

book = chapter("09_agent_architectures")
untouched = chapter("09_agent_architectures", without="solution")

hall = Warehouse(people=0, robots=1)
cells = st.sampled_from(sorted(hall.floor))
seeds = st.integers(0, 10**6)
few = settings(max_examples=12, deadline=None)


def percept(cell, around=(), **more):
    """What a robot on `cell` sees; `around` are cells with people on them."""
    people = {at: f"p{i + 1}" for i, at in enumerate(around)}
    return hall.percepts()["r1"]._replace(cell=cell, around=people, **more)


def crowd(people, seed=0):
    return Warehouse(seed=seed, people=people, **book.HALL)


# The shelf in the way.


@given(cells, cells)
def test_a_compass_arrives_only_where_no_detour_is_needed(start, goal):
    assume(start != goal)
    detour = distances(hall.floor, (goal,))[start] - apart(start, goal)
    if book.by_compass(hall.floor, start, goal):
        assert detour == 0
    if detour:
        assert not book.by_compass(hall.floor, start, goal)


# Sense and act.


@few
@given(seeds)
def test_people_never_go_where_danger_did_not_warn(seed):
    world = crowd(4, seed)
    for _ in range(60):
        risky = book.danger(world, world.percepts()["r1"])
        world.step()
        assert set(world.people.values()) <= risky


def test_what_is_sensed_is_what_is_there():
    p = percept((3, 1), around=[(3, 3)])
    s = book.look(Warehouse(people=1, robots=1), p, (((3, 11),), "drop"))
    assert s == book.Sense(("away", "body", "away", "away"), "")
    p = percept((0, 0))
    assert book.look(hall, p, (((0, 0),), "drop")) == (("wall", "away", "away", "wall"), "drop")


def test_no_stack_of_polite_layers_steps_where_it_is_not_safe_whatever_chance_says():
    stacks = [stack for n in range(4) for stack in combinations(book.LAYERS, n)]
    for stack, s, seed in product(stacks, book.SENSES, range(3)):
        assert not book.unsafe(s, book.subsume(s, Random(seed), stack))


def test_the_halt_wire_stops_every_layer_and_touches_nothing_that_is_safe():
    for s, action in product(book.SENSES, ACTIONS):
        held = book.halt(s, action)
        step = dict(zip(STEPS, s.ways, strict=True)).get(action)
        assert held == ("wait" if step in ("wall", "body") else action)


def test_a_higher_layer_suppresses_a_lower_one_and_only_while_it_speaks():
    talks = book.Sense(("wall", "nearer", "away", "away"), "pick")
    assert book.subsume(talks, Random(1)) == "pick"
    assert book.subsume(talks._replace(here=""), Random(1)) == "east"
    lost = book.Sense(("wall", "away", "wall", "wall"), "")
    assert {book.subsume(lost, Random(i)) for i in range(20)} == {"east", "wait"}


@few
@given(seeds, st.integers(0, 8))
def test_reactive_and_hybrid_robots_never_collide_at_any_pace(seed, people):
    pace = Random(seed).choice([1, 5, 50, inf])
    for make, how in ((book.Reactive, {}), (book.Hybrid, {"pace": pace})):
        assert book.life(make, seed, people=people, turns=120, **how)["collisions"] == 0


# Think, then act.


@pytest.mark.parametrize("start", [(3, 6), (1, 0), (0, 5)])
def test_the_forecast_is_where_a_real_person_is_found(start):
    found, runs = Counter(), 2500
    for seed in range(runs):
        world = Warehouse(seed=seed, robots=1, people=1)
        world.robots["r1"].cell, world.people["p1"] = (0, 0), start
        if start in ((0, 1), (1, 0)):  # a robot beside a person would be in its way
            world.robots["r1"].cell = (6, 11)
        world.step()
        world.step()
        found[world.people["p1"]] += 1
    said = book.spread(hall.aisle, start, 2)[-1]
    assert set(found) <= set(said) and isclose(sum(said.values()), 1)
    for cell, chance in said.items():
        assert abs(found[cell] / runs - chance) < 4 * (chance * (1 - chance) / runs) ** 0.5


def test_several_people_add_up():
    world, p = Warehouse(people=2, robots=1), percept((0, 0), around=[(3, 6), (5, 6)])
    for soon, one, other in zip(
        book.forecast(world, p), *(book.spread(world.aisle, at, 4) for at in ((3, 6), (5, 6))), strict=True
    ):
        assert isclose(sum(soon.values()), 2)
        assert all(isclose(soon[c], one.get(c, 0) + other.get(c, 0)) for c in hall.floor)


def cost_of(way, cell, seen, price):
    total = 0.0
    for turn, action in enumerate(way):
        to = ahead(cell, action)
        total += 1 + (price * seen[turn].get(to, 0) if to != cell and turn < len(seen) else 0)
        cell = to
    return total


def least_cost(start, goal, seen, price, block, most=24):
    """Backwards over all cells and turns, without a queue or an estimate."""
    after = {cell: 0.0 if cell == goal else inf for cell in hall.floor}
    for turn in reversed(range(most)):
        now = {}
        for cell in hall.floor:
            tries = [1 + after[cell]]
            for to in beside(cell):
                if to in hall.floor and not (turn == 0 and to in block):
                    risk = seen[turn].get(to, 0) if turn < len(seen) else 0
                    tries.append(1 + price * risk + after[to])
            now[cell] = 0.0 if cell == goal else min(tries)
        after = now
    return after[start]


@settings(max_examples=30, deadline=None)
@given(cells, cells, st.lists(cells, max_size=3, unique=True), st.sampled_from([0, 4, 40]), st.booleans())
def test_no_way_through_space_and_time_is_cheaper_than_the_one_found(start, goal, people, price, blocks):
    world = Warehouse(people=4, robots=1)
    p = percept(start, around=people)
    seen, block = book.forecast(world, p), book.danger(world, p) if blocks else frozenset()
    way, nodes = book.route(world, start, (goal,), seen, price=price, block=block)
    cell = start
    for turn, action in enumerate(way):
        cell = ahead(cell, action)
        assert cell in hall.floor and not (turn == 0 and action != "wait" and cell in block)
    assert cell == goal and nodes > len(way) - 1
    assert isclose(cost_of(way, start, seen, price), least_cost(start, goal, seen, price, block))


@given(cells, cells, st.integers(1, 40))
def test_a_budget_is_kept_and_buys_a_way_that_is_never_further_off(start, goal, budget):
    way, nodes = book.route(hall, start, (goal,), budget=budget)
    cell = start
    for action in way:
        cell = ahead(cell, action)
    far = distances(hall.floor, (goal,))
    assert nodes <= budget and far[cell] <= far[start]


def test_what_cannot_be_reached_is_given_up_after_every_cell_at_every_turn():
    walls = frozenset(beside((0, 0)))
    _, nodes = book.route(hall, (3, 3), ((0, 0),), walls=walls, most=10)
    far = distances(hall.floor - walls, ((3, 3),))
    assert nodes == sum(steps <= turn for turn in range(11) for steps in far.values())


def lone(seed, n=4, battery=999):
    """A hall without people and `n` orders that all wait at once."""
    world, rng = Warehouse(seed=seed, robots=1, people=0, rate=0, radius=20, battery=battery), Random(seed)
    spots = rng.sample(world.shelves, n)
    orders = [
        Order(i + 1, spot, rng.choice(world.docks), 0, rng.randrange(10, 90), rng.choice((1, 2, 4)))
        for i, spot in enumerate(spots)
    ]
    world.waiting = {order.number: order for order in orders}
    return world


@few
@given(seeds)
def test_a_lone_order_is_delivered_in_the_turn_that_the_plan_says(seed):
    world = lone(seed, n=1)
    p = world.percepts()["r1"]
    needs = book.trip(world, p.cell, p.orders[0])[0]
    run(world, [book.Deliberative(world, every=99)], needs)
    assert [turn + 1 for turn, _ in world.delivered] == [needs]


@few
@given(seeds, st.integers(1, 3))
def test_no_sequence_brings_more_a_turn_than_the_schedule(seed, depth):
    p = lone(seed).percepts()["r1"]

    def leg(a, b):
        return distances(hall.floor, (b,))[a]

    def rate(sequence):
        cell, turn, value = p.cell, 0, 0.0
        for order in sequence:
            sides = [c for c in beside(order.shelf) if c in hall.floor]
            turn += 2 + min(leg(cell, at) + leg(at, order.dock) for at in sides)
            value, cell = value + (order.value if turn <= order.due else order.value / 2), order.dock
        return value / turn

    chosen, nodes = book.schedule(hall, p, depth)
    assert isclose(rate(chosen), max(map(rate, permutations(p.orders, depth))))
    assert nodes == sum(len(list(permutations(p.orders, n))) for n in range(depth + 1))


def test_a_stop_at_the_charger_makes_the_schedule_prefer_what_is_not_late_then():
    world = lone(5, n=1, battery=120)
    p = world.percepts()["r1"]
    needs = book.trip(world, p.cell, p.orders[0])[0]
    urgent = p.orders[0]._replace(value=4, due=p.turn + needs)
    patient = p.orders[0]._replace(number=9, value=3, due=999)
    p = p._replace(orders=(urgent, patient))
    assert book.schedule(world, p, 1)[0] == (urgent,)
    assert book.schedule(world, p._replace(battery=15), 1)[0] == (patient,)  # 3 beats half of 4


@few
@given(seeds, st.integers(0, 3))
def test_the_auditor_passes_what_the_planner_makes_and_objects_to_what_was_changed(seed, people):
    world = crowd(people, seed)
    for _ in range(30):
        p = world.step()["r1"]
    plan = book.think(world, p)
    assume(len(plan.way) > 1 and plan.orders and not p.load)
    assert book.audit(world, p, plan) == []
    assert book.audit(world, p, plan._replace(way=plan.way[:-1])) or plan.way[-1] == "wait"
    assert book.audit(world, p, plan._replace(way=("north",) * 8)) == ["north leads into a shelf or wall"]
    assert book.audit(world, p._replace(battery=len(plan.way)), plan) == ["the battery does not last"]
    assert book.audit(world, p._replace(orders=()), plan) == [
        f"order {order.number} is not waiting" for order in plan.orders
    ]


def test_a_planner_stands_still_for_as_many_turns_as_its_nodes_take():
    world = lone(3, n=1)
    agent = book.Deliberative(world, pace=2, every=99)
    p = world.percepts()["r1"]
    nodes = book.think(world, p).nodes
    actions = [agent(p)] + [agent(p) for _ in range(len(agent.todo))]
    stands = next(i for i, action in enumerate(actions) if action != "wait")
    assert stands == nodes // 2 and actions[-1] == "pick"


def test_a_planner_that_was_bumped_forgets_its_plan():
    world = lone(3, n=1)
    agent = book.Deliberative(world)
    agent(p := world.percepts()["r1"])
    assert agent.todo and agent(p._replace(last="collided with p1")) == "wait" and not agent.todo


# Hybrids.


def test_a_hybrid_acts_on_its_plan_when_that_is_safe_and_on_its_layers_when_it_is_not():
    world = lone(3, n=1)
    agent, p = book.Hybrid(world), world.percepts()["r1"]
    first = book.think(world, p).way[0]
    assert agent(p) == first
    agent = book.Hybrid(world, pace=0.001)
    assert agent(p) != "wait" or book.subsume(book.senses(agent, p), Random(0)) == "wait"
    assert agent.coming[0] > 1000 and not agent.way


def test_a_plan_for_another_cell_or_into_a_body_is_not_followed():
    agent = book.Hybrid(Warehouse(people=1, robots=1))
    agent.way, agent.at = ("north", "north"), (3, 0)
    waiting = (Order(1, (2, 10), (0, 0), 0, 60, 1),)
    assert book.planned(agent, percept((3, 0), orders=waiting)) == "north"
    assert book.planned(agent, percept((4, 0), orders=waiting)) is None
    assert book.planned(agent, percept((3, 0), around=[(1, 0)], orders=waiting)) is None


def test_the_blocked_dock_stops_only_who_has_neither_budget_nor_layers():
    assert book.blocked_dock(book.Deliberative, turns=120) == (120, [])
    for make, how in ((book.Deliberative, {"budget": 60}), (book.Hybrid, {})):
        started, done = book.blocked_dock(make, turns=120, **how)
        assert started < 10 and len(done) == 1


# Two layers.


def test_a_flinch_leads_straight_away_from_a_body_and_only_onto_free_floor():
    opposite = {"north": "south", "south": "north", "east": "west", "west": "east"}
    for s in book.SENSES:
        ways = dict(zip(STEPS, s.ways, strict=True))
        step = book.flinch(s)
        could = {opposite[w] for w in ways if ways[w] == "body" and ways[opposite[w]] in ("nearer", "away")}
        assert (step in could) if could else step is None


def test_only_a_veto_that_is_told_gets_round_the_ring():
    for start, broken in [((0, 7), (0, 3)), ((1, 0), (2, 0)), ((2, 8), (0, 5))]:
        assert book.ring(start, broken, book.veto, tells=True)[1]
    assert not book.ring((0, 7), (0, 3), book.veto)[1] and not book.ring((0, 7), (0, 3), book.reflex_first)[1]


# Learning.


def test_one_lesson_moves_an_entry_by_the_rate_towards_what_came():
    ways = ("nearer", "away", "away", "away")
    pupil = book.Learner(hall, {ways: {"north": 1.0}}, Random(0), rate=0.5)
    for last, reward in (("ok", 1.0), ("collided with p1", -10.0)):
        pupil.q[ways]["north"], pupil.before = 1.0, (ways, "north")
        book.learn(pupil, percept((1, 1), last=last), {"wait": 2.0, "east": -3.0})
        assert isclose(pupil.q[ways]["north"], 1 + 0.5 * (reward + 0.9 * 2 - 1)) and pupil.before is None


def test_endless_waiting_is_learned_to_be_worth_minus_ten():
    ways = ("wall",) * 4
    pupil = book.Learner(hall, {ways: {"wait": 0.0}}, Random(0))
    for _ in range(600):
        pupil.before = ways, "wait"
        book.learn(pupil, percept((1, 1)), pupil.q[ways])
    assert isclose(pupil.q[ways]["wait"], -1 / (1 - 0.9), rel_tol=1e-3)


def test_schooling_is_repeatable_and_lowers_collisions():
    again = book.train.__wrapped__(0)
    assert again == book.train(0)
    hits = [score["collisions"] for score in again[1]]
    assert sum(hits[-3:]) < sum(hits[:3])


# Loops around a model.


@pytest.fixture
def scripted(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "COURSE_MODEL"):
        monkeypatch.delenv(name, raising=False)
    assert llm.mode() == "rehearsal"
    for name in ("reactor", "architect", "critic"):
        rehearsal.policy(name)(getattr(book, name))
    rehearsal.log.clear()


def test_react_asks_in_every_turn_with_all_that_went_before(scripted):
    bill, score, _ = book.drive(book.ReAct, 0, turns=30)
    asked = [len(one.request["messages"]) for one in rehearsal.log]
    assert len(asked) == len(bill) and score["collisions"] == 0
    starts = [i for i, n in enumerate(asked) if n == 2]
    for one, after in pairwise(asked):
        assert after in (one + 2, 2)
    assert starts[0] == 0 and max(asked) > 10
    assert bill[5].prompt_tokens > bill[0].prompt_tokens


def test_plan_and_execute_asks_again_only_when_its_steps_are_done_or_have_failed(scripted):
    bill, score, _ = book.drive(book.PlanAndExecute, 1, turns=40)
    planned = [json.loads(call_of(one))["steps"] for one in rehearsal.log]
    assert len(bill) == len(planned) < 20 and sum(map(len, planned)) >= score["moves"]


def call_of(exchange):
    reply = json.loads(exchange.reply)
    return reply["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]


def test_reflexion_hands_the_lesson_of_the_first_life_to_the_second(scripted):
    bill, _, _ = book.reflexion(0)
    systems = [one.request["messages"][0]["content"] for one in rehearsal.log]
    critic = next(i for i, text in enumerate(systems) if text.startswith("What went wrong?"))
    assert len(bill) == len(systems)
    assert all("clear of people" not in text for text in systems[:critic])
    assert all("clear of people" in text for text in systems[critic + 1 :])


@pytest.mark.parametrize("loop, policy, said", [
    ("ReAct", "reactor", '{"action": "fly"}'),
    ("PlanAndExecute", "architect", '{"steps": ["fly", "swim"]}'),
    ("PlanAndExecute", "architect", "{}"),
])  # fmt: skip
def test_what_no_robot_can_do_becomes_a_wait(scripted, loop, policy, said):
    tool = "move" if loop == "ReAct" else "carry_out"
    rehearsal.policy(policy)(lambda request: rehearsal.Call(tool, said, checked=False))
    bill, score, _ = book.drive(getattr(book, loop), 0, turns=20)
    assert bill and score["moves"] == 0


# Rules.


def test_no_two_rules_speak_at_once():
    for s, goes in product(book.SENSES, ("pick", "drop", "charge", "wait")):
        if s.here in ("", goes):
            assert sum(bool(rule(s, goes)) for rule in book.RULES.values()) <= 1


@few
@given(seeds)
def test_all_six_rules_act_as_seek_and_handle_do(seed):
    rng = Random(seed)
    s, goes = rng.choice(book.SENSES), rng.choice(("pick", "drop", "charge"))
    s = s._replace(here=goes if s.here else "")
    assert book.by_rules(tuple(book.RULES), s, goes) == (s.here or book.seek(s, rng) or "wait")


# Three small systems.


def test_the_tour_is_the_shortest_and_a_flight_without_wind_takes_just_as_long():
    calm = SimpleNamespace(random=lambda: 0.99)
    leg = lambda a, b: distances(book.CALM, (a,))[b]
    lengths = [
        sum(leg(a, b) for a, b in zip((book.BASE, *seq), (*seq, book.BASE), strict=True))
        for seq in permutations(book.POINTS)
    ]
    for pilot in (book.by_script, book.by_both):
        assert book.fly(pilot, calm) == ("home", min(lengths))


@few
@given(seeds)
def test_the_wind_never_pushes_who_keeps_to_calm_cells_into_a_mast(seed):
    assert all(ahead(cell, "east") not in book.MASTS for cell in book.CALM)
    for pilot in (book.by_nose, book.by_both):
        assert book.fly(pilot, Random(seed))[0] != "crashed"


@given(st.sets(st.sampled_from(book.SHOES), min_size=2), st.integers(0, 4))
def test_bits_are_shannons_and_the_best_tree_is_never_beaten(shoes, feature):
    shoes = sorted(shoes)
    shares = [n / len(shoes) for n in Counter(shoe[feature] for shoe in shoes).values()]
    assert isclose(book.bits(shoes, feature), -sum(q * log(q, 2) for q in shares), abs_tol=1e-9)
    assert len(shoes) - 1 <= book.fewest(tuple(shoes)) <= 5 * len(shoes)


def test_every_customer_gets_exactly_the_shoe_that_was_wanted_and_greed_is_near_the_best():
    best = book.fewest(tuple(book.SHOES))
    for pick in (book.most_telling, book.in_order, book.safest):
        asked = [book.interview(shoe, pick) for shoe in book.SHOES]
        assert min(asked) >= 1 and max(asked) <= 5 and sum(asked) >= best


def test_reflexes_know_their_own_examples():
    for intent, texts in book.EXAMPLES.items():
        for text in texts:
            found, cosine = book.intent_of(text)
            assert found == intent and cosine > 0.99


def test_expected_output_is_what_a_simulated_factory_makes():
    rng, made, shifts = Random(4), 0, 1500
    policy = book.watchful(4)
    for _ in range(shifts):
        state = [0, 0]
        for turn in range(book.SHIFT):
            choice = None if min(state) < -1 else policy(tuple(state), turn)
            for i, machine in enumerate(state):
                if machine < -1:
                    state[i] = machine + 1 if machine < -2 else 0
                elif choice == i:
                    state[i] = -5 if machine == -1 else -2
                elif machine >= 0:
                    broke = rng.random() < book.WEAR[machine]
                    state[i], made = (-1, made) if broke else (min(machine + 1, 7), made + 1)
    assert abs(made / (shifts * 2 * book.SHIFT) - book.output(policy)) < 0.006


def test_no_policy_beats_the_best_and_a_short_shift_agrees_with_a_search_without_memory(monkeypatch):
    rest = [book.on_failure, *map(book.timetable, range(4, 25)), *map(book.watchful, range(1, 8))]
    top = book.output()
    assert all(book.output(policy) <= top + 1e-12 for policy in rest)
    monkeypatch.setattr(book, "SHIFT", 4)

    def search(state, left):
        if not left:
            return 0.0
        tries = (None,) if min(state) < -1 else (None, 0, 1)
        return max(
            sum(
                p * q * (x + y + search((a, b), left - 1))
                for p, a, x in book.machine_next(state[0], choice == 0)
                for q, b, y in book.machine_next(state[1], choice == 1)
            )
            for choice in tries
        )

    assert isclose(book.output(), search((0, 0), 4) / 8)


@pytest.mark.parametrize("machine", [*range(8), -1, -2, -3, -5])
@pytest.mark.parametrize("start", [True, False])
def test_what_becomes_of_a_machine_is_a_distribution(machine, start):
    ends = book.machine_next(machine, start)
    assert isclose(sum(p for p, *_ in ends), 1)
    assert all(made == (not start and machine >= 0 and after != -1) for _, after, made in ends)


# Which one?


@given(st.floats(0.1, 1e6), st.integers(0, 20), st.integers(1, 50), st.floats(0, 10), st.booleans())
def test_the_chooser_always_answers_and_keeps_its_principles(nodes, movers, steps, harm, explain):
    name, why = book.choose(book.Job(nodes, movers, steps, harm, explain))
    assert name in book.KIND and why
    if steps > 1 and explain:
        assert name != "reactive"
    if harm and movers:
        assert name != "deliberative"


# Plans for batches.


@few
@given(seeds)
def test_the_recursive_best_of_a_batch_is_that_of_all_sequences(seed):
    world, p = book.batch(seed, n=4)

    def total(sequence):
        now, value = p, 0.0
        for order in sequence:
            now, more = book.deliver(world, now, order)
            value += more
        return value

    best = book.batch_best(world, p)
    assert isclose(best, max(map(total, permutations(p.orders))))


# Exercises.


def most(shoes, feature):
    return Counter(shoe[feature] for shoe in shoes).most_common(1)[0][1]


CHECKS = {
    "standing": ("stood", "any_plan", lambda nodes, pace, steps: nodes / pace / (nodes / pace + steps)),
    "arbitrate": ("arbitrate_witness", "any_conflict", lambda wish, second, blocked: second),
    "safest": (
        "safest_witness",
        "some_shoes",
        lambda shoes: max(range(5), key=lambda f: (-most(shoes, f), f)),
    ),
}
WORSE = {
    "standing": lambda nodes, pace, steps: steps / (nodes // pace + steps),
    "arbitrate": lambda wish, second, blocked: wish if wish not in blocked else "wait",
    "safest": lambda shoes: max(range(5), key=lambda f: (len({shoe[f] for shoe in shoes}), -f)),
}
LAZY = {
    "standing": lambda nodes, pace, steps: nodes // pace / steps,
    "arbitrate": lambda wish, second, blocked: (
        "wait" if second in blocked else second if wish in blocked else wish
    ),
    "safest": book.most_telling,
}


@pytest.mark.parametrize("name", CHECKS)
def test_stubs_and_wrong_answers_do_not_pass_and_solutions_do(name):
    witness, draw, wrong = CHECKS[name]
    tried = lambda function: check.same(name, function, getattr(book, witness), getattr(book, draw))
    assert not any(map(tried, (getattr(untouched, name), wrong, WORSE[name], LAZY[name])))
    assert tried(getattr(book, name))


def test_the_measured_interval_of_the_hybrid_s_gain_does_not_hang_on_a_few_worlds():
    fresh = tuple(range(200, 224))
    gain = [
        a["value"] - b["value"]
        for a, b in zip(book.lives(book.Hybrid, fresh), book.lives(book.Reactive, fresh), strict=True)
    ]
    assert np.mean(gain) > 2 * np.std(gain) / len(gain) ** 0.5
