"""A JupyterHub that runs as long as it is wanted and leaves nothing behind, for `make hub` and `make load`.

The settings stand in deploy/hub/jupyterhub_config.py. Here is what depends on the machine: free ports, node
and the proxy, and who stops what.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO

import psutil

from coursekit.servers import free_port
from tools import node
from tools.hub_course import link, publish
from tools.project import ROOT

try:
    import fcntl
except ImportError:  # Windows, where JupyterHub does not run
    fcntl = None

PYTHON = sys.executable
SOURCE = ROOT / "deploy" / "hub"
SHOP = ROOT / "_build" / "hub-npm"  # where npm puts the proxy
START_S, STOP_S = 60, 60
RUNNING = "JupyterHub is now running"  # in its log
OUT_OF_REACH = (
    "as root each student gets a system user, but other users cannot run {python}: set the course up where "
    "everybody may read it, such as /opt/live, or start this as an ordinary user, or add --one-user"
)


class NoHub(Exception):
    """The hub cannot start; the text says why and what to do."""


@dataclass(frozen=True)
class Tls:
    """What a hub needs to be seen by other machines."""

    host: str
    certificate: Path
    key: Path


class Hub:
    """A running hub: its `url`, its `link`, its passwords. It stops with the block it is opened in.

    home: the folder of the class.   course: the notebooks to hand out.   more: options of JupyterHub.
    Raises: NoHub, node.NoNode.
    """

    def __init__(
        self,
        home: Path,
        course: Path,
        port: int,
        names: list[str],
        *,
        one_user: bool = False,
        tls: Tls | None = None,
        more: Sequence[str] = (),
    ) -> None:
        self.home, self.port = home, port
        self.url = f"https://{tls.host}:{port}" if tls else f"http://127.0.0.1:{port}"
        if not (first := min((path.name for path in course.glob("*.ipynb")), default=None)):
            raise NoHub(f"there is no notebook in {course}: name a folder that has some")
        home.mkdir(parents=True, exist_ok=True)
        lock = taken(home / "lock")
        write_private(home / "students.txt", "\n".join(names) + "\n")
        bare = publish(course, home)
        self.link = link(self.url, bare, first)
        self.log = home / "hub.log"
        self.family: list[psutil.Process] = []
        here = {"HUB_HOME": str(home), **({"HUB_ONE_USER": "1"} if one_user else {})}
        write_private(self.log, "")
        with lock, self.log.open("w") as log:
            self._process = subprocess.Popen(
                [*command(port, tls), *more], cwd=home, env=environment() | here, pass_fds=[lock.fileno()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
            lock.write(str(self.pid))

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
        while RUNNING not in self.log.read_text(errors="replace"):
            if not self.look() or time.monotonic() > deadline:
                raise NoHub(f"JupyterHub did not start; {self.log} ends: {last_words(self.log)}")
            time.sleep(0.1)
        return self

    def look(self) -> bool:
        """Does it run? If so, remember what it has started."""
        with suppress(psutil.NoSuchProcess):
            self.family = psutil.Process(self.pid).children(recursive=True) or self.family
        return self.alive

    def stop(self, within_s: float = STOP_S) -> None:
        """Stop the hub, which stops what it started; then what is left of that. Safe to call twice."""
        if self.look():
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(within_s)
        self._process.kill()  # does nothing to one that has ended
        self._process.wait()
        for left in psutil.wait_procs(self.family, timeout=5)[1]:
            with suppress(psutil.NoSuchProcess):
                left.kill()

    def __enter__(self) -> Self:
        try:
            return self.ready()
        except BaseException:  # Ctrl-C too
            self.stop()
            raise

    def __exit__(self, *_) -> None:
        self.stop()


def command(port: int, tls: Tls | None = None) -> list[str]:
    """JupyterHub with our settings, and the ports that are free here. Raises: node.NoNode."""
    sources = [SOURCE / name for name in ("package.json", "package-lock.json")]
    shop = node.shop(SHOP, sources, "the proxy of the hub")
    script = shop / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    seen = [f"--JupyterHub.bind_url=http://127.0.0.1:{port}"]
    if tls:  # never without: passwords go over this line
        seen = [f"--JupyterHub.bind_url=https://0.0.0.0:{port}", f"--JupyterHub.ssl_key={tls.key.resolve()}"]
        seen += [f"--JupyterHub.ssl_cert={tls.certificate.resolve()}"]
    return [
        PYTHON, "-m", "jupyterhub", "--config", str(SOURCE / "jupyterhub_config.py"), *seen,
        f"--JupyterHub.hub_bind_url=http://127.0.0.1:{free_port()}",
        f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{free_port()}",
        f"--ConfigurableHTTPProxy.command={[node.ensure()[0], str(script)]}",
    ]  # fmt: skip


def taken(file: Path) -> TextIO:
    """A lock that lasts as long as its file is open, here or in the hub. Raises: NoHub if another has it."""
    file.touch(mode=0o600)
    lock = file.open("r+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pid = lock.read() or "starting"
        raise NoHub(f"a hub of this class runs already (process {pid}); to stop it: kill {pid}") from None
    lock.truncate(0)
    return lock


def environment() -> dict[str, str]:
    """The environment of the hub, without what would change the students'."""
    personal = ("JUPYTER", "IPYTHON", "OPENAI_", "ANTHROPIC_", "GEMINI_", "CONFIGPROXY")
    return {name: value for name, value in os.environ.items() if not name.startswith(personal)}


def write_private(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text)


def last_words(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-2:]) or "with nothing"


def system_users(one_user: bool) -> bool:
    """Will each student be a system user?   one_user: it was asked that they are not."""
    return os.geteuid() == 0 and sys.platform == "linux" and not one_user


def check_reach(one_user: bool) -> None:
    """As root: could a student's system user run this Python, and come to this folder? Raises: NoHub."""
    if system_users(one_user):
        look = [PYTHON, "-c", f"import jupyterlab, os; os.stat({str(ROOT)!r})"]
        as_nobody = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}
        try:
            subprocess.run(look, check=True, capture_output=True, **as_nobody)
        except (OSError, subprocess.CalledProcessError):
            raise NoHub(OUT_OF_REACH.format(python=PYTHON)) from None
