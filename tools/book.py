"""`make book`: build the book, a warning being an error, and say where its first page is.

The work is Jupyter Book's own: `jupyter-book build . -W -n --keep-going`. This adds what it leaves out: it
starts from an empty folder, so that no page outlives its source, shows the warnings and not the whole log,
and ends in one line. `make serve` and `make book ARGS=--touched` make only touched pages anew,
as long as nothing changed that all pages are made with.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tools import lite, live
from tools.project import ROOT

SOURCES = (
    "_config.yml",
    "_toc.yml",
    "requirements.txt",
    "index.md",
    "CITATION.cff",
    "coursekit/data/catalogue.json",
    "book/**/*",
    "notebooks/*.ipynb",
)
PAGES = (".md", ".ipynb")
OPTIONS = ("-W", "-n", "--keep-going", "-q")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_COMPLAINT = re.compile(r"\b(WARNING|ERROR|CRITICAL): ")
_STOPPED = re.compile(r"^sphinx\.errors\.ExtensionError: (.+)", re.MULTILINE)  # by one of book/_ext


class NotBuilt(Exception):
    """The book has warnings; the text lists them, one a line."""


def html_folder(root: Path = ROOT) -> Path:
    """Where the built pages are."""
    return root / "_build" / "html"


def is_fresh(root: Path = ROOT) -> bool:
    """Is every page there, and newer than everything it is made from?"""
    page = html_folder(root) / "index.html"
    return page.exists() and all(path.stat().st_mtime <= page.stat().st_mtime for path in _sources(root))


def _sources(root: Path) -> list[Path]:
    files = sorted(path for pattern in SOURCES for path in root.glob(pattern))
    return [path for path in files if path.is_file() and path.suffix != ".pyc"]


def build(root: Path = ROOT, *, touched: bool = False) -> Path:
    """Build all pages of the book in `root`, or only the touched ones, and return their folder.

    Raises: NotBuilt with the warnings, FileNotFoundError if Jupyter Book is not installed beside this Python.
    """
    with _one_at_a_time(root):
        return _build(root, touched=touched)


def ensure(root: Path = ROOT, *, touched: bool = False) -> Path:
    """The built pages, built now unless they are up to date; of two callers at once, one builds."""
    with _one_at_a_time(root):
        return html_folder(root) if is_fresh(root) else _build(root, touched=touched)


@contextmanager
def _one_at_a_time(root: Path):
    (root / "_build").mkdir(exist_ok=True)
    with (root / "_build" / "book.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(root: Path, *, touched: bool) -> Path:
    folder = root / "_build"
    sealed, seal = folder / "book.seal", _seal(root)
    if not (touched and sealed.exists() and sealed.read_text() == seal):
        for left_over in ("html", ".doctrees", "jupyter_execute"):
            shutil.rmtree(folder / left_over, ignore_errors=True)
    sealed.unlink(missing_ok=True)  # a build that failed is not gone on with: it would warn no more
    if root == ROOT:
        _make_live()
    command = [Path(sys.executable).with_name("jupyter-book"), "build", root, *OPTIONS]
    ours = os.environ | {"PYTHONPATH": str(ROOT)}  # its extensions use tools and coursekit
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, cwd=root, env=ours, text=True, **both)
    log = _COLOUR.sub("", done.stdout)
    (folder / "book.log").write_text(log, encoding="utf-8")
    if done.returncode:
        raise NotBuilt(_complaints(log.replace(f"{root}/", "")))
    sealed.write_text(seal)
    return html_folder(root)


def _seal(root: Path) -> str:
    """Changes with everything that more than one page is made with."""
    digest = hashlib.sha256()
    for path in _sources(root):
        if path.suffix not in PAGES:
            digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _make_live() -> None:
    """What pages need to run cells; and JupyterLite, where it was set up or where all is proved."""
    if live.ensure() and (lite.is_ready() or os.environ.get("CI") == "true"):
        try:
            lite.ensure()
        except lite.NoLite as problem:
            print(f"The book is built without JupyterLite: {problem}", flush=True)


def _complaints(log: str) -> str:
    """The lines of the log that name what is wrong; when none does, its last words."""
    lines = [line.replace("::", ":", 1) for line in log.splitlines() if _COMPLAINT.search(line)]
    lines += _STOPPED.findall(log)
    return "\n".join(dict.fromkeys(lines)) or "\n".join(log.strip().splitlines()[-12:])


def or_exit(make: Callable[[], Path]) -> Path:
    """The pages that `build` or `ensure` makes, or the end of the program with the reason in plain words."""
    try:
        return make()
    except NotBuilt as warnings:
        sys.exit(f"{warnings}\nThe book is not built: mend the lines above (the whole log: _build/book.log).")
    except FileNotFoundError:
        sys.exit("Jupyter Book is not installed for this Python; `make learn` sets everything up.")
    except PermissionError as error:
        sys.exit(f"Cannot write to {error.filename}: build in a folder that is yours.")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make book", description=__doc__)
    parser.add_argument("--touched", action="store_true", help="only pages that were touched since")
    touched = parser.parse_args(arguments).touched
    start = time.monotonic()
    print("jupyter-book build .", *OPTIONS, flush=True)
    folder = or_exit(partial(build, touched=touched))
    aside = {"posts", "lite"}  # old addresses, and another program
    pages = sum(not aside & set(page.relative_to(folder).parts) for page in folder.rglob("*.html"))
    print(f"{pages} pages in {time.monotonic() - start:.1f} s: {folder / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
