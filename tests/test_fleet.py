"""The fleet: what breaks, who feels it, what mends it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from coursekit.fleet import (
    ACTIONS,
    CALLS,
    CAPACITY,
    CULPRITS,
    CURES,
    DEMAND,
    INSTANCES,
    ON_HOSTS,
    REGIONS,
    Fault,
    Fleet,
    callers,
    hosts,
)

EVERY = [(kind, who) for kind in CURES for who in CULPRITS[kind]]
every_fault = pytest.mark.parametrize(("kind", "who"), EVERY)


def broken(kind, who, seed=1, **more):
    return Fleet([Fault(kind, who, at=5)], seed=seed, **more).run(25)


def cure(fleet):
    fault = fleet.faults[0]
    fleet.act(fault.cure, fault.service, fault.region, instances=2 * INSTANCES)
    return fleet.run(5)


def test_a_fleet_without_faults_stays_healthy_and_loses_nothing():
    fleet = Fleet(seed=3)
    assert all(fleet.run(1).healthy for _ in range(120)) and fleet.lost == 0


@every_fault
def test_every_fault_breaks_the_fleet_and_its_cure_mends_it(kind, who):
    fleet = broken(kind, who)
    assert not fleet.healthy and fleet.active()
    assert cure(fleet).healthy and fleet.actions[-1].right


@every_fault
def test_nothing_but_the_cure_ends_a_fault(kind, who):
    for action in ACTIONS:
        possible = (action == "throttle") == (who == "batch")
        if possible and action not in (CURES[kind], "drop"):
            fleet = broken(kind, who)
            fleet.act(action, who, "us-east", instances=1)
            assert fleet.active() and not fleet.actions[-1].right


@every_fault
def test_only_those_that_a_fault_touches_feel_it(kind, who):
    fleet = broken(kind, who)
    for (service, region), share in fleet.failing.items():
        if region == "eu-west" or service not in fleet.faults[0].touches:
            assert share < 0.001


@every_fault
def test_a_fault_mends_itself_at_its_end(kind, who):
    fleet = Fleet([Fault(kind, who, at=5, until=20)], seed=2).run(28)
    assert fleet.healthy and not fleet.active()


def test_the_same_seed_gives_the_same_life_and_another_seed_another():
    lives = [broken("deploy", "service-b", seed) for seed in (7, 7, 8)]
    pages, logs = [fleet.page() for fleet in lives], [fleet.logs for fleet in lives]
    assert pages[0] == pages[1] != pages[2] and logs[0] == logs[1] != logs[2]


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 24))
def test_utilisation_is_demand_over_what_the_instances_can_do(instances):
    fleet = Fleet(seed=1)
    fleet.act("scale", "service-b", "us-east", instances=instances)
    busy = fleet.run(1).cpu["us-east-b1"]
    assert busy == pytest.approx(DEMAND / (instances * CAPACITY), rel=0.06)
    lost = max(0.0, 1 - instances * CAPACITY / DEMAND)
    assert fleet.failing["service-b", "us-east"] == pytest.approx(lost, abs=0.04)


def test_without_instances_all_requests_fail():
    fleet = Fleet(seed=1)
    fleet.act("scale", "service-a", "us-east", instances=0)
    assert fleet.run(1).failing["service-a", "us-east"] == 1


def test_a_dropped_database_takes_every_region_along():
    fleet = Fleet(seed=1)
    fleet.act("drop", "database", "us-east")
    fleet.run(2)
    assert all(fleet.failing["service-a", region] == 1 for region in REGIONS)


def test_what_cannot_be_reached_counts_no_requests_and_its_callers_count_the_errors():
    fleet = broken("certificate", "service-d")
    before = dict(fleet.requests)
    fleet.run(3)
    assert fleet.requests["service-d", "us-east"] == before["service-d", "us-east"]
    assert fleet.failing["service-d", "us-east"] == 0 and fleet.failing["service-c", "us-east"] == 1
    assert fleet.failing["service-b", "us-east"] == 0


@pytest.mark.parametrize(("kind", "who"), [pair for pair in EVERY if CURES[pair[0]] in ON_HOSTS])
def test_a_cure_on_one_host_mends_that_host_alone(kind, who):
    fleet = broken(kind, who)
    first, *others = hosts(who, "us-east")
    fleet.act(CURES[kind], who, "us-east", host=first)
    fleet.run(3)
    level = {"deploy": fleet.cpu, "leak": fleet.memory, "disk": fleet.disk}[kind]
    assert level[first] < min(level[host] for host in others) and fleet.active()
    for host in others:
        fleet.act(CURES[kind], who, "us-east", host=host)
    assert fleet.run(5).healthy and not fleet.active()


def test_an_undo_brings_back_what_was_before():
    fleet = broken("deploy", "service-b")
    fleet.act(**fleet.act("rollback", "service-b", "us-east", host="us-east-b2"))
    assert fleet.run(1).cpu["us-east-b2"] > 0.85
    fleet.act(**fleet.act("scale", "service-c", "us-east", instances=9))
    assert fleet.instances["service-c", "us-east"] == INSTANCES
    assert fleet.act("restart", "service-b", "us-east") is None


def test_a_restart_costs_its_hosts_a_minute():
    fleet = Fleet(seed=1)
    fleet.act("restart", "service-b", "us-east", host="us-east-b1")
    assert fleet.run(1).failing["service-b", "us-east"] == pytest.approx(1 / 3)
    assert fleet.run(1).failing["service-b", "us-east"] == 0


def test_callers_are_those_who_reach_a_service():
    def reaches(start, goal):
        return any(called == goal or reaches(called, goal) for called in CALLS[start])

    for goal in CALLS:
        assert callers(goal) == {start for start in CALLS if reaches(start, goal)}


def test_the_page_is_text_that_prometheus_reads_and_counters_never_fall():
    fleet, before = broken("down", "database"), {}
    for _ in range(5):
        for family in text_string_to_metric_families(fleet.page()):
            for sample in family.samples:
                key = (sample.name, *sorted(sample.labels.items()))
                assert family.type != "counter" or sample.value >= before.get(key, 0)
                before[key] = sample.value
        fleet.run(1)
    assert len(before) == len(CALLS) * len(REGIONS) * (3 * 3 + 5)


def test_a_sensor_that_hovers_changes_no_request():
    plain, hovering = (Fleet(seed=1, flapping=names).run(60) for names in ((), ("us-east-b1",)))
    assert plain.requests == hovering.requests and plain.cpu == hovering.cpu
    assert 'host="us-east-b1"} 0.8' in hovering.page().replace("0.8700", "0.8")


def test_logs_that_do_not_arrive_name_nothing():
    for kind, who in EVERY:
        fleet = Fleet([Fault(kind, who, at=5, logged=False)], seed=1).run(30)
        told = " ".join(log.message for log in fleet.logs)
        assert not any(sign in told for sign in ("space left", "OutOfMemory", "refused", "expired", "steal"))


@pytest.mark.parametrize(
    ("action", "service", "more"),
    [
        ("reboot", "service-b", {}),
        ("restart", "service-z", {}),
        ("restart", "service-b", {"host": "us-east-c1"}),
        ("failover", "database", {"host": "us-east-db1"}),
        ("throttle", "service-b", {}),
        ("restart", "batch", {}),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_choices(action, service, more):
    with pytest.raises(ValueError, match=r"us-east|throttled"):
        Fleet().act(action, service, "us-east", **more)
    with pytest.raises(ValueError, match="no fault 'fire'"):
        Fault("fire", "service-b")
