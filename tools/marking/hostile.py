"""Submissions that mean harm, made from a small assignment of two exercises and an open one.

The first exercise is answered rightly in all of them, the second is where the harm is.
"""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.marking.attacks import RIGHT, Hostile

CHAPTER = "01_specimen"
LIMITS = {"cell_s": 5, "notebook_s": 60, "output_mb": 2, "memory_mb": 600, "processes": 60}

CHECK = 'check.same("Exercise 2", double, by_adding, some_numbers, hints=["Twice each."])'
SPECIMEN = [
    "# A specimen\n\nTwo exercises and an open one.",
    "from coursekit import check",
    "## Exercise 1: predict\n\nHow much is two to the tenth?",
    'my_guess = ...\n\ncheck.close("Exercise 1", my_guess, 2**10, tolerance=0)',
    'my_guess = 1024\n\ncheck.close("Exercise 1", my_guess, 2**10, tolerance=0)',
    "## Exercise 2: complete\n\nTwice each number.",
    f'''\
def double(numbers):
    ...


def by_adding(numbers):
    """An independent answer."""
    return [number + number for number in numbers]


def some_numbers(rng):
    return ([rng.randrange(100) for _ in range(rng.randrange(1, 9))],)


{CHECK}''',
    f"{RIGHT}\n\n\n{CHECK}",
    "## Exercise 3: open\n\nWhat else can be doubled?",
]


def specimen() -> NotebookNode:
    """The notebook of the small assignment, as a chapter is written."""
    cells = []
    for number, text in enumerate(SPECIMEN):
        tags = {"tags": ["solution", "hide-cell"]} if number in (4, 7) else {}
        make = new_markdown_cell if text.startswith("#") else new_code_cell
        cells.append(make(text, id=f"cell-{number}", metadata=tags))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def hand_in(folder: Path, one: Hostile, port: int) -> Path:
    """Write the submission where nbgrader looks for it.   port: of a listener on this machine."""
    release = folder / "release" / CHAPTER / f"{CHAPTER}.ipynb"
    notebook = NotebookNode(json.loads(release.read_text(encoding="utf-8"), object_hook=NotebookNode))
    known = {
        "COURSE": str(Path(__file__).resolve().parents[2]),
        "HOME": os.path.expanduser("~"),
        "GRADES": str(folder / "gradebook.db"),
        "SOURCE": str(folder / "source" / CHAPTER / f"{CHAPTER}.ipynb"),
        "PORT": port,
    }
    told = "".join(f"{name} = {value!r}\n" for name, value in known.items() if name in one.answer)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name == "exercise-1-answer":
            cell.source = "my_guess = 1024"
        elif name == "exercise-2-answer":
            cell.source = told + one.answer
    if one.change:
        one.change(notebook)
    path = folder / "submitted" / one.name / CHAPTER / f"{CHAPTER}.ipynb"
    path.parent.mkdir(parents=True)
    if one.write:
        one.write(notebook, path)
    else:
        path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


@contextmanager
def listener() -> Iterator[tuple[int, list]]:
    """A port of this machine, and who came: nobody, if the walls hold."""
    came: list = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        closing = threading.Event()

        def accept():
            while not closing.is_set():
                try:
                    came.append(server.accept()[1])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], came
        finally:
            closing.set()
            thread.join()
