"""A shop to look after: the fleet of chapter 15 under a shop's names, as alerts, log lines and the truth.

    shop = Shop(Fault("deploy", "payment-api", at=10)).run(15)
    shop.alerts[0], shop.lines[-1]            # as a webhook and as a log store have them
    shop.truth                                # {"cause": "deploy", "culprit": "payment-api"}: for scores only

Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from coursekit.fleet import CULPRITS, Fleet
from coursekit.fleet import Fault as FleetFault
from coursekit.watch import Alert, Watch

REGION = "us-east"
NAMES = {
    "service-a": "web-shop", "service-b": "payment-api", "service-c": "search-api",
    "service-d": "catalogue-api", "database": "orders-db", "batch": "batch",
}  # fmt: skip
TEAMS = {
    "web-shop": "web", "payment-api": "payments", "search-api": "search", "catalogue-api": "search",
    "orders-db": "data", "batch": "data",
}  # fmt: skip
CAUSES = {kind: tuple(NAMES[service] for service in services) for kind, services in CULPRITS.items()}
START = datetime(2026, 6, 26, 9, 50, tzinfo=UTC)  # minute 0
_ERRORS = "rate(fleet_errors_total[3m]) / rate(fleet_requests_total[3m])"


def _rule(alert: str, expr: str, patience: str, severity: str, summary: str) -> dict:
    about = {"labels": {"severity": severity}, "annotations": {"summary": summary}}
    return {"alert": alert, "expr": expr, "for": patience, **about}


RULES = [
    _rule("MostRequestsFail", f"{_ERRORS} > 0.6", "1m", "CRITICAL",
          "{{ $value | humanizePercentage }} of the requests to {{ $labels.service }} fail"),
    _rule("HighErrorRate", f"{_ERRORS} > 0.05", "2m", "HIGH",
          "High error rate: {{ $value | humanizePercentage }} of the requests to {{ $labels.service }}"),
    _rule("SlowResponses", "fleet_latency_seconds > 1", "1m", "HIGH",
          "{{ $labels.service }} answers in {{ $value }} s"),
    _rule("HighCpu", "fleet_cpu_ratio > 0.84", "3m", "WARNING",
          "CPU {{ $value | humanizePercentage }} on {{ $labels.host }}"),
    _rule("HighMemory", "fleet_memory_ratio > 0.9", "1m", "WARNING",
          "memory {{ $value | humanizePercentage }} on {{ $labels.host }}"),
    _rule("DiskAlmostFull", "fleet_disk_ratio > 0.9", "1m", "WARNING",
          "disk {{ $value | humanizePercentage }} on {{ $labels.host }}"),
]  # fmt: skip


def renamed(text: str) -> str:
    """
    >>> renamed("TLS handshake with service-b failed")
    'TLS handshake with payment-api failed'
    """
    return re.sub(r"service-[abcd]|\bdatabase\b", lambda found: NAMES[found[0]], text)


def Fault(kind: str, service: str, at: int = 10, **more) -> FleetFault:  # reads like the class
    """A fault of the fleet, its culprit called as the shop calls it."""
    inner = next((ours for ours, theirs in NAMES.items() if theirs == service), None)
    if inner is None:
        raise ValueError(f"the shop has no service {service!r}; it has {', '.join(TEAMS)}")
    return FleetFault(kind, inner, REGION, at, **more)


def clock(minute: float) -> datetime:
    """The moment of a minute, in UTC."""
    return START + timedelta(minutes=minute)


class Shop:
    """One region with faults, watched by `RULES`."""

    def __init__(self, *faults: FleetFault, seed: int = 1, decoys: int = 0) -> None:
        self.faults = faults
        self.watch = Watch(Fleet(faults, seed=seed, regions=(REGION,), decoys=decoys), RULES)

    def run(self, minutes: int) -> "Shop":
        self.watch.run(minutes)
        return self

    def until_alert(self, most: int = 60) -> "Shop":
        """Run until something fires, at most so many minutes."""
        while not self.watch.alerts and self.watch.fleet.minute < most:
            self.watch.run(1)
        return self

    @property
    def now(self) -> datetime:
        return clock(self.watch.fleet.minute)

    @property
    def alerts(self) -> list[dict]:
        """All that fired so far, as a monitoring tool would post it."""
        return [self.post(alert) for alert in self.watch.alerts]

    def post(self, alert: Alert) -> dict:
        values = {"error_rate": self.watch.fleet.failing[alert.service, REGION],
                  "response_time": 1000 * self.watch.fleet.latency[alert.service, REGION]}  # fmt: skip
        return {
            "severity": alert.severity,
            "service": NAMES[alert.service],
            "message": renamed(alert.text),
            "timestamp": clock(alert.at).isoformat(),
            "metrics": {name: round(value, 3) for name, value in values.items()},
        }

    @property
    def lines(self) -> list[dict]:
        """All log lines so far, oldest first."""
        return list(self._lines())

    def _lines(self) -> Iterator[dict]:
        for number, log in enumerate(self.watch.fleet.logs):
            at = clock(log.at) + timedelta(milliseconds=number % 1000)  # two lines of a minute differ
            about = {"service": NAMES[log.service], "host": renamed(log.host), "level": log.level}
            yield {"@timestamp": at.isoformat(), "message": renamed(log.message), **about}

    @property
    def truth(self) -> dict:
        """Cause and culprit of the first fault, which no tool of an agent reads."""
        fault = self.faults[0]
        return {"cause": fault.kind, "culprit": NAMES[fault.service]}
