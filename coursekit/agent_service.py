"""An incident agent as a service: alerts in, assessments out, its state and its metrics to be seen.

    app = make_app(agent, evaluator, guard=guard, checks={"redis": ping}, origins=["https://board.example"])
    with web.serve(app, "agent") as service: ...       # POST /process-alert

Errors are problem details (RFC 9457) without anything from inside. `/health` asks for what the work needs,
for load balancers; `/alive` asks for nothing, for whoever restarts processes.
Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime

import structlog
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from coursekit.access import SafeHeaders
from coursekit.apps import Problem, new_app
from coursekit.incident_agent import Alert, IncidentHandlingAgent, Step

LOGGER = structlog.get_logger("agent.service")


class AlertRequest(Alert):
    """The body of POST /process-alert."""


class AgentResponse(BaseModel):
    """What a caller is told; what tools returned stays inside."""

    agent_id: str
    incident_id: str
    status: str
    response: str
    cause: str
    culprit: str
    steps: list[Step]
    confidence_score: float = Field(ge=0, le=1)
    escalation_required: bool
    escalation_reasons: list[str]
    actions_taken: list[str]
    processing_time: float
    model: str
    prompt: str


class Feedback(BaseModel):
    model_config = ConfigDict(extra="forbid")
    incident_id: str = Field(min_length=1, max_length=64)
    rating: int = Field(ge=1, le=5)
    right: bool


def public(result: dict) -> AgentResponse:
    named = {"actions_taken": [action["tool"] for action in result["actions_taken"]]}
    return AgentResponse(**{k: v for k, v in result.items() if k in AgentResponse.model_fields} | named)


def make_app(
    agent: IncidentHandlingAgent, evaluator, *, guard: Callable | None = None, origins: Collection[str] = (),
    checks: Mapping[str, Callable[[FastAPI], Awaitable]] | None = None, on_error: Callable | None = None,
    timeout_s: float = 60, body: type[BaseModel] = AlertRequest,
) -> FastAPI:  # fmt: skip
    """guard: a dependency that refuses who may not ask.   origins: web pages that may; none by default.

    on_error: called with a sentence when the agent fails, for somebody to see.
    """
    app = new_app("AI incident agent", timeout_s=timeout_s, checks=checks, paths=("/alive", "/health"))
    app.add_middleware(
        CORSMiddleware, allow_origins=list(origins), allow_credentials=False, allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type"],
    )  # fmt: skip
    app.add_middleware(SafeHeaders)
    guarded = [Depends(guard)] if guard else []

    def known(agent_id: str) -> None:
        if agent_id != agent.id:
            raise Problem(404, "No such agent", "Its id is in each answer.")

    async def handled(alert: BaseModel, background: BackgroundTasks) -> AgentResponse:
        posted = alert.model_dump(mode="json")
        result = await agent.process(posted)
        background.add_task(
            evaluator.record_interaction, agent.id, posted, result
        )  # after the answer, in a thread
        if result["status"] == "error" and on_error:
            background.add_task(on_error, f"agent: {result['response']}")
        return public(result)

    handled.__annotations__["alert"] = body
    app.post("/process-alert", response_model=AgentResponse, dependencies=guarded)(handled)

    @app.get("/agent/{agent_id}/status", dependencies=guarded)
    def status(agent_id: str) -> dict:
        known(agent_id)
        report = evaluator.generate_performance_report(agent_id)
        uptime = (datetime.now(UTC) - agent.created_at).total_seconds()
        return {"agent_id": agent_id, "status": "active", "uptime_s": uptime, "performance": report}

    @app.post("/agent/{agent_id}/feedback", status_code=201, dependencies=guarded)
    def feedback(agent_id: str, said: Feedback) -> dict:
        known(agent_id)
        evaluator.record_feedback(agent_id, said.incident_id, said.rating, said.right)
        return {"kept": True}

    @app.get("/metrics", include_in_schema=False)
    async def metrics(_: Request) -> PlainTextResponse:
        return PlainTextResponse(agent.meter.page())

    return app


def redis_answers(client) -> Callable[[FastAPI], Awaitable]:
    """A check for `make_app`. client: makes an asynchronous client, first used in the service's own loop."""
    opened: list = []

    async def check(_: FastAPI) -> None:
        if not opened:
            opened.append(client())
        await opened[0].ping()

    return check
