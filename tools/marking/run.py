"""Run a notebook in the sandbox within limits, and ask the hidden test after each test.

A limit that is passed ends the kernel, not the marker: what has run till then counts, what has not says why.
"""

import json
import shutil
import tempfile
from pathlib import Path

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_output
from nbgrader.preprocessors import Execute

from tools.marking import hidden, judge
from tools.marking.kernel import DIED, LIMITS, OUTPUT, TIME, Guard, Manager
from tools.marking.needed import needed

GARBLED = LookupError, TypeError, ValueError, AttributeError  # a kernel may send what is no message


class Stopped(Exception):
    """The kernel was ended; the guard knows why."""


class Run(Execute):
    """The preprocessor of nbgrader that executes, with a wall around it.

    job: python, seed, room, limits.   whole: run all cells, not those alone that the exercises need.
    answers, errors, states: what came of each hidden test, by the name of the exercise.
    """

    job: dict
    reference = False
    whole = False

    def preprocess(self, nb, resources):
        self.limits = LIMITS | self.job.get("limits", {})
        self.timeout, self.iopub_timeout = self.limits["cell_s"], 2
        self.shutdown_kernel = "immediate"
        self.once(nb, resources)
        if self.missed and not self.whole:  # something that was left out is missing
            self.whole = True
            self.once(nb, resources)
        return nb, resources

    def once(self, nb, resources) -> None:
        """Run it from the beginning, in a kernel and a folder of its own."""
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        self.answers, self.errors, self.states = {}, {}, {}
        self.missed, self.late, self.cells_run = False, set(), 0
        self.run_these, self.owns_km = self.choose(nb), True
        folder = Path(tempfile.mkdtemp(prefix=self.job["room"], dir="/tmp"))  # names of sockets must be short
        try:
            folder.chmod(0o711)
            shared = folder / "run"
            shared.mkdir()
            shared.chmod(0o777)
            km = Manager(python=self.job["python"], shared=shared, connection_file=str(shared / "k.json"))
            with Guard(km, self.limits) as self.guard:
                super().preprocess(nb, resources, km=km)
        except (DeadKernelError, RuntimeError, OSError) as error:  # it did not even start
            self.guard.end(f"{DIED}: {error}")
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

    def preprocess_cell(self, cell, resources, index):
        if index not in self.run_these:
            return cell, resources
        known = cell.metadata.get("nbgrader", {})
        name, is_test = known.get("grade_id", ""), known.get("grade") and cell.cell_type == "code"
        if self.guard.why:
            self.states[name] = self.guard.why
            return cell, resources
        self.timed_out = False
        try:
            cell, resources = super().preprocess_cell(cell, resources, index)
            self.cells_run += 1
            self.guard.take_stock()
            if self.timed_out:
                self.late.add(name)
            if is_test and self.late & {name, f"{name}-answer"}:  # the hidden one would be as late
                self.states[name] = TIME
            elif is_test:
                self.ask(name, cell, index)
        except (Stopped, DeadKernelError, CellTimeoutError, *GARBLED) as error:
            silent = isinstance(error, CellTimeoutError)  # no word came: too late, or too long to be taken
            self.guard.end((TIME if self.timed_out else OUTPUT) if silent else DIED)
            self.states[name] = self.guard.why
            cell.outputs = [*cell.outputs[:20], new_output("error", ename="Stopped", evalue=self.guard.why)]
        return cell, resources

    def ask(self, name, test, index) -> None:
        """Run the hidden test in the place of the one that everybody sees, and keep its answers."""
        asked = new_code_cell(hidden.cell(test.source, self.job["seed"], reference=self.reference))
        self.timed_out = False
        try:
            self.execute_cell(asked, index, store_history=False)
        finally:
            self.nb.cells[index] = test
        self.answers[name] = judge.answers(asked.outputs)
        if self.answers[name] is None:
            errors = [f"{each.ename}: {each.evalue}" for each in asked.outputs if each.output_type == "error"]
            self.errors[name] = "; ".join(errors)[:300]
        if self.timed_out:
            self.states[name] = TIME

    async def _async_handle_timeout(self, timeout, cell=None):
        self.timed_out = True
        return await super()._async_handle_timeout(timeout, cell)

    def process_message(self, msg, cell, cell_index):
        if not self.guard.heard(len(json.dumps(msg["content"], default=str))):
            raise Stopped
        if msg["msg_type"].startswith("comm") or msg["msg_type"] == "update_display_data":
            return None  # widgets need a reader
        if msg["content"].get("ename") == "NameError":
            self.missed = True
        return super().process_message(msg, cell, cell_index)


def is_wanted(cell) -> bool:
    """Is it of an exercise, or of the one who worked on it?"""
    known = cell.metadata.get("nbgrader", {})
    return bool(cell.metadata.get("changed") or known.get("grade") or known.get("solution"))
