"""The hub of a class: a real JupyterHub with two students. What they may, may not, and what is left of it."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from coursekit.servers import free_port
from tools import hub_server, load, node
from tools.hub_course import publish
from tools.hub_server import Hub
from tools.learn import is_free
from tools.load_student import Failed, Student, Visit

sys.path.append(str(hub_server.SOURCE))

from limits import Group, version
from spawners import whole

pytestmark = pytest.mark.skipif(os.name == "nt", reason="JupyterHub does not run on Windows")
CHAPTER = "01_first"
LIMIT = 400  # MB that a student may use
EAT = "eaten = [bytearray(b'x') * 10**7 for _ in range(100)]"  # 1 GB that is written to
LINE = "print('the course')"
BETWEEN = ("a = 1", "b = 2", "c = 3")  # git merges what is apart


def write_course(folder: Path, *lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    cells = [new_code_cell(line, id=f"cell-{number}") for number, line in enumerate(lines)]
    nbformat.write(new_notebook(cells=cells), folder / f"{CHAPTER}.ipynb")
    return folder


@pytest.fixture(scope="module", autouse=True)
def proxy() -> None:
    try:
        hub_server.command(0)
    except node.NoNode as error:
        pytest.skip(f"no proxy without Node.js: {error}")


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> tuple[Path, Path, int]:
    folder = tmp_path_factory.mktemp("class")
    return folder / "hub", write_course(folder / "course", LINE, *BETWEEN), free_port()


def begin(places, **more) -> Hub:
    home, course, port = places
    limit = [f"--Spawner.mem_limit={LIMIT}M"]
    return Hub(home, course, port, ["student01", "student02"], one_user=True, more=limit, **more)


@pytest.fixture(scope="module")
def classroom(places) -> Iterator[Hub]:
    with begin(places) as running:
        yield running


def student(running: Hub, number: int = 1, **more) -> Student:
    name = more.pop("name", f"student{number:02}")
    password = more.pop("password", running.password())
    return Student(running.url, running.link, password, Visit(name, CHAPTER), lambda: 0.0)


def in_a_browser(person: Student, what: Callable):
    """`what` is done by a student who has logged in."""

    async def all_of_it():
        async with person:
            await person.log_in()
            return await what(person)

    return asyncio.run(all_of_it())


async def arrive(person: Student) -> None:
    await person.start_server()
    await person.pull()


async def status(person: Student, url: str) -> int:
    async with person.http.get(url, allow_redirects=True) as answer:
        return answer.status


# ---- who may come in


def test_nobody_comes_in_without_logging_in(classroom):
    async def look(person: Student) -> tuple[str, int]:
        async with person, person.http.get(person.link) as page:
            return page.url.path, await status(person, f"{person.url}/hub/api/users")

    path, api = asyncio.run(look(student(classroom)))
    assert path == "/hub/login" and api == 403


@pytest.mark.parametrize(
    ("name", "password"),
    [("student01", "wrong"), ("stranger", None), ("instructor", None), ("student01", "")],
    ids=["a wrong password", "a name that is not in the class", "the instructor", "no password"],
)
def test_the_password_of_the_class_opens_the_hub_to_the_class_only(classroom, name, password):
    given = classroom.password() if password is None else password
    with pytest.raises(Failed, match="login: HTTP 403"):
        in_a_browser(student(classroom, name=name, password=given), lambda _: asyncio.sleep(0))


def test_the_instructor_sees_the_class_and_a_student_does_not(classroom):
    page = f"{classroom.url}/hub/admin"
    boss = student(classroom, name="instructor", password=classroom.password("admin"))
    assert in_a_browser(boss, lambda person: status(person, page)) == 200
    assert in_a_browser(student(classroom), lambda person: status(person, page)) == 403


# ---- what a student gets


def test_the_link_brings_the_course_and_a_later_pull_keeps_what_was_written(classroom, places):
    home, course, _ = places
    in_a_browser(student(classroom), arrive)
    mine = home / "homes" / "student01" / "live" / f"{CHAPTER}.ipynb"
    assert LINE in mine.read_text()
    mine.write_text(mine.read_text().replace("the course", "my own words"))
    write_course(course, LINE.replace("the course", "the course, corrected"), *BETWEEN, "print('a new cell')")
    (course / "02_second.ipynb").write_text((course / f"{CHAPTER}.ipynb").read_text())
    publish(course, home)
    in_a_browser(student(classroom), arrive)
    assert "my own words" in mine.read_text() and "a new cell" in mine.read_text()
    assert "corrected" not in mine.read_text()  # the same line: the student's stays
    assert (mine.parent / "02_second.ipynb").exists()


def test_a_student_does_not_get_into_the_server_of_another(classroom):
    in_a_browser(student(classroom, 2), arrive)  # it runs

    async def trespass(person: Student) -> list[int]:
        await arrive(person)
        other = f"{person.url}/user/student02"
        api = f"{person.url}/hub/api/users/student02"
        return [await status(person, url) for url in (f"{person.base}/lab", f"{other}/lab", api)]

    own, *others = in_a_browser(student(classroom), trespass)
    assert own == 200 and others == [403, 404]


def test_who_takes_too_much_memory_is_stopped_and_nobody_else(classroom):
    async def both() -> tuple[list, list]:
        async with student(classroom) as greedy, student(classroom, 2) as modest:
            kernels = []
            for person in (greedy, modest):
                await person.log_in()
                await arrive(person)
                kernels.append(await person.start_kernel(f"live/{CHAPTER}.ipynb"))
            await modest.run(kernels[1], ["mine = 42"], lambda: None)
            try:
                await greedy.run(kernels[0], [EAT], lambda: None)
            except Failed as failed:
                greedy.visit.failed_cells.append({"error": str(failed)})
            await modest.run(kernels[1], ["assert mine == 42"], lambda: None)
            return [one["error"] for one in greedy.visit.failed_cells], modest.visit.failed_cells

    greedy, modest = asyncio.run(both())
    assert greedy == ["MemoryError" if version() is None else "cell: the kernel died"] and modest == []


def test_a_load_of_two_students_counts_cells_failures_and_memory(classroom, places):
    _, course, _ = places
    write_course(course, "x = 1", "time.sleep(1)", "import time; time.sleep(1)")
    plan = load.Plan(2, arrive_s=0.5, think_s=0.1, chapters=[course / f"{CHAPTER}.ipynb"])
    meter = load.Meter(classroom.pid, every_s=0.2)
    visits = asyncio.run(load.simulate(plan, classroom.url, classroom.link, classroom.password(), meter))
    meter.stop()
    run = load.figures(plan, visits, meter)
    assert (run["finished"], run["cells"], run["failures"]) == (2, 6, {})
    assert run["failed_cells"] == {"NameError": 2}  # counted, not tried again
    assert run["cell_p95_s"] >= 1 and run["startup_p50_s"] > 0
    assert 50 < run["memory_p50_mb"] < LIMIT and run["memory_p50_mb"] > run["server_p50_mb"] > 20
    assert run["together_mb"] > 2 * run["server_p50_mb"] and run["hub_mb"] > 20 and run["proxy_mb"] > 20
    assert run["by_chapter"][CHAPTER]["cpu_s"] < 20


def test_a_student_who_is_kept_out_is_a_failure_with_its_kind(classroom, places):
    plan = load.Plan(1, arrive_s=0, think_s=0, chapters=[places[1] / f"{CHAPTER}.ipynb"])
    visits = asyncio.run(load.simulate(plan, classroom.url, classroom.link, "wrong", None))
    run = load.figures(plan, visits, None)
    assert run["failures"] == {"login: HTTP 403": 1} and run["finished"] == 0


def test_a_load_stops_before_the_machine_is_out_of_memory(classroom, places, monkeypatch):
    monkeypatch.setattr(load, "SPARE_GB", 10**6)
    plan = load.Plan(2, arrive_s=0, think_s=0, chapters=[places[1] / f"{CHAPTER}.ipynb"])
    visits = asyncio.run(load.simulate(plan, classroom.url, classroom.link, classroom.password(), None))
    assert {visit.failure for visit in visits} == {"stopped: less than 1000000 GB of memory left"}


# ---- what is left


def test_what_the_hub_keeps_is_closed_to_others(classroom):
    secrets = ["class-password", "admin-password", "cookie-secret", "hub.sqlite", "hub.log", "students.txt"]
    assert {name: (classroom.home / name).stat().st_mode & 0o777 for name in secrets} == dict.fromkeys(
        secrets, 0o600
    )


def test_stopping_leaves_no_process_and_a_new_start_finds_the_class_again(classroom, places, monkeypatch):
    family = psutil.Process(classroom.pid).children(recursive=True)
    assert len(family) >= 4  # proxy, culler and two students at least
    password, groups = classroom.password(), Group(f"{whole(str(places[0] / 'homes'))}/student01").folders
    assert version() is None or all(folder.exists() for folder in groups)
    classroom.stop()
    assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert is_free(classroom.port) and not any(folder.parent.exists() for folder in groups if version())
    monkeypatch.setenv("HUB_IDLE_S", "4")
    with begin(places) as again:
        assert again.password() == password
        in_a_browser(student(again), arrive)
        mine = again.home / "homes" / "student01" / "live" / f"{CHAPTER}.ipynb"
        assert "my own words" in mine.read_text()
        gone = wait_for(lambda: not servers(again), within_s=30)
        assert gone, "an idle server was not stopped"


def servers(running: Hub) -> list[psutil.Process]:
    found = []
    for one in psutil.Process(running.pid).children(recursive=True):
        with suppress(psutil.Error):
            found += [one] if "jupyterhub.singleuser" in one.cmdline() else []
    return found


def wait_for(true: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.2)
    return true()
