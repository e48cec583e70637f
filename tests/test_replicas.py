import os
import subprocess
import sys
import time

import pytest

from coursekit import replicas
from coursekit.errors import CourseError

posix = pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
PATIENCE_S = 10  # a busy machine may be slow to commit
KINDS = [kind for kind in replicas.KINDS if kind != "etcd" or replicas.etcd_binary()]


@pytest.fixture(scope="module", params=KINDS)
def cluster(request):
    with replicas.Replicas(request.param) as three:
        yield three


def soon(ask, expected, within_s=20):
    deadline = time.monotonic() + within_s
    while (answer := ask()) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer == expected


def test_what_is_put_at_one_node_is_got_at_every_other(cluster):
    for at in cluster.nodes:
        assert cluster.put(f"from {at}", "Dürüm & co", at=at, timeout_s=PATIENCE_S)
    for at in cluster.nodes:
        got = [cluster.get(f"from {name}", at=at, timeout_s=PATIENCE_S) for name in cluster.nodes]
        assert set(got) == {"Dürüm & co"}
    assert cluster.get("never put") is None


def test_of_three_claims_one_wins_and_all_nodes_say_which(cluster):
    claims = zip("abc", cluster.nodes, strict=True)
    won = [cluster.claim("lead", who, at=at, timeout_s=PATIENCE_S) for who, at in claims]
    assert won == [True, False, False]
    assert {cluster.get("lead", at=at, timeout_s=PATIENCE_S) for at in cluster.nodes} == {"a"}


@posix
def test_a_killed_leader_is_replaced_comes_back_and_a_lone_survivor_refuses(cluster):
    assert cluster.put("before", "1", timeout_s=PATIENCE_S)
    old = cluster.wait_for_leader()
    cluster.kill(old)
    assert soon(lambda: cluster.put("after", "2"), True)
    assert cluster.get("before") == "1" and cluster.wait_for_leader() != old
    second = next(iter(cluster.nodes))
    cluster.kill(second)
    assert not cluster.put("alone", "3") and cluster.get("before") is None
    cluster.start(second)
    cluster.start(old)
    assert soon(lambda: cluster.get("after", at=old), "2") and soon(
        lambda: cluster.get("before", at=second), "1"
    )


def test_a_node_that_does_not_run_is_named(cluster):
    with pytest.raises(ValueError, match=r"no node n9 is running; there is n\d"):
        cluster.put("key", "value", at="n9")
    with pytest.raises(ValueError, match="n9"):
        cluster.kill("n9")


def test_a_cluster_of_an_unknown_kind_is_refused_and_leaves_nothing_behind():
    with pytest.raises(CourseError, match=r"no cluster of 'zookeeper': there is pysyncobj and etcd"):
        replicas.Replicas("zookeeper")


def test_without_its_binary_etcd_is_refused_in_words(monkeypatch):
    monkeypatch.setenv("ETCD_BIN", "/no/such/etcd")
    assert replicas.etcd_binary() is None
    with pytest.raises(CourseError, match="etcd is not installed here"):
        replicas.Replicas("etcd")


def test_after_stop_no_port_answers_and_no_file_is_left():
    with replicas.Replicas() as cluster:
        folder, ports = cluster.folder, [node.port for node in cluster.nodes.values()]
        assert folder.exists() and cluster.put("a", "b")
    assert not folder.exists() and cluster.put("a", "b") is False
    listening = subprocess.run(
        [sys.executable, "-c", "import socket, sys\nfor port in sys.argv[1:]:\n"
         "    print(socket.socket().connect_ex(('127.0.0.1', int(port))))", *map(str, ports)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "0" not in listening.stdout.split()
