"""A fleet of services to break: metrics, logs and deploys, minute by minute, with the truth kept aside.

    fleet = Fleet([Fault("deploy", "service-b", "us-east", at=25)], seed=1).run(40)
    fleet.page()                                      # what /metrics shows, in Prometheus' text format
    fleet.act("rollback", "service-b", "us-east")     # takes effect in the next minute
    fleet.faults[0].cure                              # the truth, which no tool of an agent should read

Each service has three hosts in each region and, at first, six instances of 1,000 requests a minute, 45 % of
which are in use. What cannot be reached counts no error: its callers do. Everything is drawn from `seed`.
Taught in: notebooks/15_incident_agent.ipynb
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

REGIONS = ("us-east", "eu-west")
CALLS = {
    "database": (), "service-d": ("database",), "service-c": ("service-d",), "service-b": ("database",),
    "service-a": ("service-b", "service-c"),
}  # fmt: skip
CURES = {
    "deploy": "rollback", "surge": "scale", "leak": "restart", "disk": "clean_disk", "down": "failover",
    "certificate": "renew_certificate", "neighbour": "throttle",
}  # fmt: skip
ABOUT = {
    "deploy": "a new version needs twice the processor time",
    "surge": "twice as many requests, nothing is wrong",
    "leak": "memory grows until the process is killed",
    "disk": "the disk fills, writes fail",
    "down": "the database refuses connections",
    "certificate": "it expired; all who call get no connection",
    "neighbour": "a batch job takes half a host from service-c",
}
CULPRITS = dict.fromkeys(CURES, ("service-b", "service-c", "service-d"))
CULPRITS |= {"down": ("database",), "neighbour": ("batch",)}
ACTIONS = (*CURES.values(), "redeploy", "drop")
ON_HOSTS = ("rollback", "restart", "clean_disk", "redeploy")  # can be done on one host
HOSTS, INSTANCES, CAPACITY, DEMAND = 3, 6, 1000.0, 2700.0  # the last two in requests a minute
WRONG = {
    "disk": "write failed: No space left on device",
    "leak": "allocation failed: OutOfMemoryError, heap exhausted",
}
HARMLESS = (
    ("INFO", "request served"), ("INFO", "cache refreshed"), ("WARN", "retry 1 of 3 succeeded"),
    ("WARN", "certificate expires in 57 days"), ("INFO", "disk 61 % used"), ("WARN", "slow query, 240 ms"),
    ("INFO", "health check passed"),
)  # fmt: skip


def clock(minute: float) -> str:
    """Time of day; minute 0 is 11:40.

    >>> clock(25), clock(800)
    ('12:05', '01:00')
    """
    return f"{(700 + int(minute)) // 60 % 24:02}:{(700 + int(minute)) % 60:02}"


def hosts(service: str, region: str) -> list[str]:
    """The names of a service's hosts.

    >>> hosts("service-b", "us-east")
    ['us-east-b1', 'us-east-b2', 'us-east-b3']
    """
    letter = "db" if service == "database" else service[-1]
    return [f"{region}-{letter}{number}" for number in range(1, HOSTS + 1)]


def callers(service: str) -> set[str]:
    """All that call `service`, directly or through others.

    >>> sorted(callers("service-d"))
    ['service-a', 'service-c']
    """
    direct = {name for name, called in CALLS.items() if service in called}
    return direct.union(*map(callers, direct))


class Deploy(NamedTuple):
    at: int  # minute
    region: str
    service: str
    version: int


class Action(NamedTuple):
    at: int
    action: str
    service: str
    region: str
    host: str
    instances: int
    right: bool  # is it the cure of a fault that is at work?


class Log(NamedTuple):
    at: int
    region: str
    service: str
    host: str
    level: str
    message: str


@dataclass(frozen=True)
class Fault:
    """Something that breaks in minute `at` and, if not cured, mends itself in minute `until`.

    kind: a key of `CURES`.   service: the culprit; "batch" for a neighbour, which shares a host of service-c.
    logged: False if the service's own logs do not arrive.   Raises: ValueError for a kind that there is not.
    """

    kind: str
    service: str
    region: str = "us-east"
    at: int = 25
    until: int = 10**6
    logged: bool = True

    def __post_init__(self) -> None:
        if self.kind not in CURES:
            raise ValueError(f"no fault {self.kind!r}; there is {', '.join(CURES)}")

    @property
    def cure(self) -> str:
        return CURES[self.kind]

    @property
    def touches(self) -> set[str]:
        """The services on which it may be felt."""
        felt = "service-c" if self.service == "batch" else self.service
        return {felt, *callers(felt)}


class Fleet:
    """The services of all `regions`, and what was done to them: `deploys`, `logs`, `actions`.

    decoys: harmless deploys close to each fault.   flapping: hosts whose sensor of CPU hovers around 84 %,
    whatever they do.   Raises: ValueError for an action, a service or a region that there is not.
    """

    def __init__(
        self, faults: Iterable[Fault] = (), *, seed: int = 0, decoys: int = 2, flapping: Iterable[str] = (),
        regions: Iterable[str] = REGIONS,
    ) -> None:  # fmt: skip
        self.faults, self.regions, self.flapping = list(faults), tuple(regions), set(flapping)
        self.rng, self.minute = Random(f"fleet {seed}"), 0
        self.deploys: list[Deploy] = []
        self.logs: list[Log] = []
        self.actions: list[Action] = []
        self.ended: set[Fault] = set()
        self.calm: set[str] = set()  # hosts on which a fault no longer acts
        self.away: set[str] = set()  # hosts that serve nobody in the next minute
        self.dropped: set[str] = set()
        self.instances = {(s, r): INSTANCES for s in CALLS for r in self.regions}
        self.cpu: dict[str, float] = defaultdict(lambda: 0.45)
        self.memory: dict[str, float] = defaultdict(lambda: 0.5)
        self.disk: dict[str, float] = defaultdict(lambda: 0.6)
        self.requests: dict[tuple[str, str], float] = defaultdict(float)
        self.errors: dict[tuple[str, str], float] = defaultdict(float)
        self.failing: dict[tuple[str, str], float] = defaultdict(float)  # share of the last minute
        self.latency: dict[tuple[str, str], float] = defaultdict(float)
        self.versions: dict[tuple[str, str], int] = defaultdict(lambda: 40)
        self._planned = [self._decoy(fault) for fault in self.faults for _ in range(decoys)]
        self._planned += [(f.at, f.region, f.service) for f in self.faults if f.kind == "deploy"]

    def _decoy(self, fault: Fault) -> tuple[int, str, str]:
        service = self.rng.choice([name for name in CALLS if (fault.kind, name) != ("deploy", fault.service)])
        return max(1, fault.at - self.rng.randrange(2, 20)), fault.region, service

    # Time.

    def run(self, minutes: int) -> "Fleet":
        for _ in range(minutes):
            self.step()
        return self

    def step(self) -> None:
        """One minute: deploys, faults, load, logs."""
        self.minute += 1
        for at, region, service in self._planned:
            if at == self.minute:
                self._deploy(service, region)
        for region in self.regions:
            cut_off = {f.service for f in self.active(region) if f.kind in ("down", "certificate")}
            for service in CALLS:
                self._serve(service, region, cut_off | self.dropped)
            self._chat(region)

    def active(self, region: str | None = None) -> list[Fault]:
        """Faults that are at work now."""
        return [
            fault for fault in self.faults
            if fault.at <= self.minute < fault.until and fault not in self.ended
            and region in (None, fault.region)
        ]  # fmt: skip

    def _deploy(self, service: str, region: str) -> None:
        self.versions[service, region] += 1
        version = self.versions[service, region]
        self.deploys.append(Deploy(self.minute, region, service, version))
        self._log(region, service, "INFO", f"deployment of version {version} finished")

    def _serve(self, service: str, region: str, cut_off: set[str]) -> None:
        mine = {fault.kind: fault for fault in self.active(region) if fault.service == service}
        asked = DEMAND * (1 + 0.01 * self.rng.gauss(0, 1)) * (2 if "surge" in mine else 1)
        arrived, n = 0.0 if service in cut_off else asked, self.instances[service, region]
        load = arrived / CAPACITY / n if n else 0.0
        lost = [self._host(host, load, region, service, mine) for host in hosts(service, region)]
        reached = 1 - sum(lost) / HOSTS if n else 0.0
        for called in CALLS[service]:
            reached *= 0.0 if called in cut_off else 1 - self.failing[called, region]
            if called in cut_off and self.rng.random() < 0.8:
                self._log(region, service, "ERROR", self._why_cut_off(called, region))
        self.failing[service, region] = 1 - reached if arrived else 0.0
        self.requests[service, region] += arrived
        self.errors[service, region] += arrived * self.failing[service, region]
        busy = min(0.98, max(self.cpu[host] for host in hosts(service, region)))
        waits = max((self.latency[called, region] for called in CALLS[service]), default=0.0)
        self.latency[service, region] = 0.08 / (1 - busy) + waits

    def _host(self, host: str, load: float, region: str, service: str, mine: dict[str, Fault]) -> float:
        """One host for one minute. Returns the share of its requests that it loses."""
        ill = {kind: fault for kind, fault in mine.items() if host not in self.calm}
        busy, lost = load * (2 if "deploy" in ill else 1) + self.rng.gauss(0, 0.004), 0.0
        relaxed = {"leak": (self.memory, 0.5), "disk": (self.disk, 0.6)}
        for kind, (level, usual) in relaxed.items():
            level[host] = level[host] + 0.035 if kind in ill else max(usual, level[host] - 0.2)
        if self.memory[host] >= 1:
            self.memory[host], lost = 0.7, 0.4  # killed, and started again
        if self.memory[host] > 0.85:
            busy += 0.42  # the collector works ever harder
        if self.disk[host] >= 1:
            self.disk[host], lost = 1.0, 0.3
        for kind, level in (("leak", self.memory[host]), ("disk", self.disk[host])):
            if kind in ill and level > 0.88:
                self._say(ill[kind], service, host, "ERROR", WRONG[kind])
        if service == "service-c" and host.endswith("1"):
            for fault in self.active(region):
                if fault.kind == "neighbour":
                    busy += 0.46
                    self._say(fault, service, host, "WARN", "cpu steal 46 % by job batch on the same host")
        if host in self.away:
            self.away.discard(host)
            return 1.0
        self.cpu[host] = max(0.01, busy)
        return max(lost, 1 - 1 / busy if busy > 1 else 0.0)

    # Logs.

    def _log(self, region: str, service: str, level: str, message: str, host: str = "") -> None:
        host = host or self.rng.choice(hosts(service, region))
        self.logs.append(Log(self.minute, region, service, host, level, message))

    def _say(self, fault: Fault, service: str, host: str, level: str, message: str) -> None:
        if fault.logged and self.rng.random() < 0.7:
            self._log(fault.region, service, level, message, host)

    def _why_cut_off(self, called: str, region: str) -> str:
        kinds = {fault.kind: fault for fault in self.active(region) if fault.service == called}
        if not all(fault.logged for fault in kinds.values()):
            return "upstream call failed"
        if "certificate" in kinds:
            return f"TLS handshake with {called} failed: certificate has expired"
        return f"connect to {called}: connection refused"

    def _chat(self, region: str) -> None:
        for _ in range(4):
            service, (level, message) = self.rng.choice(list(CALLS)), self.rng.choice(HARMLESS)
            self._log(region, service, level, message)
        for service in CALLS:
            if self.failing[service, region] > 0.05 and self.rng.random() < 0.5:
                self._log(region, service, "ERROR", "answered 503, too many failures")

    # Metrics.

    def page(self) -> str:
        """All metrics of this minute in Prometheus' text format."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        shown = {host: self.cpu[host] for key in self.instances for host in hosts(*key)}
        for host in self.flapping:
            shown[host] = 0.87 if self.minute // 7 % 2 else 0.8
        for name, values in {"cpu": shown, "memory": self.memory, "disk": self.disk}.items():
            yield f"# TYPE fleet_{name}_ratio gauge"
            for service, region in self.instances:
                for host in hosts(service, region):
                    where = f'region="{region}",service="{service}",host="{host}"'
                    yield f"fleet_{name}_ratio{{{where}}} {values[host]:.4f}"
        expired = {(f.service, f.region) for f in self.active() if f.kind == "certificate"}
        single = {
            "requests_total": self.requests, "errors_total": self.errors, "latency_seconds": self.latency,
            "instances": self.instances,
            "certificate_days": {key: 0 if key in expired else 57 for key in self.instances},
        }  # fmt: skip
        for name, values in single.items():
            yield f"# TYPE fleet_{name} {'counter' if name.endswith('total') else 'gauge'}"
            for service, region in self.instances:
                where = f'region="{region}",service="{service}"'
                yield f"fleet_{name}{{{where}}} {values[service, region]:.4f}"

    async def __call__(self, scope, receive, send) -> None:
        """A fleet is an ASGI application: it shows its page to whoever scrapes."""
        head = [(b"content-type", b"text/plain; version=0.0.4")]
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": self.page().encode()})

    @property
    def lost(self) -> float:
        """Requests to service-a that failed so far, in all regions: what users felt."""
        return sum(self.errors["service-a", region] for region in self.regions)

    @property
    def healthy(self) -> bool:
        """Does nothing fail, and is no host busy beyond 80 %?"""
        return max(self.failing.values()) < 0.02 and max(self.cpu.values()) < 0.8

    # Actions.

    def act(
        self, action: str, service: str, region: str, *, host: str = "", instances: int = 0
    ) -> dict | None:
        """Do it, on one `host` or on all. A cure ends its fault; what cures nothing may still do harm.

        Returns what would undo it, as arguments of another call; None if nothing would.
        """
        known = [*CALLS, "batch"]
        if action not in ACTIONS or service not in known or region not in self.regions:
            raise ValueError(
                f"cannot {action} {service} in {region}; know {ACTIONS}, {known}, {self.regions}"
            )
        if (service == "batch") != (action == "throttle"):
            raise ValueError(
                f"only a job can be throttled, and nothing else be done to it; got {action} {service}"
            )
        where = hosts(service, region)
        if host and (host not in where or action not in ON_HOSTS):
            raise ValueError(f"{action} of {service} cannot be done on {host!r} alone; its hosts: {where}")
        touched, key = [host] if host else where, (service, region)
        fault = next((f for f in self.active(region) if (f.service, f.cure) == (service, action)), None)
        right = fault is not None and (action != "scale" or instances > self.instances[key])
        self.actions.append(Action(self.minute, action, service, region, host, instances, right))
        self._log(region, "service-c" if service == "batch" else service, "INFO", f"operator: {action}", host)
        undo = {"action": "redeploy", "service": service, "region": region, "host": host}
        if action == "scale":
            undo = {"action": "scale", "service": service, "region": region, "instances": self.instances[key]}
            self.instances[key] = max(0, instances)
        elif action in ("restart", "failover"):
            self.away.update(touched)  # they serve nobody for a minute
        elif action == "drop":
            self.dropped.add(service)
        elif action == "redeploy":
            self.calm.difference_update(touched)
        if right and action in ON_HOSTS:
            self.calm.update(touched)
        if right and action != "scale" and (action not in ON_HOSTS or self.calm.issuperset(where)):
            self.ended.add(fault)
        return undo if action in ("rollback", "scale") else None
