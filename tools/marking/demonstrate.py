"""`make marks ARGS=--hostile`: mark one submission of each hostile kind, and look for harm after each.

What is found is kept in book/marking.json, from which the tables of book/marking.md are written.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tools.marking import attacks, course, hostile
from tools.marking.collect import Submission
from tools.marking.exercises import assignment
from tools.page import put
from tools.project import ROOT

RECORD = ROOT / "book" / "marking.json"
PAGE = ROOT / "book" / "marking.md"
TIMED = ("01", "03", "13")  # chapters whose times the page tells


def run(folder: Path, mark_all) -> tuple[list[dict], list]:
    """Mark every hostile submission of a small assignment.   mark_all: of tools/marks.py.

    Returns a row for each, and the table of marks.
    """
    if not course.chapters(folder):
        course.make(folder, {hostile.CHAPTER: hostile.specimen()})
    found = {}
    before = treasures(folder)
    with hostile.listener() as (port, came):
        for one in attacks.hostiles():
            hostile.hand_in(folder, one, port)

        def after(each: Submission, result: dict) -> None:
            found[each.student] = result, list(harms(folder, before, came))

        table = mark_all(folder, limits=hostile.LIMITS, after=after)
    return [row(one, *found[one.name]) for one in attacks.hostiles()], table


def treasures(folder: Path) -> str:
    """What the submissions are after, in short: the course, the assignment, its solutions."""
    files = [*(ROOT / "coursekit").glob("*.py"), *folder.glob("source/*/*"), *folder.glob("release/*/*")]
    whole = b"".join(str(path).encode() + path.read_bytes() for path in sorted(files))
    return hashlib.sha256(whole).hexdigest()


def harms(folder: Path, before: str, came: list) -> Iterator[str]:
    """What a submission has done to this machine: nothing, if the walls hold."""
    if treasures(folder) != before:
        yield "files were changed"
    if came:
        yield f"{len(came)} connections came out"
    if list(Path("/tmp").glob(f"{course.room(folder)}*")):
        yield "files were left behind"
    if any(course.room(folder).encode() in line for line in command_lines()):
        yield "a process was left behind"
    with sqlite3.connect(folder / "gradebook.db") as gradebook:
        if gradebook.execute("pragma integrity_check").fetchone() != ("ok",):
            yield "the gradebook is broken"


def command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue


def row(one: attacks.Hostile, result: dict, harm: list[str]) -> dict:
    """What one tried, what came of it, and how it was marked; the same in every run."""
    first, second, _ = result["exercises"]
    happened = [second["state"], *result["remarks"], *second.get("remarks", [])]
    return {
        "name": one.name,
        "tries": one.tries,
        "happened": "; ".join(dict.fromkeys(happened)),
        "points": " and ".join("1" if each["state"] == "right" else "0" for each in (first, second)),
        "harm": ", ".join(harm) or "none",
    }


def as_markdown(rows: list[dict]) -> str:
    lines = [f"| {row['tries']} | {row['happened']} | {row['points']} | {row['harm']} |" for row in rows]
    heads = ["| the submission | what happened | points | harm |", "|---|---|---|---|"]
    return "\n".join([*heads, *lines]) + "\n"


def times(rows: list[dict]) -> str:
    """What marking costs in some chapters."""
    chapters = {row["chapter"]: row for row in rows if row["chapter"].startswith(TIMED) and "cpu_s" in row}
    heads = ["| chapter | cells that are run | seconds of one core |", "|---|---|---|"]
    lines = [
        f"| {row['chapter'][:2]} | {row['cells']} of {cells(row['chapter'])} | {row['cpu_s']:.0f} |"
        for row in chapters.values()
    ]
    return "\n".join([*heads, *lines]) + "\n"


def cells(chapter: str) -> int:
    """Cells of code in an assignment."""
    made = assignment(course.read(ROOT / "notebooks" / f"{chapter}.ipynb"), chapter)
    return sum(cell.cell_type == "code" for cell in made.cells)


def as_text(rows: list[dict]) -> str:
    wide = max(len(row["tries"]) for row in rows)
    most = max(len(row["happened"]) for row in rows)
    return "\n".join(
        f"{row['tries']:{wide}}  {row['happened']:{most}}  {row['points']:7}  harm: {row['harm']}"
        for row in rows
    )


WRITTEN = {"hostile": as_markdown, "chapters": times}


def stored(what: str) -> list[dict]:
    return json.loads(RECORD.read_text(encoding="utf-8"))[what]


def keep(what: str, rows: list[dict]) -> None:
    """Store rows under a name, and write the page's table of them anew."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    record[what] = rows
    RECORD.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(put(page, what, WRITTEN[what](rows).rstrip()), encoding="utf-8")
