"""Jobs and the best plan for them, against naive search and the critical path."""

from itertools import permutations, product
from math import inf, isclose, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.team_jobs import (
    CREW,
    JOBS,
    Agent,
    Job,
    Part,
    bill,
    cheapest,
    in_order,
    orders,
    read_plan,
    timetable,
)


@st.composite
def jobs(draw):
    """Up to four parts, each waiting for some of those before it."""
    parts = []
    for i in range(draw(st.integers(1, 4))):
        after = tuple(part.name for part in parts if draw(st.booleans()))
        need = frozenset({draw(st.sampled_from(["collect", "analyse"]))})
        parts.append(Part(f"p{i}", need, draw(st.integers(1, 9)), after))
    return Job("any", tuple(parts))


def simulated(order, plan):
    """An independent clock that advances minute by minute; integer work, pace 1."""
    todo = {name: [p for p in order if plan[p.name].name == name] for name in ("a", "b")}
    left, done, minute = {p.name: p.work for p in order}, {}, 0
    while any(todo.values()):
        at_work = [
            queue[0]
            for queue in todo.values()
            if queue and all(done.get(n, 999) <= minute for n in queue[0].after)
        ]
        minute += 1
        for part in at_work:
            left[part.name] -= 1
            if left[part.name] == 0:
                done[part.name] = minute
                todo[plan[part.name].name].pop(0)
    return done


@settings(max_examples=40, deadline=None)
@given(jobs(), st.randoms(use_true_random=False))
def test_the_timetable_agrees_with_a_clock_that_ticks(job, rng):
    two = [Agent("a", {"collect": 1, "analyse": 1}, 1, 1), Agent("b", {"collect": 1, "analyse": 1}, 1, 1)]
    plan = {part.name: rng.choice(two) for part in job.parts}
    assert timetable(job.parts, plan) == simulated(job.parts, plan)


@settings(max_examples=25, deadline=None)
@given(jobs())
def test_no_plan_is_cheaper_than_the_cheapest(job):
    crew = {name: CREW[name] for name in ("scout", "miner", "analyst", "generalist")}
    lowest, who = cheapest(crew, job)
    for agents in product(*([a for a in crew.values() if a.can(p)] for p in job.parts)):
        plan = dict(zip([p.name for p in job.parts], agents, strict=True))
        assert all(bill(order, plan) >= lowest - 1e-9 for order in orders(job))
    assert any(isclose(bill(o, {n: crew[w] for n, w in who.items()}), lowest) for o in orders(job))


@pytest.mark.parametrize("name", JOBS)
def test_orders_are_the_permutations_that_keep_to_the_dependencies(name):
    job = JOBS[name]
    naive = [
        p
        for p in permutations(job.parts)
        if all(p.index(b) > p.index(a) for a in p for b in p if a.name in b.after)
    ]
    assert list(orders(job)) == naive


@given(jobs(), st.randoms(use_true_random=False))
def test_a_shuffled_plan_is_put_in_order(job, rng):
    shuffled = list(job.parts)
    rng.shuffle(shuffled)
    ordered = in_order(shuffled)
    assert set(ordered) == set(job.parts)
    place = {part.name: i for i, part in enumerate(ordered)}
    assert all(place[name] < place[part.name] for part in ordered for name in part.after)


def _part(name, *after, need="collect"):
    return Part(name, frozenset({need}), 1, after)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([_part("a", "b"), _part("b", "a")], "a circle: a, b"),
        ([_part("a", "a")], "a circle"),
        ([_part("a", "ghost")], "'a' waits for ghost"),
        ([_part("a", need="fly")], "'a' needs fly; there are collect"),
        ([_part("a"), _part("a")], "a name of its own"),
        ([], "at least one part"),
        *(([_part("a")._replace(work=work)], "'a' has .* work") for work in (-1.0, inf, nan)),
    ],
)
def test_a_broken_plan_is_refused_with_its_reason(parts, why):
    with pytest.raises(ValueError, match=why):
        in_order(parts)


def test_a_part_that_nobody_can_do_is_named():
    with pytest.raises(ValueError, match="nobody can do choice: it needs decide"):
        cheapest({"scout": CREW["scout"], "analyst": CREW["analyst"]}, JOBS["report"])


def test_a_part_without_needs_is_for_everybody_and_always_right():
    anything = Part("anything", frozenset(), 2)
    assert all(agent.can(anything) and agent.right(anything) == 1 for agent in CREW.values())


def test_a_plan_is_read_from_what_a_model_writes():
    text = """[{"name": "b", "needs": ["write"], "work": 2, "after": ["a"]},
               {"name": "a", "needs": ["collect"], "work": "1.5", "after": [], "done_when": "checked"}]"""
    assert read_plan(text) == (
        Part("a", frozenset({"collect"}), 1.5), Part("b", frozenset({"write"}), 2.0, ("a",)))  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["I am sorry", "{}", "[]", "5", "null", '["a"]', '[{"name": "a"}]',
     '[{"name": "a", "needs": ["collect"], "work": "much", "after": []}]',
     '[{"name": "a", "needs": ["collect"], "work": NaN, "after": []}]',
     '[{"name": "a", "needs": ["collect"], "work": 1, "after": [["b"]]}]',
     '[{"name": "a", "needs": [3], "work": 1, "after": []}]',
     '[{"name": "a", "needs": null, "work": 1, "after": []}]'],
)  # fmt: skip
def test_whatever_else_a_model_writes_is_a_value_error(text):
    with pytest.raises(ValueError):
        read_plan(text)
