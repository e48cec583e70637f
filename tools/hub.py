"""`make hub`: a JupyterHub for one class on this machine, the course behind one link. Ctrl-C stops it all.

Students log in with a name and the password of the class, get their own copy of the students' edition by the
link, and keep it. Names, passwords, database and the students' folders stay in _build/hub. What is set, and
why, stands in deploy/hub/jupyterhub_config.py.
"""

import argparse
import os
import re
import signal
import sys
import time
from pathlib import Path

from tools import editions, node, student
from tools.hub_course import GitFailed
from tools.hub_server import Hub, NoHub, Tls, check_reach, last_words, system_users
from tools.learn import is_free
from tools.project import ROOT, notebooks

HOME = ROOT / "_build" / "hub"
FIRST_PORT, LAST_PORT = 8000, 8079
STUDENTS, MOST = 30, 500
NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


def class_list(students: int | None, file: str | None, before: Path | None = None) -> list[str]:
    """student01 to studentNN, or the names in a file, or those of before. Raises: NoHub."""
    if students is None and file is None and before and before.exists():
        return before.read_text().split()
    if students is not None and not 1 <= students <= MOST:
        raise NoHub(f"--students goes from 1 to {MOST}, got {students}")
    if file is None:
        return [f"student{number:02}" for number in range(1, (students or STUDENTS) + 1)]
    try:
        names = Path(file).read_text(encoding="utf-8").split()
    except OSError as error:
        raise NoHub(f"{file} cannot be read ({error.strerror}): name a file with one name a line") from None
    for name in names:
        if not NAME.fullmatch(name):
            raise NoHub(
                f"{file} has {name!r}: a name is up to 20 of a-z, 0-9 and -, and begins with a letter"
            )
    if not names:
        raise NoHub(f"{file} is empty: give it one name a line")
    return names


def choose_port(named: int | None) -> int:
    ports = [named] if named else range(FIRST_PORT, LAST_PORT + 1)
    if (free := next(filter(is_free, ports), None)) is None:
        what = f"port {named} is" if named else f"ports {FIRST_PORT} to {LAST_PORT} are"
        raise NoHub(f"{what} taken by another program, or by a hub that still runs; name another with --port")
    return free


def warning(one_user: bool) -> str:
    if system_users(one_user):
        return "Each student is a system user (student-NAME), with a closed folder."
    return (
        "All students are this system user and could read each other's files: for a rehearsal, and for "
        "people who trust each other."
    )


def options(arguments: list[str] | None) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="make hub", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, help=f"default: the first free one from {FIRST_PORT}")
    parser.add_argument(
        "--students", type=int, help=f"student01 to studentNN (default: {STUDENTS}, or as before)"
    )
    parser.add_argument("--names", help="a file with one name a line, instead")
    parser.add_argument("--one-user", action="store_true", help="as root: no system users")
    parser.add_argument("--host", help="the name by which other machines see this one; with --cert and --key")
    parser.add_argument("--cert", type=Path, help="its certificate (PEM)")
    parser.add_argument("--key", type=Path, help="and the key of that")
    parser.add_argument("--course", type=Path, help="another folder of notebooks to hand out")
    return parser.parse_known_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Start, say where, and wait for Ctrl-C. Options that are not ours go to JupyterHub."""
    if os.name == "nt":
        sys.exit("make hub: JupyterHub does not run on Windows; use WSL")
    given, more = options(arguments)
    for each in (signal.SIGTERM, signal.SIGINT):  # what a script starts begins deaf to Ctrl-C
        signal.signal(each, signal.default_int_handler)
    try:
        check_reach(given.one_user)
        port = choose_port(given.port)
        names = class_list(given.students, given.names, HOME / "students.txt")
        course = given.course or editions.build("student", student.student, notebooks())
        with Hub(HOME, course, port, names, one_user=given.one_user, tls=tls(given), more=more) as hub:
            say(hub, names, given.one_user)
            while hub.look():
                time.sleep(1)
            sys.exit(f"make hub: JupyterHub ended by itself; {hub.log} ends: {last_words(hub.log)}")
    except (NoHub, GitFailed, node.NoNode, OverflowError) as error:
        sys.exit(f"make hub: {error}")
    except KeyboardInterrupt:
        print("\nThe hub is stopped; the students' folders stay in _build/hub/homes.", flush=True)


def tls(given: argparse.Namespace) -> Tls | None:
    """Only with all three is the hub seen by other machines. Raises: NoHub."""
    three = (given.host, given.cert, given.key)
    if not any(three):
        return None
    if not all(three):
        raise NoHub("--host, --cert and --key go together: without TLS others could read the passwords")
    for file in three[1:]:
        if not file.is_file():
            raise NoHub(f"there is no file {file}: name the certificate with --cert and its key with --key")
    return Tls(*three)


def say(hub: Hub, names: list[str], one_user: bool) -> None:
    shown = f"{names[0]} to {names[-1]}" if len(names) > 1 else names[0]
    print(
        f"The hub is at {hub.url}  (end it with Ctrl-C)\n"
        f"  for the class:  {hub.link}\n"
        f"  names:          {shown}, in _build/hub/students.txt\n"
        f"  password:       {hub.password()}\n"
        f"  instructor:     {hub.password('admin')}, at {hub.url}/hub/admin\n"
        f"  {warning(one_user)}",
        flush=True,
    )


if __name__ == "__main__":
    main()
