"""`make hub`: a JupyterHub for one class on this machine, the course behind one link. Ctrl-C stops it all.

Students log in with a name and the password of the class, get their own copy of the students' edition by the
link, and keep it. Names, passwords, database and the students' folders stay in _build/hub. What is set, and
why, stands in deploy/hub/jupyterhub_config.py.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.error import HTTPError
from urllib.parse import urlencode

import psutil

from coursekit.servers import ask, free_port
from tools import editions, node, student
from tools.learn import is_free
from tools.project import ROOT, notebooks

PYTHON = sys.executable
SOURCE = ROOT / "deploy" / "hub"
HOME = ROOT / "_build" / "hub"
SHOP = ROOT / "_build" / "hub-npm"  # where npm puts the proxy
FIRST_PORT, LAST_PORT = 8000, 8079
START_S, STOP_S = 60, 60
NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
GIT = ["git", "-c", "user.name=Abstract Algorithms Live", "-c", "user.email=course@localhost"]
OUT_OF_REACH = (
    "as root each student gets a system user, but other users cannot run {python}: set the course up where "
    "everybody may read it, such as /opt/live, or start this as an ordinary user, or add --one-user"
)


class NoHub(Exception):
    """The hub cannot start; the text says why and what to do."""


# ---- what the class gets


def publish(folder: Path, home: Path) -> Path:
    """The files of `folder` as a new state of the git repository that students pull from."""
    bare = home / "course" / "live.git"
    if not bare.exists():
        bare.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        git(["init", "--quiet", "--bare", "--initial-branch=main", str(bare)])
        (bare.parent / "gitconfig").write_text(f"[safe]\n\tdirectory = {bare}\n")
    at = [f"--git-dir={bare}", f"--work-tree={folder}"]
    git([*at, "add", "--all", "."], folder)
    if not bare_has_commit(bare) or git([*at, "status", "--porcelain"], folder):
        git([*at, "commit", "--quiet", "--message", "The course"], folder)
    readable(bare.parent)
    return bare


def bare_has_commit(bare: Path) -> bool:
    return (
        subprocess.run([*GIT, f"--git-dir={bare}", "rev-parse", "HEAD"], capture_output=True).returncode == 0
    )


def readable(folder: Path) -> None:
    """Students may read it, and only the instructor may write."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def git(words: list[str], folder: Path | None = None) -> str:
    done = subprocess.run([*GIT, *words], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise NoHub(f"git {words[-1]} failed: {done.stderr.strip()}")
    return done.stdout


def link(url: str, bare: Path, first: str) -> str:
    """The one address that a class needs: it logs in, gets or renews the course, and opens `first`."""
    wanted = {"repo": str(bare), "branch": "main", "urlpath": f"lab/tree/{bare.stem}/{first}"}
    return f"{url}/hub/user-redirect/git-pull?{urlencode(wanted | {'targetpath': bare.stem})}"


# ---- the hub


class Hub:
    """A running hub: its `url`, its `link`, its passwords. It stops with the block it is opened in."""

    def __init__(
        self,
        home: Path,
        course: Path,
        port: int,
        names: list[str],
        one_user: bool = False,
        more: tuple[str, ...] | list[str] = (),
    ) -> None:
        self.home, self.port = home, port
        self.url = f"http://127.0.0.1:{port}"
        home.mkdir(parents=True, exist_ok=True)
        (home / "homes").mkdir(exist_ok=True)
        for folder in (home, home / "homes"):
            folder.chmod(0o711)  # each student finds the own folder, and no list of the others'
        write_private(home / "students.txt", "\n".join(names) + "\n")
        bare = publish(course, home)
        self.link = link(self.url, bare, min(path.name for path in course.glob("*.ipynb")))
        self.log = home / "hub.log"
        self._process = self._start(one_user, more)

    def _start(self, one_user: bool, more) -> subprocess.Popen:
        here = {"HUB_HOME": str(self.home), **({"HUB_ONE_USER": "1"} if one_user else {})}
        write_private(self.log, "")
        with self.log.open("w") as log:
            return subprocess.Popen(
                [*command(self.port), *more], cwd=self.home, env=environment() | here,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def password(self, whose: str = "class") -> str:
        return (self.home / f"{whose}-password").read_text().strip()

    def ready(self, within_s: float = START_S) -> Self:
        """Wait until it answers. Raises: NoHub with its last words."""
        deadline = time.monotonic() + within_s
        while not answers(f"{self.url}/hub/login"):
            if not self.alive or time.monotonic() > deadline:
                self.stop()
                raise NoHub(f"JupyterHub did not start; {self.log} ends: {last_words(self.log)}")
            time.sleep(0.1)
        return self

    def stop(self, within_s: float = STOP_S) -> None:
        """Stop the hub, which stops what it started; then what is left of that. Safe to call twice."""
        if not self.alive:
            return
        family = psutil.Process(self.pid).children(recursive=True)
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)
        for left in [psutil.Process(self.pid)] if self.alive else []:
            left.kill()
        for left in psutil.wait_procs(family, timeout=5)[1]:
            with suppress(psutil.NoSuchProcess):
                left.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self.ready()

    def __exit__(self, *_) -> None:
        self.stop()


def command(port: int) -> list[str]:
    """JupyterHub with our settings, and the ports that are free here. Raises: NoHub, node.NoNode."""
    sources = [SOURCE / name for name in ("package.json", "package-lock.json")]
    shop = node.shop(SHOP, sources, "the proxy of the hub")
    script = shop / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    return [
        PYTHON, "-m", "jupyterhub", "--config", str(SOURCE / "jupyterhub_config.py"),
        f"--JupyterHub.bind_url=http://127.0.0.1:{port}",
        f"--JupyterHub.hub_bind_url=http://127.0.0.1:{free_port()}",
        f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{free_port()}",
        f"--ConfigurableHTTPProxy.command={[node.ensure()[0], str(script)]}",
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """The environment of the hub, without what would change the students'."""
    personal = ("JUPYTER", "IPYTHON", "OPENAI_", "ANTHROPIC_", "GEMINI_", "CONFIGPROXY")
    return {name: value for name, value in os.environ.items() if not name.startswith(personal)}


def write_private(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text)


def answers(url: str) -> bool:
    try:
        ask(url, timeout=2).close()
    except HTTPError:
        return False
    except OSError:
        return False
    return True


def last_words(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-2:]) or "with nothing"


# ---- the command


def class_list(students: int, file: str | None) -> list[str]:
    """student01 to studentNN, or the names in a file, one a line. Raises: NoHub."""
    if file is None:
        return [f"student{number:02}" for number in range(1, students + 1)]
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


def check_reach(one_user: bool) -> None:
    """As root: could a student's system user run this Python, and come to this folder? Raises: NoHub."""
    if os.geteuid() == 0 and not one_user:
        look = [PYTHON, "-c", f"import jupyterlab, os; os.stat({str(ROOT)!r})"]
        as_nobody = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}
        try:
            subprocess.run(look, check=True, capture_output=True, **as_nobody)
        except (OSError, subprocess.CalledProcessError):
            raise NoHub(OUT_OF_REACH.format(python=PYTHON)) from None


