"""The limits of a student hold: eaten memory, busy cores and too many processes are stopped by the kernel."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tools import hub_server

sys.path.append(str(hub_server.SOURCE))

from limits import PERIOD_US, Group, Limits, alone, version

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux holds the limits")
grouped = pytest.mark.skipif(version() is None, reason="this user may make no control groups here")
MB = 10**6
EAT = "kept = []\nfor _ in range(20): kept.append(bytearray(b'x') * 10**7)\nprint(len(kept))"
SPIN = "import time as t\nend = t.monotonic() + 1.5\nwhile t.monotonic() < end: pass\nprint(t.process_time())"
FORK = """
import os, time
made = 0
try:
    for _ in range(40):
        if os.fork() == 0: time.sleep(2); os._exit(0)
        made += 1
except BlockingIOError:
    pass
print(made)
"""


@pytest.fixture
def group() -> Iterator[Group]:
    made = Group(f"live-hub-test-{os.getpid()}/anna")
    yield made
    made.end()
    assert not any(folder.exists() for folder in made.folders)


def run(program: str, before) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", program], preexec_fn=before, capture_output=True, text=True)


@linux
def test_without_groups_a_process_that_eats_memory_gets_a_memory_error():
    done = run(EAT, alone(Limits(memory=100 * MB)))
    assert done.returncode == 1 and done.stderr.strip().endswith("MemoryError")
    assert run(EAT, alone(Limits(memory=1000 * MB))).stdout == "20\n"


@grouped
def test_in_a_group_the_process_that_eats_memory_is_killed(group):
    group.make(Limits(memory=100 * MB))
    assert run(EAT, group.join).returncode == -9
    group.make(Limits(memory=1000 * MB))
    assert run(EAT, group.join).stdout == "20\n"


@grouped
def test_a_third_of_a_core_is_not_more(group):
    group.make(Limits(cores=0.33))
    assert float(run(SPIN, group.join).stdout) < 0.33 * 1.5 + 0.2


@grouped
def test_a_fork_bomb_ends_at_the_number_of_processes(group):
    group.make(Limits(processes=12))
    assert int(run(FORK, group.join).stdout) == 11  # and the one that forks


@grouped
def test_the_end_of_a_group_ends_what_has_left_its_parent(group):
    group.make(Limits())
    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid(); os.close(1); os.close(2); time.sleep(60)"
    run(daemon, group.join)
    assert len(group.members()) == 1
    group.end()
    assert group.members() == set()


def test_version_2_gets_its_own_files(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    made = Group("class/anna", tmp_path)
    assert version(tmp_path) == 2
    made.make(Limits(memory=300 * MB, cores=1.5, processes=99))
    written = {
        name: (tmp_path / "class" / "anna" / name).read_text()
        for name in ("memory.max", "cpu.max", "pids.max", "memory.swap.max")
    }
    memory = {"memory.max": "300000000", "memory.swap.max": "0"}
    assert written == memory | {"cpu.max": f"150000 {PERIOD_US}", "pids.max": "99"}
    assert (tmp_path / "class" / "cpu.weight").read_text() == "1000"
    assert (tmp_path / "class" / "cgroup.subtree_control").read_text() == "+memory +cpu +pids"


def test_a_machine_without_the_controllers_has_no_groups(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpu\n")
    assert version(tmp_path) is None
    with pytest.raises(OSError, match="no control groups"):
        Group("class/anna", tmp_path).make(Limits())
