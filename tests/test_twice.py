"""A cell run twice does no harm: each notebook with every cell run two times in a row, outputs compared."""

import copy

import nbformat
import pytest
from nbclient import NotebookClient

from tools.project import notebooks

CHANGING = {"nbval-ignore-output", "nbval-skip"}  # tags of cells whose outputs differ anyway


def shown(cell):
    """What a reader sees of a cell's outputs, as nbval compares them."""
    kinds = ("text/plain", "image/svg+xml", "text/html")
    data = [output.get("data", {}) for output in cell.outputs]
    return [[each.get(kind) for kind in kinds] for each in data], [o.get("text") for o in cell.outputs]


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_a_cell_run_twice_shows_the_same_twice(path):
    notebook = nbformat.read(path, as_version=4)
    first = [cell for cell in notebook.cells if cell.cell_type == "code"]
    second = copy.deepcopy(first)
    notebook.cells = [cell for pair in zip(first, second, strict=True) for cell in pair]
    for cell in second:
        cell.id += "-again"
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=300, coalesce_streams=True, resources=where).execute()
    for one, again in zip(first, second, strict=True):
        if not CHANGING & set(one.metadata.get("tags", [])):
            assert shown(again) == shown(one), one.source
