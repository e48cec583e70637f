"""The part of the marking that runs in nbgrader's environment, where it is started once.

It reads names of files from standard input, one a line. Each holds a job as JSON, and is done in a process of
its own: what goes wrong with a submission stays in it. The answer is a file that the job names.
"""

import json
import logging
import os
import resource
import signal
import sys
import time
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config, PyFileConfigLoader

from tools import editions
from tools.marking import chain, sandbox
from tools.marking.rebuild import rebuild
from tools.marking.run import Run

MEMORY = 4096 * sandbox.MB


class Failed(Exception):
    """nbgrader did not do it; the text is what it said."""


def api(course: Path) -> NbGraderAPI:
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    config.CourseDirectory.root = str(course)
    return NbGraderAPI(CourseDirectory(config=config), config=config)


def checked(done: dict) -> None:
    if not done["success"]:
        raise Failed((done.get("log") or done.get("error") or "nbgrader failed").strip()[-2000:])


def assign(job: dict) -> dict:
    """Make what is handed out from what lies in `source`."""
    nbgrader = api(Path(job["course"]))
    for name in job["chapters"]:
        checked(nbgrader.generate_assignment(name))
    return {}


def reference(job: dict) -> dict:
    """The right answers to the hidden inputs of a seed; what needs no running is found out here."""
    notebook = nbformat.read(job["source"], as_version=4)
    kind = type("Reference", (Run,), {"job": job, "reference": True, "whole": job["whole"]})
    run = kind()
    run.preprocess(notebook, {})
    if run.guard.why:
        raise Failed(f"the reference of {Path(job['source']).stem} did not run: {run.guard.why}")
    answers = {}
    for cell in notebook.cells:
        known = cell.metadata.get("nbgrader", {})
        if known.get("grade") and cell.cell_type == "code":
            found = run.answers[known.grade_id]
            if found is None:
                errors = [output.evalue for output in cell.outputs if output.output_type == "error"]
                raise Failed(f"{known.grade_id} of {Path(job['source']).stem} has no reference: {errors}")
            expected = [json.dumps(each) for each in found["expected"]]
            found["constant"] = len(expected) > 1 and len(set(expected)) == 1
            answers[known.grade_id] = found | {"solution_uses": []}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name.endswith("-answer"):
            answers[name.removesuffix("-answer")]["solution_uses"] = sorted(editions.names([cell])[1])
    return {"answers": answers, "routes": run.guard.routes, "cells": run.cells_run, "whole": run.whole}


def mark(job: dict) -> dict:
    """Mark one submission, and write its feedback."""
    begun = time.process_time()  # what the process that waits for jobs has used is not this one's
    course = Path(job["course"])
    place = Path(job["student"]) / job["chapter"]
    notebook = nbformat.read(job["released"], as_version=4)
    job["result"] = {"remarks": rebuild(notebook, taken(Path(job["submitted"]))), "exercises": []}
    (course / "taken" / place).mkdir(parents=True, exist_ok=True)
    editions.write(notebook, course / "taken" / place / f"{job['chapter']}.ipynb")
    nbgrader = api(course)
    nbgrader.coursedir.submitted_directory = "taken"
    before, after = chain.steps(job)
    chains = {"sanitize_preprocessors": before, "autograde_preprocessors": after}
    nbgrader.update_config(Config({"Autograde": chains}))
    checked(nbgrader.autograde(job["chapter"], job["student"]))
    checked(nbgrader.generate_feedback(job["chapter"], job["student"]))
    for page in (course / "feedback" / place).glob("*.html"):
        chain.feedback_wall(page)
    used = round(time.process_time() - begun + job["run"].guard.cpu_s, 1)
    return job["result"] | {"cells": job["run"].cells_run, "cpu_s": used}


def taken(path: Path) -> NotebookNode:
    """What matters of a submission: kind, text and name of its cells. Raises: Failed if it is no notebook."""
    try:
        found = json.loads(path.read_bytes())
        cells = found["cells"]
        return NotebookNode(cells=[cell for each in cells if (cell := plain(each))])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise Failed(f"not a notebook: {type(error).__name__}") from None


def plain(cell: dict) -> NotebookNode | None:
    source = cell.get("source", "")
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    if cell.get("cell_type") not in ("code", "markdown"):
        return None
    known = cell.get("metadata", {}).get("nbgrader")
    name = known.get("grade_id") if isinstance(known, dict) else None
    metadata = {"nbgrader": {"grade_id": name}} if isinstance(name, str) else {}
    clean = text.encode("utf-8", "replace").decode()  # a lone surrogate cannot be written
    return NotebookNode(cell_type=cell["cell_type"], source=clean, id=str(cell.get("id")), metadata=metadata)


def grades(job: dict) -> dict:
    """What the gradebook holds, by student, chapter and exercise; and nbgrader's own export."""
    course = Path(job["course"])
    nbgrader = api(course)
    found = {}
    with Gradebook(nbgrader.coursedir.db_url) as gradebook:
        for assignment in gradebook.assignments:
            for submission in assignment.submissions:
                for notebook in submission.notebooks:
                    rows = {
                        grade.name: {
                            "points": grade.score,
                            "of": grade.max_score,
                            "manual": grade.manual_score is not None,
                            "open": bool(grade.needs_manual_grade and grade.manual_score is None),
                        }
                        for grade in notebook.grades
                    }
                    found.setdefault(submission.student.id, {})[assignment.name] = rows
    return found


TASKS = {"assign": assign, "reference": reference, "mark": mark, "grades": grades}


def main() -> int:
    logging.getLogger().setLevel(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    asker = os.getppid()
    for line in sys.stdin:
        job = json.loads(Path(line.strip()).read_text(encoding="utf-8"))
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is said there is for the one who asked
            os._exit(do(job))
        wait(child, job["timeout_s"], asker)
        print("done", flush=True)
    return 0


def do(job: dict) -> int:
    """One job in its process. Returns its exit code."""
    code = 1
    try:
        answer = TASKS[job["task"]](job)
    except Failed as error:
        answer = {"failed": str(error)}
    except MemoryError:
        answer = {"failed": "too large for the marker's memory"}
    except BaseException as error:
        answer = {"failed": f"the marker itself stopped: {type(error).__name__}: {error}"[:500]}
    try:
        Path(job["answer"]).write_text(json.dumps(answer), encoding="utf-8")
        code = 0
    finally:
        return code  # noqa: B012  a child that went on would read jobs as well


def wait(child: int, most_s: float, asker: int) -> None:
    """Until the process ends; one that takes too long, or that nobody waits for, is ended with its kernel."""
    end = time.monotonic() + most_s
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > end or os.getppid() != asker:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
