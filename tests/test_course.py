"""What every notebook promises. Outputs are judged as stored; that they are true is nbval's business."""

import ast
import copy
import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import nbformat
import pytest
import yaml
from chapters import is_definition
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from tools.project import COLAB_CELL, ROOT, notebooks
from tools.tidy import STATE, tidy

PROMISES = ("**You will**", "**Before this", "**Takes**", "**Runs**")
LARGEST = 3_000_000  # bytes; more is slow to open and to review
FIGURE = "image/svg+xml"

PATHS = re.compile(r"(/home/|/root/|/Users/|/tmp/|/var/|site-packages|[A-Z]:\\\\)[\w./\\-]*")
KEYS = re.compile(r"\b(sk-[\w-]{16,}|Bearer \S+|gh[pos]_\w{20,}|hf_\w{20,})")
ADDRESSES = re.compile(r"https?://(?!127\.0\.0\.1|localhost|www\.w3\.org/)[^\s\"'<>)]+")

every_notebook = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


def load(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells that learners see."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source != COLAB_CELL]


def tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def tree(*cells: NotebookNode) -> ast.Module:
    return ast.parse(TransformerManager().transform_cell("\n\n".join(cell.source for cell in cells)))


def definitions(*cells: NotebookNode) -> list[ast.FunctionDef | ast.ClassDef]:
    """The functions and classes that cells define."""
    return [node for node in tree(*cells).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def said(cell: NotebookNode) -> str:
    """All that the outputs of a cell say, as text."""
    return "\n".join(
        json.dumps(output.get("data") or output.get("text", ""), ensure_ascii=False)
        for output in cell.outputs
    )


def sections(notebook: NotebookNode) -> list[tuple[str, list[NotebookNode]]]:
    """Every `##` heading with the cells that follow it."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found += [(title, []) for title in re.findall(r"^## (.+)$", cell.source, re.MULTILINE)]
        elif found:
            found[-1][1].append(cell)
    return found


def test_every_notebook_stands_in_the_book_in_the_order_of_its_number():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    pages = re.findall(r"notebooks/(\w+)", json.dumps(toc))
    assert pages == [path.stem for path in notebooks()]


@every_notebook
def test_a_notebook_opens_with_its_title_and_its_promise(path):
    first = load(path).cells[0]
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    assert [promise for promise in PROMISES if promise not in first.source] == []


@every_notebook
def test_the_second_cell_prepares_colab_and_is_hidden(path):
    cell = load(path).cells[1]
    assert cell.source == COLAB_CELL
    assert tags(cell) == {"remove-cell", "nbval-skip"} and cell.metadata["jupyter"]["source_hidden"]


@every_notebook
def test_all_imports_and_the_seed_stand_in_the_first_cell_of_code(path):
    first, *later = code(load(path))
    assert re.search(r"^SEED = \d+$", first.source, re.MULTILINE)
    assert all(is_definition(statement) for statement in tree(first).body)
    imports = [
        ast.unparse(node) for node in ast.walk(tree(*later)) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert imports == []


@every_notebook
def test_a_notebook_needs_no_other_notebook(path):
    assert [cell.source for cell in code(load(path)) if ".ipynb" in cell.source] == []


@every_notebook
def test_nothing_is_defined_twice_but_by_a_solution(path):
    cells = [cell for cell in code(load(path)) if "solution" not in tags(cell)]
    names = Counter(node.name for node in definitions(*cells))
    assert [name for name, times in names.items() if times > 1] == []


def test_what_two_notebooks_define_alike_lives_in_the_package():
    bodies = {path.stem: {ast.dump(node) for node in definitions(*code(load(path)))} for path in notebooks()}
    assert [(one, other) for one, other in combinations(bodies, 2) if bodies[one] & bodies[other]] == []


@every_notebook
def test_each_exercise_has_a_stub_that_is_open_and_a_folded_solution_that_passes_the_same_check(path):
    exercises = [(title, cells) for title, cells in sections(load(path)) if title.startswith("Exercise")]
    assert len(exercises) >= 3
    for title, cells in exercises:
        if title.endswith(": open"):
            continue
        checked = [cell for cell in cells if re.search(r"^check\.\w+\(", cell.source, re.MULTILINE)]
        stubs = [cell for cell in checked if "solution" not in tags(cell)]
        solutions = [cell for cell in checked if "solution" in tags(cell)]
        assert stubs and solutions, title
        name = title.partition(":")[0]
        assert all("..." in cell.source and f"○ {name}" in said(cell) for cell in stubs), title
        assert all(f"✓ {name}" in said(cell) for cell in solutions), title
        assert all(
            "hide-cell" in tags(cell) and cell.metadata["jupyter"]["source_hidden"] for cell in solutions
        ), title


@every_notebook
def test_a_notebook_is_stored_as_it_ran_from_top_to_bottom_without_an_error(path):
    cells = [cell for cell in load(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), (
        "store it with `make run`"
    )
    errors = [output.ename for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert errors == []


@every_notebook
def test_storing_a_notebook_again_changes_no_byte(path):
    notebook = load(path)
    tidied = copy.deepcopy(notebook)
    tidy(tidied)
    assert tidied == notebook, "store it with `make run`"
    assert nbformat.writes(tidied) + "\n" == path.read_text()


@every_notebook
def test_outputs_tell_nothing_about_the_machine_that_made_them(path):
    text = "\n".join(map(said, code(load(path))))
    found = [found[0] for pattern in (PATHS, KEYS, ADDRESSES) for found in pattern.finditer(text)]
    assert found == []


@every_notebook
def test_every_figure_can_be_heard(path):
    figures = [
        output for cell in code(load(path)) for output in cell.outputs if FIGURE in output.get("data", {})
    ]
    silent = [
        number
        for number, figure in enumerate(figures, 1)
        if len(figure.metadata.get(FIGURE, {}).get("alt", "")) < 10
    ]
    assert silent == [], f"{len(figures)} figures, these have no `alt`"


@every_notebook
def test_every_widget_that_is_shown_is_stored(path):
    notebook = load(path)
    states = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    shown = re.findall(r'"model_id": "(\w+)"', "\n".join(map(said, code(notebook))))
    assert [model for model in shown if model not in states] == []


@every_notebook
def test_a_notebook_is_small_enough_to_open_and_to_review(path):
    assert path.stat().st_size < LARGEST
