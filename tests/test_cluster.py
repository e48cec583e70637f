import json
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from widget_page import widget_page

from coursekit.cluster import MOST_BYTES, ClusterView, Story, moments
from coursekit.trace import Trace
from coursekit.world import World

NAMES = ["n1", "n2", "n3"]


class Gossip:
    """A process of our own, so that these tests need no consensus: it counts what it hears."""

    def __init__(self, machine):
        self.machine, self.heard = machine, machine.disk.setdefault("heard", [])
        machine.timer("tell", 10, self.tell)

    def tell(self):
        for name in NAMES:
            if name != self.machine.name:
                self.machine.send(name, "news")
        self.machine.timer("tell", 50, self.tell)

    def receive(self, sender, message):
        self.heard.append([1, sender])

    def view(self):
        told = {"role": "follower", "term": 1, "voted_for": None, "log": self.heard[-3:], "start": 0}
        return told | {"commit_index": 1, "members": NAMES}


def frames(*faults, seed=1):
    world = World(seed, delay=(10, 10))
    for name in NAMES:
        world.add(name, Gossip)
    trace = Trace(world)
    world.plan([(120, *fault) for fault in faults])
    world.run(until=260)
    return trace.frames


def unfolded(stories, which):
    """What a page sees: each step's changes, laid over what was before, as cluster.js does it."""
    story = stories[which]
    seen = [] if story["of"] < 0 else unfolded(stories, story["of"])[: story["at"] + 1]
    for change in story["steps"]:
        before = seen[-1] if seen else {"nodes": {}, "cuts": []}
        seen.append(before | change | {"nodes": before["nodes"] | change.get("nodes", {})})
    return seen


BASE = Story("base", "Nothing happens.", frames())
CRASH = Story("crash", "n1 crashes.", frames(("crash", "n1")), "base", "n1")
CUT = Story("cut", "A link is cut.", frames(("cut", "n1", "n2"), ("cut", "n2", "n1")), "base", "n1-n2")


@pytest.fixture(scope="module")
def view():
    return ClusterView([BASE, CRASH, CUT])


def test_the_stored_changes_unfold_to_every_moment_of_every_story(view):
    for which, story in enumerate((BASE, CRASH, CUT)):
        seen, meant = unfolded(view.stories, which), moments(story.frames)
        assert [frame["time"] for frame in seen] == [frame["time"] for frame in meant]
        for frame, full in zip(seen, meant, strict=True):
            for name, node in frame["nodes"].items():
                assert node.items() <= full["nodes"][name].items()
            assert Counter(map(tuple, frame["messages"])) == Counter(
                (each["from"], each["to"], each["kind"]) for each in full["messages"]
            )


def test_a_branch_leaves_its_parent_at_the_moment_of_the_fault_and_stores_only_the_rest(view):
    for which in (1, 2):
        story, seen = view.stories[which], unfolded(view.stories, which)
        assert seen[: story["at"] + 1] == unfolded(view.stories, 0)[: story["at"] + 1]
        assert seen[story["at"] + 1]["time"] == 120
        assert len(story["steps"]) < len(seen)


def test_a_crashed_node_keeps_the_log_that_was_seen_last(view):
    last = unfolded(view.stories, 1)[-1]["nodes"]["n1"]
    before = unfolded(view.stories, 0)[view.stories[1]["at"]]["nodes"]["n1"]
    assert not last["alive"] and last["log"] == before["log"] != []


def test_links_that_are_cut_or_between_groups_are_named_once_in_order(view):
    assert unfolded(view.stories, 2)[-1]["cuts"] == ["n1-n2"]
    split = ClusterView([Story("split", "", frames(("partition", ["n3"], ["n1", "n2"])))])
    assert unfolded(split.stories, 0)[-1]["cuts"] == ["n1-n3", "n2-n3"]


def test_what_happens_at_the_same_time_is_one_moment_in_few_words():
    said = [frame["what"] for frame in moments(BASE.frames)]
    assert said[3] == "n2, n3 get str from n1; n1, n3 get str from n2; n1, n2 get str from n3"
    assert len(said) == len({frame["time"] for frame in BASE.frames})


words = st.sampled_from(["n1 crashes", "n1 applies 2: x", "n2 applies 2: x", "the network heals"])
arrivals = st.builds("{} {} {} from {}".format, *map(st.sampled_from, (
    NAMES, ["gets", "never gets"], ["Vote", "Append"], NAMES)))  # fmt: skip


