"""`make run`: execute notebooks and store their outputs. One that fails keeps the outputs it had."""

import argparse
import asyncio
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets.config import Config

from tools import catalogue
from tools.project import notebook_environment, notebooks
from tools.tidy import tidy

AT_ONCE = 2
CELL_LIMIT_S = 300
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Failed(Exception):
    """A notebook did not run to its end; the text says where and why."""


def store(path: Path, notebook: nbformat.NotebookNode) -> None:
    """Write the whole file or nothing."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        nbformat.write(notebook, draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


async def execute(path: Path) -> nbformat.NotebookNode:
    """The notebook with fresh outputs, tidied. Raises: Failed."""
    notebook = nbformat.read(path, as_version=4)
    encrypted = Config(KernelManager={"transport_encryption": "auto"})
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_LIMIT_S,
        record_timing=False,
        config=encrypted,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    running = {}
    client.on_cell_execute = lambda cell, cell_index: running.update(cell=cell, index=cell_index)
    try:
        await client.async_execute()
    except CellExecutionError:
        trace = next(output.traceback for output in running["cell"].outputs if output.output_type == "error")
        raise Failed(_where(path, running) + ANSI.sub("", "\n".join(trace)).rstrip()) from None
    except (CellTimeoutError, TimeoutError):
        raise Failed(_where(path, running) + f"took longer than {CELL_LIMIT_S} s") from None
    except DeadKernelError:
        raise Failed(_where(path, running) + "the kernel died; is there memory left?") from None
    tidy(notebook)
    return notebook


def _where(path: Path, running: dict) -> str:
    lines = running["cell"].source.splitlines() if running else []
    shown = "".join(f"    {line}\n" for line in lines[:8]) + ("    …\n" if len(lines) > 8 else "")
    return f"{path.name}, cell {running.get('index', 0) + 1}:\n{shown}\n"


async def run(path: Path, slot: asyncio.Semaphore) -> bool:
    """Execute and store one notebook, and say how it went. Returns whether it ran to its end."""
    async with slot:
        print(f"  {path.stem} …", flush=True)
        start = time.monotonic()
        try:
            notebook = await execute(path)
        except Failed as failure:
            print(f"✗ {failure}\n  {path.stem}: not stored\n", file=sys.stderr, flush=True)
            return False
        store(path, notebook)
        cells = sum(cell.cell_type == "code" for cell in notebook.cells)
        print(f"✓ {path.stem}: {cells} cells in {time.monotonic() - start:.1f} s", flush=True)
        return True


async def run_all(paths: list[Path]) -> bool:
    """Run the notebooks, two at a time. Returns whether all ran to their end."""
    slot = asyncio.Semaphore(AT_ONCE)
    return all(await asyncio.gather(*(run(path, slot) for path in paths)))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("notebook", nargs="*", help="01, littles_law, …; all when left out")
    try:
        paths = notebooks(parser.parse_args(arguments).notebook)
    except ValueError as error:
        sys.exit(f"make run: {error}")
    os.environ.clear()
    os.environ.update(notebook_environment())
    return 0 if asyncio.run(run_all(paths)) and catalogue.main() == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
