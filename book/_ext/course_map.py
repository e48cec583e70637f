"""The map of the course: `{chapters}` lists a part; a notebook's page says where it stands and how to run it.

The names and promises have one home, book/chapters.yml. A chapter is finished when its notebook stands in
_toc.yml; until then it is announced as planned and linked from nowhere.
"""

import json
import re
from functools import cache
from pathlib import Path

import covers
import yaml
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

HOME = "book/chapters.yml"
_BEGIN = re.compile(r"(</h1>.*?)(?=<section|<div class=\"cell)", re.DOTALL)  # up to the first cell
FACTS = "coursekit/data/catalogue.json"


@cache  # every page asks
def read_parts(source: Path) -> list[dict]:
    """The four parts in order, each with its chapters; a chapter knows its number, its page and its part."""
    parts = yaml.safe_load((Path(source) / HOME).read_text(encoding="utf-8"))
    for part in parts:
        for chapter in part["chapters"]:
            chapter["number"] = int(chapter["name"][:2])
            chapter["page"] = f"notebooks/{chapter['name']}"
            chapter["part"] = part["numeral"]
    return parts


@cache
def read_chapters(source: Path) -> dict[str, dict]:
    """All chapters by the name of their page, in order."""
    return {chapter["page"]: chapter for part in read_parts(source) for chapter in part["chapters"]}


def _minutes(source: Path) -> dict[str, int]:
    """How long each finished chapter takes, as its first cell says; nothing in a book without the course."""
    facts = Path(source) / FACTS
    listed = json.loads(facts.read_text(encoding="utf-8")) if facts.exists() else []
    return {one["name"]: one["takes_min"] for one in listed}


class Chapters(SphinxDirective):
    """`{chapters} systems`: the chapters of one part, the finished ones linked."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(HOME)
        parts = {part["id"]: part["chapters"] for part in read_parts(self.env.srcdir)}
        wanted = self.arguments[0]
        if wanted not in parts:
            raise self.error(f"no part is called {wanted!r}; there are {', '.join(parts)}")
        return [nodes.bullet_list("", *map(self._item, parts[wanted]), classes=["chapters"])]

    def _item(self, chapter: dict) -> nodes.list_item:
        self.env.note_dependency(str(covers.path(self.env.srcdir, chapter["name"])))
        picture = nodes.raw("", covers.thumbnail(self.env.srcdir, chapter["name"]), format="html")
        head = nodes.paragraph("", "", nodes.inline("", str(chapter["number"]), classes=["number"]))
        if chapter["page"] in self.env.found_docs:
            head += self._link(chapter)
        else:
            head += nodes.strong("", chapter["title"])
            head += nodes.inline("", "planned", classes=["planned"])
        about = [nodes.paragraph("", chapter["promise"])]
        if minutes := _minutes(self.env.srcdir).get(chapter["name"]):
            about.append(nodes.paragraph("", f"{minutes} minutes", classes=["takes"]))
        return nodes.list_item("", picture, head, *about)

    def _link(self, chapter: dict) -> pending_xref:
        where = {"reftarget": f"/{chapter['page']}", "refdoc": self.env.docname}
        how = {"refdomain": "std", "reftype": "doc", "refexplicit": True, "refwarn": True}
        return pending_xref("", nodes.inline("", chapter["title"]), **where, **how)


def launch_links(page: str, repository: str, branch: str) -> dict[str, str]:
    """Where the notebook behind `page` runs with nothing installed: what a link says, and its address."""
    repo = repository.removeprefix("https://github.com/").strip("/")
    colab = f"https://colab.research.google.com/github/{repo}/blob/{branch}/{page}.ipynb"
    binder = f"https://mybinder.org/v2/gh/{repo}/{branch}?urlpath=lab/tree/{page}.ipynb"
    return {"Open in Colab": colab, "Open in Binder": binder}


def _say_where_we_are(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    chapters = read_chapters(app.srcdir)
    if pagename in chapters:
        theme = app.config.html_theme_options
        context["chapter"] = {**chapters[pagename], "of": len(chapters)}
        context["launch"] = launch_links(pagename, theme["source_repository"], theme["source_branch"])


def _introduce(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    if "chapter" in context:
        about = app.builder.templates.render("chapter/about.html", context)
        title, promise, rest = _BEGIN.split(context["body"], maxsplit=1)
        context["body"] = f"{title}{promise}{about}\n{rest}"


def _check(app, env) -> None:
    notebooks = {page for page in env.found_docs if page.startswith("notebooks/")}
    for page in sorted(notebooks - read_chapters(app.srcdir).keys()):
        raise ExtensionError(f"{page} stands in _toc.yml but not in {HOME}: add its title and promise there")


def setup(app) -> dict:
    app.add_directive("chapters", Chapters)
    app.connect("env-check-consistency", _check)
    app.connect("html-page-context", _say_where_we_are)
    app.connect("html-page-context", _introduce, priority=850)  # when all that it tells is known
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
