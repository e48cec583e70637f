"""`make marks`: mark what lies in _build/marking/submitted, each submission in a sandbox of its own.

    make marks ARGS="--collect FOLDER"    first take over files STUDENT_CHAPTER.ipynb or STUDENT/CHAPTER.ipynb
    make marks ARGS=--anew                mark also what is marked already
    make marks ARGS="--cell-s 120"        let a cell take two minutes, and a notebook ten times as long
    make marks ARGS=--hostile             show what hostile submissions do, and that it does no harm
    make marks ARGS="--prove 01"          mark the solutions and the stubs of a chapter, or of all

What is marked stays marked until another file comes in, or another assignment. Then _build/marking holds the
table (report.txt, report.html), marks.csv, and a page of `feedback` for each student.
"""

import argparse
import hashlib
import json
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tqdm import tqdm

from tools.marking import collect, course, demonstrate, prove, report, sandbox
from tools.marking.collect import Submission
from tools.project import ROOT, notebooks

RULES = b"".join(path.read_bytes() for path in sorted((ROOT / "tools" / "marking").glob("*.py")))


def mark_all(
    folder: Path,
    *,
    anew: bool = False,
    limits: dict | None = None,
    after: Callable[[Submission, dict], None] = lambda *_: None,
) -> list[report.Row]:
    """Mark what has come in and is not marked yet, and write the reports.   after: called with each result.

    Raises: course.Failed.
    """
    chapters = course.chapters(folder)
    found = list(collect.submissions(folder, chapters))
    keys = {each: key(folder, each) for each in found}
    todo = [each for each in found if anew or stored(folder, each).get("key") != keys[each]]
    right = {}
    for each in tqdm(todo, desc="marks", unit=" submissions", leave=False, disable=None):
        result = one(folder, each, right, limits)
        keep(folder, each, result | {"key": keys[each]})
        after(each, result)
    results = {(each.student, each.chapter): stored(folder, each) for each in found}
    table = report.rows(results, course.ask({"task": "grades", "course": str(folder)}))
    report.write(folder, table)
    return table


def one(folder: Path, each: Submission, right: dict, limits: dict | None) -> dict:
    """What is found in one submission; that it cannot be marked is one too.   right: by chapter."""
    why = each.refused
    try:
        if not why:
            collect.content(each.path)
            if each.chapter not in right:
                right[each.chapter] = course.reference(folder, each.chapter, secrets.token_hex(16), limits)
            return course.mark(folder, each.student, each.chapter, each.path, right[each.chapter], limits)
    except (collect.Refused, course.Failed) as error:
        why = str(error)
    return refused(folder, each.chapter, why)


def refused(folder: Path, chapter: str, why: str) -> dict:
    """No points for any exercise, and why."""
    path = folder / "release" / chapter / f"{chapter}.ipynb"
    cells = course.read(path).cells if path.exists() else []
    known = [cell.metadata.nbgrader for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")]
    rows = [{"id": one.grade_id, "of": one.points, "state": "refused", "said": ""} for one in known]
    return {"exercises": rows or [{"id": "-", "of": 0, "state": "refused", "said": ""}], "remarks": [why]}


def key(folder: Path, each: Submission) -> str:
    """Another file, another assignment or other rules of marking have another key."""
    try:
        data = collect.content(each.path)
    except collect.Refused as why:
        data = str(why).encode()
    release = folder / "release" / each.chapter / f"{each.chapter}.ipynb"
    parts = [data, release.read_bytes() if release.exists() else b"", RULES]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def place(folder: Path, each: Submission) -> Path:
    name = hashlib.sha256(f"{each.student}/{each.chapter}".encode("utf-8", "replace")).hexdigest()
    return folder / "results" / f"{name[:32]}.json"


def stored(folder: Path, each: Submission) -> dict:
    path = place(folder, each)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def keep(folder: Path, each: Submission, result: dict) -> None:
    path = place(folder, each)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1), encoding="utf-8")


def said(table: Iterable[report.Row]) -> str:
    table = list(table)
    students = {row.student for row in table}
    unread = sum(row.points is None for row in table)
    more = f", {unread} answers wait for a reader" if unread else ""
    return f"{len(students)} student{'s' if len(students) != 1 else ''} marked{more}: see "


def main(arguments: list[str] | None = None) -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="make marks", description=__doc__, formatter_class=raw)
    parser.add_argument("--collect", type=Path, metavar="FOLDER", help="take over what an LMS exported")
    parser.add_argument("--anew", action="store_true", help="mark also what is marked already")
    parser.add_argument("--hostile", action="store_true", help="show that hostile submissions do no harm")
    parser.add_argument("--prove", nargs="*", metavar="01", help="solutions get full marks, stubs none")
    parser.add_argument("--cell-s", type=int, default=60, metavar="N", help="seconds a cell may take (60)")
    given = parser.parse_args(arguments)
    task = show_hostile if given.hostile else prove_all if given.prove is not None else work
    try:
        sandbox.ensure()
        course.ready()
        return task(given)
    except (sandbox.NoRoom, course.Failed) as error:
        sys.exit(f"make marks: {error}")


def work(given: argparse.Namespace) -> int:
    folder = course.FOLDER
    if not course.chapters(folder):
        sys.exit("make marks: nothing was handed out from here; begin with make assignments")
    if given.collect:
        if not given.collect.is_dir():
            sys.exit(f"make marks: {str(given.collect)!r} is no folder")
        number, strange = collect.collect(given.collect, folder, course.chapters(folder))
        for line in strange:
            print(f"refused {report.one_line(line)}")
        print(f"{number} taken over, {len(strange)} refused")
    limits = {"cell_s": given.cell_s, "notebook_s": 10 * given.cell_s}
    table = mark_all(folder, anew=given.anew, limits=limits)
    if not table:
        sys.exit(
            f"make marks: nothing has come in; submissions belong in {folder.relative_to(ROOT)}/submitted"
        )
    print(report.as_text(table))
    print(f"{said(table)}{folder.relative_to(ROOT)}/report.html, marks.csv and feedback/")
    return 0


def show_hostile(_: argparse.Namespace) -> int:
    folder = fresh("marking-hostile")
    found, _ = demonstrate.run(folder, mark_all)
    demonstrate.keep("hostile", found)
    print(demonstrate.as_text(found))
    harmful = [row["name"] for row in found if row["harm"] != "none"]
    print(f"{len(found)} hostile submissions, harm done by {', '.join(harmful) or 'none'}")
    return 1 if harmful else 0


def prove_all(given: argparse.Namespace) -> int:
    folder = fresh("marking-proof")
    try:
        paths = notebooks(given.prove)
    except ValueError as error:
        sys.exit(f"make marks: {error}")
    course.make(folder, {path.stem: course.read(path) for path in paths})
    found = []
    for path in tqdm(paths, desc="chapters", leave=False, disable=None):
        rows = list(prove.prove(folder, path.stem))
        kept = [row for row in demonstrate.stored("chapters") if row["chapter"] != path.stem]
        demonstrate.keep("chapters", sorted(kept + rows, key=lambda row: (row["chapter"], row["exercise"])))
        found += rows
    bad = [row for row in found if (row["solution"], row["stub"]) != ("right", "not tried")]
    for row in bad:
        print(f"{row['chapter']} {row['exercise']}: solution {row['solution']}, stub {row['stub']}")
    print(
        f"{len(found) - len(bad)} of {len(found)} exercises: full marks for the solution, none for the stub"
    )
    return 1 if bad else 0


def fresh(name: str) -> Path:
    """An empty folder of this name under _build."""
    folder = ROOT / "_build" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
