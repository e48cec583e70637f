"""Agents from a file: every field is checked, and every field does something."""

import logging
from collections import Counter

import pytest
import yaml
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.types import Command

from coursekit import llm, rehearsal
from coursekit.agent_factory import AgentConfig, Factory, read_config
from coursekit.desk import Drawer
from coursekit.errors import CourseError
from coursekit.fleet import Fault, Fleet
from coursekit.incident_tools import incident_makers
from coursekit.memory_middleware import MEMORY_SETTINGS
from coursekit.resilience import POLICIES

EXAMPLE = {"name": "helper", "llm_model": "helper"}
BAD = {
    "name": ["", "a b", "a-", "ä"], "llm_model": [""], "description": [3], "temperature": [2.1, -0.1],
    "max_tokens": [0],
    "agent_type": ["x"], "max_iterations": [0, 21], "verbose": ["perhaps"], "enabled_tools": ["clock"],
    "tool_configs": [{"clock": 1}], "memory_type": ["vektor"], "memory_config": [3], "max_retries": [-1, 11],
    "timeout_seconds": [9, 3601], "enable_monitoring": ["maybe"], "log_level": ["LOUD"],
}  # fmt: skip
LIMITS = {
    "temperature": [0, 2],
    "max_iterations": [1, 20],
    "max_retries": [0, 10],
    "timeout_seconds": [10, 3600],
}


def pairs(values):
    return pytest.mark.parametrize(
        ("field", "value"), [(name, one) for name in values for one in values[name]]
    )


@tool
def clock() -> str:
    """Tell the time."""
    return "noon"


@pytest.fixture
def seen():
    """Requests to `helper`, which calls the tool it is offered once, and says what came of it."""
    requests = []

    @rehearsal.policy("helper")
    def helper(request):
        requests.append(request)
        if request.tools and not request.results():
            return rehearsal.call(next(iter(request.tools)))
        return rehearsal.say(f"You said: {request.user}")

    return requests


def build(factory=None, **fields):
    model = lambda name, **settings: ChatOpenAI(model=name, **llm.connection(), **settings)
    factory = factory or Factory(model, sleep=lambda s: None)
    return factory.register("clock", lambda zone="UTC": clock).build(read_config(yaml.dump(EXAMPLE | fields)))


def test_there_are_sixteen_fields_and_only_the_name_is_required():
    assert len(AgentConfig.model_fields) == 16
    assert [name for name, field in AgentConfig.model_fields.items() if field.is_required()] == ["name"]


@pairs(BAD)
def test_a_value_beyond_its_limits_is_refused_with_field_and_value(field, value):
    with pytest.raises(CourseError, match=field):
        read_config(yaml.dump(EXAMPLE | {field: value}))


@pairs(LIMITS)
def test_the_limits_themselves_are_allowed(field, value):
    assert getattr(read_config(yaml.dump(EXAMPLE | {field: value})), field) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [("a: [", "not YAML"), ("- a", "list of `field: value`"), ("", "list of"), ("nam: x", "there is name"),
     ("llm_model: x", "name is missing"), ("name: !!python/object/apply:os.getcwd []", "not YAML")],
)  # fmt: skip
def test_what_is_no_configuration_is_refused_in_words(text, why):
    with pytest.raises(CourseError, match=why):
        read_config(text)


def test_model_settings_reach_the_wire_and_the_client_does_not_retry(seen):
    built = build(temperature=0.7, max_tokens=50, description="Be kind.", timeout_seconds=17)
    assert built.run("hello").value == "You said: hello"
    body, config = seen[-1].body, built.config
    llm_made = Factory(lambda name, **settings: (name, settings)).create_llm(config)
    assert llm_made[0] == "helper" and (llm_made[1]["timeout"], llm_made[1]["max_retries"]) == (17, 0)
    assert (body["temperature"], seen[-1].max_tokens, seen[-1].system) == (0.7, 50, "Be kind.")


def test_tools_are_offered_called_and_watched(seen):
    built = build(enabled_tools=["clock"], tool_configs={"clock": {"zone": "CET"}})
    assert built.run("time?").success and seen[-1].results() == ["noon"]
    assert ("execute_tool", "clock") in [step[1:] for step in built.watch.steps]
    assert build(enable_monitoring=False).watch is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"enabled_tools": ["clokc"]}, "no tool is called 'clokc'; there is clock"),
        ({"tool_configs": {"clock": {}}}, "no enabled tool is called 'clock'"),
        ({"enabled_tools": ["clock"], "tool_configs": {"clock": {"city": 1}}}, "no setting of clock .* zone"),
        (
            {"memory_type": "vector", "memory_config": {"kk": 1}},
            "no setting of vector memory .* persist_directory",
        ),
    ],
)
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(fields, why):
    with pytest.raises(CourseError, match=why):
        build(**fields)


@pytest.mark.parametrize("memory_type", MEMORY_SETTINGS)
def test_every_kind_of_memory_can_be_built_and_remembers_the_last_turn(seen, memory_type):
    built = build(name=f"m-{memory_type}", memory_type=memory_type)
    built.run("first"), built.run("second")
    assert "first" in str(seen[-1].messages)


def test_a_window_shows_only_its_turns_and_whole_ones(seen):
    built = build(memory_type="window", memory_config={"turns": 2}, enabled_tools=["clock"])
    for n in range(5):
        built.run(f"turn {n}")
    users = [m["content"] for m in seen[-1].messages if m["role"] == "user"]
    assert users == ["turn 3", "turn 4"] and seen[-1].messages[0]["role"] == "user"


