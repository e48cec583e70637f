"""The trace of a graph and the desk of a person who answers, in a browser without a kernel."""

import json

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command
from test_graph_flows import State, begin
from widget_page import PAGE, widget_page

from coursekit.approval import ApprovalView
from coursekit.graph_trace import GraphTrace


@pytest.fixture(scope="module")
def trace():
    app, state, config = begin(1)
    app.invoke(state, config)
    asked = app.get_state(config)
    app.invoke(Command(resume="<b>no</b>"), config)
    app.invoke(None, app.update_state(asked.config, {"answers": ["yes"]}, as_node="ask"))
    return GraphTrace.of(app, config)


def test_steps_keys_and_dots_show_the_same_checkpoints(browser, trace):
    with widget_page(browser, trace, "picture", "frames", "at") as page:
        said = lambda: page.locator(".ck-said").inner_text()
        assert said().startswith("checkpoint 0") and page.locator("[name=back]").is_disabled()
        page.click("text=step")
        assert 'it asks: "question 1"' in said()
        assert page.locator("[data-node=ask]").get_attribute("class") == "next"
        page.focus(".ck-line")
        page.keyboard.press("ArrowRight")
        assert "ask ran; nothing is left" in said() and "ran" in page.locator(
            "[data-node=ask]"
        ).get_attribute("class")
        assert (
            page.locator("tr.new th").inner_text().startswith("answers") and page.locator("td b").count() == 0
        )
        page.locator("[data-frame='3']").click()
        assert "the state was edited" in said() and page.evaluate("values.at") == 3
        assert page.locator("circle.before").count() == 3  # the line that leads here, not the other
        assert page.locator("[name=on]").is_disabled()


def test_on_a_phone_the_graph_keeps_its_size_and_shows_the_node_that_is_due(browser):
    names = [f"write_{i}" for i in range(5)]
    app = StateGraph(State).add_sequence([(name, lambda state: {"x": 1}) for name in names])
    app = app.add_edge(START, names[0]).compile(InMemorySaver())
    app.invoke({"x": 0}, config := {"configurable": {"thread_id": "t"}})
    with widget_page(browser, GraphTrace.of(app, config), "picture", "frames", "at") as page:
        drawn = page.locator(".ck-graph svg")
        assert drawn.bounding_box()["width"] == float(drawn.get_attribute("width")) > 390
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        for number in range(1, 6):
            page.click("text=step")
            box = page.locator("[data-node].next").bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 390, number


def test_a_dot_stands_below_for_each_fork(browser, trace):
    with widget_page(browser, trace, "picture", "frames", "at") as page:
        spots = page.evaluate("unfold(values.frames)")
        assert [spot["y"] > spots[0]["y"] for spot in spots] == [False, False, False, True]


def test_a_desk_goes_every_path_and_back(browser):
    view = ApprovalView.of(begin, ["go_on", "stop"], lambda result: str(result.get("answers", "a question")))
    page = browser.new_page(viewport={"width": 390, "height": 844})
    values = {name: getattr(view, name) for name in ("options", "frames", "path")}
    code = json.dumps(view._esm).replace("</", "<\\/")
    page.set_content(PAGE.format(css=view._css, code=code, values=json.dumps(values)))
    said = lambda: page.locator(".ck-said").inner_text()
    assert said() == "? a question"
    page.click("text=go on")
    page.click("text=stop")
    assert said() == "■ ['go_on', 'stop']" and page.evaluate("values.path") == ["go_on", "stop"]
    assert page.locator("[data-option]:not([disabled])").count() == 0
    page.click("text=start again")
    assert said() == "? a question" and page.locator(".ck-path li").count() == 0
    page.close()
