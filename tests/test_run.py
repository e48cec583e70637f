"""Running, storing, comparing notebooks: what is stored depends on the source alone, the false is caught."""

import asyncio
import inspect
import os
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from chapters import chapter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import test
from tools.project import NOTEBOOKS, ROOT, notebook_environment, notebooks
from tools.run import Failed, execute, run, store
from tools.tidy import STATE, VIEW, tidy

WIDGETS = """\
import anywidget
import ipywidgets
import traitlets

SEED = 7


class Step(anywidget.AnyWidget):
    _esm = "export default { render() {} }"
    step = traitlets.Int(0).tag(sync=True)

    def __repr__(self):
        return f"Step {self.step}"


hidden = ipywidgets.IntText()
slider, bar = ipywidgets.IntSlider(), ipywidgets.IntProgress()
link = ipywidgets.jslink((slider, "value"), (bar, "value"))
{"c", "a", "b"}"""


def write(path: Path, *sources: str) -> Path:
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


def ran(path: Path) -> bytes:
    """The file after a run, as `make run` stores it."""
    store(path, asyncio.run(execute(path)))
    return path.read_bytes()


# ---- make run


def test_two_runs_of_a_notebook_with_widgets_are_equal_byte_for_byte(tmp_path):
    path = write(tmp_path / "01_widgets.ipynb", WIDGETS, "Step()", "ipywidgets.VBox([slider, bar])")
    assert ran(path) == ran(path)


def test_stored_widgets_are_those_that_are_shown_and_the_links_between_them(tmp_path):
    path = write(tmp_path / "01_widgets.ipynb", WIDGETS, "Step(step=3)", "ipywidgets.VBox([slider, bar])")
    ran(path)
    notebook = nbformat.read(path, as_version=4)
    states = notebook.metadata.widgets[STATE]["state"]
    names = [state["model_name"] for state in states.values()]
    assert sorted(set(names) - {"LayoutModel", "SliderStyleModel", "ProgressStyleModel"}) == [
        "AnyModel",
        "IntProgressModel",
        "IntSliderModel",
        "LinkModel",
        "VBoxModel",
    ]
    shown = [cell.outputs[0].data[VIEW]["model_id"] for cell in notebook.cells[1:]]
    assert [states[model]["model_name"] for model in shown] == ["AnyModel", "VBoxModel"]
    source = next(state for state in states.values() if state["model_name"] == "LinkModel")["state"]["source"]
    assert states[source[0].removeprefix("IPY_MODEL_")]["model_name"] == "IntSliderModel"


def test_a_notebook_that_fails_keeps_what_it_had_and_says_where_and_why(tmp_path, capsys):
    path = write(tmp_path / "01_fails.ipynb", "word = 'left'", "word.right()")
    before = path.read_bytes()
    assert asyncio.run(run(path, asyncio.Semaphore())) is False
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    said = capsys.readouterr().err
    assert "01_fails.ipynb, cell 2:\n    word.right()" in said
    assert "AttributeError: 'str' object has no attribute 'right'" in said and "\x1b" not in said


def test_a_kernel_that_dies_is_a_failure_of_its_cell(tmp_path):
    path = write(tmp_path / "01_dies.ipynb", "import os", "os._exit(1)")
    with pytest.raises(Failed, match=r"(?s)cell 2.*the kernel died"):
        asyncio.run(execute(path))


def test_tidying_twice_is_tidying_once_and_drops_times_and_versions():
    cell = new_code_cell(
        "1", metadata={"execution": {"iopub.status.busy": "2026-01-01"}, "tags": ["hide-input"]}
    )
    notebook = new_notebook(cells=[cell, new_markdown_cell("text")])
    notebook.metadata.language_info = {"name": "python", "version": "3.11.7"}
    notebook.cells[1].id = cell.id  # a copied cell
    tidy(notebook)
    once = nbformat.writes(notebook)
    tidy(notebook)
    assert nbformat.writes(notebook) == once
    assert "busy" not in once and "3.11.7" not in once and "hide-input" in once
    assert len({cell.id for cell in notebook.cells}) == 2


@pytest.mark.parametrize("name", ["01", "littles_law", "01_littles_law", "notebooks/01_littles_law.ipynb"])
def test_a_notebook_goes_by_number_by_name_and_by_path(name):
    assert notebooks([name]) == [NOTEBOOKS / "01_littles_law.ipynb"]


def test_a_name_that_no_notebook_has_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"'99' names no notebook; there is 01_littles_law"):
        notebooks(["99"])


# ---- make test


