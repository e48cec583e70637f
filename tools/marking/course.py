"""The folder of a course for nbgrader: what is handed out, what comes in, and what was given for it.

    source/CHAPTER/CHAPTER.ipynb             the assignment with its solutions
    release/CHAPTER/CHAPTER.ipynb            the assignment to hand out
    submitted/STUDENT/CHAPTER/CHAPTER.ipynb  what comes in; nbgrader's own places for the rest

nbgrader lives in an environment of its own, and each call of it is a process (tools/marking/worker.py).
"""

import atexit
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools import editions, environment
from tools.marking import sandbox
from tools.marking.exercises import TEXT_STUB, assignment
from tools.project import ROOT

HOME = Path(sys.prefix) / "marking"
PINS = ROOT / "tools" / "marking" / "requirements.txt"
NEEDS = ("nbgrader==0.9.6", "tqdm")
HEADER = "# Chosen by `make assignments ARGS=--lock` from what tools/marking/course.py names.\n"
FOLDER = ROOT / "_build" / "marking"
CONFIG = f'''\
# Written by `make assignments`. Mark with `make marks`, which runs submissions in a sandbox: `nbgrader
# autograde` finds no kernel here, so that it does not run them without one.
c = get_config()
c.CourseDirectory.course_id = "live"
c.ClearSolutions.code_stub = {{"python": ""}}
c.ClearSolutions.text_stub = "{TEXT_STUB}"
c.Execute.kernel_name = "only-make-marks-runs-submissions"
c.OverwriteCells.add_missing_cells = True
'''


class Failed(Exception):
    """Something could not be done; the text says what."""


def ready() -> None:
    """nbgrader is there, and at its pins."""
    environment.build(HOME, PINS, "nbgrader")


def make(folder: Path, notebooks: dict[str, NotebookNode]) -> None:
    """Write the assignments of these notebooks, by name, and let nbgrader make what is handed out.

    Raises: Failed with what nbgrader says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    for name, notebook in notebooks.items():
        path = folder / "source" / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        editions.write(assignment(notebook, name), path)
    ask({"task": "assign", "course": str(folder), "chapters": sorted(notebooks)})


def chapters(folder: Path) -> list[str]:
    """The assignments that were made."""
    return sorted(path.parent.name for path in folder.glob("release/*/*.ipynb"))


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


@cache
def worker() -> subprocess.Popen:
    """nbgrader in its environment, waiting for jobs; it ends with this process."""
    command = [str(environment.python(HOME)), "-m", "tools.marking.worker"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, env=quiet(), start_new_session=True, **pipes)
    atexit.register(process.stdin.close)
    return process


def ask(job: dict, timeout_s: float = 900) -> dict:
    """Let nbgrader's environment do a job. Raises: Failed."""
    with tempfile.TemporaryDirectory() as folder:
        answer, asked = Path(folder, "answer.json"), Path(folder, "job.json")
        asked.write_text(json.dumps(job | {"answer": str(answer), "timeout_s": timeout_s}), encoding="utf-8")
        try:
            worker().stdin.write(f"{asked}\n")
            worker().stdin.flush()
            done = worker().stdout.readline()
        except OSError:
            done = ""
        if not done:
            worker.cache_clear()  # the next job starts another
            raise Failed("nbgrader's process ended; make assignments builds its environment")
        if not answer.exists():
            raise Failed("stopped at the time limit")
        found = json.loads(answer.read_text(encoding="utf-8"))
    if "failed" in found:
        raise Failed(found["failed"])
    return found


def quiet() -> dict[str, str]:
    """Surroundings of nbgrader: nobody's settings, no keys."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    kept["PATH"] = os.pathsep.join([str(environment.python(HOME).parent), kept.get("PATH", "")])  # alembic
    nowhere = str(HOME / "nothing")
    return kept | {
        "JUPYTER_CONFIG_DIR": nowhere,
        "JUPYTER_NO_CONFIG": "1",
        "IPYTHONDIR": nowhere,
        "JUPYTER_PLATFORM_DIRS": "1",
    }


def room(folder: Path) -> str:
    """How the names of folders begin in which submissions of this course run."""
    return f"marks-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}-"


def reference(folder: Path, chapter: str, seed: str, limits: dict | None = None) -> dict:
    """The right answers to the hidden inputs that follow from `seed`. Raises: Failed."""
    job = {
        "task": "reference",
        "source": str(folder / "source" / chapter / f"{chapter}.ipynb"),
        "seed": seed,
        "room": room(folder),
        "python": sandbox.course_python(),
        "limits": limits or {},
    }
    try:
        return ask(job | {"whole": False}) | {"seed": seed}
    except Failed:
        return ask(job | {"whole": True}) | {"seed": seed}


def mark(
    folder: Path,
    student: str,
    chapter: str,
    path: Path,
    right: dict,
    limits: dict | None = None,
    timeout_s: float = 1800,
) -> dict:
    """Mark one submission, the file `path`.   right: the reference. Raises: Failed."""
    job = {
        "task": "mark",
        "course": str(folder),
        "student": student,
        "chapter": chapter,
        "submitted": str(path),
        "released": str(folder / "release" / chapter / f"{chapter}.ipynb"),
        "seed": right["seed"],
        "reference": right,
        "room": room(folder),
        "python": sandbox.course_python(),
        "limits": limits or {},
    }
    try:
        return ask(job, timeout_s)
    finally:
        for left in Path("/tmp").glob(f"{room(folder)}*"):  # by a marking that was ended
            shutil.rmtree(left, ignore_errors=True)
