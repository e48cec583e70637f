"""Learning in the page: a guess before an output, hints one by one, and questions at the end of a chapter.

All of it is in the page's own markup, so that it can be read without JavaScript and printed; learning.js only
opens, judges and remembers. Guesses and questions stand in book/learning, hints in the notebook's own checks.
"""

import re
from datetime import date
from functools import cache
from itertools import takewhile
from pathlib import Path

import changes
import course_map
import jinja2
import question_slips
import questions
from chapter_cells import Cell, headings, hints, plain, read_cells
from docutils import nodes
from inline import inline
from markupsafe import Markup
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

_log = logging.getLogger(__name__)
_EXERCISE = re.compile(r"Exercise (\d+)\b")
LAST = "What you now know"  # the quiz stands before it; where it is missing, before the last section
HOME = "book/progress"
OUTPUT = "<!-- the output -->"


@cache
def _templates(source: str) -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(source) / "book" / "_templates" / "learning")
    made = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    made.filters["inline"] = inline
    return made


def _text(env, template: str, **values) -> str:
    return _templates(str(env.srcdir)).get_template(template).render(values)


def _made(env, template: str, **values) -> nodes.raw:
    return nodes.raw("", _text(env, template, **values), format="html")


class Learn(SphinxTransform):
    """Puts guesses, hints, ticks of exercises and the quiz into a chapter, before its sections are listed."""

    default_priority = 400

    def apply(self, **kwargs) -> None:
        folder, _, name = self.env.docname.rpartition("/")
        notebook = Path(self.env.srcdir, "notebooks", f"{name}.ipynb")
        if folder != "notebooks" or not notebook.exists():
            return
        self.cells = read_cells(notebook)
        chapter = self.env.questions.get(name, questions.Chapter())
        containers = [box for box in self.document.findall(nodes.container) if "cell_index" in box]
        shown = {self.cells[box["cell_index"]].id: box for box in containers}
        for question in chapter.predict:
            self._ask_before(shown[question.cell], question)
        for cell, texts in hints(self.cells).items():
            _after(shown[cell], _made(self.env, "hints.html", hints=texts))
        self._offer_ticks()
        if chapter.quiz:
            self._quiz(chapter.quiz)

    def _ask_before(self, cell: nodes.container, question: questions.Question) -> None:
        output = cell.children[-1]
        text = _text(self.env, "guess.html", question=question, output=Markup(OUTPUT))
        before, after = (nodes.raw("", part, format="html") for part in text.split(OUTPUT))
        cell.replace(output, [before, output, after])
        if told := _what_tells(cell, self.cells):
            waits = nodes.container("", classes=["waits"])
            _after(cell, waits)
            for node in told:
                node.parent.remove(node)
            waits += told

    def _offer_ticks(self) -> None:
        for section in self.document.findall(nodes.section):
            if number := _EXERCISE.match(section[0].astext()):
                tick = _made(self.env, "done.html", number=number[1])
                solutions = [box for box in section.children if "tag_solution" in box.get("classes", ())]
                _after(solutions[-1] if solutions else section.children[-1], tick)

    def _quiz(self, quiz: tuple[questions.Question, ...]) -> None:
        sections = list(self.document.findall(nodes.section))
        places = {plain(section[0].astext()): section["ids"][0] for section in sections}
        again = {question.section: places[plain(question.section)] for question in quiz}
        made = nodes.section("", nodes.title("", "Check yourself"), ids=["check-yourself"])
        made += _made(self.env, "quiz.html", quiz=quiz, places=again)
        largest = [section for section in sections[0].children if isinstance(section, nodes.section)]
        before = next((each for each in largest if each[0].astext() == LAST), largest[-1])
        sections[0].insert(sections[0].index(before), made)


