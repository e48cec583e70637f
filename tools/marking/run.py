"""Run a notebook in the sandbox within limits, and put the hidden test after each test.

A limit that is passed ends the kernel, not the marker: what has run till then counts, what has not says why.
"""

import contextlib
import json
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import psutil
import zmq.asyncio
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_output
from nbgrader.preprocessors import Execute
from traitlets import Instance

from tools.marking import hidden, judge, sandbox
from tools.marking.needed import needed

TIME, OUTPUT, MEMORY, CROWD, DISK, DIED = (
    "stopped at the time limit",
    "output cut",
    "used too much memory",
    "started too many processes",
    "wrote too much",
    "ended its own process",
)
LIMITS = {
    "cell_s": 60,
    "notebook_s": 600,
    "output_mb": 10,
    "memory_mb": 4096,
    "processes": 300,
    "shared_mb": 1,
}
LOOK_S = 0.1
ONE_MESSAGE = 32 * sandbox.MB


class Stopped(Exception):
    """The kernel was ended; the text says which limit was passed."""


class Manager(AsyncKernelManager):
    """Starts the kernel inside; talks to it through sockets in a folder that both sides see."""

    python = Instance(dict)
    shared = Instance(Path)

    def __init__(self, **options):
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.MAXMSGSIZE, ONE_MESSAGE)
        context.setsockopt(zmq.RCVHWM, 32)
        super().__init__(context=context, **options)
        self.transport = "ipc"

    @property
    def kernel_spec(self):
        return KernelSpec(
            argv=["python"], display_name="marking", language="python", interrupt_mode="message"
        )

    def format_kernel_cmd(self, extra_arguments=None):
        if os.geteuid() == 0:
            os.chown(self.connection_file, sandbox.NOBODY, sandbox.NOBODY)
        kernel = [
            f"{self.python['prefix']}/bin/python",
            "-m",
            "ipykernel_launcher",
            "-f",
            self.connection_file,
        ]
        quiet = ["--HistoryManager.enabled=False", "--IPKernelApp.log_level=CRITICAL"]
        return sandbox.command(self.shared, [*kernel, *quiet], self.python)


