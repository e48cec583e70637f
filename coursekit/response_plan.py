"""One incident as five steps that may be cut off anywhere: three programs, two of which then do harm.

    trial(respond, settings, "t1", kill_at="ticket: done, not noted")
    trial(respond, settings, "t1")                     # the same program, started again

`forgetful` notes a step after it was done: cut off between the two, it does it again. `hopeful` notes it
before: cut off between the two, it is never done. `respond` notes after, and asks the other side first
whether it was done. For one worker at a time; who keeps a second one away is not decided here.
Source: Helland 2012, "Idempotence is not a medical condition".
Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import redis
from jira import JIRA
from slack_sdk import WebClient

from coursekit.crash import boundary, trial
from coursekit.desk import Desk
from coursekit.tasks import TaskState, TaskStateManager

STEPS = ("gather", "analyse", "ticket", "notify", "close")
MOMENTS = ("begun", "done, not noted", "noted")
BOUNDARIES = [f"{step}: {moment}" for step in STEPS for moment in MOMENTS]


@dataclass(frozen=True)
class Place:
    """Where the other sides are; can be pickled."""

    redis_url: str
    desk_url: str
    token: str
    space: str = "plan"


class Hand:
    """The two steps with effects, and how to find out later that they have been done."""

    def __init__(self, place: Place) -> None:
        self.jira = JIRA(server=place.desk_url, token_auth=place.token, get_server_info=False, max_retries=0)
        self.slack = WebClient(token=place.token, base_url=f"{place.desk_url}/api/")

    def do(self, step: str, task_id: str) -> dict:
        if step == "ticket":
            fields = {"project": "INC", "summary": f"incident {task_id}", "labels": [task_id]}
            return {"key": self.jira.create_issue(**fields, issuetype={"name": "Task"}).key}
        if step == "notify":
            mark = {"event_type": "incident", "event_payload": {"task": task_id}}
            told = self.slack.chat_postMessage(channel="#payments", text=f"incident {task_id}", metadata=mark)
            return {"ts": told["ts"]}
        return {"step": step}  # no effect outside: to do it again costs time, no more

    def found(self, step: str, task_id: str) -> dict | None:
        """What an earlier try has left at the other side; None if it left nothing."""
        if step == "ticket":
            issues = self.jira.search_issues(f'labels = "{task_id}"')
            return {"key": issues[0].key} if issues else None
        if step == "notify":
            told = self.slack.conversations_history(channel="#payments", include_all_metadata=True)[
                "messages"
            ]
            mine = (m for m in told if m.get("metadata", {}).get("event_payload", {}).get("task") == task_id)
            return next(({"ts": message["ts"]} for message in mine), None)
        return None


def forgetful(place: Place, task_id: str) -> None:
    """Do, then note."""
    _run(place, task_id, _do_then_note)


def hopeful(place: Place, task_id: str) -> None:
    """Note, then do."""
    _run(place, task_id, _note_then_do)


def respond(place: Place, task_id: str) -> None:
    """Ask whether it was done; if not, do; then note."""
    _run(place, task_id, _ask_do_note)


def _do_then_note(hand: Hand, step: str, task_id: str, note: Callable[[dict], None]) -> None:
    result = hand.do(step, task_id)
    boundary(f"{step}: done, not noted")
    note(result)


def _note_then_do(hand: Hand, step: str, task_id: str, note: Callable[[dict], None]) -> None:
    note({})
    boundary(f"{step}: done, not noted")  # here: noted, not done
    hand.do(step, task_id)


def _ask_do_note(hand: Hand, step: str, task_id: str, note: Callable[[dict], None]) -> None:
    result = hand.found(step, task_id) or hand.do(step, task_id)
    boundary(f"{step}: done, not noted")
    note(result)


def _run(place: Place, task_id: str, way: Callable) -> None:
    """From wherever the last try was cut off, to the end."""
    with contextlib.closing(redis.Redis.from_url(place.redis_url, decode_responses=True)) as client:
        tasks, hand = TaskStateManager(client, place.space), Hand(place)
        tasks.create_task(task_id, {"agent_id": "plan"})
        for step in STEPS:
            task = tasks.get_task_status(task_id)
            if task["state"] == TaskState.COMPLETED.value or step in task["steps"]:
                continue
            boundary(f"{step}: begun")

            def note(result: dict, step: str = step) -> None:
                tasks.update_task_state(task_id, TaskState.IN_PROGRESS, step, result)

            way(hand, step, task_id, note)
            boundary(f"{step}: noted")
        if tasks.get_task_status(task_id)["state"] != TaskState.COMPLETED.value:
            tasks.update_task_state(task_id, TaskState.COMPLETED)


def after_kills(way: Callable, boundaries: Iterable[str], desk: Desk, place: Place) -> list[dict]:
    """Kill `way` at each boundary, run it again, and count what arrived at the other side."""
    rows = []
    for cut in boundaries:
        task = f"{way.__name__}-{cut}".replace(" ", "-").replace(",", "")
        codes = trial(way, place, task, kill_at=cut), trial(way, place, task)
        filed = sum(task in ticket["fields"]["labels"] for ticket in desk.tickets.values())
        told = sum(message["text"] == f"incident {task}" for message in desk.messages)
        rows.append(
            {"way": way.__name__, "killed at": cut, "tickets": filed, "messages": told, "exit codes": codes}
        )
    return rows