def _what_tells(box: nodes.container, cells: tuple[Cell, ...]) -> list[nodes.Node]:
    """What gives the answer away below a cell: code right after it, the next paragraph, and its asserts."""
    follow = box.parent.children[box.parent.index(box) + 1 :]
    follow = list(takewhile(lambda node: not isinstance(node, nodes.section), follow))
    code = list(takewhile(lambda node: "cell_index" in node, follow))
    paragraph, more = follow[len(code) : len(code) + 1], follow[len(code) + 1 :]
    return code + paragraph + list(takewhile(lambda node: _asserts(node, cells), more))


def _asserts(node: nodes.Node, cells: tuple[Cell, ...]) -> bool:
    cell = cells[node["cell_index"]] if "cell_index" in node else None
    return cell is not None and "assert " in cell.source and not cell.shows


def _after(node: nodes.Node, new: nodes.Node) -> None:
    node.parent.insert(node.parent.index(node) + 1, new)


class ProgressLine(SphinxDirective):
    """`{progress-line}`: how many chapters are finished, and which one is next."""

    def run(self) -> list[nodes.Node]:
        return [_made(self.env, "line.html", chapters=len(_finished_chapters(self.env)))]


class Progress(SphinxDirective):
    """`{progress}`: what there is to do in each chapter, what is done, and how to carry that along."""

    def run(self) -> list[nodes.Node]:
        rows = [self._row(chapter) for chapter in _finished_chapters(self.env)]
        return [_made(self.env, "progress.html", chapters=rows)]

    def _row(self, chapter: dict) -> dict:
        asked = self.env.questions.get(chapter["name"], questions.Chapter())
        cells = read_cells(Path(self.env.srcdir, f"{chapter['page']}.ipynb"))
        exercises = {found[1] for heading in headings(cells) if (found := _EXERCISE.match(heading))}
        address = self.env.app.builder.get_relative_uri(self.env.docname, chapter["page"])
        counts = {"guesses": len(asked.predict), "quiz": len(asked.quiz), "exercises": len(exercises)}
        return chapter | counts | {"address": address}


def _finished_chapters(env) -> list[dict]:
    return [each for page, each in course_map.read_chapters(env.srcdir).items() if page in env.found_docs]


def _read(app, env, names) -> None:
    """Files with a slip are a warning each, and their chapters get no questions."""
    env.questions = {}
    for path in sorted(Path(app.srcdir, questions.HOME).glob("*.yml")):
        found = question_slips.slips(app.srcdir, path.stem)
        for slip in found:
            _log.warning("%s", slip, location=f"{questions.HOME}/{path.name}:")
        if not found:
            env.questions[path.stem] = questions.read(app.srcdir, path.stem)
    known = {chapter["name"] for chapter in course_map.read_chapters(app.srcdir).values()}
    env.changes = changes.read(app.srcdir)
    for slip in changes.slips(env.changes, known):
        _log.warning("%s", slip, location=f"{changes.HOME}:")


def _dress(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Scripts that give parts of a page their remembered state must be there before the parts are."""
    folder, _, name = pagename.rpartition("/")
    scripts = {"memory.js": "", "progress.js": "" if pagename in ("index", HOME) else " defer"}
    if folder == "notebooks" and "chapter" in context:
        mine = changes.of(name, app.env.changes)
        context["since"] = [one | {"day": _in_words(one["date"])} for one in mine[:-1]]
        newest = mine[0]["date"] if mine else ""
        scripts["learning.js"] = f' data-chapter="{name}" data-newest="{newest}"'
    if doctree is not None and (folder == "notebooks" or pagename == HOME):
        app.add_css_file("learning.css")
    for script, more in scripts.items():
        source = context["pathto"](f"_static/{script}", 1)
        context["metatags"] = context.get("metatags", "") + f'\n<script src="{source}"{more}></script>'


def _in_words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def setup(app) -> dict:
    app.add_transform(Learn)
    app.add_directive("progress-line", ProgressLine)
    app.add_directive("progress", Progress)
    app.connect("env-before-read-docs", _read)
    app.connect("html-page-context", _dress, priority=800)  # when it is known what stands where
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
