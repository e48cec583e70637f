"""For every chapter: its solutions get full marks, its stubs none; and what each test is worth."""

import secrets
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from tools import editions
from tools.marking import course


def prove(folder: Path, chapter: str) -> Iterator[dict]:
    """One row an exercise, from a run of the reference, one of the solutions and one of the stubs."""
    right = course.reference(folder, chapter, secrets.token_hex(16))
    given = {}
    for who, part in (("solutions", "source"), ("stubs", "release")):
        notebook = course.read(folder / part / chapter / f"{chapter}.ipynb")
        path = hand_in(notebook, folder, who, chapter)
        given[who] = course.mark(folder, who, chapter, path, right)
    for solved, stub in zip(given["solutions"]["exercises"], given["stubs"]["exercises"], strict=True):
        if solved["state"] != "to be read":
            answers = right["answers"][solved["id"]]
            yield {
                "chapter": chapter,
                "exercise": solved["id"],
                "solution": solved["state"],
                "stub": stub["state"],
                "alike": answers["constant"],
                "cells": right["cells"],
                "cpu_s": given["solutions"]["cpu_s"],
            }


def hand_in(notebook: NotebookNode, folder: Path, student: str, chapter: str) -> Path:
    path = folder / "submitted" / student / chapter / f"{chapter}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    editions.write(notebook, path)
    return path
