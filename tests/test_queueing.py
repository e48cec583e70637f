from collections import Counter
from random import Random

import numpy as np
import pytest
import simpy
from hypothesis import assume, given
from hypothesis import strategies as st

from coursekit.queueing import Visits, serve, serve_in_order

ORDERS = ["fifo", "lifo", "random", "shortest", "priority"]


@st.composite
def work(draw, shortest_service=0):
    """Arrivals and services as whole numbers, so that sums are exact."""
    customers = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(shortest_service, 9)), min_size=1))
    gaps, services = zip(*customers, strict=True)
    return np.cumsum(gaps).tolist(), list(services)


def serve_by(order, arrivals, services):
    return serve_in_order(arrivals, services, order, ranks=[s % 3 for s in services], rng=Random(7))


# ---- serve


def starts_in_simpy(arrivals, services, servers):
    world, started = simpy.Environment(), {}
    desk = simpy.Resource(world, servers)

    def customer(who):
        yield world.timeout(arrivals[who])
        with desk.request() as turn:
            yield turn
            started[who] = world.now
            yield world.timeout(services[who])

    for who in range(len(arrivals)):
        world.process(customer(who))
    world.run()
    return [started[who] for who in range(len(arrivals))]


@given(work(), st.integers(1, 5))
def test_everybody_starts_at_the_moment_at_which_simpy_starts_them(work, servers):
    assert serve(*work, servers).started == starts_in_simpy(*work, servers)


@given(work(), st.integers(1, 5))
def test_services_take_their_time_and_begin_in_the_order_of_arrival(work, servers):
    arrivals, services = work
    visits = serve(arrivals, services, servers)
    assert visits.arrived == arrivals
    assert visits.left == [start + service for start, service in zip(visits.started, services, strict=True)]
    assert visits.started == sorted(visits.started)
    assert min(visits.waits) >= 0


@given(work(), st.integers(1, 5))
def test_no_more_customers_are_in_service_than_there_are_servers(work, servers):
    visits = serve(*work, servers)
    in_service = Visits(visits.started, visits.started, visits.left)
    assert max(in_service.in_system(visits.started)) <= servers


@given(work(), st.integers(1, 5))
def test_one_server_more_makes_nobody_wait_longer(work, servers):
    assert np.all(serve(*work, servers + 1).waits <= serve(*work, servers).waits)


@given(work(), st.integers(1, 5), st.sampled_from([0.25, 2, 1024]))
def test_a_faster_clock_scales_every_wait_and_leaves_the_number_inside_alone(work, servers, scale):
    arrivals, services = np.array(work)
    visits, scaled = serve(arrivals, services, servers), serve(arrivals * scale, services * scale, servers)
    assert np.array_equal(scaled.waits, visits.waits * scale)
    assume(max(visits.left) > min(visits.arrived))
    assert scaled.mean_in_system() == visits.mean_in_system()


def test_arrays_and_lists_give_the_same_plain_numbers():
    visits = serve(np.array([0, 1, 2]), np.array([2, 2, 2]))
    assert visits == serve([0, 1, 2], [2, 2, 2])
    assert {type(number) for number in visits.started + visits.left} == {int}


# ---- other orders


@given(work(shortest_service=1), st.sampled_from(["fifo", "lifo", "shortest", "priority"]))
def test_whoever_starts_was_the_one_whose_turn_it_was(work, order):
    arrivals, services = work
    visits = serve_by(order, arrivals, services)
    turn = {
        "fifo": lambda i: i,
        "lifo": lambda i: -i,
        "shortest": lambda i: (services[i], i),
        "priority": lambda i: (services[i] % 3, i),
    }[order]
    for i, now in enumerate(visits.started):
        waiting = [j for j, came in enumerate(arrivals) if came <= now <= visits.started[j]]
        assert i == min(waiting, key=turn)


@given(work())
def test_first_come_first_served_is_what_serve_does_with_one_server(work):
    assert serve_in_order(*work, "fifo") == serve(*work)


@given(work(), st.sampled_from(ORDERS))
def test_the_order_moves_waits_between_customers_but_not_the_moments_at_which_the_server_is_busy(work, order):
    arrivals, services = work
    alike = [5] * len(services)
    assert sorted(serve_by(order, arrivals, alike).started) == serve(arrivals, alike).started
    assert max(serve_by(order, arrivals, services).left) == max(serve(arrivals, services).left)


