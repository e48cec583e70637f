"""`make hub` as a command: what it says, what it refuses and in which words, and how it ends."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

import psutil
import pytest
from test_classroom_hub import proxy, wait_for, write_course  # noqa: F401

from coursekit.servers import free_port
from tools import hub, hub_server, load, node
from tools.hub_server import Hub, NoHub, Tls
from tools.learn import is_free

pytestmark = pytest.mark.skipif(os.name == "nt", reason="JupyterHub does not run on Windows")
COMMAND = """
import sys; from pathlib import Path; from tools import hub
hub.HOME = Path(sys.argv[1]); hub.main(sys.argv[2:])
"""


@pytest.fixture
def started(tmp_path) -> Iterator[tuple[subprocess.Popen, Path, list[str]]]:
    """The command, the folder of the class, and the lines that were said."""
    port, course = free_port(), write_course(tmp_path / "course", "print(1)")
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(tmp_path / "hub"), "--one-user"]
        + ["--course", str(course), "--students", "2", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as a script starts it
    )
    yield process, tmp_path / "hub", [process.stdout.readline() for _ in range(6)]
    process.kill()
    process.communicate()


def test_ctrl_c_ends_it_in_one_line_and_leaves_nothing(started):
    process, home, (where, link, names, password, *_) = started
    family, port = psutil.Process(process.pid).children(recursive=True), int(re.search(r":(\d+) ", where)[1])
    os.killpg(process.pid, signal.SIGINT)
    said, wrong = process.communicate(timeout=60)
    assert process.returncode == 0 and said.strip().startswith("The hub is stopped") and not wrong
    assert "student01 to student02" in names
    assert password.split()[-1] == (home / "class-password").read_text().strip()
    assert "git-pull?repo=" in link and is_free(port) and not still_there(family)


def still_there(family: list[psutil.Process]) -> list[psutil.Process]:
    """Those that run; one that has ended and was not fetched yet does not."""
    return [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_a_hub_that_dies_takes_what_it_started_with_it_and_a_second_one_is_refused(started):
    process, home, _ = started
    jupyterhub = int((home / "lock").read_text())
    with pytest.raises(NoHub, match=f"runs already .*; to stop it: kill {jupyterhub}$"):
        hub_server.taken(home / "lock")
    assert wait_for(lambda: len(psutil.Process(jupyterhub).children()) >= 2, within_s=20)  # proxy and culler
    family = psutil.Process(jupyterhub).children(recursive=True)
    wait_for(lambda: False, within_s=2.5)  # the command has looked at them, too
    os.kill(jupyterhub, signal.SIGKILL)
    _, wrong = process.communicate(timeout=60)
    assert process.returncode == 1 and wrong.startswith("make hub: JupyterHub ended by itself")
    assert not still_there(family)


def test_with_a_certificate_the_hub_speaks_tls_and_nothing_else(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl += ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost"]
    subprocess.run([*openssl, "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    tls, course = Tls("localhost", certificate, key), write_course(tmp_path / "course", "print(1)")
    with Hub(tmp_path / "hub", course, free_port(), ["student01"], one_user=True, tls=tls) as running:
        trusting = HTTPSHandler(context=ssl.create_default_context(cafile=certificate))
        with build_opener(ProxyHandler({}), trusting).open(f"{running.url}/hub/login", timeout=10) as page:
            assert page.status == 200 and running.link.startswith(f"https://localhost:{running.port}/")
        with pytest.raises(OSError):
            build_opener(ProxyHandler({})).open(f"http://localhost:{running.port}/hub/login", timeout=10)


def test_without_a_certificate_only_this_machine_sees_the_hub():
    assert [word for word in hub_server.command(8000) if "bind_url" in word and "127.0.0.1" not in word] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--names", "nowhere.txt"], "nowhere.txt cannot be read"),
        (["--host", "hub.example.org"], "--host, --cert and --key go together"),
        (["--host", "hub.example.org", "--cert", "a.pem", "--key", "b.pem"], "there is no file a.pem"),
        (["--students", "0"], "--students goes from 1 to"),
        (["--course", "/"], "there is no notebook in /"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_with_the_way_out(tmp_path, monkeypatch, options, said):
    monkeypatch.setattr(hub, "HOME", tmp_path / "hub")
    with pytest.raises(SystemExit) as ended:
        hub.main(["--one-user", *options])
    assert said in str(ended.value) and "\n" not in str(ended.value)


def test_a_port_that_is_taken_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(NoHub, match=f"port {other.getsockname()[1]} is taken"):
            hub.choose_port(other.getsockname()[1])


def test_without_node_it_says_what_to_install(tmp_path, monkeypatch):
    def missing(*_):
        raise node.NoNode(node.ADVICE)

    monkeypatch.setattr(node, "shop", missing)
    monkeypatch.setattr(hub, "HOME", tmp_path / "hub")
    with pytest.raises(SystemExit, match=r"make hub: install Node\.js"):
        hub.main(["--one-user", "--course", str(write_course(tmp_path / "course", "print(1)"))])


@pytest.mark.parametrize("name", ["Anna", "root;", "../x", "1a", "a" * 21])
def test_a_name_that_could_be_something_else_is_refused(tmp_path, name):
    (tmp_path / "names.txt").write_text(f"ben\n{name}\n")
    with pytest.raises(NoHub, match="a name is up to 20"):
        hub.class_list(None, str(tmp_path / "names.txt"))


def test_the_names_of_before_stay_until_others_are_given(tmp_path):
    before = tmp_path / "students.txt"
    assert hub.class_list(None, None, before)[-1] == "student30"
    before.write_text("anna\nben\n")
    assert hub.class_list(None, None, before) == ["anna", "ben"]
    assert hub.class_list(3, None, before) == ["student01", "student02", "student03"]


def test_a_load_beyond_its_bounds_is_refused():
    with pytest.raises(SystemExit):
        load.options(["--students", "1000"])
    with pytest.raises(SystemExit):
        load.options(["--url", "http://127.0.0.1:1"])


def test_quantiles_are_values_that_were_measured():
    assert load.quantile([3.0, 1.0, 2.0, 4.0], 0.5) == 2.0 and load.quantile([1.0], 0.95) == 1.0
    assert load.quantile(list(map(float, range(1, 101))), 0.95) == 95.0 and load.quantile([], 0.5) is None
