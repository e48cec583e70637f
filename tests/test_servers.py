import os
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace
from urllib.request import urlopen

import pytest

from coursekit import servers

WEB = [
    sys.executable,
    "-m",
    "http.server",
    "{port}",
    "--bind",
    "127.0.0.1",
    "--directory",
    os.path.dirname(__file__),
]


def gone(port, within_s=8):
    """Does the port stop answering in time?"""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_a_server_answers_when_start_returns_and_is_gone_after_stop():
    server = servers.start("web", WEB, path="/")
    with urlopen(server.url) as reply:
        assert reply.status == 200
    assert server.url.startswith("http://127.0.0.1:") and server.alive
    server.stop()
    server.stop()
    assert gone(server.port, within_s=1) and not server.alive


def test_a_second_server_of_the_same_name_replaces_the_first():
    first = servers.start("web", WEB)
    with servers.start("web", WEB) as second:
        assert not first.alive and second.alive
    assert gone(second.port)


def test_a_probe_that_meets_itself_is_no_answer_and_leaves_the_port_free(monkeypatch):
    """The system may give a free port to the very connection that asks whether somebody listens there."""
    address = ("127.0.0.1", servers.free_port())
    connect = socket.create_connection
    itself = lambda where, timeout: connect(where, timeout, source_address=where)
    monkeypatch.setattr(servers.socket, "create_connection", itself)
    assert not servers._answers(SimpleNamespace(host=address[0], port=address[1]), None)
    with socket.socket() as free:
        free.bind(address)


OWNER = """
import os, sys, time
from coursekit import servers
print(servers.start("web", {command!r}).port, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_server_is_gone_however_its_owner_ends(number):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(command=WEB)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    port = int(owner.stdout.readline())
    owner.send_signal(number)
    owner.wait(timeout=10)
    owner.stdout.close()
    assert gone(port)


def test_a_server_that_ignores_the_polite_request_is_ended_all_the_same():
    stubborn = (
        "import signal, sys, http.server as web; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "web.HTTPServer(('127.0.0.1', int(sys.argv[1])), web.BaseHTTPRequestHandler).serve_forever()"
    )
    server = servers.start("stubborn", [sys.executable, "-c", stubborn, "{port}"])
    server.stop()
    assert gone(server.port)


def test_a_server_that_ends_at_once_is_reported_with_its_last_words():
    with pytest.raises(servers.ServerError, match=r"broken ended at once.*no such colour"):
        servers.start("broken", [sys.executable, "-c", "raise SystemExit('no such colour')"])


def test_a_server_that_stays_silent_is_reported_and_ended():
    with pytest.raises(servers.ServerError, match=r"silent did not answer within 0.5 s"):
        servers.start("silent", [sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=0.5)


def test_a_command_that_does_not_exist_is_reported():
    with pytest.raises(servers.ServerError, match="no-such-program"):
        servers.start("missing", ["no-such-program"])
