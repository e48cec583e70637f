"""The watcher: scraped metrics against the fleet itself, rules against a count of minutes."""

import pytest

from coursekit.fleet import CALLS, Fault, Fleet, hosts
from coursekit.samples import Samples
from coursekit.watch import KEEP, Alert, FleetSamples, Watch, as_datadog, notices

CPU = {
    "alert": "HighCpu", "expr": "fleet_cpu_ratio > 0.84", "for": "3m", "labels": {"severity": "warning"},
    "annotations": {"summary": "{{ $labels.host }}"},
}  # fmt: skip


def test_health_says_what_the_fleet_is():
    watch = Watch(Fleet([Fault("surge", "service-c", at=20)], seed=1), []).run(30)
    fleet, seen = watch.fleet, watch.health("us-east")
    for service in CALLS:
        for host in hosts(service, "us-east"):
            assert seen[service]["cpu"][host] == round(fleet.cpu[host], 2)
            assert seen[service]["disk"][host] == round(fleet.disk[host], 2)
        assert seen[service]["instances"] == 6 and seen[service]["certificate_days"] == 57
    assert seen["service-c"]["requests"] == pytest.approx(2, abs=0.1)
    assert seen["service-b"]["requests"] == pytest.approx(1, abs=0.05)


def test_a_page_is_kept_as_the_general_parser_keeps_it():
    fleet, ours, general = Fleet([Fault("down", "database", at=3)], seed=2), FleetSamples(), Samples()
    for minute in range(6):
        for samples in (ours, general):
            samples.scrape(fleet.page(), 60.0 * minute, job="fleet")
        fleet.step()
    assert ours.series == general.series and len(ours.series) == 1 + len(
        [line for line in fleet.page().splitlines() if not line.startswith("#")]
    )


def test_health_of_an_unknown_region_is_refused():
    with pytest.raises(ValueError, match="mars"):
        Watch(Fleet(), []).run(1).health("mars")


def test_an_alert_fires_when_its_rule_has_held_for_its_time_and_resolves_when_it_ends():
    fault = Fault("deploy", "service-b", at=10, until=20)
    watch = Watch(Fleet([fault], seed=1), [CPU]).run(30)
    assert [(alert.at, alert.host) for alert in watch.alerts] == [
        (13, h) for h in hosts("service-b", "us-east")
    ]
    assert watch.firing == {} and watch.alerts[0].text == "us-east-b1"
    assert len(Watch(Fleet([fault], seed=1), [CPU]).run(19).firing) == 3


def test_memory_of_metrics_is_bounded():
    watch = Watch(Fleet(seed=1), []).run(KEEP + 20)
    assert {len(points) for points in watch.samples.series.values()} == {KEEP}


def test_a_notice_comes_at_the_start_and_again_each_repeat_and_hosts_come_twice():
    told = list(notices(Watch(Fleet([Fault("deploy", "service-b", at=10)], seed=1), [CPU]), 40, repeat=10))
    ours = [each for each in told if isinstance(each, Alert)]
    assert [alert.at for alert in ours] == [13] * 3 + [23] * 3 + [33] * 3
    assert [each for each in told if not isinstance(each, Alert)] == [as_datadog(alert) for alert in ours]
