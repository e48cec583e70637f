"""Real sources, and data whose secrets are known."""

import sqlite3

import httpx
import numpy as np
import pytest

from coursekit import web
from coursekit.team_sources import (
    HOURS,
    SERVICES,
    from_csv,
    from_http,
    from_sqlite,
    history,
    log_lines,
    numbers_service,
)


def test_a_file_is_read_at_the_time_of_the_question(tmp_path):
    source = from_csv(tmp_path / "d.csv")
    with pytest.raises(FileNotFoundError):
        source({})
    (tmp_path / "d.csv").write_text("hour,deploy\n3,x\n")
    assert source({}) == [{"hour": 3, "deploy": "x"}]


def test_a_table_is_read_from_the_hour_asked():
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE load (hour INTEGER, requests INTEGER)")
    base.executemany("INSERT INTO load VALUES (?, ?)", [(h, 10 * h) for h in range(5)])
    assert from_sqlite(base)({"since": 3}) == [{"hour": 3, "requests": 30}, {"hour": 4, "requests": 40}]
    assert len(from_sqlite(base)({})) == 5


def test_a_service_answers_or_its_refusal_is_raised():
    rows = history(3)
    with web.serve(numbers_service(rows), "numbers") as site:
        said = from_http(site.url + "/errors")({})
        assert said == [{"hour": row["hour"], "errors": row["errors"]} for row in rows]
        with pytest.raises(httpx.HTTPStatusError, match="503"):
            from_http(site.url + "/broken")({})


def test_the_bad_hour_stands_out_and_the_load_grows():
    rows = history(4)
    errors, load = ([row[what] for row in rows] for what in ("errors", "requests"))
    assert len(rows) == HOURS and np.argmax(errors) == 70
    days = [sum(load[d : d + 24]) for d in range(0, HOURS, 24)]
    assert days == sorted(days) and history(4) == rows


def test_calls_in_the_log_open_once_and_close_after_they_open():
    opened, closed = [], []
    for line in log_lines(5):
        first, second = line.split()
        if first == "open":
            opened.append(second)
        elif first == "close":
            assert second in opened
            closed.append(second)
        else:
            assert first in SERVICES and second == "ERROR"
    assert len(set(opened)) == len(opened) and len(set(closed)) == len(closed) < len(opened)
