"""Multi-agent systems: the notebook's definitions against theory, exhaustive search and naive versions."""

from collections import Counter
from fractions import Fraction
from itertools import combinations, pairwise, permutations, product
from math import factorial, isclose
from random import Random

import numpy as np
import pytest
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import check, llm, rehearsal

group = chapter("13_multi_agent_systems")
untouched = chapter("13_multi_agent_systems", without="solution")

numbers = st.lists(st.integers(-50, 50), min_size=1, max_size=12, unique=True)
bids = st.lists(st.integers(0, 100), min_size=2, max_size=7)
ballots = st.lists(st.sampled_from(group.ORDERS), min_size=1, max_size=9)
costs = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).random((7, 7)))


# Offers, swaps, plans.


@settings(max_examples=20, deadline=None)
@given(costs)
def test_no_assignment_beats_the_planner_and_swaps_never_lengthen_the_drive(cost):
    offers = group.by_offers(cost)
    swapped, plan = group.by_swaps(cost, offers), group.best_plan(cost)
    assert sorted(offers) == sorted(swapped) == sorted(plan) == list(range(7))
    lengths = [sum(cost[row][taken[row]] for row in range(7)) for taken in (plan, swapped, offers)]
    assert lengths == sorted(lengths)
    assert isclose(
        lengths[0], min(sum(map(lambda row, at: row[at], cost, way)) for way in permutations(range(7)))
    )
    for a, b in combinations(range(7), 2):
        now = cost[a][swapped[a]] + cost[b][swapped[b]]
        assert cost[a][swapped[b]] + cost[b][swapped[a]] >= now - 1e-9


# The ring.


@given(numbers)
def test_the_ring_elects_its_largest_number_within_the_bounds(ring):
    leader, sent = group.elect(ring)
    n = len(ring)
    assert leader == max(ring)
    assert 2 * n - 1 <= len(sent) <= n * (n + 1) // 2
    after = dict(zip(ring, ring[1:] + ring[:1], strict=True))
    assert all(message.to == after[message.sender] for message in sent)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_over_all_orders_the_mean_number_of_messages_is_n_times_the_harmonic_number(n):
    total = sum(len(group.elect(list(ring))[1]) for ring in permutations(range(n)))
    exact = n * sum(Fraction(1, k) for k in range(1, n + 1))
    assert Fraction(total, factorial(n)) == exact
    assert isclose(group.average_case(n), exact)


def test_an_election_without_agents_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        group.elect([])


# Conventions.


@pytest.mark.parametrize("n", [2, 6, 20])
def test_copiers_need_as_long_as_the_walk_between_0_and_n(n):
    half = n // 2
    down = sum(1 / (n - j) for j in range(1, half + 1))
    up = sum(1 / j for j in range(half + 1, n))
    assert isclose(group.in_theory(n, 1), (n - 1) * ((n - half) * down + half * up))


@pytest.mark.parametrize("asks", [1, 3])
def test_simulated_agreement_takes_as_long_as_the_equations_say(asks):
    rng = Random(7)
    measured = np.mean([group.settle(10, asks, rng) for _ in range(1500)])
    assert isclose(measured, group.in_theory(10, asks), rel_tol=0.08)


def test_a_fixed_plan_never_recovers_and_thresholds_do():
    for seed in range(5):
        planned, adaptive = (group.colony(np.random.default_rng(seed), way) for way in (False, True))
        assert planned[:200].max() == 0 == planned[:, 1].max()  # ten ants for the work of four
        assert list(planned[200:, 0]) == list(range(1, 201))
        assert adaptive[-100:].max() < 40


# Sales.


@given(bids)
def test_the_clocks_end_where_the_envelopes_do(limits):
    assert group.english(limits) == group.vickrey(limits)
    assert group.dutch(limits) == group.first_price(limits)


