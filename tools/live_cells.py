"""`python -m tools.live_cells`: which cells run in the published page, measured: book/live/cells.json.

Each notebook is run here as the page would run it: by the page's own Python modules, with no thread, no
process, no connection, and nothing to import but the standard library, NumPy, Matplotlib and what the page
brings along.
"""

import argparse
import ast
import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import nbformat

from tools.project import COLAB_CELL, ROOT, notebook_environment, notebooks

HOME = ROOT / "book" / "live"
CELLS = HOME / "cells.json"
PACKAGES = (  # pure Python that travels with the page, beside coursekit
    "IPython", "anywidget", "comm", "ipython_pygments_lexers", "ipywidgets", "matplotlib_inline",
    "psygnal", "pygments", "tqdm", "traitlets", "typing_extensions",
)  # fmt: skip
FETCHED = ("numpy", "matplotlib")  # from Pyodide's network, when a cell asks for them
NOT_THERE = {"_posixshmem", "curses", "dbm", "fcntl", "grp", "pwd", "resource", "termios", "tkinter"}
ON_32_BITS = {"02_hash_tables": ["fb4f6c55"]}  # what these claim about memory holds on 64: seen in the page
LIVE = 2 / 3  # a page with fewer cells that run has no Run buttons
LONGEST_S = 25  # here; the page takes two to four times as long
REFUSED = {
    "socket.connect": "connections", "socket.bind": "connections", "socket.getaddrinfo": "connections",
    "subprocess.Popen": "processes", "os.fork": "processes", "os.forkpty": "processes",
    "os.posix_spawn": "processes", "os.system": "processes",
}  # fmt: skip


def code_cells(path: Path) -> dict[str, nbformat.NotebookNode]:
    """The code cells of a notebook by their ids, in order, without the one that is only for Colab."""
    cells = nbformat.read(path, as_version=4).cells
    return {cell.id: cell for cell in cells if cell.cell_type == "code" and cell.source != COLAB_CELL}


