"""A whole deployment of the incident agent on loopback, and the files of `deploy/agent`.

    with deployment(settings, Shop(...)) as live:
        live.post(live.shop.alerts[0]).json()
    with deployment(settings, shop, parts={"guard": None}) as weak: ...    # one part replaced: a mutant

Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import secrets
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from coursekit import on_call_engineer, valkey, web
from coursekit.ab_tests import ABTestManager
from coursekit.access import Tokens, make_guard
from coursekit.agent_memory import AgentMemoryManager
from coursekit.agent_meter import AgentMeter
from coursekit.agent_report import AgentEvaluator
from coursekit.agent_service import AlertRequest, make_app, redis_answers
from coursekit.agent_tools import LogSearchTool, NotificationTool, RecallTool, TicketTool
from coursekit.audit import Audit
from coursekit.desk import Desk
from coursekit.incident_agent import IncidentHandlingAgent
from coursekit.line import Line
from coursekit.logstore import LogStore
from coursekit.shop import Shop

SCOPE = "agent:alert"
SCRIPTED = on_call_engineer.__name__  # importing it registers the scripted model
PARTS: dict[str, Any] = {
    "guard": make_guard, "limit": 60, "body": AlertRequest, "audit": Audit, "meter": AgentMeter, "line": Line,
    "line_options": {"keep_s": 30, "pause_s": 0.01}, "log_tool": LogSearchTool, "memory": AgentMemoryManager,
    "evaluator": AgentEvaluator, "agent": IncidentHandlingAgent, "policy": "on_call_engineer",
    "tests": ABTestManager, "origins": ("https://board.example",), "redis_check": redis_answers,
    "app": make_app, "tells": True, "folder": None, "settings": {},
}  # fmt: skip


def folder() -> Path:
    """The course's folder `deploy/agent`; where only a notebook is here, as on Colab, it is fetched."""
    for beside in (Path(__file__).resolve().parent.parent, Path("live")):
        if (beside / "deploy" / "agent").is_dir():
            return beside / "deploy" / "agent"
    source = "https://github.com/abstract-algorithms/live"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", source], check=True)
    return Path("live") / "deploy" / "agent"


@contextmanager
def edited(file: str, old: str, new: str) -> Iterator[Path]:
    """A copy of the folder with one passage of one file changed. Raises: ValueError if it is not there."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(shutil.copytree(folder(), Path(place, "agent")))
        text = (copy / file).read_text(encoding="utf-8")
        if old not in text:
            raise ValueError(f"{file} has no passage {old!r}")
        (copy / file).write_text(text.replace(old, new), encoding="utf-8")
        yield copy


@dataclass
class Deployment:
    """What runs, and how to reach it."""

    url: str
    shop: Shop
    store: LogStore
    desk: Desk
    memory: AgentMemoryManager
    evaluator: AgentEvaluator
    agent: IncidentHandlingAgent
    tokens: Tokens
    tests: ABTestManager
    folder: Path
    store_url: str
    parts: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=30)
        self._number, self._lock = 0, threading.Lock()

    def head(self, who: str = "monitoring", scope: str = SCOPE) -> dict:
        return {"authorization": f"Bearer {self.tokens.issue(who, [scope])}"}

    def post(self, alert: dict, who: str = "monitoring", path: str = "/process-alert") -> httpx.Response:
        return self.http.post(path, json=alert, headers=self.head(who))

    def status(self, who: str = "monitoring") -> httpx.Response:
        return self.http.get(f"/agent/{self.agent.id}/status", headers=self.head(who))

    def fresh_alert(self, **changes) -> dict:
        """The shop's last alert about another thing each time, so that none counts as a repetition."""
        with self._lock:
            self._number += 1
            number = self._number
        letters = "".join(chr(97 + (number // 26**i) % 26) for i in range(4))
        alert = self.shop.alerts[-1]
        return alert | {"message": f"{alert['message']}, check {letters}"} | changes


def _stop_together(*services: web.Service) -> None:
    """Each waits a moment for its connections; here all do at once."""
    with ThreadPoolExecutor(len(services)) as hands:
        list(hands.map(web.Service.stop, services))


@contextmanager
def deployment(settings, shop: Shop, *, parts: dict | None = None, space: str = "") -> Iterator[Deployment]:
    """Everything started, and stopped at the end of the block. parts: what is to be other than in `PARTS`."""
    use = PARTS | (parts or {})
    space = space or f"deployment-{secrets.token_hex(4)}"
    settings = settings.model_copy(update=use["settings"])
    store, desk, meter = LogStore(lambda: shop.now), Desk(), use["meter"]()
    store.add(shop.lines)
    redis = valkey.client()
    memory = use["memory"](redis, space=space)
    with ExitStack() as stack:
        stack.callback(lambda: AgentMemoryManager(redis, space=space).forget_all())
        logs = stack.enter_context(web.serve(store.app, f"logs {space}"))
        office = stack.enter_context(web.serve(desk.app, f"desk {space}"))
        stack.callback(_stop_together, logs, office)
        line = use["line"](logs.url, {"authorization": f"ApiKey {store.key}"}, **use["line_options"])
        stack.callback(line.close)
        notify = NotificationTool(desk.token, base_url=f"{office.url}/api/", meter=meter)
        tools = [RecallTool(memory, meter), use["log_tool"]("", "", line=line, meter=meter),
                 TicketTool(office.url, desk.token, meter=meter), notify]  # fmt: skip
        agent = use["agent"](
            settings, tools, memory=memory, audit=use["audit"] and use["audit"](), meter=meter,
            policy=use["policy"],
        )  # fmt: skip
        evaluator, tokens = use["evaluator"](memory), Tokens(audience="incident-agent")
        limits = {"needs": SCOPE, "limit": use["limit"], "window_s": 60}
        guard = use["guard"] and use["guard"](tokens, valkey.async_client, space, **limits)
        tell: Callable = lambda text: notify.run(channel="#agent-errors", text=text)
        app = use["app"](
            agent, evaluator, guard=guard, origins=use["origins"], on_error=tell if use["tells"] else None,
            body=use["body"], checks={"redis": use["redis_check"](valkey.async_client)},
        )  # fmt: skip
        service = stack.enter_context(web.serve(app, f"agent {space}"))
        live = Deployment(
            service.url, shop, store, desk, memory, evaluator, agent, tokens, use["tests"](redis, space),
            Path(use["folder"] or folder()), logs.url, use,
        )  # fmt: skip
        stack.callback(live.http.close)
        yield live
