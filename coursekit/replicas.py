"""A cluster of three real processes that keep one dictionary: PySyncObj's, or those of an etcd.

Both answer the same JSON calls (those of etcd's gateway), so that one client and one experiment fit both.
They are bound to loopback, run behind the guardian of `servers`, and keep their files in a folder that goes
with them.
"""

import base64
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request

from coursekit import servers
from coursekit.errors import CourseError

KINDS = ("pysyncobj", "etcd")
NAMES = ("n1", "n2", "n3")
ELECTION_S = (0.4, 0.8)  # a follower waits this long, at random, before it stands for election
HEARTBEAT_S = 0.05


class Replicas:
    """A cluster of three, driven from outside: put, get and claim at any node; kill and restart nodes.

    kind: "pysyncobj", or "etcd" where its binary is installed.   Raises: CourseError if it cannot be had.
    Taught in: notebooks/03_consensus.ipynb
    """

    def __init__(self, kind: str = "pysyncobj") -> None:
        if kind not in KINDS or (kind == "etcd" and not etcd_binary()):
            there = "etcd is not installed here" if kind in KINDS else f"there is {' and '.join(KINDS)}"
            raise CourseError(f"no cluster of {kind!r}: {there}")
        self.kind, self.folder = kind, Path(tempfile.mkdtemp(prefix="replicas-"))
        self.peers = {name: f"127.0.0.1:{servers.free_port()}" for name in NAMES}
        self.program = etcd_binary() if kind == "etcd" else sys.executable
        self.nodes: dict[str, servers.Server] = {}  # those that run
        self.started: list[servers.Server] = []
        try:
            for name in NAMES:
                self.start(name)
            self.wait_for_leader()
        except BaseException:
            self.stop()
            raise

    def start(self, name: str) -> None:
        """Start a node, or start it again with what it had written down."""
        command = _etcd(self, name) if self.kind == "etcd" else _dictionary(self, name)
        launch = [sys.executable, "-m", "coursekit.replica_node", str(self.folder / f"{name}.pid"), *command]
        self.nodes[name] = servers.start(f"{self.kind} {name}", launch)
        self.started.append(self.nodes[name])

    def kill(self, name: str) -> None:
        """SIGKILL: the node gets no chance to say goodbye."""
        self._running(name)
        os.kill(int((self.folder / f"{name}.pid").read_text()), getattr(signal, "SIGKILL", signal.SIGTERM))
        del self.nodes[name]

    def put(self, key: str, value: str, *, at: str | None = None, timeout_s: float = 1.0) -> bool:
        """Was the write acknowledged? False means "not known": it may still happen."""
        return self._ask("kv/put", at, timeout_s, key=_b64(key), value=_b64(value)) is not None

    def get(self, key: str, *, at: str | None = None, timeout_s: float = 1.0) -> str | None:
        """The value that a majority stands behind; None if there is none, or no answer."""
        found = (self._ask("kv/range", at, timeout_s, key=_b64(key)) or {}).get("kvs")
        return base64.b64decode(found[0]["value"]).decode() if found else None

    def claim(self, key: str, owner: str, *, at: str | None = None, timeout_s: float = 1.0) -> bool:
        """Put `owner` under `key` unless somebody else is there; is it `owner` now?"""
        free = {"key": _b64(key), "target": "CREATE", "create_revision": 0}
        put = {"request_put": {"key": _b64(key), "value": _b64(owner)}}
        self._ask("kv/txn", at, timeout_s, compare=[free], success=[put])
        return self.get(key, at=at, timeout_s=timeout_s) == owner

    def leader(self) -> str | None:
        """The leader's name, if a node that is alive says that it leads."""
        for name in self.nodes:
            followed, member = self._seen(name)
            if member and followed == member:
                return name
        return None

    def wait_for_leader(self, timeout_s: float = 20) -> str:
        """The leader's name, as soon as all nodes that run follow it."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            seen = {name: self._seen(name) for name in self.nodes}
            for name, (_, member) in seen.items():
                if member and all(followed == member for followed, _ in seen.values()):
                    return name
            time.sleep(0.02)
        raise CourseError(f"{len(self.nodes)} nodes of {self.kind} found no leader within {timeout_s:g} s")

    def _seen(self, name: str) -> tuple[str | None, str]:
        """Whom a node follows, and what it is called itself among the nodes; (None, "") if it is silent."""
        status = self._ask("maintenance/status", name, 0.5) or {}
        return status.get("leader"), status.get("header", {}).get("member_id", "")

    def stop(self) -> None:
        """End all nodes and remove their files."""
        for node in self.started:
            node.stop()
        self.nodes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Replicas":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"{len(self.nodes)} of {len(NAMES)} nodes of {self.kind} on loopback"

    def _running(self, name: str) -> servers.Server:
        if name not in self.nodes:
            raise ValueError(f"no node {name} is running; there is {', '.join(self.nodes) or 'none'}")
        return self.nodes[name]

    def _ask(self, call: str, at: str | None, timeout_s: float, **body) -> dict | None:
        """What the node `at` (else the first that lives) answers; None if it is an error, or nothing."""
        if at is None and not self.nodes:
            return None
        node = self._running(at or next(iter(self.nodes)))
        try:
            request = Request(f"{node.url}/v3/{call}", json.dumps(body).encode())
            with servers.ask(request, timeout=timeout_s) as reply:
                return json.load(reply)
        except (OSError, HTTPException, ValueError):  # refused, timed out, cut short, or an HTTP error
            return None


def etcd_binary() -> str | None:
    """Where etcd is: `ETCD_BIN` if set, else on the PATH; None if it is not here."""
    return shutil.which(os.environ.get("ETCD_BIN") or "etcd")


def _dictionary(cluster: Replicas, name: str) -> list[str]:
    me, others = cluster.peers[name], [cluster.peers[other] for other in NAMES if other != name]
    journal, times = str(cluster.folder / f"{name}.journal"), map(str, (*ELECTION_S, HEARTBEAT_S))
    return ["dictionary", "{port}", journal, ",".join(times), me, *others]


def _etcd(cluster: Replicas, name: str) -> list[str]:
    peer, client = f"http://{cluster.peers[name]}", "http://127.0.0.1:{port}"
    every = ",".join(f"{other}=http://{address}" for other, address in cluster.peers.items())
    flags = {
        "name": name, "data-dir": cluster.folder / name, "initial-cluster": every, "log-level": "error",
        "listen-client-urls": client, "advertise-client-urls": client, "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer, "heartbeat-interval": round(1000 * HEARTBEAT_S),
        "election-timeout": round(1000 * ELECTION_S[0]),
    }  # fmt: skip
    return [cluster.program, *(f"--{flag}={value}" for flag, value in flags.items())]


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
