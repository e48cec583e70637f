"""Tools of an agent, each a class: arguments checked, use counted, errors turned into words.

    tool = LogSearchTool(store.url, key, meter=meter)
    tool.run(query="timeout", time_range="2h")        # what `execute` returns, or {"error": …, "tool": …}
    await tool.arun(query="timeout")                  # the same, in a thread
    tool.schema()                                     # what a model is told, made from execute's signature

Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import asyncio
import inspect
from abc import ABC, abstractmethod
from functools import cached_property
from typing import get_type_hints

import structlog
from jira import JIRA, JIRAError
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from coursekit.line import Line, LineError

LOGGER = structlog.get_logger("agent.tools")


class ToolError(Exception):
    """What a model may be told of a failure: no address, no key, nothing from inside."""


class BaseAgentTool(ABC):
    """meter: counts in `tool_usage_total`, if given (coursekit.agent_meter)."""

    name: str
    description: str

    def __init__(self, meter=None) -> None:
        self.meter = meter
        self.usage_count = self.error_count = 0

    @abstractmethod
    def execute(self, **arguments) -> dict:
        """The work itself; its parameters become the schema. Raises: ToolError."""

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The parameters of `execute` as a model that checks them."""
        hints = get_type_hints(self.execute)
        given = {
            name: (hints[name], ... if each.default is each.empty else each.default)
            for name, each in inspect.signature(self.execute).parameters.items()
        }
        return create_model(self.name, __config__=ConfigDict(extra="forbid"), **given)

    @cached_property
    def _schema(self) -> dict:
        parameters = self.arguments.model_json_schema()
        about = {"name": self.name, "description": self.description, "parameters": parameters}
        return {"type": "function", "function": about}

    def schema(self) -> dict:
        """The tool as Chat Completions are told of it; made once, sent with every question."""
        return self._schema

    def run(self, **arguments) -> dict:
        """Checked, counted, and never raising: a model must be able to read what went wrong."""
        self.usage_count += 1
        self._count("attempted")
        try:
            result = self.execute(**self.arguments(**arguments).model_dump())
        except ValidationError as error:
            return self._failed(
                "; ".join(f"{'/'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            )
        except ToolError as error:
            return self._failed(str(error))
        except Exception as error:
            LOGGER.exception("tool failed", tool=self.name)
            return self._failed(f"internal error ({type(error).__name__})")
        self._count("success")
        return result

    async def arun(self, **arguments) -> dict:
        return await asyncio.to_thread(self.run, **arguments)

    def _failed(self, why: str) -> dict:
        self.error_count += 1
        self._count("error")
        return {"error": why, "tool": self.name}

    def _count(self, status: str) -> None:
        if self.meter:
            self.meter.tools.labels(self.name, status).inc()


class LogSearchTool(BaseAgentTool):
    """Over the search API of Elasticsearch. line: how it is reached; by default with retries."""

    name = "log_search"
    description = "Search application and system logs for patterns, errors and events"

    def __init__(self, elasticsearch_url: str, key: str, *, line: Line | None = None, meter=None) -> None:
        super().__init__(meter)
        self.line = line or Line(elasticsearch_url, {"authorization": f"ApiKey {key}"})

    def execute(self, query: str, time_range: str = "1h", max_results: int = 50) -> dict:
        within = {"range": {"@timestamp": {"gte": f"now-{time_range}"}}}
        body = {
            "query": {"bool": {"must": [{"simple_query_string": {"query": query}}], "filter": [within]}},
            "sort": [{"@timestamp": {"order": "desc"}}],
            "size": max_results,
        }
        try:
            found = self.line.post("/logs-shop/_search", body)["hits"]
        except LineError as error:
            raise ToolError(f"log search failed: {error}") from None
        lines = [hit["_source"] for hit in found["hits"]]
        keys = ("level", "message", "service", "host")
        results = [{"timestamp": line["@timestamp"]} | {key: line.get(key) for key in keys} for line in lines]
        return {"total_hits": found["total"]["value"], "results": results,
                "query": query, "time_range": time_range}  # fmt: skip


class TicketTool(BaseAgentTool):
    """Tickets in Jira, by its own client."""

    name = "create_ticket"
    description = "File a ticket for the team that owns the culprit; returns its key"

    def __init__(self, jira_url: str, token: str, *, project: str = "INC", meter=None) -> None:
        super().__init__(meter)
        self.jira = JIRA(server=jira_url, token_auth=token, get_server_info=False, max_retries=0, timeout=5)
        self.project = project

    def execute(self, summary: str, description: str, team: str) -> dict:
        fields = {"project": self.project, "summary": summary, "description": description, "labels": [team]}
        try:
            issue = self.jira.create_issue(**fields, issuetype={"name": "Task"})
        except (JIRAError, OSError) as error:
            raise ToolError(f"Jira refused ({getattr(error, 'status_code', None) or 'no answer'})") from None
        return {"key": issue.key, "team": team}


class NotificationTool(BaseAgentTool):
    """Messages in Slack, by its own client. base_url: another address than Slack's."""

    name = "notify"
    description = "Post a message to a team's channel, such as #payments"

    def __init__(self, slack_token: str, *, base_url: str = WebClient.BASE_URL, meter=None) -> None:
        super().__init__(meter)
        self.slack = WebClient(token=slack_token, base_url=base_url, timeout=5)

    def execute(self, channel: str, text: str) -> dict:
        try:
            posted = self.slack.chat_postMessage(channel=channel, text=text)
        except SlackApiError as error:
            raise ToolError(f"Slack refused ({error.response['error']})") from None
        except (SlackClientError, OSError) as error:
            raise ToolError(f"Slack does not answer ({type(error).__name__})") from None
        return {"posted": channel, "ts": posted["ts"]}


class RecallTool(BaseAgentTool):
    """What was learnt from solved incidents that looked alike. memory: an AgentMemoryManager."""

    name = "recall"
    description = "Find solved incidents that looked like this one, best first"

    def __init__(self, memory, meter=None) -> None:
        super().__init__(meter)
        self.memory = memory

    def execute(self, service: str, message: str) -> dict:
        past = self.memory.search_similar_incidents({"service": service, "message": message}, solved=True)
        return {
            "past": [{key: each.get(key, "") for key in ("incident_id", "cause", "cure")} for each in past]
        }
