from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.trace import Trace, frame
from coursekit.world import World


class Recorder:
    """Writes down what it hears; counts its own timer on the disk."""

    def __init__(self, machine):
        self.machine, self.heard = machine, []
        machine.timer("tick", 10, self.tick)

    def tick(self):
        self.machine.disk["ticks"] = self.machine.disk.get("ticks", 0) + 1
        self.machine.timer("tick", 10, self.tick)

    def receive(self, sender, message):
        self.heard.append((self.machine.now(), sender, message))

    def view(self):
        return {"role": "recorder"}


def pair(**settings):
    world = World(seed=3, **settings)
    for name in ("a", "b"):
        world.add(name, Recorder)
    return world


def story(seed, loss=0.1):
    """A busy second, as its log."""
    world = World(seed, loss=loss, duplication=0.1)
    for name in ("a", "b", "c"):
        world.add(name, Recorder)
    world.plan([(20, "crash", "b"), (50, "restart", "b"), (60, "partition", ["a"], ["b", "c"]), (80, "heal")])
    for moment in range(0, 100, 3):
        world.at(moment, "talk", lambda: world.send("a", world.rng.choice("bc"), "x"))
    world.run(until=150)
    return world.log


def test_the_same_seed_gives_the_same_world_event_by_event_and_another_seed_another_one():
    assert story(1) == story(1) != story(2)


def test_events_happen_in_the_order_of_their_times():
    times = [event.time for event in story(5)]
    assert times == sorted(times)


def test_every_message_takes_between_the_shortest_and_the_longest_way():
    world = pair(delay=(2, 7))
    for i in range(300):
        world.at(i * 10, "send", lambda: world.send("a", "b", world.now))
    world.run(until=4000)
    ways = [now - sent for now, _, sent in world["b"].heard]
    assert (
        len(ways) == 300 and min(ways) >= 2 and max(ways) <= 7 and mean(ways) == pytest.approx(4.5, abs=0.3)
    )


def test_messages_overtake_each_other():
    world = pair(delay=(1, 10))
    for i in range(50):
        world.send("a", "b", i)
    world.run(until=20)
    order = [message for _, _, message in world["b"].heard]
    assert order != sorted(order) == list(range(50))


@pytest.mark.parametrize(("loss", "duplication", "expected"), [(0.25, 0, 0.75), (0, 0.25, 1.25), (1, 0, 0)])
def test_the_network_loses_and_doubles_the_share_that_it_was_told(loss, duplication, expected):
    world = pair(loss=loss, duplication=duplication)
    for i in range(4000):
        world.send("a", "b", i)
    world.run(until=20)
    assert len(world["b"].heard) / 4000 == pytest.approx(expected, abs=0.03)
    assert world.sent["int"] == 4000


def test_a_crash_ends_process_and_timers_and_keeps_the_disk():
    world = pair()
    world.run(until=35)
    world.crash("a")
    world.run(until=95)
    assert world["a"] is None and world.machines["a"].disk == {"ticks": 3}
    world.restart("a")
    world.run(until=106)
    assert world["a"].heard == [] and world.machines["a"].disk == {"ticks": 4}


def test_what_arrives_at_a_dead_machine_is_lost_and_what_arrives_after_its_restart_is_not():
    world = pair(delay=(10, 10))
    world.crash("b")
    world.send("a", "b", "early")
    world.run(until=15)
    world.send("a", "b", "late")
    world.restart("b")
    world.run(until=30)
    assert [message for _, _, message in world["b"].heard] == ["late"]
    assert [event.what for event in world.log if event.kind == "lost"] == ["early"]


def test_crashing_the_dead_and_restarting_the_living_change_nothing():
    world = pair()
    alive = world["a"]
    world.restart("a")
    assert world["a"] is alive
    world.crash("a")
    world.crash("a")
    assert [event.kind for event in world.log] == ["crash"]


def test_a_partition_separates_its_groups_and_nobody_else_until_it_heals():
    world = pair()
    world.add("outsider", Recorder)
    world.partition(["a"], ["b"])
    for sender, to in [("a", "b"), ("b", "a"), ("outsider", "a"), ("b", "outsider")]:
        world.send(sender, to, "split")
    world.run(until=20)
    assert [len(world[name].heard) for name in ("a", "b", "outsider")] == [1, 0, 1]
    world.heal()
    world.send("a", "b", "whole")
    world.run(until=40)
    assert [message for _, _, message in world["b"].heard] == ["whole"]


def test_a_cut_closes_one_direction_only():
    world = pair()
    world.cut("a", "b")
    world.send("a", "b", "there")
    world.send("b", "a", "back")
    world.run(until=20)
    assert world["b"].heard == [] and len(world["a"].heard) == 1


def test_a_fast_clock_shows_more_time_and_ends_its_timers_early():
    world = pair()
    world.machines["a"].clock_rate = 2.0  # the first tick was set before
    world.run(until=100)
    assert world.machines["a"].now() == 200
    assert world.machines["a"].disk["ticks"] in (18, 19) and world.machines["b"].disk["ticks"] == 10


