"""Web services written in a notebook's cells, really served: uvicorn on a free port of loopback.

    service = web.serve(app)         # any ASGI application: FastAPI, Starlette, …
    servers.ask(service.url + "/health")
    service.stop()                   # or leave it: it ends with the kernel

The service runs in a thread of this process, so it sees what later cells define. For one that must survive
load or a kill, use `coursekit.servers`, which gives it a process of its own.
"""

import socket
import threading
import time
from contextlib import suppress

import uvicorn

from coursekit.errors import CourseError
from coursekit.servers import Running

HOST = "127.0.0.1"
PATIENCE_S = 10.0
_running: dict[str, "Service"] = {}


class Service(Running):
    """A running service: its `url`; `stop()` lets running requests finish, up to `grace_s` seconds."""

    def __init__(self, app, name: str, grace_s: float) -> None:
        self.name = name
        self._socket = socket.create_server((HOST, 0), backlog=1024)  # ours from here on: no race
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=grace_s, ws="none"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name=f"service {name}", daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def alive(self) -> bool:
        return self._server.started and self._thread.is_alive()

    def _run(self) -> None:
        with suppress(SystemExit):  # uvicorn's way to say that the application did not start
            self._server.run(sockets=[self._socket])

    def start(self) -> "Service":
        self._thread.start()
        deadline = time.monotonic() + PATIENCE_S
        while not self.alive:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise CourseError(f"{self.name} did not start; its lifespan code raised, see the log above")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Refuse new requests, wait for the running ones, free the port; safe to call twice."""
        self._server.should_exit = True
        self._thread.join(timeout=PATIENCE_S)
        self._socket.close()
        if _running.get(self.name) is self:
            del _running[self.name]


def serve(app, name: str = "service", *, grace_s: float = 5) -> Service:
    """Serve an ASGI `app` and return when it answers; a service of the same name is stopped first.

    grace_s: seconds that running requests get to finish when it stops.
    Raises: CourseError if the application does not start.
    """
    if name in _running:
        _running[name].stop()
    _running[name] = Service(app, name, grace_s).start()
    return _running[name]