class Run(Execute):
    """The preprocessor of nbgrader that executes, with a wall around it.

    job: python, seed, limits; whole: run all cells, or those alone that the exercises need.
    """

    job: dict
    reference = False
    whole = False

    def preprocess(self, nb, resources):
        self.limits = LIMITS | self.job.get("limits", {})
        self.timeout, self.shutdown_kernel = self.limits["cell_s"], "immediate"
        self.iopub_timeout = 2
        self.once(nb, resources)
        if self.missed and not self.whole:  # something that was left out is missing
            self.whole = True
            self.once(nb, resources)
        return nb, resources

    def once(self, nb, resources) -> None:
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        self.answers, self.states, self.why, self.cells_run = {}, {}, "", 0
        self.printed, self.routes, self.missed, self.late = 0, 0, False, set()
        self.errors, self.cpu_s = {}, 0.0
        self.run_these = self.choose(nb)
        folder = Path(tempfile.mkdtemp(prefix=self.job["room"], dir="/tmp"))
        try:
            folder.chmod(0o711)  # names of sockets must be short
            shared = folder / "run"
            shared.mkdir()
            shared.chmod(0o777)
            self.shared = shared
            km = Manager(python=self.job["python"], shared=shared, connection_file=str(shared / "k.json"))
            self.within(nb, resources, km)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def choose(self, nb) -> set[int]:
        """Positions of the cells to run."""
        code = [here for here, cell in enumerate(nb.cells) if cell.cell_type == "code"]
        if self.whole:
            return set(code)
        theirs = {place for place, here in enumerate(code) if is_wanted(nb.cells[here])}
        try:
            return {code[place] for place in needed([nb.cells[here] for here in code], theirs)}
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # what cannot be read cannot be told
            return set(code)

    def within(self, nb, resources, km) -> None:
        self.deadline = time.monotonic() + self.limits["notebook_s"]
        self.owns_km, ended = True, threading.Event()
        watcher = threading.Thread(target=self.watch, args=(km, ended), daemon=True)
        watcher.start()
        try:
            super().preprocess(nb, resources, km=km)
        except (DeadKernelError, RuntimeError, OSError) as error:  # it did not even start
            self.why = self.why or f"{DIED}: {error}"
        finally:
            ended.set()
            watcher.join()
            if km.has_kernel and km.provisioner.process:
                km.provisioner.process.kill()

    def watch(self, km, ended) -> None:
        """End the kernel when it passes a limit."""
        while not ended.wait(LOOK_S):
            process = getattr(getattr(km, "provisioner", None), "process", None)
            if process is None or process.poll() is not None:
                continue
            try:
                if passed := self.passed(psutil.Process(process.pid)):
                    self.why = self.why or passed
                    process.kill()
            except (psutil.Error, OSError):
                continue

    def passed(self, outer) -> str:
        """Which limit those inside have passed."""
        inside = outer.children(recursive=True)
        if time.monotonic() > self.deadline:
            return TIME
        if len(inside) > self.limits["processes"]:
            return CROWD
        most = self.limits["memory_mb"] * sandbox.MB
        if memory(inside, "rss") > most and memory(inside, "pss") > most:  # pages that forks share count once
            return MEMORY
        files = list(os.scandir(self.shared))
        size = sum(file.stat(follow_symlinks=False).st_size for file in files)
        return DISK if len(files) > 20 or size > self.limits["shared_mb"] * sandbox.MB else ""

    def take_stock(self) -> None:
        """Note how often those inside went for an address that is not there, and what they have used."""
        with contextlib.suppress(psutil.Error, OSError, AttributeError, IndexError):
            inside = psutil.Process(self.km.provisioner.process.pid).children(recursive=True)
            self.routes = max(self.routes, no_routes(inside[0].pid))
            self.cpu_s = max(self.cpu_s, sum(sum(one.cpu_times()[:4]) for one in inside))

    def preprocess_cell(self, cell, resources, index):
        if index not in self.run_these:
            return cell, resources
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        is_test = cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code"
        if self.why:
            self.states[grade_id] = self.why
            return cell, resources
        self.timed_out = False
        try:
            cell, resources = super().preprocess_cell(cell, resources, index)
            self.cells_run += 1
            self.take_stock()
            if self.timed_out:
                self.late.add(grade_id)
            if is_test and self.late & {grade_id, f"{grade_id}-answer"}:  # the hidden one would be as late
                self.states[grade_id] = TIME
            elif is_test:
                self.ask(grade_id, cell, index)
        except (Stopped, DeadKernelError, CellTimeoutError) as error:
            self.stop(error)
            self.states[grade_id] = self.why
            cell.outputs = [*cell.outputs[:20], new_output("error", ename="Stopped", evalue=self.why)]
        return cell, resources

    def ask(self, grade_id, test, index) -> None:
        """Run the hidden test in the place of the one that everybody sees, and keep its answers."""
        asked = new_code_cell(hidden.cell(test.source, self.job["seed"], reference=self.reference))
        self.timed_out = False
        try:
            self.execute_cell(asked, index, store_history=False)
        finally:
            self.nb.cells[index] = test
        self.answers[grade_id] = judge.answers(asked.outputs)
        if self.answers[grade_id] is None:
            errors = [f"{each.ename}: {each.evalue}" for each in asked.outputs if each.output_type == "error"]
            self.errors[grade_id] = "; ".join(errors)[:300]
        if self.timed_out:
            self.states[grade_id] = TIME
        self.missed = self.missed or any(output.get("ename") == "NameError" for output in asked.outputs)

    async def _async_handle_timeout(self, timeout, cell=None):
        self.timed_out = True
        return await super()._async_handle_timeout(timeout, cell)

    def stop(self, error) -> None:
        """End the kernel, and say why."""
        if isinstance(error, CellTimeoutError):  # no word came: too late, or too long to be taken
            self.why = self.why or (TIME if getattr(self, "timed_out", False) else OUTPUT)
        self.why = self.why or (str(error) if isinstance(error, Stopped) else DIED)
        if self.km.provisioner.process:
            self.km.provisioner.process.kill()

    def process_message(self, msg, cell, cell_index):
        self.printed += len(json.dumps(msg["content"], default=str))
        if self.printed > self.limits["output_mb"] * sandbox.MB:
            self.why = OUTPUT
            self.km.provisioner.process.kill()
            raise Stopped(OUTPUT)
        if msg["msg_type"].startswith("comm") or msg["msg_type"] == "update_display_data":
            return None  # widgets need a reader
        if msg["content"].get("ename") == "NameError":
            self.missed = True
        return super().process_message(msg, cell, cell_index)


def is_wanted(cell) -> bool:
    """Is it of an exercise, or of the one who worked on it?"""
    known = cell.metadata.get("nbgrader", {})
    return bool(cell.metadata.get("changed") or known.get("grade") or known.get("solution"))


def memory(processes, kind: str) -> int:
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
