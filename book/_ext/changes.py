"""What changed, chapter by chapter: book/changes.yml, read and checked."""

from datetime import date
from pathlib import Path

import yaml

HOME = "book/changes.yml"


def read(source: Path) -> list[dict]:
    """All changes, newest first, each with its `date`, the `chapters` it touched and `what` it was."""
    path = Path(source) / HOME
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else []


def sound(source: Path, chapters: set[str]) -> list[dict]:
    """Those in which nothing is wrong, newest first; the others stop the build in another place."""
    kept = [one for one in read(source) if not slips([one], chapters)]
    return sorted(kept, key=lambda one: one["date"], reverse=True)


def slips(changes: list[dict], chapters: set[str]) -> list[str]:
    """What is wrong with them, one line each, if `chapters` are all that there are."""
    return [
        f"entry {number}: {slip}" for number, one in enumerate(changes, 1) for slip in _slips(one, chapters)
    ]


def _slips(one: dict, chapters: set[str]) -> list[str]:
    found = []
    if type(one.get("date")) is not date:
        found.append(f"the date {one.get('date')!r} is none: write it as 2026-11-29")
    if not isinstance(one.get("what"), str):
        found.append(f"`what` is {one.get('what')!r}: say in one sentence what changed")
    listed = one.get("chapters")
    if not isinstance(listed, list) or not listed:
        found.append(f"`chapters` is {listed!r}: list the names of the chapters that changed")
    else:
        unknown = [name for name in listed if name not in chapters]
        found += [f"no chapter is called {name!r}: take its name from book/chapters.yml" for name in unknown]
    return found


def of(name: str, changes: list[dict]) -> list[dict]:
    """The changes of one chapter, newest first; the last one is its first appearance."""
    mine = [one for one in changes if name in one["chapters"]]
    return sorted(mine, key=lambda one: one["date"], reverse=True)
