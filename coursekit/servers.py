"""One guardian for every embedded server: a free port on loopback, ready before use, gone with the kernel.

A server started from a notebook outlives a kernel that is killed. So between the two stands a guardian, a
small process that holds one end of a pipe to the kernel: the pipe closes however the kernel ends, even by
SIGKILL, and the guardian then stops the server.
"""

import argparse
import atexit
import json
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from coursekit.errors import CourseError

POSIX = os.name == "posix"
PORTS = range(20_000, 32_000)  # for outgoing connections Linux takes 32768 to 60999, others from 49152
_running: dict[str, "Server"] = {}
ask = build_opener(ProxyHandler({})).open  # urlopen for loopback, which needs no proxy


class ServerError(CourseError):
    """A server that did not start; the message says what it last wrote."""


class Running:
    """What has a `name`, is `alive` until `stop()`, and stops with the block that it is opened in."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"{self.name} on loopback, {'running' if self.alive else 'stopped'}"


class Server(Running):
    """A running server: its `host`, `port` and `url`; `stop()` ends it, and so does the end of the kernel."""

    host = "127.0.0.1"

    def __init__(self, name: str, command: Sequence[str], port: int) -> None:
        self.name, self.port = name, port
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (stop closes it)
        self._guardian = subprocess.Popen(
            [sys.executable, "-m", "coursekit.servers", *command],
            stdin=subprocess.PIPE, stdout=self.log, stderr=self.log, start_new_session=POSIX,
        )  # fmt: skip

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def alive(self) -> bool:
        return self._guardian.poll() is None

    def last_words(self) -> str:
        """The last lines that the server wrote."""
        self.log.seek(0)
        return "\n".join(self.log.read().decode(errors="replace").strip().splitlines()[-5:])

    def stop(self) -> None:
        """End the server and wait until its port is free; safe to call twice."""
        if not self.log.closed:
            self._guardian.stdin.close()
            self._guardian.wait(timeout=10)
            self.log.close()
        if _running.get(self.name) is self:
            del _running[self.name]


def start(
    name: str,
    command: Sequence[str],
    *,
    path: str | None = None,
    port: int | None = None,
    timeout_s: float = 30,
) -> Server:
    """Start `command`, wait until it answers, and return it; a server of the same name is replaced.

    command: program and arguments; `{port}` stands for the free port chosen here.
    path: ready when an HTTP GET on it is answered; without it, when the port takes connections.
    port: where it listens, if that stands in a file of settings already; else a free one is chosen.
    Raises ServerError with the server's last words if it ends or stays silent for `timeout_s`.
    """
    if name in _running:
        _running[name].stop()
    port = port or free_port()
    server = Server(name, [part.replace("{port}", str(port)) for part in command], port)
    deadline = time.monotonic() + timeout_s
    while not _answers(server, path):
        if not server.alive or time.monotonic() > deadline:
            why = "ended at once" if not server.alive else f"did not answer within {timeout_s:g} s"
            words = server.last_words() or "nothing"
            server.stop()
            raise ServerError(f"{name} {why}; command: {' '.join(command)}; it last wrote: {words}")
        time.sleep(0.02)
    _running[name] = server
    return server


def start_with(name: str, program: Sequence[str], settings: dict, **more) -> Server:
    """`start` a program as `program --port PORT --settings FILE`; in it, `options` gives both back.

    settings: what JSON can hold, secrets too: on a command line they could be read by others. The file is
    gone as soon as the program is ready.   more: as for `start`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "settings.json")
        file.touch(mode=0o600)
        file.write_text(json.dumps(settings))
        return start(name, [*program, "--port", "{port}", "--settings", str(file)], **more)


def options(about: str | None) -> tuple[dict, int]:
    """Settings and port with which `start_with` has started this program; `about` is what --help says."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--settings", type=Path, required=True)
    given = parser.parse_args()
    settings = json.loads(given.settings.read_text())
    with suppress(OSError):  # read once, then gone: a kernel that is killed now could not remove it
        given.settings.unlink()
        given.settings.parent.rmdir()
    return settings, given.port


def free_port() -> int:
    """A TCP port on loopback that nothing listens on now.

    Not from the range in which systems choose ports for outgoing connections: one of these could take it
    before the server does.
    """
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind((Server.host, port))
            except OSError:  # taken
                continue
        return port


def _answers(server: Server, path: str | None) -> bool:
    try:
        if path is None:
            with socket.create_connection((server.host, server.port), timeout=1) as probe:
                if probe.getsockname() == probe.getpeername():  # the free port was given to this very probe
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return False  # and by that option it is free again at once
        else:
            ask(server.url + path, timeout=1).close()
    except HTTPError:
        return True  # it answers, even if it asks for a token first
    except OSError:
        return False
    return True


@atexit.register
def _stop_all() -> None:
    for server in list(_running.values()):
        server.stop()


def _guard(command: Sequence[str]) -> int:
    """Run `command` until it ends or the pipe on standard input closes; then end it, politely first."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=POSIX)

    def end() -> None:
        os.read(0, 1)  # nobody writes: it returns when the pipe closes
        _signal(child, signal.SIGTERM)
        try:
            child.wait(timeout=3)
        except subprocess.TimeoutExpired:
            _signal(child, signal.SIGKILL if POSIX else signal.SIGTERM)

    threading.Thread(target=end, daemon=True).start()
    return child.wait()


def _signal(child: subprocess.Popen, number: int) -> None:
    """To the whole group where there are groups, so that the server's own workers end too."""
    try:
        os.killpg(child.pid, number) if POSIX else child.send_signal(number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(_guard(sys.argv[1:]))
