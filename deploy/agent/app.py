"""The incident agent of chapter 18 as a program; its settings are the notebook's own class.

    python -m deploy.agent.app                     serves on 127.0.0.1:8000 unless HOST and PORT say otherwise
    python -m deploy.agent.app token NAME          a token for one client, good for a quarter of an hour
    python -m deploy.agent.app backup FILE         also: restore FILE

Settings come from the environment, secrets from files in /run/secrets (or SECRETS_DIR).
"""

import argparse
import json
import os
import sys
from pathlib import Path

import openai
import redis
import redis.asyncio
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from coursekit import agent_tools, llm, on_call_engineer
from coursekit.access import Tokens, make_guard
from coursekit.agent_memory import AgentMemoryManager
from coursekit.agent_meter import AgentMeter, configure_logging
from coursekit.agent_report import AgentEvaluator
from coursekit.agent_service import make_app, redis_answers
from coursekit.audit import Audit
from coursekit.chapters import chapter
from coursekit.incident_agent import IncidentHandlingAgent
from coursekit.line import Line

SCOPE = "agent:alert"
SPACE = "incident-agent"  # before every name in Redis
GRACE_S = 30
taught = chapter("18_agent_concept_to_production")
__all__ = ["on_call_engineer"]  # imported for its scripted model, which answers in rehearsal


class ServiceSettings(taught.AgentSettings):
    """What the service needs beyond its agent."""

    elasticsearch_key: SecretStr
    jwt_keys: SecretStr  # name:key, several with commas between; the last one signs
    slack_url: str = "https://slack.com/api/"
    origins: tuple[str, ...] = ()


def settings() -> ServiceSettings:
    folder = Path(os.environ.get("SECRETS_DIR", "/run/secrets"))
    return ServiceSettings(_secrets_dir=folder if folder.is_dir() else None)


def memory(own: ServiceSettings) -> AgentMemoryManager:
    client = redis.Redis.from_url(own.redis_url.get_secret_value(), decode_responses=True, socket_timeout=2)
    return AgentMemoryManager(client, own.memory_ttl, SPACE)


def tokens(own: ServiceSettings) -> Tokens:
    keys = dict(pair.strip().split(":", 1) for pair in own.jwt_keys.get_secret_value().split(","))
    return Tokens({name: key.encode() for name, key in keys.items()}, audience="incident-agent")


def service(own: ServiceSettings | None = None) -> FastAPI:
    own = own or settings()
    configure_logging(own.log_level)
    kept, meter = memory(own), AgentMeter()
    line = Line(
        own.elasticsearch_url,
        {"authorization": f"ApiKey {own.elasticsearch_key.get_secret_value()}"},
        keep_s=30,
    )
    notify = agent_tools.NotificationTool(
        own.slack_token.get_secret_value(), base_url=own.slack_url, meter=meter
    )
    tools = [
        agent_tools.RecallTool(kept, meter), agent_tools.LogSearchTool("", "", line=line, meter=meter),
        agent_tools.TicketTool(own.jira_url, own.jira_token.get_secret_value(), meter=meter), notify,
    ]  # fmt: skip
    scripted = llm.mode() == "rehearsal"
    model = {} if scripted else {"model": own.model_name, "client": lambda: _client(own)}
    agent = IncidentHandlingAgent(own, tools, memory=kept, audit=Audit(), meter=meter, **model)
    connect = lambda: redis.asyncio.Redis.from_url(
        own.redis_url.get_secret_value(), decode_responses=True, socket_timeout=2
    )
    return make_app(
        agent, AgentEvaluator(kept), guard=make_guard(tokens(own), connect, SPACE, needs=SCOPE, window_s=60),
        checks={"redis": redis_answers(connect)}, origins=own.origins,
        on_error=lambda text: notify.run(channel="#on-call", text=text),
    )  # fmt: skip


def _client(own: ServiceSettings, made: list = []) -> openai.OpenAI:  # noqa: B006 (one for all threads)
    if not made:
        made.append(openai.OpenAI(api_key=own.openai_api_key.get_secret_value()))
    return made[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", default="serve", choices=["serve", "token", "backup", "restore"])
    parser.add_argument("name", nargs="?", help="of a client, or of a file")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    given = parser.parse_args()
    own = settings()
    if given.what == "token":
        print(tokens(own).issue(given.name, [SCOPE]))
    elif given.what == "backup":
        Path(given.name).write_text(json.dumps(memory(own).backup()), encoding="utf-8")
    elif given.what == "restore":
        memory(own).restore(json.loads(Path(given.name).read_text(encoding="utf-8")))
    else:
        host = os.environ.get("HOST", "127.0.0.1")
        uvicorn.run(
            service(own), host=host, port=given.port, log_config=None, timeout_graceful_shutdown=GRACE_S
        )


if __name__ == "__main__":
    try:
        main()
    except taught.SettingsError as error:
        sys.exit(str(error))
