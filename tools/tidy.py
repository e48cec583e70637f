"""Make a stored notebook a function of its source: run twice, and the two files are equal byte for byte."""

import hashlib
import json
import re

from nbformat import NotebookNode

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
REFERENCE = re.compile(r"IPY_MODEL_(\w+)")

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}


def tidy(notebook: NotebookNode) -> None:
    """Remove, in place, all that tells one run from the next: times, versions, random ids. Idempotent."""
    widgets = _with_stable_ids(notebook)
    notebook.metadata = NotebookNode(kernelspec=KERNEL, language_info=LANGUAGE)
    if widgets:
        notebook.metadata.widgets = {STATE: {"state": widgets, "version_major": 2, "version_minor": 0}}
    taken = set()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        cell.metadata.pop("trusted", None)
        cell.id = _own_id(cell, taken)
        taken.add(cell.id)


def _own_id(cell: NotebookNode, taken: set[str]) -> str:
    """The id a cell has, or one drawn from its source where it has none of its own."""
    wanted, copy = cell.get("id"), 0
    while not wanted or wanted in taken:
        wanted = hashlib.sha256(f"{cell.source}{copy}".encode()).hexdigest()[:8]
        copy += 1
    return wanted


def _with_stable_ids(notebook: NotebookNode) -> dict:
    """The states of all widgets that cells show, numbered in reading order; outputs are changed to match."""
    states = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    views = [
        output.data[VIEW]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if VIEW in output.get("data", {})
    ]
    order = list(dict.fromkeys(_reachable([view["model_id"] for view in views], states)))
    shown = set(order)
    # A link is seen by nobody and named by nobody, yet it is what ties two shown widgets together.
    links = [
        model
        for model, state in states.items()
        if state["model_name"].endswith("LinkModel") and shown.issuperset(_references(state))
    ]
    new_ids = {old: f"{number:032x}" for number, old in enumerate(dict.fromkeys(order + links), 1)}
    for view in views:
        view["model_id"] = new_ids[view["model_id"]]
    return {new: _renamed(states[old], new_ids) for old, new in new_ids.items() if old in states}


def _reachable(models: list[str], states: dict):
    """These models and all that they name, depth first."""
    stack, seen = list(reversed(models)), set()
    while stack:
        model = stack.pop()
        if model not in seen:
            seen.add(model)
            yield model
            stack.extend(reversed(_references(states.get(model, {}))))


def _references(state: dict) -> list[str]:
    """Ids of the models that a state names, in a fixed order."""
    return REFERENCE.findall(json.dumps(state.get("state", {}), sort_keys=True))


def _renamed(state: dict, new_ids: dict[str, str]) -> dict:
    """The same state, naming its models by their new ids."""
    return json.loads(
        REFERENCE.sub(lambda found: f"IPY_MODEL_{new_ids.get(found[1], found[1])}", json.dumps(state))
    )
