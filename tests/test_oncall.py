"""The on-call game: the same points in Python and in a browser."""

import json

import pytest
from widget_page import PAGE

from coursekit.audit import Audit
from coursekit.fleet import Fault, Fleet
from coursekit.oncall import Game, OnCallView, points
from coursekit.watch import Watch


def deal(audit=None) -> Game:
    fault = Fault("disk", "service-b", at=5)
    return Game(Watch(Fleet([fault], seed=1), []).run(30), fault, audit)


@pytest.fixture
def view():
    return OnCallView.of(deal)


def test_looks_and_wrong_actions_cost_and_the_cure_does_not():
    game = deal()
    game.look("logs"), game.look("logs"), game.look("metrics")
    assert game.score == 90 and not game.solved
    assert "it goes on" in game.act("rollback", "service-b") and game.score == 50
    assert "all is well" in game.act("clean_disk", "service-b") and game.score == 50 and game.solved
    assert points(30, 0) == 0


def test_the_looks_show_what_is_there():
    game = deal()
    assert "No space left" in repr(game.look("logs")) and "0.00" not in repr(game.look("metrics"))
    assert repr(game.look("alerts")).split() == ["alerts", "nothing"]
    with pytest.raises(ValueError, match="alerts, logs"):
        game.look("stars")


def test_what_a_player_does_stands_in_the_audit_log():
    audit = Audit()
    game = deal(audit)
    game.look("deploys"), game.act("scale", "service-b")
    assert [entry["tool"] for entry in audit.entries] == ["look at deploys", "remediate"]
    assert game.fleet.instances["service-b", "us-east"] == 12


def test_the_view_holds_one_cure_and_it_is_the_truth(view):
    assert [name for name, right, _ in view.acts if right] == ["clean disk service-b"]
    assert {name for name, _ in view.looks} == set(Game.SENSES)
    with pytest.raises(ValueError, match="exactly one"):
        OnCallView("?", {}, {"a": (True, ""), "b": (True, "")})


def test_in_a_browser_the_score_is_that_of_python(browser, view):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    names = ("story", "looks", "acts", "costs", "seen", "done")
    values, code = {name: getattr(view, name) for name in names}, json.dumps(view._esm)
    page.set_content(PAGE.format(css=view._css, code=code.replace("</", "<\\/"), values=json.dumps(values)))
    said = lambda: page.locator(".ck-said").inner_text()
    page.click("text=logs")
    assert "No space left" in page.locator("pre").inner_text() and "95 points" in said()
    page.click("text=failover database")
    assert "it goes on" in said() and "55 points" in said()
    page.click("text=clean disk service-b")
    assert "✓" in said() and "all is well" in said()
    view.seen, view.done = page.evaluate("[values.seen, values.done]")
    assert f"{view.score} points" in said() and view.score == 55
    assert page.locator("[data-act]:not([disabled])").count() == 0
    page.click("text=start again")
    assert "100 points" in said() and page.locator("pre").count() == 0
    page.close()
