"""The schedules of book/syllabi.yml, and what is wrong with them: one line, naming the way out.

No schedule names a chapter, a heading or an exercise that there is not, or teaches a chapter before what it
builds on, and its minutes add up. One that promises the whole course leaves out no chapter and no section.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from chapter_cells import headings, read_cells
from sphinx.errors import ExtensionError
from ways import read_catalogue

HOME = "book/syllabi.yml"
FIELDS = {"title", "chapters", "minutes", "home", "prepare", "hand_in"}
EXERCISES = re.compile(r"Exercises? (\d)(?: (and|to) (\d))?")


class Slip(ExtensionError):
    """What is wrong with a schedule; the text names it and the way out."""


@dataclass(frozen=True)
class Share:
    """A chapter in a session, whole or from one heading to another."""

    chapter: str
    begin: str = ""
    end: str = ""

    @property
    def words(self) -> str:
        ends = {"from": self.begin, "to": self.end}
        return " ".join(f"{word} “{heading}”" for word, heading in ends.items() if heading)


@cache
def read_syllabi(source: Path) -> dict[str, dict]:
    """The schedules by their id, `shares` of each session read from its `chapters`. Raises: Slip."""
    made = yaml.safe_load((Path(source) / HOME).read_text(encoding="utf-8"))
    for syllabus in made:
        for number, session in enumerate(syllabus["sessions"], 1):
            if odd := FIELDS ^ session.keys():
                word = "lacks" if min(odd) in FIELDS else "has an unknown"
                raise Slip(f"{_where(syllabus, number)} {word} `{min(odd)}`: a session has {_list(FIELDS)}")
            session["shares"] = [_share(entry, _where(syllabus, number)) for entry in session["chapters"]]
        check(syllabus, Path(source))
    return {syllabus["id"]: syllabus for syllabus in made}


def _share(entry: str | dict, where: str) -> Share:
    if isinstance(entry, str):
        return Share(entry)
    ((chapter, ends),) = entry.items()
    if odd := ends.keys() - {"from", "to"}:
        raise Slip(f"{where}: {chapter} has {min(odd)!r}: a part goes `from` a heading, `to` one, or both")
    return Share(chapter, ends.get("from", ""), ends.get("to", ""))


def check(syllabus: dict, source: Path) -> None:
    """Raises: Slip for the first thing that is wrong."""
    known, before = read_catalogue(source), set(syllabus.get("given", []))
    seen: dict[str, int] = {}  # of each chapter the place of the last heading that was taught
    if unknown := before - known.keys():
        raise Slip(f"{HOME}: {syllabus['id']!r} names {min(unknown)!r}; there are {_list(known)}")
    for number, session in enumerate(syllabus["sessions"], 1):
        where = _where(syllabus, number)
        for share in session["shares"]:
            if share.chapter not in known:
                raise Slip(f"{where} names {share.chapter!r}; there are {_list(known)}")
            if late := set(known[share.chapter]["needs"]) - before:
                way_out = "teach it before, or name it in `given`"
                raise Slip(f"{where}: {share.chapter} needs {min(late)}: {way_out}")
            _follow(where, share, seen, source, whole=syllabus.get("whole", False))
            before.add(share.chapter)
        _exercises(where, session, source)
    _sums(syllabus, seen, known, source)


@cache
def _headings(source: Path, chapter: str) -> list[str]:
    """The sections of a chapter, without what is below them."""
    cells = read_cells(Path(source) / "notebooks" / f"{chapter}.ipynb")
    lines = {line for cell in cells if cell.kind == "markdown" for line in cell.source.splitlines()}
    return [heading for heading in headings(cells) if f"## {heading}" in lines]


def _range(where: str, share: Share, source: Path) -> tuple[int, int]:
    """The places of a share's first and last heading."""
    every = _headings(source, share.chapter)
    for heading in filter(None, (share.begin, share.end)):
        if heading not in every:
            raise Slip(f"{where}: {share.chapter} has no heading {heading!r}; there are {_list(every)}")
    begin = every.index(share.begin) if share.begin else 0
    end = every.index(share.end) if share.end else len(every) - 1
    if begin > end:
        raise Slip(f"{where}: {share.begin!r} comes after {share.end!r}: change the two")
    return begin, end


def _follow(where: str, share: Share, seen: dict[str, int], source: Path, *, whole: bool) -> None:
    """A share begins after the one before it; in a whole course right after it."""
    begin, end = _range(where, share, source)
    every, after = _headings(source, share.chapter), seen.get(share.chapter, -1) + 1
    if begin < after:
        raise Slip(f"{where}: {share.chapter} was taught to {every[after - 1]!r}: begin with what follows")
    if whole and begin > after:
        raise Slip(f"{where}: {share.chapter} leaves {every[after]!r} out: begin there")
    seen[share.chapter] = end


def _exercises(where: str, session: dict, source: Path) -> None:
    """What is handed in was taught in the same session."""
    there = set()
    for share in session["shares"]:
        begin, end = _range(where, share, source)
        there |= {heading.partition(":")[0] for heading in _headings(source, share.chapter)[begin : end + 1]}
    for first, _, last in EXERCISES.findall(session["hand_in"]):
        for number in sorted({first, last or first}):
            if f"Exercise {number}" not in there:
                raise Slip(f"{where} asks for Exercise {number}, which is not among what it teaches")


def _sums(syllabus: dict, seen: dict, known: dict, source: Path) -> None:
    name, sessions = f"{HOME}: {syllabus['id']!r}", syllabus["sessions"]
    if (room := sum(one["minutes"] for one in sessions)) != syllabus["minutes"]:
        raise Slip(
            f"{name} says {syllabus['minutes']} minutes, its sessions have {room}: correct one of them"
        )
    if not syllabus.get("whole"):
        return
    if missing := known.keys() - seen.keys():
        raise Slip(f"{name} promises the whole course and leaves {min(missing)} out: add it")
    for chapter, at in seen.items():
        if rest := _headings(source, chapter)[at + 1 :]:
            raise Slip(f"{name} never teaches {rest[0]!r} of {chapter}, nor what follows: add it")
    takes = sum(chapter["takes_min"] for chapter in known.values())
    if (planned := room + sum(one["home"] for one in sessions)) < takes:
        raise Slip(f"{name} plans {planned} minutes, its chapters take {takes}: give more time at home")


def _where(syllabus: dict, number: int) -> str:
    return f"{HOME}: session {number} of {syllabus['id']!r}"


def _list(names) -> str:
    return ", ".join(sorted(names) if isinstance(names, set) else names)
