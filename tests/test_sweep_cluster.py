"""Sweeps on Dask: one variable sends them there, and workers may die on the way."""

import gc
import json
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from threading import Lock

import dask
import pytest
from distributed import Client, LocalCluster
from distributed.security import Security
from test_sweep import FREE_PORT, ON_LOOPBACK, POINTS, measure, wait_until

from coursekit import chunks, sweep_cluster
from coursekit.errors import CourseError
from coursekit.sweep import SweepError, grid, sweep
from tools import bench_cluster, bench_consensus


@pytest.fixture(scope="module")
def cluster():
    """A Dask scheduler on loopback with two worker processes."""
    with LocalCluster(n_workers=2, threads_per_worker=1, **ON_LOOPBACK) as cluster:
        yield cluster.scheduler_address


def who(**_):
    return os.getpid()


def test_one_variable_sends_a_sweep_to_a_cluster_and_an_argument_overrules_it(cluster, monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster)
    there = set(sweep(who, POINTS))
    with Client(cluster) as client:
        assert there <= set(client.run(os.getpid).values())
    assert set(sweep(who, POINTS, workers=1)) == {os.getpid()}
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "")
    assert not set(sweep(who, POINTS)) & there


def test_an_address_in_the_variable_where_nobody_answers_is_named_with_the_way_out(monkeypatch):
    monkeypatch.setattr(sweep_cluster, "PATIENCE_S", 1)
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", FREE_PORT)
    with pytest.raises(CourseError, match=f"{FREE_PORT}; start one .* without DASK_SCHEDULER_ADDRESS"):
        sweep(measure, POINTS, seed=1)


def test_what_a_function_has_made_it_finds_again_at_its_next_point(cluster):
    kept = []

    def count(n):
        kept.append(n)
        return os.getpid(), len(kept)

    counts = sweep(count, grid(n=range(12)), workers=cluster)
    assert sum(max(n for pid, n in counts if pid == process) for process, _ in set(counts)) >= 12
    assert len(set(counts)) == 12 and kept == []


def hold(place, folder, rng):
    """Draws a number; the point 3 first says which process it is in, and waits there to be killed."""
    Path(folder, f"{place}-{time.monotonic_ns()}").touch()
    note = Path(folder, "victim")
    if place == 3 and not note.exists():
        note.with_suffix(".draft").write_text(str(os.getpid()))
        note.with_suffix(".draft").rename(note)
        time.sleep(60)
    return place, rng.random()


def test_a_worker_that_is_killed_costs_no_result_and_changes_none(cluster, tmp_path):
    def kill():
        wait_until((tmp_path / "victim").exists)
        os.kill(int((tmp_path / "victim").read_text()), signal.SIGKILL)

    points = grid(place=range(12), folder=[tmp_path])
    with ThreadPoolExecutor() as pool:
        killed = pool.submit(kill)
        found = sweep(hold, points, seed=7, workers=cluster)
        killed.result()
    attempts = [path.name.partition("-")[0] for path in tmp_path.glob("*-*")]
    assert attempts.count("3") == 2 and set(attempts) == set(map(str, range(12)))
    assert found == sweep(hold, points, seed=7, workers=1)


def deadly(place):
    if place == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return place


def test_a_point_that_ends_every_worker_is_named_when_all_others_are_done():
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=1, threads_per_worker=3, **ON_LOOPBACK) as fragile,
        pytest.raises(SweepError, match=r"stopped at \{'place': 2\}: its worker died each time") as caught,
    ):
        sweep(deadly, grid(place=range(5)), workers=fragile.scheduler_address)
    assert caught.value.finished == {0: 0, 1: 1, 3: 3, 4: 4}


