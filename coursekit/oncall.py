"""An incident to solve by hand: as a game to call, and as buttons whose texts were all computed beforehand.

    game = Game(watch, fault)
    game.look("logs"), game.act("rollback", "service-b"), game.score
    OnCallView.of(lambda: Game(…))                # the same, in a page without a kernel

Taught in: notebooks/15_incident_agent.ipynb
"""

from collections.abc import Callable, Mapping

import anywidget
import traitlets

from coursekit.display import table
from coursekit.fleet import CULPRITS, CURES, Fault, clock
from coursekit.watch import Watch
from coursekit.widgets import CSS, STATIC

START, LOOK, WRONG = 100, 5, 40  # points at first; what a look and a wrong action cost


def points(looks: int, wrong: int) -> int:
    """What is left after so many looks and wrong actions; never below 0.

    >>> points(2, 0), points(1, 1), points(9, 9)
    (90, 55, 0)
    """
    return max(0, START - LOOK * looks - WRONG * wrong)


class Game:
    """One incident: `look`, `act`, and the `score` that is left.

    watch: a fleet that has just rung.   fault: the truth.   audit: an object with
    `add(minute, what, about, verdict, why)`.   Raises: ValueError for a look that there is not.
    """

    SENSES = ("alerts", "logs", "deploys", "metrics")

    def __init__(self, watch: Watch, fault: Fault, audit=None) -> None:
        self.watch, self.fleet, self.fault, self.audit = watch, watch.fleet, fault, audit
        self.seen: set[str] = set()

    def look(self, sense: str):
        """A table: alerts, logs, deploys or metrics of the region."""
        if sense not in self.SENSES:
            raise ValueError(f"no look {sense!r}; there are {', '.join(self.SENSES)}")
        self.seen.add(sense)
        self._note(f"look at {sense}", {}, "seen")
        rows = getattr(self, f"_{sense}")()
        return table(rows) if rows else table([{sense: "nothing"}])

    def act(self, action: str, service: str) -> str:
        """Do it, and say what has become of it five minutes later. To scale means to double."""
        key = service, self.fault.region
        twice = 2 * self.fleet.instances.get(key, 0) if action == "scale" else 0
        self.fleet.act(action, *key, instances=twice)
        self._note("remediate", {"action": action, "service": service}, "done")
        self.watch.run(5)
        state = "all is well" if self.fleet.healthy else "it goes on"
        return f"{clock(self.fleet.minute)}: {state}; {self.fleet.lost:,.0f} requests lost so far."

    @property
    def solved(self) -> bool:
        return any(action.right for action in self.fleet.actions)

    @property
    def score(self) -> int:
        return points(len(self.seen), sum(not action.right for action in self.fleet.actions))

    def _note(self, what: str, about: dict, verdict: str) -> None:
        if self.audit is not None:
            self.audit.add(self.fleet.minute, what, about, verdict, "by the player")

    def _alerts(self) -> list[dict]:
        told = [a for a in self.watch.alerts if a.region == self.fault.region and a.severity != "info"]
        return [
            {"time": clock(a.at), "alert": a.name, "where": a.host or a.service, "says": a.text} for a in told
        ]

    def _logs(self) -> list[dict]:
        lines = [g for g in self.fleet.logs if g.region == self.fault.region and g.level != "INFO"]
        return [{"time": clock(g.at), "service": g.service, "says": g.message} for g in lines[-10:]]

    def _deploys(self) -> list[dict]:
        made = [d for d in self.fleet.deploys if d.region == self.fault.region]
        return [{"time": clock(d.at), "service": d.service, "version": str(d.version)} for d in made]

    def _metrics(self) -> list[dict]:
        span = lambda values: f"{min(values.values()):.2f} to {max(values.values()):.2f}"
        return [
            {"service": name, **{gauge: span(now[gauge]) for gauge in ("cpu", "memory", "disk")},
             "requests": now["requests"], "certificate": f"{now['certificate_days']} days"}
            for name, now in self.watch.health(self.fault.region).items()
        ]  # fmt: skip


class OnCallView(anywidget.AnyWidget):
    """A story, things to look at, and things to do. `seen` and `done` say what the reader chose.

    looks: name -> what is seen.   acts: name -> (is it the cure?, what comes of it).
    Raises: ValueError unless exactly one action is the cure.
    """

    _esm = (STATIC / "oncall.js").read_text(encoding="utf-8")
    _css = CSS + (STATIC / "oncall.css").read_text(encoding="utf-8")
    story = traitlets.Unicode().tag(sync=True)
    looks = traitlets.List().tag(sync=True)
    acts = traitlets.List().tag(sync=True)
    costs = traitlets.List([START, LOOK, WRONG]).tag(sync=True)
    seen = traitlets.List().tag(sync=True)
    done = traitlets.List().tag(sync=True)

    def __init__(self, story: str, looks: Mapping[str, str], acts: Mapping[str, tuple[bool, str]]) -> None:
        if sum(right for right, _ in acts.values()) != 1:
            raise ValueError(f"exactly one action must be the cure; of {', '.join(acts)} it is not so")
        super().__init__(
            story=story,
            looks=[[name, text] for name, text in looks.items()],
            acts=[[name, right, text] for name, (right, text) in acts.items()],
        )

    @classmethod
    def of(cls, deal: Callable[[], Game]) -> "OnCallView":
        """The game that `deal` gives anew each time: its looks, and each cure where it may be needed."""
        game = deal()
        looks = {sense: str(game.look(sense)) for sense in Game.SENSES}
        places = {"database", "batch", game.fault.service}
        deeds = [(CURES[kind], who) for kind in CURES for who in CULPRITS[kind] if who in places]
        truth = game.fault.cure, game.fault.service
        acts = {" ".join(deed).replace("_", " "): (deed == truth, deal().act(*deed)) for deed in deeds}
        return cls(f"Your phone rings: alerts in {game.fault.region}. What is it?", looks, acts)

    @property
    def score(self) -> int:
        """Points that are left."""
        cures = {name for name, right, _ in self.acts if right}
        return points(len(self.seen), sum(name not in cures for name in self.done))

    def __repr__(self) -> str:
        return f"{self.story} ({len(self.looks)} things to look at, {len(self.acts)} to do)"