@given(bids, st.integers(0, 100))
def test_no_lie_pays_in_a_vickrey_sale_however_many_bid(values, lie):
    winner, price = group.vickrey(values)
    for me, value in enumerate(values):
        honest = value - price if winner == me else 0
        won_by, costs = group.vickrey([*values[:me], lie, *values[me + 1 :]])
        assert honest >= (value - costs if won_by == me else 0)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_formula_for_shading_is_the_best_answer_to_itself(n):
    factor = (n - 1) / n
    for value in (0.2, 0.5, 0.9):
        tried = np.linspace(0, factor, 2001)  # nobody bids above `factor`
        earned = (value - tried) * (tried / factor) ** (n - 1)
        assert abs(tried[earned.argmax()] - factor * value) < 1e-3
    learned = group.learn_shading(n, np.random.default_rng(3))
    assert isclose(learned[0], 0.5) and 0.93 < learned[-50:].mean() / factor < 1.02


def test_revenue_of_two_bidders_is_a_third_either_way():
    rng = np.random.default_rng(5)
    for sale, factor in ((group.vickrey, 1), (group.first_price, 0.5)):
        assert abs(group.revenues(sale, factor, 2, rng, 20_000).mean() - 1 / 3) < 0.01


@pytest.mark.parametrize("n", [1, 3, 10])
def test_the_curse_is_the_mean_of_the_largest_error(n):
    x = np.linspace(-1, 1, 200_001)
    largest = np.trapezoid(x * n * ((x + 1) / 2) ** (n - 1) / 2, x)
    assert abs(group.winners_profit(n, 0, np.random.default_rng(2)) + largest) < 0.02


@given(bids, st.data())
def test_honesty_stays_best_when_several_things_are_sold(values, data):
    k = data.draw(st.integers(1, len(values) - 1))
    me, lie = data.draw(st.integers(0, len(values) - 1)), data.draw(st.integers(0, 100))
    winners, price = group.sell(values, k)
    assert len(set(winners)) == k and all(values[one] >= price for one in winners)
    honest = values[me] - price if me in winners else 0
    winners, price = group.sell([*values[:me], lie, *values[me + 1 :]], k)
    assert honest >= (values[me] - price if me in winners else 0)


# Bargains.


@pytest.mark.parametrize("patience", [0.0, 0.3, 0.8, 0.95])
def test_the_share_without_end_leaves_the_other_indifferent(patience):
    share = group.first_share(2000, patience)
    assert isclose(1 - share, patience * share, abs_tol=1e-9)
    assert group.first_share(1, patience) == 1


def test_negotiators_never_offer_below_their_aspiration_and_take_what_satisfies_it():
    rounds = 40
    offers = group.negotiate(rounds)
    for turn, offer in enumerate(offers[2:], 2):
        mine = (group.seller, group.buyer)[turn % 2]
        assert mine(offer) >= 1 - turn / rounds > mine(offers[turn - 1])
    last = len(offers)
    assert (group.seller, group.buyer)[last % 2](offers[-1]) >= 1 - last / rounds


def test_nash_s_deal_cannot_be_improved_for_both():
    wisest = max(group.DEALS, key=group.nash)
    gains = group.seller(wisest), group.buyer(wisest)
    better = [d for d in group.DEALS if group.seller(d) >= gains[0] and group.buyer(d) >= gains[1]]
    assert better == [wisest]


# Votes.


@given(ballots)
def test_borda_never_elects_one_who_loses_every_duel(given_ballots):
    def beats(a, b):
        return sum(1 if vote.index(a) < vote.index(b) else -1 for vote in given_ballots) > 0

    chosen = group.borda(given_ballots)
    assert not all(beats(other, chosen) for other in "ABC" if other != chosen)
    winners = [one for one in "ABC" if all(beats(one, other) for other in "ABC" if other != one)]
    assert group.condorcet(given_ballots) == (winners[0] if winners else None)


@given(ballots)
def test_plurality_and_approval_count_as_a_counter_does(given_ballots):
    firsts = Counter(vote[0] for vote in given_ballots)
    liked = Counter("".join(vote[:2] for vote in given_ballots))
    assert firsts[group.plurality(given_ballots)] == max(firsts.values())
    assert liked[group.approval(given_ballots)] == max(liked.values())