def test_a_timer_set_anew_replaces_the_old_one_and_a_stopped_one_never_ends():
    world = pair()
    rung = []
    machine = world.machines["a"]
    machine.timer("bell", 5, lambda: rung.append("first"))
    machine.timer("bell", 8, lambda: rung.append("second"))
    machine.timer("other", 5, lambda: rung.append("other"))
    machine.stop("other")
    machine.stop("never set")
    world.run(until=50)
    assert rung == ["second"]


def test_the_adversary_lets_the_newest_of_equal_labels_happen_first_and_may_double_it():
    world = pair()
    for text in ("old", "new"):
        world.send("a", "b", text)
    assert world.do("a → b str", again=True) and world.do("a → b str") and world.do("a → b str")
    assert not world.do("a → b str") and not world.do("no such thing")
    assert [message for _, _, message in world["b"].heard] == ["new", "new", "old"]


def test_the_clock_never_runs_backwards_even_if_the_adversary_waits():
    world = pair()
    world.send("a", "b", "late")
    for _ in range(5):
        world.do("a tick")
    before = world.now
    world.do("a → b str")
    assert world.now == before == world["b"].heard[0][0]


def test_pending_shows_only_what_may_still_happen():
    world = pair()
    world.machines["a"].timer("tick", 99, lambda: None)
    assert sorted(each.label for each in world.pending()) == ["a tick", "b tick"]
    world.crash("b")
    assert [each.label for each in world.pending()] == ["a tick"]


def test_run_stops_when_told_and_step_says_whether_anything_was_left():
    world = pair()
    world.run(until=100, stop=lambda: world.machines["a"].disk.get("ticks") == 2)
    assert world.now == 20
    for name in ("a", "b"):
        world.crash(name)
    assert not world.step()


# ---- mistakes


def test_an_unknown_node_is_named_with_those_there_are():
    world = pair()
    for wrong in (
        lambda: world["c"],
        lambda: world.crash("c"),
        lambda: world.send("a", "c", "x"),
        lambda: world.partition(["a", "c"]),
        lambda: world.cut("c", "a"),
    ):
        with pytest.raises(ValueError, match="no node is named 'c'; there are a, b"):
            wrong()
    with pytest.raises(ValueError, match="there are none yet"):
        World(1).crash("c")


def test_a_plan_with_an_unknown_node_or_fault_is_refused_as_a_whole():
    world = pair()
    before = world.pending()
    with pytest.raises(ValueError, match="no node is named 'n9'"):
        world.plan([(5, "crash", "a"), (9, "partition", ["a"], ["b", "n9"])])
    with pytest.raises(ValueError, match="'explode' at 5 is no fault; there are crash, restart"):
        world.plan([(1, "crash", "a"), (5, "explode", "a")])
    assert world.pending() == before


@pytest.mark.parametrize(
    "wrong", [{"delay": (5, 1)}, {"delay": (-1, 1)}, {"loss": 1.5}, {"duplication": -0.1}]
)
def test_impossible_networks_are_refused_with_the_value(wrong):
    value = str(next(iter(wrong.values()))).strip("()")
    with pytest.raises(ValueError, match=value):
        World(1, **wrong)


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="already a node named 'a'"):
        pair().add("a", Recorder)


# ---- traces


def test_a_trace_keeps_a_frame_per_event_with_what_is_under_way_and_who_is_up():
    world = pair(delay=(5, 5))
    trace = Trace(world)
    world.crash("a")
    world.send("b", "a", "hello")
    world.machines["b"].note("thinks")
    world.cut("b", "a")
    world.run(until=6)
    first, second, third = trace.frames
    assert first["what"] == "a crashes" and first["nodes"]["a"] == {"alive": False, "group": -1}
    assert second["what"] == "a is cut off from what b says; b thinks" and second["cuts"] == [["b", "a"]]
    assert [(m["from"], m["to"], m["kind"]) for m in second["messages"]] == [("b", "a", "str")]
    assert second["nodes"]["b"] == {"role": "recorder", "alive": True, "group": -1}
    assert third["what"] == "a never gets str from b" and third["messages"] == []


def test_a_trace_can_be_told_which_events_to_keep():
    world = pair()
    trace = Trace(world, only=("crash",))
    world.run(until=50)
    world.crash("b")
    assert [each["time"] for each in trace.frames] == [50]
    assert frame(world, "now")["what"] == "now"


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_every_message_sent_arrives_is_lost_or_is_doubled(seed, loss, duplication):
    world = World(seed, loss=loss, duplication=duplication)
    for name in ("a", "b"):
        world.add(name, Recorder)
    for i in range(20):
        world.send("a", "b", i)
    world.run(until=15)
    lost = sum(event.kind == "lost" for event in world.log)
    assert {message for _, _, message in world["b"].heard} == set(range(20)) - {
        event.what for event in world.log if event.kind == "lost"
    }
    assert 20 - lost <= len(world["b"].heard) <= 2 * (20 - lost)
