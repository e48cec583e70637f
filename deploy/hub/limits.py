"""What one student may use of the machine, enforced by the Linux kernel: memory, cores, processes.

JupyterHub's own local spawners take `mem_limit` and `cpu_limit` and do nothing with them. Here a student's
server and all that it starts live in a control group: memory beyond the limit ends a process of that student
and nobody else's. Where the hub may not make control groups (it does not run as root, or in a closed
container), each process alone is held to the limit of memory, and cores are not limited.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 100_000  # over which the share of the cores is measured
CONTROLLERS = ("memory", "cpu", "pids")
WEIGHT = 10  # on a busy machine all students together count as ten processes of others, not as one


@dataclass(frozen=True)
class Limits:
    """memory: bytes.   cores: 1.5 is one and a half.   processes: threads count too.   None: no limit."""

    memory: int | None = None
    cores: float | None = None
    processes: int | None = None


class Group:
    """The control group of one student, of version 2 or 1, whichever this machine has."""

    def __init__(self, name: str, root: Path = CGROUPS) -> None:
        self.name, self.root = name, root
        self.version = version(root)

    @property
    def folders(self) -> list[Path]:
        if self.version == 2:
            return [self.root / self.name]
        return [self.root / controller / self.name for controller in CONTROLLERS]

    def make(self, limits: Limits) -> None:
        """Make the group, or set the limits of one that is there. Raises: OSError where it may not."""
        if self.version is None:
            raise OSError(f"no control groups in {self.root}")
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)
        if self.version == 2:
            for parent in (self.root, (self.root / self.name).parent):
                (parent / "cgroup.subtree_control").write_text(" ".join(f"+{one}" for one in CONTROLLERS))
        whole = self.root / ("cpu" if self.version == 1 else "") / Path(self.name).parent
        file, usual = ("cpu.weight", 100) if self.version == 2 else ("cpu.shares", 1024)
        (whole / file).write_text(str(usual * WEIGHT))
        self._no_swap(limits)  # before, for a limit that is raised, and after, for one that is lowered
        for file, value in self._settings(limits).items():
            (self.root / file).write_text(str(value))
        self._no_swap(limits)

    def _no_swap(self, limits: Limits) -> None:
        """Memory beyond the limit is not to be had on the disk either."""
        if limits.memory:
            v2 = (f"{self.name}/memory.swap.max", 0)
            v1 = (f"memory/{self.name}/memory.memsw.limit_in_bytes", limits.memory)
            file, value = v2 if self.version == 2 else v1
            with suppress(OSError):  # there is no such file where swap is not counted
                (self.root / file).write_text(str(value))

    def _settings(self, limits: Limits) -> dict[str, int | str]:
        quota = int(limits.cores * PERIOD_US) if limits.cores else None
        if self.version == 2:
            found = {"memory.max": limits.memory, "pids.max": limits.processes}
            found |= {"cpu.max": f"{quota} {PERIOD_US}" if quota else None}
            return {f"{self.name}/{file}": value for file, value in found.items() if value}
        found = {
            f"memory/{self.name}/memory.limit_in_bytes": limits.memory,
            f"cpu/{self.name}/cpu.cfs_period_us": quota and PERIOD_US,
            f"cpu/{self.name}/cpu.cfs_quota_us": quota,
            f"pids/{self.name}/pids.max": limits.processes,
        }
        return {file: value for file, value in found.items() if value}

    def join(self) -> None:
        """This process, and all that it will start, belong to the group."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def members(self) -> set[int]:
        found = set()
        for folder in self.folders:
            with suppress(OSError):
                found |= {int(pid) for pid in (folder / "cgroup.procs").read_text().split()}
        return found

    def end(self, within_s: float = 5) -> None:
        """Kill what is left in the group, and remove it; that is refused until the last process is gone."""
        deadline = time.monotonic() + within_s
        while any(folder.exists() for folder in self.folders) and time.monotonic() < deadline:
            for pid in self.members():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for folder in self.folders:
                with suppress(OSError):
                    folder.rmdir()
                    folder.parent.rmdir()  # when nobody else is in
            time.sleep(0.02)


def version(root: Path = CGROUPS) -> int | None:
    """2 or 1, or None where this process may make no control group with all three controllers."""
    with suppress(OSError):
        if set(CONTROLLERS) <= set((root / "cgroup.controllers").read_text().split()):
            return 2 if os.access(root / "cgroup.subtree_control", os.W_OK) else None
    v1 = [root / controller for controller in CONTROLLERS]
    return 1 if all(os.access(one, os.W_OK) and (one / "cgroup.procs").exists() for one in v1) else None


def alone(limits: Limits) -> Callable[[], None]:
    """Without a group: what a new process calls to hold itself, and each process it starts, to the memory."""
    import resource  # not on Windows

    def hold() -> None:
        if limits.memory:
            resource.setrlimit(resource.RLIMIT_DATA, (limits.memory, limits.memory))

    return hold
