"""A watcher of a fleet: scrape its metrics each minute, ask Prometheus' rules, keep what they say.

    watch = Watch(fleet, rules).run(30)
    watch.firing, watch.alerts

Taught in: notebooks/15_incident_agent.ipynb
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from coursekit import promql
from coursekit.alarms import Alarm
from coursekit.fleet import CALLS, REGIONS, Fleet
from coursekit.samples import Labels, Samples, key

KEEP = 30  # minutes of metrics
DATADOG = {
    "HighCpu": "system.cpu.user",
    "HighMemory": "system.mem.used",
    "DiskAlmostFull": "system.disk.in_use",
}


class Alert(NamedTuple):
    """The one form of an alert, whatever tool it came from."""

    at: int  # minute
    source: str
    name: str
    severity: str
    region: str
    service: str
    host: str  # "" if it is about a service
    text: str


class Labelled(Alarm):
    """An alarm whose notices also say which series they are about."""

    def notice(self, state: str, who: Labels, value: float, at: float) -> dict:
        return super().notice(state, who, value, at) | {"labels": dict(who)}


def from_prometheus(notice: dict) -> Alert:
    """
    >>> about = {"region": "us-east", "service": "service-b"}
    >>> said = {"at": 120, "alert": "Slow", "severity": "critical", "summary": "2 s"}
    >>> from_prometheus(said | {"labels": about})[:3]
    (2, 'prometheus', 'Slow')
    """
    about, minute = notice["labels"], int(notice["at"] // 60)
    place = about["region"], about["service"], about.get("host", "")
    return Alert(minute, "prometheus", notice["alert"], notice["severity"], *place, notice["summary"])


@cache
def identity(series: str, *target: tuple[str, str]) -> Labels:
    """The key of a series as a page writes it, read by Prometheus' own parser, with the target's labels.

    >>> identity('disk{host="b1"}', ("job", "fleet"))
    (('__name__', 'disk'), ('host', 'b1'), ('job', 'fleet'))
    """
    ((sample,),) = (family.samples for family in text_string_to_metric_families(f"{series} 0\n"))
    return key(sample.name, **sample.labels | dict(target))


class FleetSamples(Samples):
    """The same samples, sooner: a fleet's series keep their names, so each name is parsed only once."""

    def scrape(self, text: str, at: float, **target: str) -> None:
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        page = {identity(name, *target.items()): float(value) for name, _, value in lines}
        self._write(page | {key("up", **target): 1.0}, at, target)


class Watch:
    """Lives through the minutes of a fleet.

    rules: as in a rules file of Prometheus.   read: gives the page of metrics; the fleet's own if None.
    """

    def __init__(self, fleet: Fleet, rules: Iterable[dict], read: Callable[[], str] | None = None) -> None:
        self.fleet, self.read = fleet, read or fleet.page
        self.samples, self.alarms = FleetSamples(), [Labelled(rule) for rule in rules]
        self.firing: dict[tuple, Alert] = {}  # now
        self.alerts: list[Alert] = []  # all so far, each at the minute when it began to fire

    def run(self, minutes: int) -> "Watch":
        for _ in range(minutes):
            self.fleet.step()
            at = 60.0 * self.fleet.minute
            self.samples.scrape(self.read(), at, job="fleet")
            for points in self.samples.series.values():
                del points[:-KEEP]
            for alarm in self.alarms:
                for notice in alarm.look(self.samples, at):
                    self.hear(notice)
        return self

    def hear(self, notice: dict) -> None:
        """Keep what a rule says; a pending alert is not one yet."""
        key = notice["alert"], *sorted(notice["labels"].items())
        if notice["state"] == "resolved":
            del self.firing[key]
        elif notice["state"] == "firing":
            self.firing[key] = from_prometheus(notice)
            self.alerts.append(self.firing[key])

    def health(self, region: str) -> dict[str, dict]:
        """What the metrics say of each service: cpu, memory and disk by host, instances, certificate_days,
        and requests of the last five minutes against those twenty minutes before.

        Raises: ValueError for a region that there is not.
        """
        if region not in REGIONS:
            raise ValueError(f"no region {region!r}; there are {', '.join(REGIONS)}")
        where, seen = f'{{region="{region}"}}', {service: {} for service in CALLS}
        for name in ("cpu", "memory", "disk"):
            for about, value in self._ask(f"fleet_{name}_ratio{where}"):
                seen[about["service"]].setdefault(name, {})[about["host"]] = round(value, 2)
        for name in ("instances", "certificate_days"):
            for about, value in self._ask(f"fleet_{name}{where}"):
                seen[about["service"]][name] = int(value)
        grown = f"increase(fleet_requests_total{where}[5m])"
        before = {about["service"]: value for about, value in self._ask(grown, ago=20)}
        for about, value in self._ask(grown):
            seen[about["service"]]["requests"] = round(value / before[about["service"]], 2)
        return seen

    def _ask(self, question: str, ago: int = 0) -> list[tuple[dict, float]]:
        found = promql.query(question, self.samples, 60.0 * (self.fleet.minute - ago))
        return [(dict(labels), value) for labels, value in found.items()]


def notices(watch: Watch, minutes: int, repeat: int = 15) -> Iterator[Alert | dict]:
    """All that reaches a phone: what fires, again each `repeat` minutes; hosts also as Datadog posts them."""
    since: dict[tuple, int] = {}
    for _ in range(minutes):
        watch.run(1)
        now = watch.fleet.minute
        since = {about: since.get(about, now) for about in watch.firing}
        for about, start in since.items():
            if (now - start) % repeat == 0:
                alert = watch.firing[about]._replace(at=now)
                yield alert
                if alert.name in DATADOG:
                    yield as_datadog(alert)


def as_datadog(alert: Alert) -> dict:
    """The body of the webhook that Datadog would post about the same host; its fields are chosen by its user.

    Source: Datadog, "Webhooks integration" ($HOSTNAME, $TAGS, $ALERT_METRIC, $ALERT_TRANSITION, $DATE in ms).
    """
    return {
        "title": f"[Triggered] {DATADOG[alert.name]} is high on {alert.host}",
        "alert_metric": DATADOG[alert.name],
        "alert_transition": "Triggered",
        "hostname": alert.host,
        "tags": f"region:{alert.region},service:{alert.service}",
        "date": 60_000 * alert.at,
    }
