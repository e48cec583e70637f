"""The warehouse in a page: it replays what Python stored, and can be worked by keyboard and by ear."""

import gzip
import json

import pytest
from widget_page import widget_page

from coursekit.floor import STEPS, ahead
from coursekit.warehouse import Warehouse, run, say
from coursekit.warehouse_view import MOST_BYTES, WarehouseView

ROUND = ("pick", "east", "drop", "south", "pick", "west", "charge", "north")


def busy(percept):
    """Walks about, tries everything, and says so at times; a free step first, so that it gets about."""
    turn = percept.turn + len(percept.name)
    action = ROUND[(turn // 3) % 8] if turn % 4 else list(STEPS)[(turn // 9 + int(percept.name[1])) % 4]
    return say(f"turn {percept.turn}", action) if turn % 10 == 0 else action


@pytest.fixture(scope="module")
def journal():
    return run(Warehouse(seed=8, robots=3, people=3, rate=0.3, battery=40), [busy] * 3, 200)


@pytest.fixture(scope="module")
def view(journal):
    return WarehouseView(journal)


def unfolded(changes):
    """Each turn's changes laid over the turn before, as warehouse.js does it."""
    seen = []
    for change in changes:
        before = seen[-1] if seen else {"robots": {}, "people": {}, "waiting": {}, "delivered": 0}
        frame = {"told": change.get("told", []), "delivered": change.get("delivered", before["delivered"])}
        for kind in ("robots", "people", "waiting"):
            merged = before[kind] | change.get(kind, {})
            frame[kind] = {name: value for name, value in merged.items() if value is not None}
        seen.append(frame)
    return seen


def test_the_stored_changes_unfold_to_every_frame_of_the_journal(view, journal):
    seen = unfolded(view.changes)
    assert len(seen) == len(journal.frames) == 201
    for page, frame in zip(seen, journal.frames, strict=True):
        assert {name: tuple(robot[:2]) for name, robot in page["robots"].items()} == {
            name: robot[0] for name, robot in frame["robots"].items()
        }
        assert {n: tuple(robot[2:]) for n, robot in page["robots"].items()} == {
            n: tuple(robot[1:]) for n, robot in frame["robots"].items()
        }
        assert {name: tuple(cell) for name, cell in page["people"].items()} == frame["people"]
        assert {int(n): tuple(cell) for n, cell in page["waiting"].items()} == frame["waiting"]
        assert page["delivered"] == frame["delivered"]
        assert [tuple(event) for event in page["told"]] == frame["events"]


def test_two_hundred_turns_weigh_at_most_forty_kilobytes_packed(view):
    state = json.dumps([view.rows, view.changes]).encode()
    assert len(gzip.compress(state)) < 40_000


def test_all_that_a_page_needs_travels_in_the_synced_state_and_moves_with_it(view, journal):
    assert {"_esm", "_css", "rows", "changes", "turn", "speed"} <= set(view.get_state())
    other = WarehouseView(journal, turn=3)
    assert other.turn == 3
    other.set_state({"turn": 9, "speed": 8})  # what the page sends
    assert (other.turn, other.speed) == (9, 8)
    assert repr(view) == "A warehouse of 3 robots and 3 people, 200 turns to play"


def test_messages_that_are_data_are_not_read_out():
    journal = run(Warehouse(seed=1, robots=1), [lambda p: say((1, 2), "wait")], 5)
    assert any(event[0] == "sends" for frame in journal.frames for event in frame["events"])
    assert "says" not in json.dumps(WarehouseView(journal).changes)


def test_a_turn_outside_and_a_journal_too_heavy_are_refused(journal):
    with pytest.raises(ValueError, match="turn 201 is not in this journal of 201 frames"):
        WarehouseView(journal, turn=201)
    with pytest.raises(ValueError, match=f"at most {MOST_BYTES:,}"):
        WarehouseView(journal._replace(frames=journal.frames * 20))


@pytest.fixture
def page(browser, view):
    with widget_page(browser, view, "rows", "changes", "turn", "speed") as tab:
        yield tab


def told(page):
    return page.inner_text(".ck-warehouse [aria-live]")


def go(page, turn):
    page.evaluate(f"""() => {{ const at = document.querySelector('[name=at]'); at.value = {turn};
        at.dispatchEvent(new Event('input')); }}""")


def test_the_page_unfolds_the_changes_as_python_does(page, view):
    assert page.evaluate("unfold(values.changes)") == unfolded(view.changes)


def test_each_body_is_drawn_on_its_cell(page, view):
    seen = unfolded(view.changes)
    for turn in (0, 57, 200):
        go(page, turn)
        for name, (row, column, *_) in (seen[turn]["robots"] | seen[turn]["people"]).items():
            style = page.get_attribute(f"[data-body={name}]", "style")
            assert f"translate({column * 40 + 20}px, {row * 40 + 20}px)" in style


def test_the_turn_is_told_in_words_and_for_the_picture(page, view):
    turn = next(
        i for i, f in enumerate(unfolded(view.changes)) if f["told"] and f["told"][0][0] == "collision"
    )
    go(page, turn)
    frame = unfolded(view.changes)[turn]
    assert all(words in told(page) for _, words in frame["told"]) and f"turn {turn}" in told(page)
    assert page.locator(".hit:not(.none)").count() >= 1
    said = page.get_attribute(".ck-floor svg", "aria-label")
    assert f"Turn {turn}: r1 at row" in said and "battery" in said


def test_steps_go_forth_and_back_and_stop_at_the_ends(page):
    assert page.is_disabled("[name=back]")
    page.click("[name=on]")
    page.click("[name=on]")
    page.click("[name=back]")
    assert page.evaluate("values.turn") == 1
    page.press("[name=at]", "End")
    assert page.is_disabled("[name=on]") and page.evaluate("values.turn") == 200


def test_the_floor_is_worked_by_keyboard_alone(page):
    page.focus(".ck-floor")
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate("values.turn") == 1
    page.keyboard.press("Space")
    assert page.inner_text("[name=play]") == "pause"
    page.keyboard.press("Space")
    assert page.inner_text("[name=play]") == "play"
    page.keyboard.press("End")
    assert page.evaluate("values.turn") == 200


def test_playing_is_silent_runs_to_the_end_and_stops(page):
    go(page, 196)
    page.select_option("[name=speed]", "8")
    page.click("[name=play]")
    assert page.get_attribute(".ck-said", "aria-live") == "off"
    page.wait_for_function("document.querySelector('[name=play]').textContent === 'play'", timeout=6000)
    assert page.is_disabled("[name=on]") and page.get_attribute(".ck-said", "aria-live") == "polite"


def test_who_wants_less_motion_sees_bodies_jump(page):
    moving = "getComputedStyle(document.querySelector('.body')).transitionDuration"
    assert page.evaluate(moving) != "0s"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == "0s"


def test_nothing_sticks_out_of_a_narrow_page_and_lab_keeps_its_shortcuts(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    every = page.locator(".ck-warehouse :is(input, select, button, [tabindex])")
    kept = page.locator(".ck-warehouse :is(input, select, button, [tabindex])[data-lm-suppress-shortcuts]")
    assert every.count() == kept.count() == 6


def test_every_step_of_a_free_robot_leads_where_the_floor_says(journal):
    for before, now in zip(journal.frames, journal.frames[1:], strict=False):
        for name, (cell, _, _, action) in now["robots"].items():
            assert cell in (before["robots"][name][0], ahead(before["robots"][name][0], action))
