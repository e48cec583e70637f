"""The part of the marking that runs in nbgrader's environment: one process for each thing to do.

    python -m tools.marking.worker job.json     # writes job["answer"], a file

A process holds one submission, so what goes wrong with it stays in it.
"""

import json
import logging
import os
import resource
import sys
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config, PyFileConfigLoader

from tools import editions
from tools.marking import chain, sandbox
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
        print(name, flush=True)
    return {}


def reference(job: dict) -> dict:
    """The right answers to the hidden inputs of a seed; what needs no running is found out here."""
    notebook = nbformat.read(job["source"], as_version=4)
    kind = type("Reference", (Run,), {"job": job, "reference": True, "whole": job["whole"]})
    run = kind()
    run.preprocess(notebook, {})
    if run.why:
        raise Failed(f"the reference of {Path(job['source']).stem} did not run: {run.why}")
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
    return {"answers": answers, "routes": run.routes, "cells": run.cells_run}


def mark(job: dict) -> dict:
    """Mark one submission, and write its feedback."""
    course = Path(job["course"])
    nbgrader = api(course)
    Autograde.sanitize_preprocessors.default_value, Autograde.autograde_preprocessors.default_value = [], []
    before, after = chain.steps(job)
    nbgrader.update_config(
        Config({"Autograde": {"sanitize_preprocessors": before, "autograde_preprocessors": after}})
    )
    checked(nbgrader.autograde(job["chapter"], job["student"]))
    checked(nbgrader.generate_feedback(job["chapter"], job["student"]))
    for page in (course / "feedback" / job["student"] / job["chapter"]).glob("*.html"):
        chain.feedback_wall(page)
    return job["result"] | {"cells": job["run"].cells_run}


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
                            "open": bool(grade.needs_manual_grade and grade.manual_score is None),
                        }
                        for grade in notebook.grades
                    }
                    found.setdefault(submission.student.id, {})[assignment.name] = rows
    return found


TASKS = {"assign": assign, "reference": reference, "mark": mark, "grades": grades}


def main() -> int:
    job = json.loads(Path(sys.argv[1]).read_text())
    logging.getLogger().setLevel(logging.CRITICAL)
    os.nice(1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        answer = TASKS[job["task"]](job)
    except Failed as error:
        answer = {"failed": str(error)}
    Path(job["answer"]).write_text(json.dumps(answer, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