def test_a_vector_memory_in_a_folder_outlives_its_agent_and_its_thread(seen, tmp_path):
    settings = {"memory_type": "vector", "memory_config": {"persist_directory": str(tmp_path)}}
    build(**settings).run("My cat is called Mia.", thread="a")
    build(**settings).run("What is my cat called?", thread="b")
    assert "Mia" in seen[-1].system and len(seen[-1].messages) == 2


def test_too_many_iterations_end_as_a_result_and_are_not_tried_again(seen):
    endless = []

    @rehearsal.policy("helper")
    def again(request):
        endless.append(1)
        return rehearsal.call("clock")

    result = build(enabled_tools=["clock"], max_iterations=4).run("go")
    assert (result.success, result.kind, len(endless)) == (
        False,
        "limit",
        4,
    ) and "max_iterations" in result.advice


def test_max_retries_counts_requests_once(seen):
    asked = []

    @rehearsal.policy("helper")
    def busy(request):
        asked.append(1)
        return rehearsal.rate_limited(0.01)

    assert build(max_retries=2).run("hello").advice == POLICIES["rate limit"].advice and len(asked) == 3


def test_approval_pauses_before_the_tool(seen):
    built = build(agent_type="approval", enabled_tools=["clock"])
    built.run("time?")
    state = built.agent.get_state({"configurable": {"thread_id": "1"}})
    assert state.interrupts and seen[-1].results() == []


def test_the_log_has_the_level_of_the_file(seen, caplog):
    for level, lines in (("INFO", 1), ("WARNING", 0)):
        caplog.clear()
        built = build(log_level=level, name=f"log-{level.lower()}")
        with caplog.at_level(logging.NOTSET):
            built.logger.setLevel(level)
            built.run("hello")
        assert len([r for r in caplog.records if r.name == built.logger.name]) == lines


def test_verbose_prints_each_step(seen, capsys):
    build().run("hello")
    quiet = capsys.readouterr().out
    build(verbose=True).run("hello")
    assert quiet == "" and "messages" in capsys.readouterr().out


def test_the_incident_tools_search_file_and_post():
    office, fleet = Drawer(), Fleet([Fault("disk", "service-d")], seed=1).run(40)
    makers = incident_makers(office, fleet)
    said = makers["log_search"]().invoke({"service": "service-d"})
    errors = Counter(log.message for log in fleet.logs if (log.service, log.level) == ("service-d", "ERROR"))
    assert said.splitlines() == [f"{count} x {message}" for message, count in errors.most_common(3)]
    assert makers["log_search"](most=1).invoke({"service": "service-d"}) == said.splitlines()[0]
    assert makers["log_search"](level="FATAL").invoke({"service": "service-d"}) == "nothing found"
    assert makers["ticket_creation"]().invoke({"summary": "disk", "team": "sre"}) == "DRAFT-1"
    makers["notification"](channel="#sre").invoke({"text": "look"})
    assert office.tickets == [("sre", "disk", "")] and office.posts == [("#sre", "look")]


def test_a_second_try_asks_nothing_and_calls_no_tool_again(seen):
    """The model fails before the tool is called, and once more after it; both times the thread is whole."""
    called, failures = [], ["after", "before"]

    @tool("clock")
    def counted() -> str:
        """Tell the time."""
        called.append(1)
        return "noon"

    @rehearsal.policy("helper")
    def helper(request):
        seen.append(request)
        if failures and (failures[-1] == "before" or request.results()):
            failures.pop()
            return rehearsal.server_error()
        return rehearsal.say("done") if request.results() else rehearsal.call("clock")

    model = lambda name, **settings: ChatOpenAI(model=name, **llm.connection(), **settings)
    factory = Factory(model, {"clock": lambda: counted}, sleep=lambda s: None)
    built = factory.build(read_config(yaml.dump(EXAMPLE | {"enabled_tools": ["clock"]})))
    result = built.run("time?")
    assert (result.value, result.attempts, called, failures) == ("done", 3, [1], [])
    assert [m["role"] for m in seen[-1].messages] == ["user", "assistant", "tool"]


def test_a_run_that_waits_for_approval_is_no_success_and_can_go_on(seen):
    built = build(agent_type="approval", enabled_tools=["clock"])
    paused = built.run("time?")
    assert (paused.success, paused.kind, paused.error) == (False, "approval", "waits: clock")
    done = built.run(Command(resume={"decisions": [{"type": "approve"}]}))
    assert done.success and done.value == "You said: time?" and seen[-1].results() == ["noon"]


def test_what_one_user_said_reaches_no_other(seen):
    built = build(memory_type="vector")
    built.run("My code is 4711.", thread="a", user="anna")
    for user, knows in (("ben", False), ("anna", True)):
        built.run("What is my code?", thread=f"new-{user}", user=user)
        assert ("4711" in seen[-1].system) is knows


@pytest.mark.parametrize("value", [0, -1, "many", True, 2.5])
def test_a_setting_of_memory_is_a_whole_number_above_zero(value):
    with pytest.raises(CourseError, match=r"memory_config\.turns=.* a whole number above 0"):
        build(memory_type="window", memory_config={"turns": value})


@pytest.mark.parametrize("error", [TypeError(), ValueError("no such zone")])
def test_a_maker_that_refuses_its_settings_is_named(error):
    def maker(zone):
        raise error

    factory = Factory(lambda name, **_: None, {"watch": maker})
    config = read_config(
        yaml.dump(EXAMPLE | {"enabled_tools": ["watch"], "tool_configs": {"watch": {"zone": "X"}}})
    )
    with pytest.raises(CourseError, match=f"tool watch with .*X.*: {type(error).__name__}"):
        factory.create_tools(config)
