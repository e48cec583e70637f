"""Which cells of a notebook do not run with the model of a class: found before the class finds it.

Runs notebooks from the first cell to the last as a student would, by the one variable, and goes on after a
cell that fails. The notebooks themselves stay as they are.
"""

import asyncio
import os
from typing import NamedTuple

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from tqdm import tqdm
from traitlets.config import Config

from coursekit.errors import CourseError
from tools.project import NOTEBOOKS, ROOT, notebook_environment, notebooks
from tools.run import ANSI

CELL_LIMIT_S = 600  # a class server makes its clients wait, and they try again


class Failed(NamedTuple):
    """A cell that raised: where it stands among the code cells, its first line, and what it said last."""

    cell: int
    source: str
    error: str
    follows: bool  # only from a name that an earlier cell would have made


def run(name: str) -> tuple[int, list[Failed]]:
    """How many code cells there are, and those that failed. Raises: CourseError if the kernel gives up."""
    [path] = notebooks([name])
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    encrypted = Config(KernelManager={"transport_encryption": "auto"})
    options = {"kernel_name": "python3", "timeout": CELL_LIMIT_S, "allow_errors": True, "config": encrypted}
    client = NotebookClient(notebook, resources={"metadata": {"path": str(NOTEBOOKS)}}, **options)
    progress = tqdm(total=len(code), desc=path.stem, unit=" cells", disable=None)
    client.on_cell_executed = lambda **_: progress.update()
    try:
        asyncio.run(client.async_execute())
    except (CellTimeoutError, TimeoutError, DeadKernelError) as error:
        raise CourseError(f"{path.stem} stopped after {progress.n} cells ({type(error).__name__})") from None
    finally:
        progress.close()
    found = []
    for number, cell in enumerate(code, 1):
        for output in cell.outputs:
            if output.output_type == "error":
                first = next((line for line in cell.source.splitlines() if line.strip()), "")
                said = ANSI.sub("", output.evalue).strip().splitlines() or [""]
                found.append(
                    Failed(number, first, f"{output.ename}: {said[-1]}", output.ename == "NameError")
                )
    return len(code), found


def run_all(names: list[str], value: str) -> dict[str, tuple[int, list[Failed]]]:
    """What `run` finds for each, asked with COURSE_MODEL=`value`. Raises: CourseError, ValueError."""
    paths, before = [each.stem for each in notebooks(names)], dict(os.environ)
    path = os.pathsep.join([str(ROOT), str(ROOT / "tools" / "offline")])
    offline = {"PYTHONPATH": path} if "127.0.0.1" in value else {"PYTHONPATH": str(ROOT)}
    os.environ.clear()
    os.environ.update(notebook_environment() | offline | {"COURSE_MODEL": value})
    try:
        return {name: run(name) for name in paths}
    finally:
        os.environ.clear()
        os.environ.update(before)


def report(names: list[str], value: str) -> str:
    """The same in lines. Raises: CourseError, ValueError."""
    return "\n".join(line for name, found in run_all(names, value).items() for line in lines(name, *found))


def lines(name: str, cells: int, failed: list[Failed]) -> list[str]:
    """One line for the notebook, one for each cell that failed of itself."""
    own = [each for each in failed if not each.follows]
    after = f", and {len(failed) - len(own)} for want of what these make" if len(failed) > len(own) else ""
    head = f"{name}: {cells - len(failed)} of {cells} code cells ran, {len(own)} failed{after}"
    return [head, *(f"  cell {each.cell}, {each.source[:50]}: {each.error[:160]}" for each in own)]