@pytest.mark.parametrize("rule", ["plurality", "borda", "dictator"])
def test_the_search_for_lies_agrees_with_a_naive_one(rule):
    elect, found = getattr(group, rule), 0
    for votes in product(group.ORDERS, repeat=3):
        won, gained = elect(list(votes)), False
        for voter, lie in product(range(3), group.ORDERS):
            changed = list(votes)
            changed[voter] = lie
            gained |= votes[voter].index(elect(changed)) < votes[voter].index(won)
        found += gained
    assert group.manipulable(getattr(group, rule), voters=3) == found / 216
    assert (found == 0) == (rule == "dictator")


# Helping, giving, believing.


def test_points_against_a_fixed_partner_are_those_of_pencil_and_paper():
    tit, never = group.STRATEGIES["tit for tat"], group.STRATEGIES["never help"]
    assert group.play(tit, never, 0, Random(1)) == (0 + 199 * 1) / 200
    assert group.play(never, tit, 0, Random(1)) == (5 + 199 * 1) / 200
    assert group.play(tit, tit, 0, Random(1)) == 3


def test_tit_for_tat_never_earns_more_than_its_partner_and_at_most_one_temptation_less():
    class Told:
        """Plays a list of moves, and so gives both sides the same luck."""

        def __init__(self, moves):
            self.moves = moves

        def __call__(self, mine, yours, rng):
            return self.moves[len(mine)]

    tit, rng = group.STRATEGIES["tit for tat"], Random(4)
    for _ in range(50):
        other = Told([rng.random() < 0.5 for _ in range(200)])
        behind = group.play(other, tit, 0, rng) - group.play(tit, other, 0, rng)
        assert any(isclose(200 * behind, gap, abs_tol=1e-6) for gap in (0, 5))


def test_two_clumsy_copies_of_tit_for_tat_are_as_good_as_coins():
    tit = group.STRATEGIES["tit for tat"]
    assert abs(group.play(tit, tit, 0.2, Random(3), 40_000) - np.mean(list(group.PAY.values()))) < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_free_riding_spreads_and_fines_end_it(seed):
    free, fined = (group.givers(fine, np.random.default_rng(seed)) for fine in (0, 0.9))
    assert np.mean(free[-20:]) < 0.1 and np.mean(fined[-20:]) > 0.9


def test_reputation_is_the_mean_of_the_beta_distribution():
    good = np.array([[20] * 20, [0] * 20])
    x = np.linspace(0, 1, 100_001)
    density = x**20 * (1 - x) ** 20
    mean = np.trapezoid(x * density, x) / np.trapezoid(density, x)
    assert np.allclose(group.expected(good, np.array([True, True])), mean)
    assert np.allclose(group.expected(good, np.array([True, False])), 21 / 22)


def test_the_ring_of_liars_fools_a_head_count_and_camouflage_fools_the_careful():
    rng = np.random.default_rng(8)
    of = lambda attack, careful: np.mean([group.error(attack, careful, rng) for _ in range(30)])
    assert of("praise each other", True) < 0.05 < of("praise each other", False)
    assert of("also honest where we can check", True) > 0.2


# Worse than one.


@pytest.mark.parametrize("herders", [1, 2, 4, 8])
def test_no_herder_gains_by_another_herd_and_the_total_is_that_of_theory(herders):
    total, earns = group.graze(herders)
    assert isclose(total, herders / (herders + 1), abs_tol=0.005)
    assert isclose(earns, herders / (herders + 1) ** 2, abs_tol=0.005)
    assert isclose(group.graze(herders, (herders - 1) / (2 * herders))[0], 0.5, abs_tol=0.005)


