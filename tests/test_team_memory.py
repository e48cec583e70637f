"""Shared memory on a real Redis: nothing is lost, nothing is written blindly, nothing outlives its time."""

import secrets
import threading
import time

import pytest

from coursekit import valkey
from coursekit.team_memory import Conflict, SharedMemory


@pytest.fixture
def memory():
    return SharedMemory(valkey.client(), f"test:{secrets.token_hex(8)}")


def at_once(work, n=8):
    threads = [threading.Thread(target=work, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_write_is_read_back_with_its_author_version_and_accesses(memory):
    before = int(time.time())
    assert [memory.write("k", {"n": n}, "a") for n in range(3)] == [1, 2, 3]
    assert [memory.read("k", "b").access_count for _ in range(3)] == [1, 2, 3]
    entry = memory.read("k", "c")
    assert entry[:4] == ({"n": 2}, "a", 3, 4) and abs(entry.written_at - before) < 60
    assert memory.client.hget(memory.key("data", "k"), "reader") == "c"


def test_reading_does_not_prolong_a_life(memory):
    memory.write("k", {}, "a", ttl_s=60)
    memory.client.pexpire(memory.key("data", "k"), 20_000)
    for _ in range(5):
        memory.read("k", "b")
    assert memory.ttl("k") <= 20


def test_an_entry_is_gone_when_its_time_is_over(memory):
    memory.write("k", {}, "a", ttl_s=60)
    memory.client.pexpire(memory.key("data", "k"), 1)
    time.sleep(0.02)
    assert memory.read("k", "b") is None


def test_a_write_on_an_old_version_is_refused_and_changes_nothing(memory):
    memory.write("k", {"n": 1}, "a", if_version=0)
    memory.write("k", {"n": 2}, "b", if_version=1)
    for version in (0, 1, 7):
        with pytest.raises(Conflict, match=f"'k' is at version 2, expected {version}"):
            memory.write("k", {"n": 9}, "c", if_version=version)
    assert memory.read("k", "a").data == {"n": 2}


def test_no_update_is_lost_whatever_the_threads_do(memory):
    def work(i):
        for k in range(10):
            memory.update("k", lambda data: data | {f"{i} {k}": i}, f"agent {i}")  # noqa: B023

    at_once(work)
    entry = memory.read("k", "a")
    assert len(entry.data) == 80 and entry.version == 80


def test_one_of_many_gets_the_lock_and_only_its_holder_frees_it(memory):
    locks = []
    at_once(lambda i: locks.append(memory.acquire("l", 60_000)))
    held = [lock for lock in locks if lock]
    assert len(held) == 1
    assert not memory.release(held[0]._replace(secret="guessed")) and memory.acquire("l", 60_000) is None
    assert memory.release(held[0]) and not memory.release(held[0])
    assert memory.acquire("l", 60_000).token > held[0].token


def test_a_lock_that_expired_cannot_write_after_the_next_holder(memory):
    slow = memory.acquire("l", 1)
    time.sleep(0.02)
    quick = memory.acquire("l", 60_000)
    assert memory.write_fenced("k", "early", slow.token)  # nobody newer has written yet
    assert memory.write_fenced("k", "quick", quick.token) and not memory.write_fenced("k", "late", slow.token)
    assert memory.write_fenced("k", "quick again", quick.token)
    assert memory.client.hget(memory.key("fenced", "k"), "value") == "quick again"


def test_a_workspace_keeps_what_all_participants_add(memory):
    people = [f"a{i}" for i in range(8)]
    room = memory.workspace("w", people)
    at_once(lambda i: room.update(f"a{i}", variables={f"v{i}": i}, results={f"r{i}": [i]}, message=f"m{i}"))
    now = memory.workspace("w").read()
    assert now["participants"] == people
    assert now["variables"] == {f"v{i}": i for i in range(8)} and now["results"]["r3"] == [3]
    assert sorted(line["message"] for line in now["log"]) == [f"m{i}" for i in range(8)]
    assert all(0 < memory.client.ttl(key) <= 7200 for key in room.keys.values())


def test_a_workspace_refuses_outsiders_typing_errors_and_the_dead(memory):
    room = memory.workspace("w", ["a"])
    with pytest.raises(PermissionError, match="'b' is no participant of 'w'"):
        room.update("b", message="hi")
    with pytest.raises(TypeError, match="typo"):
        room.update("a", typo={})
    with pytest.raises(LookupError, match="no workspace 'other'"):
        memory.workspace("other").update("a", message="hi")
    assert room.read()["log"] == []


def test_opening_a_workspace_again_begins_anew(memory):
    memory.workspace("w", ["a"]).update("a", results={"r": 1})
    assert memory.workspace("w", ["b"]).read() == {
        "participants": ["b"],
        "variables": {},
        "results": {},
        "log": [],
    }


def test_a_version_is_never_given_twice_not_even_after_an_entry_has_expired(memory):
    old = memory.write("k", {"n": 1}, "a")
    memory.client.delete(memory.key("data", "k"))  # as if its time were over
    new = memory.write("k", {"n": 2}, "b", if_version=0)
    assert new > old
    with pytest.raises(Conflict):
        memory.write("k", {"n": 3}, "a", if_version=old)


@pytest.mark.parametrize("act", ["acquire", "release", "write_fenced", "write", "read"])
def test_each_change_is_one_command_so_that_nobody_comes_in_between(memory, monkeypatch, act):
    lock = memory.acquire("l", 60_000)
    memory.release(lock)
    calls = {
        "acquire": lambda: memory.acquire("l", 60_000), "release": lambda: memory.release(lock),
        "write_fenced": lambda: memory.write_fenced("k", "v", 9), "write": lambda: memory.write("k", {}, "a"),
        "read": lambda: memory.read("k", "a"),
    }  # fmt: skip
    calls[act]()
    sent, really = [], memory.client.execute_command
    monkeypatch.setattr(
        memory.client, "execute_command", lambda *a, **k: sent.append(a[0]) or really(*a, **k)
    )
    calls[act]()
    assert sent == ["EVALSHA"]


def test_who_is_no_participant_any_more_when_the_room_is_opened_anew_adds_nothing(memory, monkeypatch):
    room, pipeline = memory.workspace("w", ["a"]), memory.client.pipeline

    def reopened(*given, **more):
        pipe = pipeline(*given, **more)
        multi = pipe.multi

        def later():  # after the checks, before the changes
            monkeypatch.setattr(memory.client, "pipeline", pipeline)
            memory.workspace("w", ["b"])
            multi()

        pipe.multi = later
        return pipe

    monkeypatch.setattr(memory.client, "pipeline", reopened)
    with pytest.raises(PermissionError):
        room.update("a", message="hi")
    assert room.read()["log"] == []