def absent_roots() -> set[str]:
    """What notebooks and coursekit import, and the page cannot."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "coursekit").glob("*.py")]
    sources += [cell.source for path in notebooks() for cell in code_cells(path).values()]
    known = (sys.stdlib_module_names - NOT_THERE) | {*PACKAGES, *FETCHED, "coursekit"}
    return {name for source in sources for name in imported(source)} - known


def imported(source: str) -> set[str]:
    """The roots of all modules that a piece of Python imports; of a cell with magics, none."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return set()
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    of = {
        node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    return {name.partition(".")[0] for name in plain | of}


def measure(path: Path) -> dict:
    """Run one notebook in a process of its own. Returns what stands in cells.json about it."""
    env = notebook_environment() | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    command = [sys.executable, "-m", "tools.live_cells", "--in-this-process", str(path)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=1200)
    if done.returncode:
        raise RuntimeError(f"{path.stem} cannot be measured: {done.stderr.strip()[-600:]}")
    return json.loads(done.stdout.splitlines()[-1])


class TooLong(BaseException):
    """A cell took longer than the page may."""


def run_here(path: Path, apart: set[str] | None = None) -> dict:
    """Run the cells of a notebook as the page does by "Run all", and note what each came to.

    apart: each cell on its own, after only those that it needs; these cells are known not to run.
    """
    sys.path.insert(0, str(HOME))
    from inpage import absent, kernel, needs

    cells = code_cells(path)
    heard: dict[str, list[dict]] = {}

    def post(kind: str, **what: object) -> None:
        if kind == "begin":
            heard.pop(what["cell"], None)  # the last one is the one that speaks
            heard[what["cell"]] = []
        if kind not in ("plan", "blocked"):
            heard[list(heard)[-1]].append({"kind": kind, **what})

    async def nothing(root: str) -> set[str]:
        return set()

    finder = absent.Finder(absent_roots(), "coursekit", lambda root: root)
    sys.meta_path.insert(0, finder)
    import coursekit

    coursekit.__path__ = [str(ROOT / "coursekit")]
    engine = kernel.Kernel(post, finder, nothing)
    refused = forbid()
    sources = {name: cell.source for name, cell in cells.items()}

    async def run(name: str) -> None:
        if apart:
            engine.shell.reset(new_session=False)
            engine.memory = type(engine.memory)()
            await engine.run([name], {one: source for one, source in sources.items() if one not in apart})
        elif await engine.cell(name, sources[name]):
            for bound in needs.names(sources[name]).binds:  # a cell that failed halfway gives nothing
                engine.shell.user_ns.pop(bound, None)

    async def all_of_them() -> None:
        for name in sources:
            refused.clear()
            signal.alarm(LONGEST_S)
            try:
                await run(name)
            except TooLong:
                heard[name].append({"kind": "error", "name": "TooLong"})
            signal.alarm(0)
            heard[name] += [{"kind": "refused", "what": what} for what in refused[:1]]

    asyncio.run(all_of_them())
    return report(cells, heard)


def report(cells: dict, heard: dict[str, list[dict]]) -> dict:
    """What stands in cells.json about a notebook, and how many text outputs are as they are stored."""
    needs, slow, same, differ = {}, {}, 0, []
    for name, cell in cells.items():
        tags = cell.metadata.get("tags", [])
        failed = next((said for said in heard[name] if said["kind"] == "error"), None)
        end = next((said for said in heard[name] if said["kind"] == "end"), {"seconds": 0})
        if failed and "raises-exception" not in tags and "nbval-raises-exception" not in tags:
            needs[name] = reason(heard[name])
            continue
        if end["seconds"] > 3:
            slow[name] = round(end["seconds"])
        if "nbval-ignore-output" not in tags:
            given = [said["data"].get("text/plain") for said in heard[name] if said["kind"] == "display"]
            stored = [out.data.get("text/plain") for out in cell.outputs if "data" in out]
            same, differ = (same + 1, differ) if given == stored else (same, [*differ, name])
    return {
        "of": len(cells),
        "cells": list(cells),
        "needs": needs,
        "slow": slow,
        "same": same,
        "differ": differ,
    }


def reason(heard: list[dict]) -> str:
    """Why a cell does not run in the page, in a word or two."""
    failed = next(said for said in heard if said["kind"] == "error")
    refused = [said["what"] for said in heard if said["kind"] == "refused"]
    known = {"NotInPage": failed.get("text"), "NameError": "an earlier cell", "TooLong": "more time"}
    return (refused or [known.get(failed["name"], failed["name"])])[0]


def forbid() -> list[str]:
    """From here on: no thread, no process, no connection. Returns the list of what was refused since."""
    refused = []

    def refuse(event: str, arguments: tuple) -> None:
        if event in REFUSED:
            refused.append(REFUSED[event])
            raise OSError(f"there are no {REFUSED[event]} in the page")

    def no_thread(self: threading.Thread) -> None:
        refused.append("threads")
        raise RuntimeError("can't start new thread")

    def too_long(*_: object) -> None:
        raise TooLong

    sys.addaudithook(refuse)
    threading.Thread.start = no_thread
    signal.signal(signal.SIGALRM, too_long)
    return refused


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.live_cells", description=__doc__)
    parser.add_argument("notebook", nargs="*", help="01 02 …; all when left out")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.in_this_process:
        print(json.dumps(run_here(Path(given.notebook[0]))))
        sys.stdout.flush()
        os._exit(0)  # a notebook may have left something behind that does not end
    stored = json.loads(CELLS.read_text(encoding="utf-8")) if CELLS.exists() else {}
    for path in notebooks(given.notebook or None):
        found = measure(path)
        same, differ = found.pop("same"), found.pop("differ")
        found["needs"] |= dict.fromkeys(ON_32_BITS.get(path.stem, ()), "64 bits")
        ran, of = found["of"] - len(found["needs"]), found.pop("of")
        live = "live" if ran >= LIVE * of else "not live"
        print(
            f"{path.stem:32} {ran:3} of {of:3} run: {live}; {same} as stored, not: {' '.join(differ)}",
            flush=True,
        )
        stored[path.stem] = found
    CELLS.write_text(json.dumps(dict(sorted(stored.items())), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