@pytest.mark.parametrize(("stored", "code", "verdict"), [("2", 0, "1 passed"), ("3", 1, "1 failed")])
def test_a_stored_output_that_is_not_true_is_caught(tmp_path, stored, code, verdict):
    output = new_output("execute_result", {"text/plain": stored}, execution_count=1)
    cell = new_code_cell("1 + 1", outputs=[output], execution_count=1)
    path = tmp_path / "01_sum.ipynb"
    nbformat.write(new_notebook(cells=[cell]), path)
    [command] = test.STEPS["notebooks"]
    here = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])}
    done = subprocess.run([*command[:-1], path.name], cwd=tmp_path, env=here, capture_output=True, text=True)
    assert (done.returncode, verdict in done.stdout) == (code, True), done.stdout


def test_every_test_file_belongs_to_one_step():
    steps = [word for commands in test.STEPS.values() for command in commands for word in command]
    ignored = {word.partition("=")[2] for word in steps if word.startswith("--ignore=")}
    assert ignored == set(test.SLOW) == {word for word in steps if word.startswith("tests/")}
    assert all((NOTEBOOKS.parent / path).exists() for path in test.SLOW)


def test_a_command_is_shown_while_it_runs_and_its_last_line_is_kept(capfd):
    code, said = test.run([sys.executable, "-c", "print('one'); print('two'); exit(3)"])
    assert (code, said) == (3, "two")
    assert capfd.readouterr().out == "one\ntwo\n"


# ---- the guard


def test_no_test_reaches_another_machine():
    for address in ("192.0.2.1", "example.com"):
        with pytest.raises(OSError, match=f"the course runs offline, so it does not reach {address}"):
            socket.create_connection((address, 80), timeout=1)


def test_a_test_reaches_its_own_servers():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_no_kernel_reaches_another_machine(tmp_path):
    path = write(
        tmp_path / "01_calls.ipynb", "import asyncio", "await asyncio.open_connection('192.0.2.1', 80)"
    )
    with pytest.raises(Failed, match=r"the course runs offline, so it does not reach 192\.0\.2\.1"):
        asyncio.run(execute(path))


def test_outputs_do_not_see_personal_keys_and_settings(monkeypatch):
    for name in ("OPENAI_API_KEY", "COURSE_MODEL", "MPLBACKEND", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "mine")
    environment = notebook_environment()
    assert "mine" not in environment.values()
    assert environment["PYTHONHASHSEED"] == "0" and environment["HOME"] == os.environ["HOME"]


# ---- chapters


def test_a_chapter_gives_its_definitions_and_runs_none_of_its_experiments(tmp_path):
    path = write(
        tmp_path / "90_example.ipynb",
        "from dataclasses import dataclass\n\nSEED = 3",
        "@dataclass\nclass Visit:\n    waited: int",
        "def twice(visit):\n    ...",
        "%time\nvisit = Visit(2)\nraise RuntimeError('an experiment ran')",
        "def twice(visit):\n    return Visit(2 * visit.waited)",
    )
    example = chapter(path)
    assert example.twice(example.Visit(4)) == example.Visit(8)
    assert example.SEED == 3 and not hasattr(example, "visit")
    assert inspect.getsource(example.twice) == "def twice(visit):\n    return Visit(2 * visit.waited)\n"


def test_a_chapter_can_be_had_without_its_solutions(tmp_path):
    notebook = new_notebook(
        cells=[new_code_cell("def answer():\n    ..."), new_code_cell("def answer():\n    return 42")]
    )
    notebook.cells[1].metadata.tags = ["solution"]
    nbformat.write(notebook, tmp_path / "91_exercise.ipynb")
    assert chapter(tmp_path / "91_exercise.ipynb").answer() == 42
    assert chapter(tmp_path / "91_exercise.ipynb", without="solution").answer() is None


@pytest.mark.parametrize(("fails", "passed"), [("not seen.exists()", True), ("True", False)])
def test_what_fails_beside_others_is_tried_once_more_alone_and_both_are_told(
    tmp_path, monkeypatch, fails, passed
):
    file, seen = tmp_path / "test_busy.py", tmp_path / "seen"
    file.write_text(
        "from pathlib import Path\n\ndef test_it():\n"
        f"    seen = Path({str(seen)!r})\n    fails = {fails}\n    seen.touch()\n    assert not fails\n"
    )
    command = [*test.PYTEST, *test.TWO_AT_A_TIME, "-c", "/dev/null", "--rootdir", str(tmp_path), str(file)]
    monkeypatch.setitem(test.STEPS, "unit", [command])
    went_well, _, said = test.prove("unit")
    assert went_well is passed
    assert "1 failed" in said and "at a second try, alone: 1 " + ("passed" if passed else "failed") in said
