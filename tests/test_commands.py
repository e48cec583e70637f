"""What `make` promises: set-up from nothing, resumed, repeated and refused, each with one clear line."""

import ast
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tools import learn, setup
from tools.project import COLAB_CELL, ROOT, notebooks

SET_UP = [sys.executable, "tools/setup.py"]
ALONE = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
NO_INDEX = {**ALONE, "PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "1"}
NO_INDEX |= {
    "UV_OFFLINE": "0",
    "UV_NO_CONFIG": "1",
    "UV_DEFAULT_INDEX": "http://127.0.0.1:9/",
    "UV_HTTP_RETRIES": "0",
}
TARGETS = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def environment(**more: str) -> dict[str, str]:
    """This one without what it says to pip and uv, so that a test does not depend on it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    return kept | more


def set_up(course: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess:
    command = [*SET_UP, *arguments]
    return subprocess.run(command, cwd=course, env=environment(**more), capture_output=True, text=True)


def wheel(folder: Path, name: str) -> str:
    """The requirement of a package that holds nothing but its own name."""
    file, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", f"NAME = {name!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    return f"{name} @ {file.as_uri()}"


def small_course(folder: Path, *requirements: str) -> Path:
    """The real set-up over other requirements, so that it needs seconds and no network."""
    course = folder / "course"
    (course / "tools").mkdir(parents=True)
    (course / "coursekit").mkdir()
    shutil.copy(ROOT / "tools" / "setup.py", course / "tools")
    shutil.copy(ROOT / "pyproject.toml", course)
    (course / "tools" / "hello.py").write_text("import sys\nprint('hello', sys.prefix, *sys.argv[1:])\n")
    (course / "coursekit" / "weights.py").write_text("print('weights are in place')\n")
    (course / "requirements.txt").write_text("\n".join(requirements) + "\n")
    return course


# ---- which Python


def test_set_up_can_be_read_by_a_python_that_is_too_old():
    source = (ROOT / "tools" / "setup.py").read_text()
    tree = ast.parse(source, feature_version=(3, 4))
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.NamedExpr | ast.AnnAssign)
    ]
    assert source.isascii()  # Python 2 asks for a declaration otherwise


def test_a_python_that_does_not_fit_is_told_so_in_one_line(tmp_path):
    course = small_course(tmp_path)
    file = course / "tools" / "setup.py"
    file.write_text(
        file.read_text().replace("OLDEST, NEWEST = (3, 11), (3, 13)", "OLDEST, NEWEST = (3, 98), (3, 99)")
    )
    done = set_up(course, "learn", **ALONE)
    this = ".".join(map(str, sys.version_info[:2]))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(
        f"Python 3.98 to 3.99 is needed, this is {this} ({sys.executable}); install one"
    )
    assert done.stderr.count("\n") == 1


def test_another_python_on_path_is_taken_when_this_one_does_not_fit(tmp_path, monkeypatch):
    other = tmp_path / "python3.98"
    other.write_text("#!/bin/sh\necho 3.98\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(setup, "OLDEST", (3, 98))
    monkeypatch.setattr(setup, "NEWEST", (3, 99))
    assert setup.fitting_python() == "python3.98"


def test_set_up_asks_for_the_pythons_that_the_package_asks_for():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    oldest, newest = setup.OLDEST, setup.NEWEST
    assert wanted == f">={oldest[0]}.{oldest[1]},<{newest[0]}.{newest[1] + 1}"


# ---- installing


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, shelf) -> Iterator[tuple[Path, subprocess.CompletedProcess]]:
    """A course that two set-ups brought up at once, and what the later of them said."""
    course = small_course(tmp_path_factory.mktemp("finished"), wheel(shelf, "anna"), wheel(shelf, "boris"))
    first = subprocess.Popen(SET_UP, cwd=course, env=environment(**ALONE), stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline().startswith("Making .venv")
    second = set_up(course, "hello", "you", **ALONE)
    said, _ = first.communicate()
    assert first.returncode == 0 and "2 of 2" in said and "weights are in place" in said
    return course, second


def test_of_two_set_ups_at_once_one_waits_and_then_finds_all_done(finished):
    course, second = finished
    waited, hello = second.stdout.splitlines()
    assert waited.startswith("Another set-up is at work")
    assert hello == f"hello {course / '.venv'} you"


def test_a_second_start_installs_nothing_and_takes_less_than_a_second(finished):
    course, _ = finished
    before = sorted((path, path.stat().st_mtime_ns) for path in (course / ".venv").rglob("*.dist-info"))
    start = time.monotonic()
    done = set_up(course, "hello", PIP_INDEX_URL="http://127.0.0.1:9/")
    assert time.monotonic() - start < 1
    assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "hello", "")
    assert before == sorted(
        (path, path.stat().st_mtime_ns) for path in (course / ".venv").rglob("*.dist-info")
    )


def test_a_new_requirement_is_installed_at_the_next_start_and_a_half_installed_package_anew(finished, shelf):
    course, _ = finished
    packages = next((course / ".venv").glob("lib/python*/site-packages"))
    (packages / "anna-1.0.dist-info" / "RECORD").unlink()
    (packages / "anna.py").unlink()
    with (course / "requirements.txt").open("a") as file:
        file.write(wheel(shelf, "clara") + "\n")
    done = set_up(course, **ALONE)
    assert done.returncode == 0 and "Making .venv" not in done.stdout
    assert {"anna", "boris", "clara"} <= {path.stem for path in packages.glob("*.py")}


def test_a_moved_course_gets_an_environment_that_works_in_its_new_place(finished, tmp_path):
    course, _ = finished
    moved = shutil.move(course, tmp_path / "moved")
    done = set_up(moved, "hello", **ALONE)
    assert "Making .venv" in done.stdout
    assert done.stdout.splitlines()[-1] == f"hello {moved / '.venv'}"


def test_an_interrupted_set_up_says_how_to_go_on_and_does(tmp_path, shelf):
    course = small_course(tmp_path, wheel(shelf, "anna"))
    process = subprocess.Popen(
        SET_UP,
        cwd=course,
        env=environment(**ALONE),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: the installer is told as well
    said, _ = process.communicate()
    assert process.returncode == 130 and said.strip().endswith(
        "run the same command again: it goes on where it stopped"
    )
    assert set_up(course, "hello", **ALONE).returncode == 0


def test_without_a_network_set_up_says_so_in_one_line(tmp_path):
    assert_offline(set_up(small_course(tmp_path, "absent==1.0"), **NO_INDEX))


def test_without_a_network_uv_is_understood_too(tmp_path):
    path = f"{Path(sys.executable).parent}:{NO_INDEX['PATH']}"  # where uv stands as well
    assert_offline(set_up(small_course(tmp_path, "absent==1.0"), **NO_INDEX | {"PATH": path}))


def assert_offline(done: subprocess.CompletedProcess) -> None:
    assert done.returncode == 1
    assert done.stderr.startswith("No package index answers: set-up needs the network")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        (
            "error: Request failed: dns error: failed to lookup address information",
            "No package index answers",
        ),
        ("Error: [Errno 30] Read-only file system: '/course/.venv'", "may not write"),
    ],
)
def test_what_an_installer_says_at_length_is_said_in_one_line(printed, meant):
    said = setup.cause(f"Collecting a\n{printed}\n  more lines")
    assert meant in said and "\n" not in said


def test_a_cause_that_is_not_known_is_shown_in_the_words_of_the_installer():
    assert setup.cause("Something new\n").startswith("Something new\nThe installer stopped with these lines.")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights of POSIX systems")
def test_a_folder_that_may_not_be_written_is_refused_in_one_line():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        course = small_course(Path(folder))
        course.chmod(0o555)
        nobody = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
        python = next((path for path in (sys.executable, "/usr/bin/python3") if may_run(path, nobody)), None)
        if python is None:
            pytest.skip("this is root, and no Python here may be run by anybody else")
        done = subprocess.run(
            [python, "tools/setup.py"], cwd=course, capture_output=True, text=True, **nobody
        )
        course.chmod(0o755)
    assert done.stderr == f"{setup.READ_ONLY.replace(str(ROOT), str(course))}\n" and done.returncode == 1


def may_run(python: str, nobody: dict) -> bool:
    try:
        return subprocess.run([python, "-c", ""], cwd="/", **nobody).returncode == 0
    except OSError:
        return False


# ---- requirements.txt


def test_requirements_name_exact_versions_inside_the_ranges_of_the_package_and_no_index():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith(("#", "-e "))]
    assert lines[-1] == "-e ." and "://" not in "\n".join(lines)
    assert all(re.fullmatch(r"==[\w.]+", str(pin.specifier)) for pin in pins)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ranges = chain(project["dependencies"], *project["optional-dependencies"].values())
    for asked in map(Requirement, ranges):
        found = [str(pin.specifier)[2:] for pin in pins if pin.name == asked.name.lower()]
        assert found and all(asked.specifier.contains(version) for version in found), (
            f"{asked}: run `make lock`"
        )


# ---- make learn


def test_a_named_port_that_is_taken_is_refused_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "tools.learn", "--no-browser", "--port", str(port)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (
        done.stderr
        == f"make learn: port {port} is taken by another program; leave --port out, or name another\n"
    )
    assert done.returncode == 1


def test_the_next_free_port_is_taken_when_none_is_named():
    first = learn.choose_port(None)
    with socket.create_server(("127.0.0.1", first)):
        assert first < learn.choose_port(None) <= learn.LAST_PORT


def test_an_option_of_jupyterlab_that_a_user_names_replaces_ours():
    command = learn.server(8888, False, ["--ServerApp.ip=0.0.0.0"])
    assert [option for option in command if "ServerApp.ip" in option] == ["--ServerApp.ip=0.0.0.0"]


# ---- make, and those who call it


def test_help_lists_every_target_with_its_purpose():
    said = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    assert [line.split()[:2] for line in said.splitlines()] == [["make", target] for target in TARGETS]


def test_every_target_is_one_line_and_its_tool_is_there():
    recipes = re.findall(r"^\t@\$\(COURSE\) (\w+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert len(recipes) == len(TARGETS) - 1  # all but help
    assert [tool for tool in recipes if not (ROOT / "tools" / f"{tool}.py").exists()] == []


def commands(workflow: Path) -> list[str]:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


@pytest.mark.parametrize(
    "workflow", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.stem
)
def test_workflows_run_what_can_be_typed_here_too(workflow):
    called = [found for command in commands(workflow) for found in re.findall(r"^make (\w+)", command)]
    assert called and set(called) <= set(TARGETS)
    actions = re.findall(r"uses: (\S+)", workflow.read_text())
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", action) for action in actions)


def test_continuous_integration_is_make_test():
    assert (ROOT / ".ci/run").read_text().splitlines() == [
        "#!/usr/bin/env bash",
        "set -euo pipefail",
        "make test",
    ]
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_binder_and_codespaces_prepare_what_set_up_prepares():
    binder = (ROOT / ".binder/postBuild").read_text()
    assert "python -m coursekit.weights" in binder and os.access(ROOT / ".binder/postBuild", os.X_OK)
    assert "-r ../requirements.txt" in (ROOT / ".binder/requirements.txt").read_text()
    assert "make learn" in (ROOT / ".devcontainer/devcontainer.json").read_text()


def test_every_mention_of_the_repository_is_that_of_the_book():
    repository = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    written = [
        *ROOT.glob("*.md"),
        ROOT / "CITATION.cff",
        ROOT / "pyproject.toml",
        *(ROOT / "book").glob("*.md"),
    ]
    text = COLAB_CELL + "".join(path.read_text() for path in written)
    mentions = set(re.findall(r"https://github\.com/[\w-]+/[\w-]+", text))
    assert mentions == {repository}


def test_contributing_shows_the_cell_that_prepares_colab():
    assert COLAB_CELL in (ROOT / "CONTRIBUTING.md").read_text()


def test_the_readme_lists_the_chapters_as_the_book_does():
    parts = yaml.safe_load((ROOT / "book" / "chapters.yml").read_text())
    finished = {path.stem for path in notebooks()}
    rows = re.findall(r"^\|.*\| (\d\d) \| (.+) \| (\w+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    expected = []
    for chapter in chain.from_iterable(part["chapters"] for part in parts):
        name, title = chapter["name"], chapter["title"]
        done = name in finished
        expected.append(
            (
                name[:2],
                f"[{title}](notebooks/{name}.ipynb)" if done else title,
                "finished" if done else "planned",
            )
        )
    assert rows == expected
