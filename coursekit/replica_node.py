"""One process of a replicated dictionary: PySyncObj's Raft to its peers, etcd's JSON calls to its clients.

Run by `python -m coursekit.replica_node`, see `replicas`. PySyncObj trusts whoever reaches its port, as it
unpickles what comes: loopback only. On a network of your own give it a password.
"""

import json
import os
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

inet_ntop = socket.inet_ntop
from pysyncobj import SyncObj, SyncObjConf, SyncObjException, replicated  # noqa: E402

socket.inet_ntop = inet_ntop  # PySyncObj puts one for Windows in its place, everywhere


class Dictionary(SyncObj):
    """A dictionary whose marked methods go through PySyncObj's Raft log before they run, on every node."""

    def __init__(self, me: str, others: list[str], conf: SyncObjConf) -> None:
        self.data = {}
        super().__init__(me, others, conf)

    @replicated
    def put(self, key, value):
        self.data[key] = value

    @replicated
    def claim(self, key, owner):
        return self.data.setdefault(key, owner) == owner

    @replicated
    def get(self, key):
        return self.data.get(key)


def _serve(port: str, journal: str, times: str, me: str, *others: str) -> None:
    """times: shortest and longest election timeout, and heartbeat, in s."""
    shortest, longest, heartbeat = map(float, times.split(","))
    conf = SyncObjConf(
        journalFile=journal, raftMinTimeout=shortest, raftMaxTimeout=longest, appendEntriesPeriod=heartbeat,
        connectionTimeout=2 * longest, connectionRetryTime=0.1, leaderFallbackTimeout=2 * longest,
        autoTickPeriod=0.005, commandsWaitLeader=False,
        appendEntriesUseBatch=False,  # else a write waits for the next heartbeat
    )  # fmt: skip
    node = Dictionary(me, list(others), conf)

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, reply = 200, _answer(node, self.path, asked)
            except SyncObjException as error:  # no leader, no majority, or too late
                status, reply = 503, {"error": f"not committed: {error.errorCode}"}
            body = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            """Says nothing."""

    ThreadingHTTPServer(("127.0.0.1", int(port)), Gateway).serve_forever()


def _answer(node: Dictionary, path: str, asked: dict) -> dict:
    wait = {"sync": True, "timeout": 5.0}
    if path == "/v3/maintenance/status":
        leader = node.getStatus()["leader"]
        return {"leader": str(leader) if leader else "0", "header": {"member_id": str(node.selfNode)}}
    if path == "/v3/kv/put":
        node.put(asked["key"], asked["value"], **wait)
        return {}
    if path == "/v3/kv/txn":
        put = asked["success"][0]["request_put"]
        return {"succeeded": node.claim(put["key"], put["value"], **wait)}
    value = node.get(asked["key"], **wait)
    return {"kvs": [{"key": asked["key"], "value": value}]} if value is not None else {}


def main() -> None:
    """Write down the process id, then become the node."""
    pid_file, program, *arguments = sys.argv[1:]
    Path(pid_file).write_text(str(os.getpid()))
    if program == "dictionary":
        _serve(*arguments)
    else:
        os.execv(program, [program, *arguments])


if __name__ == "__main__":
    main()
