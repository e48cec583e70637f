"""The kernel of a submission: started inside the sandbox, spoken to through sockets, watched from outside."""

import contextlib
import os
import threading
import time
from pathlib import Path

import psutil
import zmq.asyncio
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from traitlets import Instance

from tools.marking import sandbox

TIME, OUTPUT, MEMORY, CROWD, DISK, DIED = (
    "stopped at the time limit",
    "output cut",
    "used too much memory",
    "started too many processes",
    "wrote too much",
    "ended its own process",
)
LIMITS = {  # of one submission
    "cell_s": 60,
    "notebook_s": 600,
    "output_mb": 10,
    "memory_mb": 4096,
    "processes": 300,
    "shared_mb": 1,
}
LOOK_S = 0.1
ONE_MESSAGE = 32 * sandbox.MB
WAITING = 32  # messages of one kind that may wait to be read


class Manager(AsyncKernelManager):
    """Starts the kernel inside; talks to it through sockets in a folder that both sides see."""

    python = Instance(dict)
    shared = Instance(Path)

    def __init__(self, **options):
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.MAXMSGSIZE, ONE_MESSAGE)
        context.setsockopt(zmq.RCVHWM, WAITING)
        super().__init__(context=context, **options)
        self.transport = "ipc"

    @property
    def kernel_spec(self):
        how = {"display_name": "marking", "language": "python", "interrupt_mode": "message"}
        return KernelSpec(argv=["python"], **how)

    def format_kernel_cmd(self, extra_arguments=None):
        if os.geteuid() == 0:
            os.chown(self.connection_file, sandbox.NOBODY, sandbox.NOBODY)
        python = f"{self.python['prefix']}/bin/python"
        kernel = [python, "-m", "ipykernel_launcher", "-f", self.connection_file]
        quiet = ["--HistoryManager.enabled=False", "--IPKernelApp.log_level=CRITICAL"]
        return sandbox.command(self.shared, [*kernel, *quiet], self.python)

    def end(self) -> None:
        """Kill the sandbox with all that is in it."""
        if process := getattr(self.provisioner, "process", None):
            process.kill()


class Guard:
    """Looks at a kernel ten times a second, and ends it when it passes a limit.

    why: the limit, once one was passed.   routes: attempts to reach an address that is not inside.
    """

    def __init__(self, manager: Manager, limits: dict) -> None:
        self.manager, self.limits = manager, limits
        self.why, self.routes, self.cpu_s, self.printed = "", 0, 0.0, 0
        self.deadline = time.monotonic() + limits["notebook_s"]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Guard":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()
        self.manager.end()

    def end(self, why: str) -> None:
        """End the kernel, and remember the first reason."""
        self.why = self.why or why
        self.manager.end()

    def heard(self, length: int) -> bool:
        """So many characters came out. May they?"""
        self.printed += length
        if self.printed > self.limits["output_mb"] * sandbox.MB:
            self.end(OUTPUT)
        return not self.why

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_S):
            with contextlib.suppress(psutil.Error, OSError):
                if (inside := self._inside()) and (why := self._passed(inside)):
                    self.end(why)

    def _inside(self) -> list[psutil.Process]:
        process = getattr(getattr(self.manager, "provisioner", None), "process", None)
        running = process is not None and process.poll() is None
        return psutil.Process(process.pid).children(recursive=True) if running else []

    def _passed(self, inside: list[psutil.Process]) -> str:
        """Which limit those inside have passed."""
        if time.monotonic() > self.deadline:
            return TIME
        if len(inside) > self.limits["processes"]:
            return CROWD
        most = self.limits["memory_mb"] * sandbox.MB
        if memory(inside, "rss") > most and memory(inside, "pss") > most:  # pages that forks share count once
            return MEMORY
        files = list(os.scandir(self.manager.shared))
        size = sum(file.stat(follow_symlinks=False).st_size for file in files)
        return DISK if len(files) > 20 or size > self.limits["shared_mb"] * sandbox.MB else ""

    def take_stock(self) -> None:
        """Note how often those inside went for an address that is not there, and what they have used."""
        with contextlib.suppress(psutil.Error, OSError):
            if inside := self._inside():
                self.routes = max(self.routes, no_routes(inside[0].pid))
                self.cpu_s = max(self.cpu_s, sum(sum(one.cpu_times()[:4]) for one in inside))


def memory(processes: list[psutil.Process], kind: str) -> int:
    """Bytes that processes hold.   kind: rss, or pss, which takes longer to tell."""
    total = 0
    for one in processes:
        with contextlib.suppress(psutil.Error):
            total += one.memory_info().rss if kind == "rss" else one.memory_full_info().pss
    return total


def no_routes(pid: int) -> int:
    """How often something went for an address that is not inside, as the kernel of Linux counted it."""
    count = 0
    lines = Path(f"/proc/{pid}/net/snmp").read_text().splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        if names.startswith("Ip:"):
            count += int(values.split()[names.split().index("OutNoRoutes")])
    for line in Path(f"/proc/{pid}/net/snmp6").read_text().splitlines():
        if line.startswith("Ip6OutNoRoutes"):
            count += int(line.split()[1])
    return count
