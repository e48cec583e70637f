"""Tools that come and go: loading is careful, choosing is bounded, rates are honest."""

import types

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import BaseTool, tool

from coursekit.errors import CourseError
from coursekit.toolbox import WEIGHT, Entry, Toolbox


@tool
def clock() -> str:
    """Tell the time."""
    return "noon"


class Good(BaseTool):
    name: str = "good"
    description: str = "Good."

    def _run(self) -> str:
        return "good"


class Broken(Good):
    def __init__(self, **_):
        raise OSError("no line")


class Unfinished(BaseTool):
    name: str = "unfinished"
    description: str = "No _run."


def module(*kinds):
    made = types.ModuleType("made")
    for kind in kinds:
        setattr(made, kind.__name__, type(kind.__name__, (kind,), {"__module__": "made"}))
    made.Foreign = Good  # imported, not defined there
    return made


def test_one_tool_that_cannot_be_built_costs_nothing_but_itself():
    box = Toolbox()
    report = box.load(module(Broken, Good, Unfinished))
    assert report == {"Broken": "OSError: no line", "Good": "loaded", "Unfinished": "abstract"}
    assert list(box.entries) == ["good"]


def test_only_allowed_packages_are_imported(monkeypatch):
    monkeypatch.setattr("importlib.import_module", lambda path: pytest.fail(f"{path} was imported"))
    with pytest.raises(CourseError, match="'os' may not be imported; allowed: coursekit"):
        Toolbox().load("os")


def test_a_module_that_is_not_there_is_an_error_with_its_name():
    with pytest.raises(CourseError, match=r"no module 'coursekit\.nowhere'"):
        Toolbox().load("coursekit.nowhere")


def test_registering_twice_lists_a_tool_once_and_keeps_its_statistics():
    box = Toolbox()
    box.add(clock, "time")
    box.note("clock", ok=False)
    box.add(clock, "home")
    assert box.categories == {"home": ["clock"]} and box.entries["clock"].failures == 1


def test_of_the_names_that_come_back_at_most_five_known_ones_are_taken_in_their_order():
    box = Toolbox()
    for n in range(9):
        box.add(tool(f"tool_{n}", description="Any.")(lambda x: x))
    asked = []
    named = [f"tool_{n}" for n in (8, 3, 99, 3, 1, 0, 7, 2, 5)]
    found = box.choose("the task", lambda prompt: asked.append(prompt) or named)
    assert [one.name for one in found] == ["tool_8", "tool_3", "tool_1", "tool_0", "tool_7"]
    assert "the task" in asked[0] and "- tool_4 (general): Any." in asked[0] and "at most 5" in asked[0]
    with pytest.raises(CourseError, match="no name is in the box"):
        box.choose("the task", lambda prompt: ["oracle"])


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_the_rate_is_the_mean_of_all_calls_with_weights_that_fall_by_a_tenth(results):
    entry = Entry(clock, "any")
    assert entry.success_rate is None
    for ok in results:
        entry.note(ok)
    weights = [(1 - WEIGHT) ** age for age in range(len(results))][::-1]
    mean = sum(weight * ok for weight, ok in zip(weights, results, strict=True)) / sum(weights)
    assert entry.success_rate == pytest.approx(mean)
    assert (entry.calls, entry.failures) == (len(results), results.count(False))
    assert not all(results) or entry.success_rate == 1
    assert any(results) or entry.success_rate == 0


def test_an_error_without_words_is_reported_by_its_type():
    class Silent(Good):
        def __init__(self, **_):
            raise PermissionError

    assert Toolbox().load(module(Silent, Good)) == {"Silent": "PermissionError: ", "Good": "loaded"}


def test_of_the_weather_tools_one_is_loaded_and_the_other_is_named():
    box = Toolbox()
    report = box.load("coursekit.weather_tools")
    assert report == {"PaidForecast": "PermissionError: no key for the paid service", "Thermometer": "loaded"}
    assert box.entries["thermometer"].tool.invoke({"city": "Graz"}) == "Graz: 21 °C"