def test_a_scheduler_that_goes_away_leaves_what_was_computed(tmp_path):
    leaving = LocalCluster(n_workers=1, threads_per_worker=1, **ON_LOOPBACK)

    def leave():
        wait_until((tmp_path / "victim").exists)
        time.sleep(1)  # the first results are on their way
        leaving.close()

    with ThreadPoolExecutor() as pool, pytest.raises(SweepError, match="went away") as caught:
        pool.submit(leave)
        sweep(hold, grid(place=range(5), folder=[tmp_path]), seed=1, workers=leaving.scheduler_address)
    alone = sweep(hold, grid(place=range(3), folder=[tmp_path]), seed=1, workers=1)
    assert [caught.value.finished[place] for place in range(3)] == alone and len(caught.value.finished) == 3


def test_a_module_that_workers_lack_is_named(cluster, tmp_path, monkeypatch):
    (tmp_path / "at_home.py").write_text("def stay():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CourseError, match=f"{cluster} cannot take part, No module named 'at_home'"):
        sweep(import_module("at_home").stay, [{}], workers=cluster)


def test_a_result_that_cannot_be_sent_is_named(cluster):
    with pytest.raises(SweepError, match=r"stopped at \{'n': 1\}: its result cannot be sent: cannot pickle"):
        sweep(lambda n: Lock() if n else n, grid(n=[0, 1]), workers=cluster)


def test_workers_with_another_edition_of_the_course_are_warned_of_once(cluster, monkeypatch):
    monkeypatch.setattr(sweep_cluster, "edition", lambda: "of last year")
    with pytest.warns(UserWarning, match="another edition of coursekit") as warned:
        sweep(measure, POINTS, seed=1, workers=cluster)
    assert len(warned) == 1


def test_a_cluster_behind_tls_computes_for_who_has_its_certificate_and_for_nobody_else():
    inside = Security.temporary()
    with LocalCluster(n_workers=1, security=inside, protocol="tls", **ON_LOOPBACK) as secret:
        address = secret.scheduler_address
        assert address.startswith("tls://")
        with pytest.raises(CourseError, match="no Dask scheduler answers"):
            sweep(measure, POINTS, seed=1, workers=address)
        held = {
            "distributed.comm.tls.ca-file": inside.tls_ca_file,
            "distributed.comm.tls.client.cert": inside.tls_client_cert,
            "distributed.comm.tls.client.key": inside.tls_client_key,
        }
        with dask.config.set(held):
            assert sweep(measure, POINTS, seed=1, workers=address) == sweep(
                measure, POINTS, seed=1, workers=1
            )


def test_a_client_that_could_not_begin_is_closed_at_once():
    """Closed by the collector of garbage, it would wait for a lock that its own thread may hold."""
    with pytest.raises(CourseError, match="no Dask scheduler answers"):
        sweep(measure, POINTS, seed=1, workers="tls://127.0.0.1:9")  # without a certificate
    left = [each.status for each in gc.get_objects() if isinstance(each, Client)]
    assert left and set(left) == {"closed"}


# ---- what the book says of it

PAGE = bench_cluster.PAGE.read_text(encoding="utf-8")
MEASURED = json.loads(bench_cluster.RECORD.read_text(encoding="utf-8"))


def test_the_page_shows_what_was_measured():
    assert bench_cluster.written(PAGE, MEASURED) == PAGE
    for each in MEASURED["experiments"].values():
        assert len(each["results"]) == 1  # whoever computed, a worker killed or not
        assert set(each["crews"]) == set(MEASURED["point_ms"])


def test_the_page_counts_right_what_can_move():
    assert f"{bench_consensus.ORDEALS + bench_consensus.WALKS:,} schedules" in PAGE
    assert len(chunks.CUTTERS) == 6 and re.search(r"six ways\s+of cutting", PAGE)


@pytest.mark.parametrize("name", ["mean waits", "fault schedules"])
def test_what_a_notebook_defines_computes_the_same_at_workers(name, cluster):
    function, points, seed = bench_cluster.experiments()[name]
    here = sweep(function, points[:1], seed=seed, workers=1)
    there = sweep(function, points[:1], seed=seed, workers=cluster)
    assert bench_cluster.fingerprint(there) == bench_cluster.fingerprint(here)
