"""What comes in: files of strangers, so names and sizes are looked at before anything else.

submitted/STUDENT/CHAPTER/CHAPTER.ipynb     where nbgrader looks, and we
STUDENT_CHAPTER.ipynb, STUDENT/CHAPTER.ipynb   in a folder that a learning management system exported
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

MOST_BYTES = 20 * 2**20
STUDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Submission(NamedTuple):
    """One notebook that came in, or why it is not looked at."""

    student: str
    chapter: str
    path: Path
    refused: str = ""


class Refused(Exception):
    """A file that is not taken; the text says why."""


def content(path: Path) -> bytes:
    """The bytes of a plain file that is not too large. Raises: Refused."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise Refused(
            "a link, not a file" if path.is_symlink() else f"cannot be read: {error.strerror}"
        ) from None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Refused("not a plain file")
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Refused(
            f"{max(found.st_size, len(data)) / 2**20:.0f} MB; at most {MOST_BYTES // 2**20} are taken"
        )
    return data


def submissions(folder: Path, chapters: Sequence[str]) -> Iterator[Submission]:
    """All that lies in nbgrader's folder `submitted`, in its order."""
    for student in folders(folder / "submitted"):
        for chapter in folders(student):
            path = chapter / f"{chapter.name}.ipynb"
            yield Submission(student.name, chapter.name, path, wrong(student, chapter, path, chapters))


def wrong(student: Path, chapter: Path, path: Path, chapters: Sequence[str]) -> str:
    """Why this is not looked at, or nothing."""
    if not STUDENT.fullmatch(student.name):
        return "not a name: letters, digits and . _ @ - are taken"
    if chapter.name not in chapters:
        return f"no such assignment; there is {', '.join(chapters)}"
    if student.is_symlink() or chapter.is_symlink():
        return "a link, not a folder"
    return "" if os.path.lexists(path) else f"no {path.name} in it"


def folders(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.is_dir() or path.is_symlink())


def collect(source: Path, folder: Path, chapters: Sequence[str]) -> tuple[int, list[str]]:
    """Take over what a learning management system exported. Returns how many, and what was refused."""
    taken, refused = 0, []
    for path in exported(source):
        try:
            student, chapter = owner(path.relative_to(source), chapters)
            data = content(path)
        except Refused as why:
            refused.append(f"{str(path.relative_to(source))!r}: {why}")
            continue
        place = folder / "submitted" / student / chapter / f"{chapter}.ipynb"
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists() or place.read_bytes() != data:
            place.write_bytes(data)
        taken += 1
    return taken, refused


def exported(source: Path) -> Iterator[Path]:
    """Files in the folder and in those right below it; no link is followed."""
    for path in sorted(source.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from sorted(path.iterdir())
        else:
            yield path


def owner(path: Path, chapters: Sequence[str]) -> tuple[str, str]:
    """Whose it is, and of which chapter. Raises: Refused."""
    name = path.name.removesuffix(".ipynb")
    student = path.parent.name or next(
        (name.removesuffix(f"_{chapter}") for chapter in chapters if name.endswith(f"_{chapter}")), ""
    )
    chapter = name.removeprefix(f"{student}_")
    if chapter not in chapters or not path.name.endswith(".ipynb"):
        raise Refused(
            "neither STUDENT_CHAPTER.ipynb nor STUDENT/CHAPTER.ipynb of a chapter that was handed out"
        )
    if not STUDENT.fullmatch(student):
        raise Refused("the student's name may have letters, digits and . _ @ -")
    return student, chapter