def warning(one_user: bool) -> str:
    if os.geteuid() == 0 and not one_user:
        return "Each student is a system user (student-NAME), with a closed folder."
    return (
        "All students are this system user and could read each other's files: for a rehearsal, and for "
        "people who trust each other."
    )


def options(arguments: list[str] | None) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="make hub", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, help=f"default: the first free one from {FIRST_PORT}")
    parser.add_argument("--students", type=int, default=30, help="student01 to studentNN (default: 30)")
    parser.add_argument("--names", help="a file with one name a line, instead")
    parser.add_argument("--one-user", action="store_true", help="as root: no system users")
    parser.add_argument("--course", type=Path, help="another folder of notebooks to hand out")
    return parser.parse_known_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Start, say where, and wait for Ctrl-C. Options that are not ours go to JupyterHub."""
    if os.name == "nt":
        sys.exit("make hub: JupyterHub does not run on Windows; use WSL")
    given, more = options(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped like that, it tidies up too
    try:
        check_reach(given.one_user)
        port = choose_port(given.port)
        names = class_list(given.students, given.names)
        course = given.course or editions.build("student", student.student, notebooks())
        with Hub(HOME, course, port, names, given.one_user, more) as hub:
            say(hub, names, given.one_user)
            while hub.alive:
                time.sleep(0.5)
            sys.exit(f"make hub: JupyterHub ended by itself; {hub.log} ends: {last_words(hub.log)}")
    except (NoHub, node.NoNode, OverflowError) as error:
        sys.exit(f"make hub: {error}")
    except KeyboardInterrupt:
        print("\nThe hub is stopped; the students' folders stay in _build/hub/homes.", flush=True)


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
