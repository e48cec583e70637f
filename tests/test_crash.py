import time
from pathlib import Path

import pytest

from coursekit import crash
from coursekit.errors import CourseError


def two_steps(path: str) -> None:
    try:
        Path(path, "first").touch()
        crash.boundary("between")
        Path(path, "second").touch()
    finally:
        Path(path, "finally").touch()


def fails(path: str) -> None:
    raise ValueError(path)


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_without_a_boundary_named_the_program_runs_to_its_end(tmp_path):
    assert crash.trial(two_steps, str(tmp_path)) == 0
    assert names(tmp_path) == {"first", "second", "finally"}


def test_a_killed_program_leaves_what_it_wrote_and_cleans_nothing_up(tmp_path):
    assert crash.trial(two_steps, str(tmp_path), kill_at="between") == -9
    assert names(tmp_path) == {"first"}


def test_a_program_that_raises_is_told_from_one_that_was_killed(tmp_path, capfd):
    assert crash.trial(fails, str(tmp_path)) == 1


def test_a_program_that_never_ends_is_stopped_and_named():
    with pytest.raises(CourseError, match=r"sleep was not done after 0\.2 s"):
        crash.trial(time.sleep, 30, timeout_s=0.2)


def test_boundaries_do_nothing_in_this_process():
    crash.boundary("between")
