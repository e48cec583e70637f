import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest
from distributed import LocalCluster
from nbclient import NotebookClient

from coursekit.errors import CourseError
from coursekit.sweep import SweepError, grid, sweep

POINTS = grid(load=[0.5, 0.9], servers=[1, 2, 4])
ON_LOOPBACK = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
FREE_PORT = "tcp://127.0.0.1:9"  # "discard", where nobody listens


def wait_until(condition, limit_s=20):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster():
    """A Dask scheduler on loopback with two worker processes."""
    with LocalCluster(n_workers=2, threads_per_worker=1, **ON_LOOPBACK) as cluster:
        yield cluster.scheduler_address


def measure(load, servers, rng):
    return load, servers, rng.random(3).tolist()


def test_whoever_computes_a_sweep_its_results_are_the_same():
    alone = [
        measure(**point, rng=np.random.default_rng(np.random.SeedSequence([1961, place])))
        for place, point in enumerate(POINTS)
    ]
    for workers in 1, 3, "processes", "threads":
        assert sweep(measure, POINTS, seed=1961, workers=workers) == alone


def test_the_very_same_call_runs_on_a_dask_cluster(cluster):
    assert sweep(measure, POINTS, seed=1961, workers=cluster) == sweep(measure, POINTS, seed=1961, workers=1)


def meet(folder):
    """Wait until two processes are at work; which one is this?"""
    Path(folder, str(os.getpid())).touch()
    wait_until(lambda: len(os.listdir(folder)) == 2)
    return os.getpid()


@pytest.mark.parametrize("workers", [2, "cluster"])
def test_processes_and_a_cluster_work_at_the_same_time_in_processes_of_their_own(workers, cluster, tmp_path):
    found = sweep(meet, grid(folder=[tmp_path] * 2), workers=cluster if workers == "cluster" else workers)
    assert len({os.getpid(), *found}) == 3


def test_threads_work_in_this_process():
    assert set(sweep(os.getpid, [{}] * 4, workers="threads")) == {os.getpid()}


def late(nap):
    time.sleep(nap)
    return nap


@pytest.mark.parametrize("workers", [2, "threads"])
def test_results_stand_in_the_order_of_the_grid_whoever_is_ready_first(workers):
    naps = [0.3, 0.0, 0.1, 0.0]
    assert sweep(late, grid(nap=naps), workers=workers) == naps


def test_points_draw_different_numbers_and_another_seed_others_again():
    first, second = (sweep(measure, POINTS, seed=seed, workers=1) for seed in (1, 2))
    draws = [tuple(numbers) for _, _, numbers in first + second]
    assert len(set(draws)) == len(draws)


def test_a_sweep_over_nothing_gives_nothing():
    assert sweep(measure, [], workers=1) == sweep(measure, [], workers=2) == []


# ---- when something goes wrong


class Awkward(Exception):
    """Cannot be sent: it wants two arguments and remembers one."""

    def __init__(self, value, limit):
        super().__init__(f"{value} is over {limit}")


def limited(value):
    if value > 2:
        raise Awkward(value, 2)
    return value * 10


@pytest.mark.parametrize("workers", [1, 2, "threads", "cluster"])
def test_a_point_that_fails_is_named_with_its_reason_and_its_traceback(workers, cluster):
    with pytest.raises(SweepError) as caught:
        sweep(limited, grid(value=[1, 2, 3]), workers=cluster if workers == "cluster" else workers)
    assert str(caught.value) == "the sweep stopped at {'value': 3}: Awkward: 3 is over 2"
    assert "in limited" in caught.value.__notes__[0]


def test_what_was_computed_before_a_failure_is_kept():
    with pytest.raises(SweepError) as caught:
        sweep(limited, grid(value=[1, 2, 3, 4]), workers=1)
    assert caught.value.finished == {0: 10, 1: 20}


def test_after_a_failure_the_next_sweep_works(recwarn):
    with pytest.raises(SweepError):
        sweep(limited, grid(value=range(3, 100)), workers=2)
    assert sweep(limited, grid(value=[1, 2]), workers=2) == [10, 20]
    assert not recwarn.list


def test_a_scheduler_that_is_not_there_is_missed_within_seconds():
    began = time.monotonic()
    with pytest.raises(CourseError, match=f"no Dask scheduler answers at {FREE_PORT}; start one with"):
        sweep(measure, POINTS, seed=1, workers=FREE_PORT)
    assert time.monotonic() - began < 10


def test_a_scheduler_without_workers_is_not_waited_for():
    with (
        LocalCluster(n_workers=0, **ON_LOOPBACK) as cluster,
        pytest.raises(CourseError, match="has no workers yet; add one with `dask worker tcp"),
    ):
        sweep(measure, POINTS, seed=1, workers=cluster.scheduler_address)


@pytest.mark.parametrize("workers", ["dask", 0, 2.5])
def test_unknown_workers_are_named(workers):
    with pytest.raises(ValueError, match=f"got {workers!r}"):
        sweep(measure, POINTS, workers=workers)


SLEEPERS = """
import os, sys, time
from pathlib import Path
from coursekit.sweep import grid, sweep

def sleep(place):
    Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(60)

sweep(sleep, grid(place=range(4)), workers=2)
"""


def is_alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_ctrl_c_stops_the_workers(tmp_path):
    script, seen = tmp_path / "sleepers.py", tmp_path / "seen"
    script.write_text(SLEEPERS.replace("sys.argv[1]", repr(str(seen))))
    seen.mkdir()
    owner = subprocess.Popen([sys.executable, script], stderr=subprocess.PIPE, cwd=Path(__file__).parents[1])
    try:
        wait_until(lambda: len(list(seen.iterdir())) == 2)
        workers = [int(path.name) for path in seen.iterdir()]
        owner.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in owner.communicate(timeout=20)[1]
    finally:
        owner.kill()
    wait_until(lambda: not any(map(is_alive, workers)))


# ---- what the reader sees


def test_the_bar_goes_to_stderr_and_wipes_itself_out(capfd):
    sweep(late, grid(nap=[0, 0]), workers=1)
    out, err = capfd.readouterr()
    assert out == ""
    assert "0/2" in err
    assert err.rsplit("\r", 2)[-2].strip() == ""


def test_without_progress_nothing_is_written(capfd):
    sweep(late, grid(nap=[0, 0]), workers=1, progress=False)
    assert capfd.readouterr() == ("", "")


def test_a_notebook_sweeps_functions_of_its_own_and_stores_nothing_that_changes():
    source = "from coursekit.sweep import grid, sweep\nsweep(lambda n: n * n, grid(n=[3, 4]), workers=2)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, kernel_name="python3").execute()
    assert [output["data"] for output in notebook.cells[0].outputs] == [
        {"text/plain": "2 points", "text/html": ""},
        {"text/plain": "[9, 16]"},
    ]
