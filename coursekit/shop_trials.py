"""What becomes of faults when an agent handles their alerts: scene by scene, graded by the truth.

    begin(live, shop)                                  # an empty desk and memory, and this shop's logs
    await live_through(live, "disk", "payment-api")    # minute by minute: who names the culprit first?
    await graded(live, seeds=(1, 2))                   # one answer a scene: how sure, and right or not
    await compare(live, tests, policies, rng)          # an A/B test of two policies

live: an agent and its surroundings (`agent`, `store`, `desk`), as coursekit.deployment has them.
Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import csv
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from itertools import product
from random import Random

from coursekit.ab_tests import ABTestManager, VariantType
from coursekit.shop import CAUSES, Fault, Shop

CASES = [(cause, culprit) for cause, culprits in CAUSES.items() for culprit in culprits]
HORIZON = 20  # minutes from the fault; what was not detected by then counts as 20


@cache
def scene(cause: str, culprit: str, minutes: int = 2, seed: int = 1807, decoys: int = 0) -> Shop:
    """A shop with one thing wrong, so many minutes after the first alert. decoys: innocent deployments."""
    return Shop(Fault(cause, culprit), seed=seed, decoys=decoys).until_alert().run(minutes)


def begin(live, shop: Shop) -> None:
    """An empty desk, an empty memory, and the logs of this shop."""
    live.desk.tickets.clear()
    live.desk.messages.clear()
    show_logs(live, shop)
    if live.agent.memory:
        live.agent.memory.forget_all()


def show_logs(live, shop: Shop) -> None:
    live.store.clear()
    live.store.add(shop.lines)
    live.store.now = lambda: shop.now
    live.agent.tools["log_search"].line.kept.clear()  # what was found a moment ago is no longer true


def is_right(answer: dict, shop: Shop) -> bool:
    return {name: answer[name] for name in shop.truth} == shop.truth


async def live_through(live, cause: str, culprit: str, seed: int = 1807) -> dict:
    """One fault for 20 minutes. Minutes until an alert is about the culprit, and until the agent names it."""
    shop = Shop(Fault(cause, culprit, at=10), seed=seed).run(10)
    begin(live, shop)
    told, answers, row = 0, [], {"cause": cause, "alone": HORIZON, "agent": HORIZON}
    for minute in range(1, HORIZON + 1):
        shop.run(1)
        fresh, told = shop.alerts[told:], len(shop.alerts)
        if fresh:
            show_logs(live, shop)
        for alert in fresh:
            answers.append(await live.agent.process(alert))
            if alert["service"] == culprit:
                row["alone"] = min(row["alone"], minute)
            if is_right(answers[-1], shop):
                row["agent"] = min(row["agent"], minute)
        asked = any(each["escalation_required"] for each in answers)
        if asked and max(row["alone"], row["agent"]) < HORIZON:
            break  # what comes later changes nothing
    return row | {"asked": asked}


async def graded(live, seeds: Iterable[int] = (1, 2, 3), decoys: int = 2) -> list[dict]:
    """For each case and seed: `sure`, `right`, and the whole answer."""
    rows = []
    for (cause, culprit), seed in product(CASES, seeds):
        shop = scene(cause, culprit, seed=seed, decoys=decoys)
        begin(live, shop)
        told = await live.agent.process(shop.alerts[-1])
        rows.append({"sure": told["confidence_score"], "right": is_right(told, shop), "told": told})
    return rows


async def compare(
    live, tests: ABTestManager, name: str, policies: Mapping[VariantType, str], rng: Random, most: int = 200
) -> dict:
    """Alerts, each handled by the policy of its arm, until both arms are full. Returns the verdict.

    Raises: RuntimeError if `most` alerts do not fill them.
    """
    for number in range(most):
        report = tests.analyze_test_results(name)
        if "interval" in report:
            return report
        shop = scene(*rng.choice(CASES))
        begin(live, shop)
        live.agent.policy = policies[tests.assign_variant(name, f"alert-{number}")]
        told = await live.agent.process(shop.alerts[-1])
        tests.record_result(
            name, f"alert-{number}", success=is_right(told, shop), seconds=told["processing_time"]
        )
    raise RuntimeError(f"{most} alerts, and an arm is not full yet; raise `most`, or plan a smaller test")


def told_twice() -> tuple[list[dict], list[dict]]:
    """Twelve kinds of incident, each in two wordings: the first of all, the second of all.

    >>> first, second = told_twice()
    >>> first[0]["message"], second[0]["message"]
    ('the disk on a host is full', 'no space left on the volume, writes fail')
    """
    text = files("coursekit").joinpath("data/incidents_told_twice.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    about = [{"service": row["service"], "severity": row["severity"]} for row in rows]
    return tuple(
        [place | {"message": row[which]} for place, row in zip(about, rows, strict=True)]
        for which in ("first", "second")
    )