def test_random_order_gives_every_order_of_three_who_wait_the_same_chance():
    rng, seen = Random(1961), Counter()
    for _ in range(6000):
        seen[tuple(serve_in_order([0, 1, 1, 1], [2, 1, 1, 1], "random", rng=rng).started)] += 1
    assert len(seen) == 6
    assert all(850 < times < 1150 for times in seen.values())  # five standard deviations


# ---- Little's law


@given(work(), st.integers(1, 4), st.sampled_from(ORDERS))
def test_the_law_is_exact_from_empty_to_empty_whatever_the_order(work, servers, order):
    for visits in serve(*work, servers), serve_by(order, *work):
        assume(max(visits.left) > min(visits.arrived))
        arrivals_times_stay = visits.arrival_rate() * visits.mean_stay()
        assert visits.mean_in_system() == pytest.approx(arrivals_times_stay, rel=1e-12)


@given(work(), st.integers(1, 4), st.integers(0, 30), st.integers(1, 30))
def test_mean_in_system_is_what_somebody_counts_who_looks_in_once_per_tick(work, servers, start, length):
    visits = serve(*work, servers)
    spans = list(zip(visits.arrived, visits.left, strict=True))
    seen = [sum(came <= tick < left for came, left in spans) for tick in range(start, start + length)]
    assert visits.mean_in_system((start, start + length)) == sum(seen) / length
    assert visits.in_system(range(start, start + length)).tolist() == seen


def test_the_area_under_the_staircase_is_the_sum_of_stays():
    visits = serve([0, 1, 2, 9], [2, 3, 2, 1])
    times, inside = visits.staircase()
    assert times.tolist() == [0, 1, 2, 5, 7, 9, 10]
    assert inside.tolist() == [1, 2, 2, 1, 0, 1, 0]
    assert np.sum(inside[:-1] * np.diff(times)) == np.sum(visits.stays) == 2 + 4 + 5 + 1


def test_the_law_says_little_about_a_window_at_whose_end_the_line_still_grows():
    visits = serve(np.arange(0, 100, 0.5), np.ones(200))  # two come a second, one is served
    assert visits.mean_in_system((0, 10)) == 6
    assert visits.arrival_rate((0, 10)) * visits.mean_stay((0, 10)) == 11.5


def test_throughput_counts_what_leaves_and_arrival_rate_what_comes():
    visits = serve(np.arange(0, 60, 0.005), np.full(12_000, 3.0))  # 200 come a second, each takes 3 s
    assert visits.arrival_rate((0, 60)) == 200
    assert visits.throughput((0, 60)) == pytest.approx(1 / 3)


@given(work(), st.integers(1, 20), st.integers(1, 20))
def test_two_windows_side_by_side_count_nobody_twice(work, first, second):
    visits, both = serve(*work), first + second
    for rate in visits.arrival_rate, visits.throughput, visits.mean_in_system:
        parts = rate((0, first)) * first + rate((first, both)) * second
        assert parts == pytest.approx(rate((0, both)) * both)


def test_a_log_in_any_order_gives_the_same_measures():
    visits = serve([0, 1, 2, 9], [2, 3, 2, 1])
    log = Visits(visits.arrived[::-1], visits.started[::-1], visits.left[::-1])
    for measure in "mean_in_system", "arrival_rate", "mean_stay", "throughput":
        assert getattr(log, measure)() == getattr(visits, measure)()


# ---- mistakes


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda: serve([0, 2, 1], [1, 1, 1]), "1 follows 2; sort them"),
        (lambda: serve([0, float("nan")], [1, 1]), "nan follows 0"),
        (lambda: serve([0, 1], [1, -3]), "0 or more, got -3"),
        (lambda: serve([0, 1], [1]), "got 2 and 1"),
        (lambda: serve([0], [1], servers=0), "at least one server is needed, got 0"),
        (lambda: serve_in_order([0], [1], "fastest"), "'fastest'; choose one of fifo, lifo"),
        (lambda: serve_in_order([0], [1], "random"), "pass rng=random.Random"),
        (
            lambda: serve_in_order([0], [1], "priority"),
            "each of the 1 customers needs one of the ranks, got 0",
        ),
        (lambda: Visits([0, 1], [0], [1, 2]), r"got \(2, 1, 2\)"),
        (lambda: serve([], []).mean_in_system(), r"give a window, as in \(0, 60\)"),
        (lambda: serve([5], [1]).mean_stay((0, 5)), "nobody arrives between 0 and 5"),
        (lambda: serve([5], [1]).arrival_rate((3, 3)), "got 3 to 3"),
    ],
)
def test_a_mistake_is_answered_with_the_value_that_was_wrong(mistake, said):
    with pytest.raises(ValueError, match=said):
        mistake()
