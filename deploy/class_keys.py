"""The file of keys that an instructor hands out, `name,COURSE_MODEL`; and a hub that hands them out itself.

    c.Spawner.pre_spawn_hook = class_keys.hook("/srv/class/keys.csv")     # in jupyterhub_config.py

Needs the standard library alone, so that a hub can import it. The file is for its owner's eyes (mode 0600).
"""

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

COLUMNS = ("name", "COURSE_MODEL")


def names(path: Path) -> list[str]:
    """The students of a class list: the column `name` of a CSV file, or its first. Raises: ValueError."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        head, *rows = [row for row in csv.reader(file) if any(row)] or [[]]
    titles = [title.strip().lower() for title in head]
    place = titles.index("name") if "name" in titles else 0
    rows = rows if "name" in titles else [head, *rows]
    found = [row[place].strip() for row in rows if len(row) > place and row[place].strip()]
    if not found:
        raise ValueError(f"{path} names nobody; write one student a line, below a first line `name`")
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise ValueError(f"{path} names {twice[0]!r} twice; give each student a name of their own")
    if odd := [name for name in found if len(name) > 80 or not name.isprintable()]:
        raise ValueError(f"{path} holds {odd[0][:20]!r}; a name has at most 80 characters, on one line")
    return found


def address(url: str, key: str) -> str:
    """What a student sets as COURSE_MODEL.

    >>> address("http://10.0.0.5:8010/v1", "ak_1_2")
    'http://ak_1_2@10.0.0.5:8010/v1'
    """
    parts = urlsplit(url)
    return parts._replace(netloc=f"{key}@{parts.netloc}").geturl()


def moved(value: str, url: str) -> str:
    """The same key at another address, such as the one that this room gave to the machine.

    >>> moved("http://ak_1_2@10.0.0.5:8010/v1", "http://10.0.9.9:8010/v1")
    'http://ak_1_2@10.0.9.9:8010/v1'
    """
    return address(url, urlsplit(value).username or "")


def read(path: Path) -> dict[str, str]:
    """Student -> COURSE_MODEL."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["name"]: row["COURSE_MODEL"] for row in csv.DictReader(file)}


def write(path: Path, values: dict[str, str]) -> None:
    """All of them; the whole file or nothing."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([COLUMNS, *values.items()])
    private(path, text.getvalue())


def private(path: Path, text: str) -> None:
    """Write a file that nobody but its owner can read, whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    os.replace(draft, path)


def hook(path: str | Path) -> Callable:
    """For JupyterHub: each server gets the COURSE_MODEL of its own user; who has none rehearses."""

    def pre_spawn(spawner) -> None:
        if value := read(Path(path)).get(spawner.user.name):
            spawner.environment = {**spawner.environment, "COURSE_MODEL": value}

    return pre_spawn
