"""`{syllabus} workshop`: one of the schedules of book/syllabi.yml as a table, a row for each session."""

from course_map import read_chapters
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util.docutils import SphinxDirective
from syllabi import HOME, Share, read_syllabi

COLUMNS = ("", "Session", "In the room", "Prepare", "Hand in", "At home")


class Syllabus(SphinxDirective):
    """`{syllabus} workshop`: what it promises, and a row for each session."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        syllabus = asked(self)
        rows = [self._row(number, one) for number, one in enumerate(syllabus["sessions"], 1)]
        return [self._promise(syllabus), _table(rows, self._sum(syllabus))]

    def _promise(self, syllabus: dict) -> nodes.paragraph:
        made = nodes.paragraph("", "", nodes.strong("", syllabus["promise"]))
        for number, name in enumerate(given := syllabus.get("given", [])):
            made += [nodes.Text(", " if number else " Students know already: "), chapter_link(self.env, name)]
        if given:
            made += nodes.Text(".")
        return made

    def _row(self, number: int, session: dict) -> list[list[nodes.Node]]:
        what = nodes.paragraph("", "", nodes.strong("", session["title"]))
        shares = session["shares"]
        every = [nodes.paragraph("", "", chapter_link(self.env, one.chapter), *part(one)) for one in shares]
        prepare, hand_in = self._said(session["prepare"]), self._said(session["hand_in"])
        minutes = [_text(f"{session[key]} min" if session[key] else "–") for key in ("minutes", "home")]
        return [[_text(str(number))], [what, *every], [minutes[0]], [prepare], [hand_in], [minutes[1]]]

    def _said(self, words: str) -> nodes.paragraph:
        inside, _ = self.state.inline_text(words, self.lineno)
        return nodes.paragraph("", "", *inside)

    def _sum(self, syllabus: dict) -> list[list[nodes.Node]]:
        home = sum(one["home"] for one in syllabus["sessions"])
        said = [
            "",
            f"{len(syllabus['sessions'])} sessions",
            _hours(syllabus["minutes"]),
            "",
            "",
            _hours(home),
        ]
        return [[nodes.paragraph("", "", nodes.strong("", text))] if text else [] for text in said]


def asked(directive: SphinxDirective) -> dict:
    """The schedule that a directive names. Raises: an error that names those that there are."""
    directive.env.note_dependency(HOME)
    made, wanted = read_syllabi(directive.env.srcdir), directive.arguments[0]
    if wanted not in made:
        raise directive.error(f"no syllabus is called {wanted!r}; there are {', '.join(made)}")
    return made[wanted]


def chapter_link(env, name: str) -> nodes.Node:
    """Number and title of a chapter, as a link where the book has it already."""
    chapter = read_chapters(env.srcdir)[f"notebooks/{name}"]
    words = nodes.inline("", f"{chapter['number']}. {chapter['title']}")
    if chapter["page"] not in env.found_docs:
        return words
    where = {"reftarget": f"/{chapter['page']}", "refdoc": env.docname, "refdomain": "std"}
    return pending_xref("", words, reftype="doc", refexplicit=True, **where)


def part(share: Share) -> list[nodes.Node]:
    """Which part of a chapter; nothing for all of it."""
    return [nodes.Text(f", {share.words}")] if share.words else []


def _hours(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return " ".join(f"{number} {unit}" for number, unit in ((hours, "h"), (rest, "min")) if number)


def _text(words: str) -> nodes.paragraph:
    return nodes.paragraph("", "", nodes.Text(words))


def _table(rows: list, last: list) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in COLUMNS), cols=len(COLUMNS))
    group += nodes.thead("", _table_row([[_text(name)] for name in COLUMNS]))
    group += nodes.tbody("", *map(_table_row, [*rows, last]))
    return nodes.table("", group, classes=["syllabus"])


def _table_row(cells: list[list[nodes.Node]]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", *cell) for cell in cells))


def setup(app) -> dict:
    app.add_directive("syllabus", Syllabus)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