def test_nobody_gains_by_another_route_and_the_toll_finds_the_least_total():
    def mean_minutes(north, south, short):
        a, b = north + short, south + short  # cars on the two narrow roads
        return (north * (a + 45) + south * (45 + b) + short * (a + b)) / 40

    for routes, toll in (
        (["north", "south"], False),
        (list(group.ROUTES), False),
        (list(group.ROUTES), True),
    ):
        mean, chosen = group.drive(routes, toll)
        counts = [chosen[name] for name in group.ROUTES]
        assert sum(counts) == 40 and isclose(mean, mean_minutes(*counts))
    everywhere = [(n, s, 40 - n - s) for n in range(41) for s in range(41 - n)]
    assert isclose(mean, min(mean_minutes(*split) for split in everywhere))
    assert mean_minutes(20, 20, 0) < group.drive(list(group.ROUTES))[0]


def test_choices_in_a_row_are_those_of_an_exact_bayesian():
    q, length = 0.7, 7

    def exact(hints):
        """Weigh every sequence of hints that would have led to what was heard."""
        choices = []
        for hint in hints:
            weight = {True: 0.0, False: 0.0}
            for earlier in product([True, False], repeat=len(choices)):
                if choices_of[earlier] == choices:
                    right = sum(earlier) + hint
                    wrong = len(earlier) + 1 - right
                    weight[True] += q**right * (1 - q) ** wrong
                    weight[False] += (1 - q) ** right * q**wrong
            tied = isclose(weight[True], weight[False])
            choices.append(hint if tied else weight[True] > weight[False])
        return choices

    choices_of = {(): []}
    for n in range(1, length + 1):
        for hints in product([True, False], repeat=n):
            choices_of[hints] = exact(hints)
    assert all(group.in_a_row(list(hints)) == chosen for hints, chosen in choices_of.items())


def test_a_hub_is_never_slower_and_one_needs_nobody():
    for n in range(1, 40):
        assert group.days(n, n - 1) <= group.days(n, n * (n - 1) / 2)
    assert group.days(1, 0) == 100


# Scripted models.


@pytest.fixture
def table_of_three(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "COURSE_MODEL"):
        monkeypatch.delenv(name, raising=False)
    assert llm.mode() == "rehearsal"
    for name in group.PRIVATE:
        rehearsal.policy(name)(group.agreeable)
    group.COST.clear()


@pytest.mark.parametrize("order", list(permutations(["ada", "bob", "cyd"])))
def test_who_speaks_first_decides_in_turn_and_nothing_depends_on_order_apart(order, table_of_three):
    assert group.in_turn(order) == str(group.PRIVATE[order[0]])
    assert group.COST["calls"] == 3
    assert group.apart(order) == "408"
    assert group.COST["calls"] == 6
    assert group.apart_then_talk(order) == ("398" if order[0] == "bob" else "408")
    assert group.COST["calls"] == 12


# Exercises.

CHECKS = {
    "worst_case": ("counted", lambda r: (r.randint(1, 60),), lambda n: n * n),
    "sell": ("sold", group.any_bids, lambda bids, k: (list(range(k)), max(bids))),
}


@pytest.mark.parametrize("name", CHECKS)
def test_stubs_and_wrong_answers_do_not_pass_and_solutions_do(name):
    witness, draw, wrong = CHECKS[name]
    tried = lambda function: check.same(name, function, getattr(group, witness), draw)
    assert not tried(getattr(untouched, name)) and not tried(wrong)
    assert tried(getattr(group, name))


def test_only_who_forgives_and_is_no_fool_solves_the_exercise_about_mistakes():
    def passes(strategy):
        draw = lambda r: (r.randrange(10**6),)
        return bool(check.same("Exercise", group.graded(strategy), lambda seed: (True, True), draw))

    assert passes(group.forgiving) and not passes(untouched.forgiving)
    for name in ("always help", "never help", "grudger", "tit for tat", "by lot"):
        assert not passes(group.STRATEGIES[name])


def test_offers_alternate_between_two_different_deals():
    assert all(a != b for a, b in pairwise(group.negotiate()))
