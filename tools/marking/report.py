"""What an instructor reads: a table of all marks, as text and as a page, and marks.csv for a spreadsheet."""

import csv
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

FORMULA = ("=", "+", "-", "@", "\t", "\r")
STYLE = "body{font:15px sans-serif;margin:2em}td,th{padding:.2em .8em;text-align:left;vertical-align:top}"
WALL = "default-src 'none'; style-src 'unsafe-inline'"


class Row(NamedTuple):
    """One exercise of one student."""

    student: str
    chapter: str
    exercise: str
    points: float | None  # None: nobody has read it yet
    of: float
    state: str
    remark: str


def rows(results: dict, grades: dict) -> list[Row]:
    """All marks in their order.   results: found, by student and chapter.   grades: the gradebook."""
    found = []
    for (student, chapter), result in sorted(results.items()):
        in_book = grades.get(student, {}).get(chapter, {})
        for number, one in enumerate(result["exercises"]):
            kept = in_book.get(one["id"], {"points": 0.0, "of": one["of"], "open": False, "manual": False})
            remarks = [one["said"], *one.get("remarks", []), *(result["remarks"] if number == 0 else [])]
            points = None if kept["open"] else kept["points"]
            state = one["state"]
            if state == "to be read" and points is not None:
                state = "read" if kept["manual"] else "not tried"
            remark = "; ".join(filter(None, remarks))
            found.append(Row(student, chapter, one["id"].replace("-", " "), points, one["of"], state, remark))
    return found


def as_text(table: Sequence[Row]) -> str:
    """In columns, each remark cut to what a terminal holds."""
    lines = [("student", "chapter", "exercise", "points", "state", "remark")]
    lines += [
        (row.student, row.chapter, row.exercise, points(row), row.state, one_line(row.remark)[:60])
        for row in table
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join(
        "  ".join([*(part.ljust(width) for part, width in zip(line, widths, strict=False)), line[5]]).rstrip()
        for line in lines
    )


def points(row: Row) -> str:
    return f"{'?' if row.points is None else format(row.points, 'g')} of {row.of:g}"


def one_line(text: str) -> str:
    """Without what would move a terminal's cursor, or a cell's end."""
    return "".join(each if each.isprintable() else " " for each in text)


def as_html(table: Sequence[Row]) -> str:
    heads = "".join(
        f"<th>{name}</th>" for name in ("student", "chapter", "exercise", "points", "state", "remark")
    )
    lines = [
        "".join(
            f"<td>{html.escape(one_line(part))}</td>"
            for part in (row.student, row.chapter, row.exercise, points(row), row.state, row.remark)
        )
        for row in table
    ]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{WALL}">\n'
        f'<meta charset="utf-8">\n<title>Marks</title>\n<style>{STYLE}</style>\n</head>\n'
        "<body>\n<h1>Marks</h1>\n"
        f"<table>\n<tr>{heads}</tr>\n{body}\n</table>\n</body>\n</html>\n"
    )


def as_csv(table: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", "chapter", "exercise", "points", "of", "remark"])
    for row in table:
        remark = f"{row.state}: {row.remark}" if row.remark else row.state
        marks = ["" if row.points is None else format(row.points, "g"), format(row.of, "g")]
        writer.writerow([*map(harmless, (row.student, row.chapter, row.exercise)), *marks, harmless(remark)])
    return text.getvalue()


def harmless(cell: str) -> str:
    """A spreadsheet takes what begins like a formula for one; behind an apostrophe it is text."""
    cell = one_line(cell)
    return f"'{cell}" if cell.lstrip().startswith(FORMULA) else cell


def write(folder: Path, table: Sequence[Row]) -> None:
    for name, text in (
        ("report.txt", as_text(table) + "\n"),
        ("report.html", as_html(table)),
        ("marks.csv", as_csv(table)),
    ):
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
