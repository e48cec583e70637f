"""What a hub on this machine uses: memory and processor time of each student, of the hub and of its proxy.

Memory is PSS: a page that several processes share is counted in parts, so sums are what the machine gave.
Processor time counts processes that have ended too, if the one that started them has waited for them.
"""

import threading
import time
from collections import defaultdict
from contextlib import suppress

import psutil

MB = 1e6


class Meter:
    """Looks at the processes below the hub every `every_s`, in a thread; `peaks` are in MB."""

    def __init__(self, hub: int, every_s: float = 5) -> None:
        self.hub, self.every_s = psutil.Process(hub), every_s
        self.cores = psutil.cpu_count()
        self.peaks: dict[str, float] = defaultdict(float)  # of a student: server and all that it started
        self.servers: dict[str, float] = defaultdict(float)  # of that: the server alone
        self.together = self.hub_mb = self.proxy_mb = 0.0
        self.cpu: dict[str, dict[str, float]] = defaultdict(dict)  # student -> "open" or "done" -> seconds
        self._owners: dict[int, str | None] = {}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._begin = time.monotonic(), busy()
        self._spent: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self.wall_s = time.monotonic() - self._begin[0]
        self.own_cores = sum(self._spent.values()) / self.wall_s
        self.others_cores = max(0.0, (busy() - self._begin[1]) / self.wall_s - self.own_cores)

    def note(self, student: str, moment: str) -> None:
        """Keep what a student has used up to this moment."""
        with self._lock:
            self.cpu[student][moment] = sum(
                spent(one) for one in self._family() if self._owner(one) == student
            )

    def _run(self) -> None:
        while not self._stop.wait(self.every_s):
            with self._lock:
                self._look()

    def _look(self) -> None:
        total: dict[str, float] = defaultdict(float)
        everything = 0.0
        for one in [self.hub, *self._family()]:
            with suppress(psutil.Error):
                size, owner = one.memory_full_info().pss / MB, self._owner(one)
                everything += size
                self._spent[one.pid] = one.cpu_times().user + one.cpu_times().system
                if owner:
                    total[owner] += size
                    if "jupyterhub.singleuser" in one.cmdline():
                        self.servers[owner] = max(self.servers[owner], size)
                elif one.pid == self.hub.pid:
                    self.hub_mb = max(self.hub_mb, size)
                elif "node" in one.name():
                    self.proxy_mb = max(self.proxy_mb, size)
        self.together = max(self.together, everything)
        for owner, size in total.items():
            self.peaks[owner] = max(self.peaks[owner], size)

    def _family(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return self.hub.children(recursive=True)
        return []

    def _owner(self, process: psutil.Process) -> str | None:
        """The student whose process it is: its environment says so."""
        if process.pid not in self._owners:
            with suppress(psutil.Error):
                name = process.environ().get("JUPYTERHUB_USER")
                if name is None and process.pid != self.hub.pid and "node" not in process.name():
                    return None  # perhaps not yet what it will become
                self._owners[process.pid] = name
        return self._owners.get(process.pid)


def spent(process: psutil.Process) -> float:
    """Seconds of processor time, of this process and of its ended children."""
    with suppress(psutil.Error):
        times = process.cpu_times()
        return times.user + times.system + times.children_user + times.children_system
    return 0.0


def busy() -> float:
    """Seconds that all cores of the machine have worked."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.irq + times.softirq
