"""`{reading} workshop`: what to read for each session of a schedule, and the sources of its chapters.

Both come from the notebooks: the minutes from the words and lines between the headings that a session covers,
the sources from what stands under "Where this comes from" of each chapter that the session completes.
"""

import re
from functools import cache
from pathlib import Path

from chapter_cells import read_cells
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective
from syllabi import Share
from syllabus import asked, chapter_link, part

from coursekit.catalogue import LINES_PER_MINUTE, WORDS_PER_MINUTE

SOURCES = "Where this comes from"


class Reading(SphinxDirective):
    """`{reading} workshop`: a list for each session, its sources below it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        every = enumerate(asked(self)["sessions"], 1)
        return [node for number, session in every for node in self._session(number, session)]

    def _session(self, number: int, session: dict) -> list[nodes.Node]:
        source = Path(self.env.srcdir)
        found: list[nodes.Node] = [nodes.rubric("", f"{number}. {session['title']}")]
        for share in session["shares"]:
            took = nodes.Text(f": {minutes(source, share)} minutes to read")
            found.append(nodes.paragraph("", "", chapter_link(self.env, share.chapter), *part(share), took))
            if not share.end:
                found += self._sources(source, share.chapter)
        return found

    def _sources(self, source: Path, chapter: str) -> list[nodes.Node]:
        self.env.note_dependency(f"notebooks/{chapter}.ipynb")
        lines = StringList(sources(source, chapter), f"notebooks/{chapter}.ipynb")
        box = nodes.container(classes=["sources"])
        self.state.nested_parse(lines, 0, box)
        return box.children


def minutes(source: Path, share: Share) -> int:
    """Minutes to read a share of a chapter: its prose, and the code that everybody sees."""
    parts = sections(source, share.chapter)
    titles = [title for title, _, _ in parts]
    begin = titles.index(share.begin) if share.begin else 0
    end = titles.index(share.end) + 1 if share.end else len(parts)
    read = sum(words / WORDS_PER_MINUTE + lines / LINES_PER_MINUTE for _, words, lines in parts[begin:end])
    return max(1, round(read))


@cache
def sections(source: Path, chapter: str) -> list[tuple[str, int, int]]:
    """Title, words and lines of code of each section; what stands above the first heading has no title."""
    found = [["", 0, 0]]
    for cell in read_cells(source / "notebooks" / f"{chapter}.ipynb"):
        if cell.kind == "code":
            found[-1][2] += (
                0 if "solution" in cell.tags else sum(map(bool, map(str.strip, cell.source.splitlines())))
            )
            continue
        for text in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
            if text.startswith("## "):
                found.append([text.splitlines()[0][3:], 0, 0])
            found[-1][1] += len(text.split())
    return [tuple(one) for one in found]


def sources(source: Path, chapter: str) -> list[str]:
    """The items under "Where this comes from", their links as they lead from a page of the book."""
    cells = read_cells(source / "notebooks" / f"{chapter}.ipynb")
    text = next(cell.source for cell in cells if f"## {SOURCES}" in cell.source.splitlines())
    listed = text.partition(f"## {SOURCES}\n")[2].partition("\n## ")[0]
    items = [line for line in listed.splitlines() if line.startswith("- ")]
    return [re.sub(r"\]\((\d\d_\w+\.ipynb)", r"](../notebooks/\1", item) for item in items]


def setup(app) -> dict:
    app.add_directive("reading", Reading)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
