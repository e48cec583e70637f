"""Started as root, the hub gives each student a system user, who cannot look into the folder of another."""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from test_classroom_hub import CHAPTER, LINE, arrive, proxy, servers, student, write_course  # noqa: F401

from coursekit.servers import free_port
from tools import hub_server
from tools.load_student import execute

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("useradd"),
    reason="only root on Linux may make system users",
)
NAMES = [f"t{os.getpid()}a", f"t{os.getpid()}b"]  # nobody's
FIND_OUT = """
import os, pathlib
found = {{}}
for path in {paths}:
    try:
        os.listdir(path) if os.path.isdir(path) else pathlib.Path(path).read_bytes()
        found[path] = "read"
    except OSError as error:
        found[path] = type(error).__name__
try:
    os.kill({pid}, 9)
except OSError as error:
    found["kill"] = type(error).__name__
assert os.getuid() == {uid} and not os.getgroups()[1:]
assert set(found.values()) == {{"PermissionError"}}, found
"""


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    """A folder that everybody may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="class-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def within_reach(room) -> Iterator[None]:
    """A Python that system users may run: this one, or the system's with the packages of this one."""
    with pytest.MonkeyPatch.context() as patch:
        try:
            hub_server.check_reach(one_user=False)
        except hub_server.NoHub:
            patch.setattr(hub_server, "PYTHON", str(second_python(room / "venv")))
        try:
            hub_server.check_reach(one_user=False)
        except hub_server.NoHub as error:
            pytest.skip(str(error))
        yield


def second_python(venv: Path) -> Path:
    """An environment of the system's Python that holds links to what is installed in this one."""
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", venv], check=True)
    packages = next(venv.glob("lib/python3.*/site-packages"))
    (packages / "course.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for folder in ("share", "etc"):
        shutil.rmtree(venv / folder, ignore_errors=True)
        (venv / folder).symlink_to(Path(sys.prefix) / folder)
    return venv / "bin" / "python"


@pytest.fixture(scope="module")
def classroom(room, within_reach) -> Iterator[hub_server.Hub]:
    course = write_course(room / "course", LINE)
    restored = room / "hub" / "homes" / NAMES[1]
    restored.mkdir(parents=True)
    (restored / "from_a_backup.txt").write_text("and for now of root")
    before = {one.pw_name for one in pwd.getpwall()}
    try:
        with hub_server.Hub(room / "hub", course, free_port(), NAMES) as running:
            yield running
    finally:
        for one in {one.pw_name for one in pwd.getpwall()} - before:
            subprocess.run(["userdel", one], check=True)


def test_a_student_reads_no_file_and_ends_no_process_of_another_or_of_the_hub(classroom):
    account = {name: f"student-{name}" for name in NAMES}

    async def look_around() -> dict | None:
        async with student(classroom, name=NAMES[0]) as one, student(classroom, name=NAMES[1]) as other:
            for person in (one, other):
                await person.log_in()
                await arrive(person)
            owners = {psutil.Process(server.pid).username() for server in servers(classroom)}
            assert owners == set(account.values())
            kernel = await one.start_kernel(f"live/{CHAPTER}.ipynb")
            theirs = next(x for x in servers(classroom) if x.username() == account[NAMES[1]])
            homes = classroom.home / "homes"
            paths = [homes, homes / NAMES[1], homes / NAMES[1] / "live" / f"{CHAPTER}.ipynb"]
            paths += [
                classroom.home / name for name in ("hub.sqlite", "cookie-secret", "class-password", "hub.log")
            ]
            paths += [f"/proc/{classroom.pid}/environ", f"/proc/{theirs.pid}/environ"]
            uid = pwd.getpwnam(account[NAMES[0]]).pw_uid
            asked = FIND_OUT.format(paths=[str(path) for path in paths], pid=theirs.pid, uid=uid)
            address = f"{one.base}/api/kernels/{kernel}/channels"
            async with one.http.ws_connect(address, headers=one.signed()) as socket:
                return await execute(socket, "test", asked)

    assert asyncio.run(look_around()) is None
    assert (classroom.home / "homes" / NAMES[1] / "from_a_backup.txt").owner() == account[NAMES[1]]
    for name in NAMES:
        home = classroom.home / "homes" / name
        assert home.stat().st_mode & 0o777 == 0o700 and home.owner() == account[name]