@given(st.lists(words | arrivals, min_size=1, max_size=8))
def test_telling_together_loses_no_message_and_invents_none(texts):
    one = {"time": 0, "nodes": {}}
    said = moments([one | {"what": text} for text in texts])[0]["what"]
    got = set()
    for to, verb, kind, sender in re.findall(r"([n\d, ]+) (gets?|never gets?) (\w+) from ([n\d, ]+)", said):
        got |= {
            (a.strip(), verb.replace("gets", "get"), kind, b)
            for a in to.split(",")
            for b in sender.split(", ")
        }
    parsed = (re.fullmatch(r"(\w+) (gets|never gets) (\w+) from (\w+)", text) for text in texts)
    assert got == {(m[1], m[2].replace("gets", "get"), m[3], m[4]) for m in parsed if m}


def test_all_that_a_page_needs_travels_in_the_synced_state_and_moves_with_it(view):
    state = view.get_state()
    assert {"_esm", "_css", "nodes", "stories", "story", "step"} <= set(state)
    json.dumps({key: value for key, value in state.items() if key != "layout"})
    other = ClusterView([BASE, CRASH])
    other.set_state({"story": 1, "step": 4})  # what the page sends
    assert (other.story, other.step) == (1, 4)


def test_the_plain_text_names_the_stories_of_the_menu(view):
    assert repr(view) == "A cluster of 3 nodes in 3 stories: base"


@pytest.mark.parametrize(
    ("stories", "says"),
    [
        ([], "got none"),
        ([Story("empty", "", [])], "got none"),
        ([BASE, BASE], "share a name"),
        ([BASE, CRASH._replace(of="bass")], "'crash' branches off 'bass'; there is base, crash"),
        ([BASE, CRASH._replace(click="n9")], "click on n9; the nodes are n1, n2, n3"),
        ([BASE, CRASH._replace(frames=frames(seed=1))], "must begin as 'base' does, and then differ"),
        ([BASE, BASE._replace(name="late", of="base", frames=BASE.frames[9:])], "must begin as 'base'"),
    ],
)  # fmt: skip
def test_a_story_that_cannot_be_told_is_named(stories, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        ClusterView(stories)


def test_stories_that_would_weigh_a_page_down_are_refused():
    about = "x" * MOST_BYTES
    with pytest.raises(ValueError, match=r"at most 150,000"):
        ClusterView([BASE._replace(about=about)])


@pytest.fixture
def page(browser, view):
    with widget_page(browser, view, "nodes", "stories", "story", "step") as tab:
        yield tab


def told(page):
    return page.inner_text(".ck-cluster [aria-live]")


def test_the_page_unfolds_the_stories_as_python_does(page, view):
    for which in range(3):
        assert page.evaluate(f"unfold(values.stories, {which})") == unfolded(view.stories, which)


def test_steps_go_forth_and_back_and_are_told(page):
    page.click("[name=on]")
    after = told(page)
    page.click("[name=on]")
    page.click("[name=back]")
    assert told(page) == after and page.evaluate("values.step") == 1
    page.press("[name=at]", "End")
    assert page.is_disabled("[name=on]") and not page.is_disabled("[name=back]")


def test_a_click_on_a_node_crashes_it_and_can_be_taken_back(page):
    page.click("[data-click=n1]")
    assert "n1 crashes" in told(page) and "crashed" in page.inner_text(".ck-logs tbody tr:first-child")
    assert page.evaluate("values.story") == 1
    page.click("[name=undo]")
    assert page.evaluate("values.story") == 0 and "crashed" not in page.inner_text(".ck-logs")


def test_a_link_is_cut_by_keyboard_alone(page):
    page.focus("[data-click=n1-n2]")
    page.keyboard.press("Enter")
    assert "120 ms n2 is cut off from what n1 says; n1 is cut off from what n2 says;" in told(page)
    assert page.evaluate("document.activeElement.name") == "on"  # one can go on stepping


def test_playing_runs_to_the_end_and_stops(page):
    page.press("[name=at]", "End")
    page.press("[name=at]", "ArrowLeft")
    page.click("[name=play]")
    page.wait_for_function("document.querySelector('[name=play]').textContent === 'play'", timeout=6000)
    assert page.is_disabled("[name=on]")


def test_nothing_sticks_out_of_a_narrow_page_and_lab_keeps_its_shortcuts(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    every = page.locator(".ck-cluster :is(input, select, button, [tabindex])")
    kept = page.locator(".ck-cluster :is(input, select, button, [tabindex])[data-lm-suppress-shortcuts]")
    assert every.count() == kept.count() == 8  # of them two in the picture
