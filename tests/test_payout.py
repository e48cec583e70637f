"""A claim that is paid by a program which is killed: what the bank's books say."""

import sqlite3

import pytest

from coursekit import crash, payout


def killed(folder, way, where, durability="sync") -> list[tuple]:
    assert crash.trial(payout.run, str(folder), way, durability, kill_at=where) == -9
    assert crash.trial(payout.run, str(folder), way, durability) == 0
    assert payout.finished(str(folder))
    return payout.payments(str(folder))


@pytest.mark.parametrize("durability", ["sync", "async"])
@pytest.mark.parametrize("where", payout.BOUNDARIES + payout.BETWEEN)
def test_a_key_from_the_claim_pays_once_wherever_it_dies(tmp_path, where, durability):
    assert killed(tmp_path, "key from the claim", where, durability) == [("claim-7", 240)]
    again = sum(payout.runs(str(tmp_path)).values()) - len(payout.NODES)
    assert 0 <= again <= (where.endswith("done, not noted") if durability == "sync" else len(payout.NODES))


@pytest.mark.parametrize("where", payout.BETWEEN)
def test_between_a_note_and_its_checkpoint_nothing_seems_left_to_do(tmp_path, where):
    crash.trial(payout.run, str(tmp_path), "no key", kill_at=where)
    stored, done = payout.stored(str(tmp_path)), list(payout.NODES)[: payout.BETWEEN.index(where) + 1]
    assert stored.next == () and stored.values["done"] == done
    assert payout.finished(str(tmp_path)) == (done == list(payout.NODES))


@pytest.mark.parametrize("way", ["no key", "key drawn in the node"])
def test_without_a_lasting_key_one_place_pays_twice(tmp_path, way):
    assert len(killed(tmp_path, way, "pay done, not noted")) == 2


def test_without_a_crash_each_node_runs_once_and_a_third_start_does_nothing(tmp_path):
    for _ in range(3):
        payout.run(str(tmp_path), "no key")
    assert payout.runs(str(tmp_path)) == dict.fromkeys(payout.NODES, 1)
    assert len(payout.payments(str(tmp_path))) == 1


def test_checkpoints_at_the_end_only_repeat_everything(tmp_path):
    killed(tmp_path, "key from the claim", "archive done, not noted", "exit")
    assert payout.runs(str(tmp_path)) == dict.fromkeys(payout.NODES, 2)


def test_a_killed_run_is_not_finished_until_it_is_started_again(tmp_path):
    crash.trial(payout.run, str(tmp_path), "no key", kill_at="tell begins")
    assert not payout.finished(str(tmp_path)) and len(payout.payments(str(tmp_path))) == 1


def test_the_bank_ignores_a_second_order_under_the_same_key_only(tmp_path):
    bank = payout.Bank(str(tmp_path))
    for key in ("k1", "k1", "k2", None, None):
        bank.pay("c", 1, key)
    assert len(bank.rows("orders")) == 4
    bank.pay("other", 9, "k1")
    assert sorted(bank.rows("orders")) == [("c", 1)] * 4  # the first order stands


def test_a_bank_that_cannot_be_written_says_so(tmp_path):
    with pytest.raises(sqlite3.OperationalError):
        payout.Bank(str(tmp_path / "nowhere"))
