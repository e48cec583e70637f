"""Agents from a file: a configuration that is checked field by field, and a factory that builds what it says.

    config = read_config("name: helper\\nenabled_tools: [clock]")        # YAML; raises CourseError
    built = Factory(model_of).register("clock", make_clock).build(config)
    built.run("What time is it?")                                       # a `resilience.Result`

Every one of the 16 fields does something; a name that nobody knows is an error that says which are known.
Taught in: notebooks/20_langchain.ipynb
"""

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

import yaml
from langchain.agents import create_agent
from langchain.agents import middleware as mw
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coursekit.chain_watch import ChainWatch
from coursekit.errors import CourseError
from coursekit.memory_middleware import MEMORY_SETTINGS, Asker, memory_of
from coursekit.resilience import Manager, Result


class AgentConfig(BaseModel):
    """All that may be said about an agent without writing code."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9]+([_-]+[A-Za-z0-9]+)*$")
    description: str = Field("", description="becomes the system prompt")
    llm_model: str = Field("gpt-5.4-mini", min_length=1)
    temperature: float = Field(0.1, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=1)
    agent_type: Literal["tool-calling", "approval"] = "tool-calling"  # approval: a person before each call
    max_iterations: int = Field(10, ge=1, le=20)
    verbose: bool = False
    enabled_tools: list[str] = Field(default_factory=list)
    tool_configs: dict[str, dict] = Field(default_factory=dict)
    memory_type: Literal["buffer", "window", "summary", "vector"] = "buffer"
    memory_config: dict = Field(default_factory=dict)
    max_retries: int = Field(3, ge=0, le=10)
    timeout_seconds: int = Field(300, ge=10, le=3600)  # of one request
    enable_monitoring: bool = True
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


def read_config(text: str) -> AgentConfig:
    """YAML as an AgentConfig. Raises: CourseError that names each wrong field, its value, what it wants."""
    try:
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CourseError(f"this is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(said, dict):
        raise CourseError(f"a configuration is a list of `field: value`, got {said!r}")
    try:
        return AgentConfig(**said)
    except ValidationError as error:
        raise CourseError("; ".join(map(_in_words, error.errors()))) from None


def _in_words(wrong: dict) -> str:
    where = ".".join(map(str, wrong["loc"]))
    if wrong["type"] == "extra_forbidden":
        near = get_close_matches(where, AgentConfig.model_fields, n=1) or AgentConfig.model_fields
        return f"{where} is no field; there is {', '.join(near)}"
    if wrong["type"] == "missing":
        return f"{where} is missing; write `{where}: …`"
    return f"{where}={wrong['input']!r}: {wrong['msg'][0].lower()}{wrong['msg'][1:]}"


def known(name: str, there, what: str) -> str:
    """`name`, if it is there. Raises: CourseError that lists what is."""
    if name not in there:
        raise CourseError(f"no {what} is called {name!r}; there is {', '.join(there) or 'none'}")
    return name


@dataclass
class Built:
    """An agent with its manager and its watch, which no later step replaces."""

    config: AgentConfig
    agent: object
    manager: Manager
    watch: ChainWatch | None
    logger: logging.Logger

    def run(self, task: str | Command, thread: str = "1", user: str = "agent") -> Result:
        """Ask the agent; its answer's text is the result's value. user: whose long-term memory it may use.

        A second try goes on from the last checkpoint: no question is asked and no tool called again.
        A run that waits for approval is no success yet; `Command(resume={"decisions": …})` goes on with it.
        """
        settings = {"configurable": {"thread_id": thread}, "callbacks": [self.watch] if self.watch else []}
        inputs = iter([task if isinstance(task, Command) else {"messages": [("user", task)]}])
        ask = lambda: self.agent.invoke(next(inputs, None), settings, context=Asker(user))
        result = self.manager.run(ask)
        if result.success:
            result = _paused(result) or replace(result, value=result.value["messages"][-1].text)
        self.logger.log(logging.INFO if result.success else logging.ERROR, "%s", result)
        return result


def _paused(result: Result) -> Result | None:
    """The result of a run that stopped to ask a person; None if it did not."""
    if not (asked := result.value.get("__interrupt__")):
        return None
    names = ", ".join(action["name"] for action in asked[0].value["action_requests"])
    advice = "decide, and run Command(resume=…) on the same thread"
    return replace(result, success=False, value=None, kind="approval", error=f"waits: {names}", advice=advice)


class Factory:
    """model_of: (name; temperature, max_tokens, timeout, max_retries as keywords) -> chat model.

    makers: tools by name, more by `register`.   manager: keywords for `resilience.Manager`.
    """

    def __init__(
        self,
        model_of: Callable[..., BaseChatModel],
        makers: Mapping[str, Callable[..., BaseTool]] | None = None,
        **manager,
    ) -> None:
        self.model_of, self.manager, self.makers = model_of, manager, dict(makers or {})

    def register(self, name: str, maker: Callable[..., BaseTool]) -> "Factory":
        """maker: a tool's class or a function; its parameters are what `tool_configs` may set."""
        self.makers[name] = maker
        return self

    def create_llm(self, config: AgentConfig) -> BaseChatModel:
        """The model's own client never retries: the manager does, and two layers would multiply."""
        return self.model_of(
            config.llm_model,
            temperature=config.temperature,
            max_tokens=config.max_tokens,
            timeout=config.timeout_seconds,
            max_retries=0,
        )

    def create_tools(self, config: AgentConfig) -> list[BaseTool]:
        for name in config.tool_configs:
            known(name, config.enabled_tools, "enabled tool")
        return [self._tool(name, config.tool_configs.get(name, {})) for name in config.enabled_tools]

    def _tool(self, name: str, settings: dict) -> BaseTool:
        maker = self.makers[known(name, self.makers, "tool")]
        for setting in settings:
            known(setting, inspect.signature(maker).parameters, f"setting of {name}")
        try:
            return maker(**settings)
        except (TypeError, ValueError) as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            raise CourseError(f"tool {name} with {settings!r}: {said}") from None

    def create_memory(self, config: AgentConfig, model: BaseChatModel) -> list:
        """The middleware that is this kind of memory."""
        kind = config.memory_type
        for setting, value in config.memory_config.items():
            known(setting, MEMORY_SETTINGS[kind], f"setting of {kind} memory")
            if MEMORY_SETTINGS[kind][setting] and not (type(value) is int and value > 0):
                raise CourseError(f"memory_config.{setting}={value!r}: a whole number above 0 is wanted")
        return memory_of(kind, model, f"memory-of-{config.name}", **config.memory_config)

    def build(self, config: AgentConfig) -> Built:
        model, tools = self.create_llm(config), self.create_tools(config)
        limit = mw.ModelCallLimitMiddleware(run_limit=config.max_iterations, exit_behavior="error")
        person = mw.HumanInTheLoopMiddleware(dict.fromkeys((tool.name for tool in tools), True))
        agent = create_agent(
            model,
            tools,
            name=config.name,
            system_prompt=config.description or None,
            debug=config.verbose,
            checkpointer=InMemorySaver(),
            context_schema=Asker,
            middleware=[
                *self.create_memory(config, model),
                limit,
                *([person] if config.agent_type == "approval" and tools else []),
            ],
        )
        logger = logging.getLogger(f"agents.{config.name}")
        logger.setLevel(config.log_level)
        manager = Manager(max_retries=config.max_retries, **self.manager)
        return Built(config, agent, manager, ChainWatch() if config.enable_monitoring else None, logger)
