"""Alert rules over time, and messages that arrive: what Prometheus and its Alertmanager do, in small.

    alarm = Alarm(rule)                                # one rule of deploy/prometheus/rules.yml
    for notice in alarm.look(samples, at=300): ...     # pending, firing, resolved
    arrived, history = await deliver(notice, [webhook, another])

Taught in: notebooks/07_llm_production.ipynb
"""

import asyncio
import math
import re
from collections.abc import Iterator, Sequence

import aiohttp

from coursekit import promql
from coursekit.samples import Labels, Samples

COLOURS = {"info": "#36a64f", "warning": "#ffaa00", "critical": "#ff0000"}
FORMS = {"": "{:g}", "humanizePercentage": "{:.4g}%", 'printf "%.0f"': "{:.0f}"}


class Alarm:
    """One rule: since when its question has had an answer, and whether that has lasted for its `for`."""

    def __init__(self, rule: dict) -> None:
        self.rule = rule
        self.since: dict[Labels, float] = {}
        self.firing: set[Labels] = set()
        self.patience = promql.seconds(rule.get("for", "0s"))

    def look(self, samples: Samples, at: float) -> Iterator[dict]:
        """Ask once; yields a notice for each change."""
        answer = promql.query(self.rule["expr"], samples, at)
        found = {tuple(p for p in who if p[0] != "__name__"): value for who, value in answer.items()}
        for who in [who for who in self.since if who not in found]:
            del self.since[who]
            if who in self.firing:
                self.firing.remove(who)
                yield self.notice("resolved", who, math.nan, at)
        for who, value in found.items():
            if self.since.setdefault(who, at) == at:
                yield self.notice("pending", who, value, at)
            if who not in self.firing and at - self.since[who] >= self.patience:
                self.firing.add(who)
                yield self.notice("firing", who, value, at)

    def notice(self, state: str, who: Labels, value: float, at: float) -> dict:
        summary = fill_in(self.rule["annotations"]["summary"], dict(who), value)
        said = {"at": at, "alert": self.rule["alert"], "state": state}
        return said | {"severity": self.rule["labels"]["severity"], "summary": summary}


def fill_in(template: str, labels: dict[str, str], value: float) -> str:
    """A rule's `{{ $value | form }}` and `{{ $labels.name }}`, as far as our rules use them.

    >>> fill_in("{{ $value | humanizePercentage }} at {{ $labels.job }}", {"job": "llm"}, 0.25)
    '25% at llm'
    """

    def put(found: re.Match) -> str:
        what, form = found[1].strip(), (found[2] or "").strip()
        if what.startswith("$labels."):
            return labels.get(what.removeprefix("$labels."), "")
        return FORMS[form].format(100 * value if "Percentage" in form else value)

    return re.sub(r"\{\{([^|}]*)(?:\|([^}]*))?\}\}", put, template)


def as_message(notice: dict) -> dict:
    """A notice in Slack's form: a bar in the colour of its severity, a title, a text."""
    over = notice["state"] == "resolved"
    colour = COLOURS["info" if over else notice["severity"]]
    title = f"{notice['alert']}: {notice['state']}"
    text = "The condition no longer holds." if over else notice["summary"]
    return {"attachments": [{"color": colour, "title": title, "text": text, "fallback": title}]}


async def deliver(
    notice: dict, hooks: Sequence[str], *, tries: int = 3, pause_s: float = 0.05
) -> tuple[bool, list[str]]:
    """Tell the first of `hooks` that listens. Returns whether one did, and what happened at each try.

    pause_s: before the second try, twice that before the third. The history names hooks by number, since the
    path of a webhook is a secret.
    """
    history = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
        for number, hook in enumerate(hooks, 1):
            for attempt in range(tries):
                status = await _post(http, hook, as_message(notice))
                history.append(f"hook {number}: {status}")
                if status == "200":
                    return True, history
                await asyncio.sleep(pause_s * 2**attempt)
    return False, history


async def _post(http: aiohttp.ClientSession, hook: str, message: dict) -> str:
    try:
        async with http.post(hook, json=message) as reply:
            return str(reply.status)
    except (aiohttp.ClientError, TimeoutError):
        return "dead"
