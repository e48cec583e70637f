"""The embedded Redis: real, guarded by a password, gone with its process."""

import subprocess
import sys
import time

import pytest
import redis

from coursekit import valkey
from coursekit.errors import CourseError
from tools.project import ROOT


def test_what_is_set_can_be_got_as_text_and_expires():
    client = valkey.client()
    client.set("greeting", "grüß dich", px=50)
    assert client.get("greeting") == "grüß dich"
    time.sleep(0.08)
    assert client.get("greeting") is None


def test_nobody_enters_without_the_password():
    port = redis.connection.parse_url(valkey.url())["port"]
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=port).get("greeting")


def test_a_server_that_was_stopped_is_replaced():
    valkey.client().set("old", 1)
    valkey._own["server"].stop()
    assert valkey.client().get("old") is None


def test_it_ends_with_its_process_and_leaves_no_file(tmp_path):
    code = "from coursekit import valkey; print(valkey.url(), flush=True); import os; os.kill(os.getpid(), 9)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"TMPDIR": str(tmp_path)}, capture_output=True, text=True
    )
    url = done.stdout.strip()
    assert url.startswith("redis://")
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            redis.Redis.from_url(url).ping()
        except redis.ConnectionError:
            break
        time.sleep(0.05)
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(url).ping()
    assert list(tmp_path.iterdir()) == []


def test_a_server_of_ones_own_is_used_or_missed_in_one_line_without_its_password(monkeypatch):
    own = valkey.url()
    monkeypatch.setenv("REDIS_URL", own)
    assert valkey.url() == own
    monkeypatch.setenv("REDIS_URL", "redis://:secret@127.0.0.1:9/0")
    with pytest.raises(CourseError, match="no Redis answers at REDIS_URL") as caught:
        valkey.client()
    assert "secret" not in str(caught.value)
