"""One task in several frameworks: programs in rooms of their own, and a record that says what they did."""

import re
import shutil
import subprocess

import psutil
import pytest

from coursekit import frameworks, llm, rehearsal
from coursekit.errors import CourseError
from coursekit.frameworks import DATA, FRAMEWORKS, RECORD
from tools import frameworks as tool

CASES = ("fine", "tool raises", "wrong tool", "wrong type", "server error", "never ends")


@pytest.fixture
def surroundings(empty_stage):
    """A buyer and a clerk for the plain loop, in the case where nothing fails."""
    rehearsal.policy("buyer, fine, plain")(
        lambda request: (
            rehearsal.say(request.results()[-1])
            if request.results()
            else rehearsal.call("ask_clerk", question="How much?")
        )
    )
    rehearsal.policy("clerk, fine, plain")(
        lambda request: (
            rehearsal.say(f"{request.results()[-1]} euros")
            if request.results()
            else rehearsal.call("price", crates=3, each=5)
        )
    )
    where = llm.connection()
    return {"OPENAI_BASE_URL": where["base_url"], "OPENAI_API_KEY": where["api_key"]}


def test_a_program_runs_as_a_process_that_leaves_nothing_behind(surroundings):
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    (result,) = frameworks.run("plain", ["fine"], surroundings)
    assert (result["case"], result["answer"], result["error"]) == ("fine", "15 euros", "")
    assert result["tool_calls"] == 1 and result["notes"] == []
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def test_an_error_of_the_program_is_its_result_not_its_end(surroundings):
    results = frameworks.run("plain", ["no such case", "fine"], surroundings)
    assert [result["error"] for result in results] == ["NotFoundError", ""]


def test_a_program_that_takes_too_long_is_ended(surroundings):
    with pytest.raises(CourseError, match=r"no framework took longer than 0\.1 s"):
        frameworks.run("plain", ["fine"], surroundings, timeout_s=0.1)
    assert not [child for child in psutil.Process().children() if "in_plain.py" in " ".join(child.cmdline())]


def test_a_program_that_dies_says_why(surroundings, monkeypatch, tmp_path):
    for name in ("in_plain.py", "job.py"):
        shutil.copy(DATA / name, tmp_path)
    (tmp_path / "in_plain.py").write_text("raise SystemExit('no room left')")
    monkeypatch.setattr(frameworks, "DATA", tmp_path)
    with pytest.raises(CourseError, match="ended after 0 of 1 cases: no room left"):
        frameworks.run("plain", ["fine"], surroundings)


def test_what_is_not_installed_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(frameworks, "HOME", tmp_path)
    assert not frameworks.installed("crewai") and frameworks.installed("plain")
    with pytest.raises(CourseError, match=r"CrewAI is not here; `make frameworks ARGS=crewai` installs it"):
        frameworks.run("crewai", ["fine"], {})


@pytest.mark.parametrize("function", [frameworks.source, frameworks.python, frameworks.recorded])
def test_an_unknown_framework_is_named_beside_those_that_there_are(function):
    with pytest.raises(CourseError, match="'jade'; there is plain, langgraph, spade"):
        function("jade")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_record_holds_every_case_and_every_fact(name):
    entry = frameworks.recorded(name)
    assert tuple(run["case"] for run in entry["runs"]) == CASES
    assert all(run["answer"] or run["error"] for run in entry["runs"])
    assert {"lines", "packages", "disk_mb", "start_s", "memory_mb"} == entry["facts"].keys()
    assert all(value > 0 for value in entry["facts"].values())


def test_the_record_tells_nothing_about_the_machine():
    assert not re.search(r"/home/|/root/|/tmp/|/work/|Bearer", RECORD.read_text())


@pytest.mark.parametrize("name", [name for name, framework in FRAMEWORKS.items() if framework.needs])
def test_each_environment_pins_all_it_installs_and_what_it_is_asked_for(name):
    lines = [line for line in (DATA / f"{name}.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.match(r"[\w.-]+==[\w.]+( ;|$)", line) for line in lines)
    pins = {line.split(" ;")[0] for line in lines}
    names = {pin.partition("==")[0] for pin in pins}
    for need in FRAMEWORKS[name].needs:
        bare, _, version = re.sub(r"\[.*\]", "", need).partition("==")
        assert f"{bare}=={version}" in pins if version else bare in names


def test_no_room_is_built_twice(monkeypatch, tmp_path):
    monkeypatch.setattr(tool, "HOME", tmp_path)
    (tmp_path / "spade").mkdir()
    shutil.copy(DATA / "spade.txt", tmp_path / "spade" / "pins.txt")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("something was installed"))
    tool.build("spade")


@pytest.mark.skipif(not shutil.which("javac"), reason="no Java compiler")
def test_the_program_for_jade_is_java_that_lacks_nothing_but_jade(tmp_path):
    command = ["javac", "-Xmaxerrs", "999", "-d", str(tmp_path), str(DATA / "Meeting.java")]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    errors = re.findall(r"error: (.+)", said)
    assert errors and all(
        re.match(r"package jade\S* does not exist|cannot find symbol|method does not override", e)
        for e in errors
    )


def test_without_its_jar_jade_says_what_it_needs():
    with pytest.raises(CourseError, match=r"JADE_JAR=/path/to/jade.jar; got 'none.jar'"):
        frameworks.jade("/nowhere/none.jar")
