"""Ways through the course: what a chapter builds on and leads to, and the learning paths of book/paths.yml.

Needs and minutes are those of the catalogue, which is read from the notebooks themselves. A chapter's foot
says where to go from here; `{paths}` shows all paths. `paths.js` remembers the one that a reader follows.
"""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import yaml
from course_map import read_chapters
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

HOME = "book/paths.yml"
CATALOGUE = "coursekit/data/catalogue.json"
PAGE = "book/paths"


@cache
def read_catalogue(source: Path) -> dict[str, dict]:
    """What each finished chapter says it needs and takes; of this book, or else of the installed course."""
    own = Path(source) / CATALOGUE
    home = own if own.exists() else Path(find_spec("coursekit").origin).parents[1] / CATALOGUE
    return {one["name"]: one for one in json.loads(home.read_text(encoding="utf-8"))}


def neighbours(source: Path, name: str) -> dict[str, list[str]]:
    """The chapters that `name` builds on, and those that build on it."""
    known = read_catalogue(source)
    needs = known[name]["needs"] if name in known else []
    return {"Builds on": needs, "Leads to": [one for one in known if name in known[one]["needs"]]}


@cache
def read_paths(source: Path) -> list[dict]:
    """The learning paths, each with its hours. Raises: ExtensionError for a chapter unknown or too early."""
    known = read_catalogue(source)
    paths = yaml.safe_load((Path(source) / HOME).read_text(encoding="utf-8"))
    for path in paths:
        if path["chapters"] == "all":
            path["chapters"] = list(known)
        path.setdefault("given", [])
        before = set(path["given"])
        for name in [*path["given"], *path["chapters"]]:
            if name not in known:
                raise ExtensionError(
                    f"{HOME}: path {path['id']!r} names {name!r}; there are {', '.join(known)}"
                )
        for name in path["chapters"]:
            if late := set(known[name]["needs"]) - before:
                way_out = "put it before, or name it in `given`"
                raise ExtensionError(f"{HOME}: in path {path['id']!r} {name} needs {min(late)}: {way_out}")
            before.add(name)
        path["minutes"] = sum(known[name]["takes_min"] for name in path["chapters"])
        path["hours"] = f"{round(path['minutes'] / 60)} hours"
    return paths


class Paths(SphinxDirective):
    """`{paths}`: a section for each path, its chapters in order, and a way to begin."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(HOME)
        return [self._section(path) for path in read_paths(self.env.srcdir)]

    def _section(self, path: dict) -> nodes.section:
        chapters, known = read_chapters(self.env.srcdir), read_catalogue(self.env.srcdir)
        count = f"{len(path['chapters'])} chapters, about {path['hours']} with the exercises."
        section = nodes.section("", nodes.title("", path["title"]), ids=[path["id"]], names=[path["id"]])
        section += nodes.paragraph("", "", nodes.strong("", path["promise"]), nodes.Text(f" {count}"))
        if path["given"]:
            given = nodes.paragraph("", "It takes for granted, or leaves you to look up: ")
            for number, name in enumerate(path["given"]):
                given += [nodes.Text(", " if number else ""), self._to(chapters[f"notebooks/{name}"])]
            given += nodes.Text(".")
            section += given
        steps = nodes.enumerated_list(classes=["path"], enumtype="arabic", prefix="", suffix=".")
        for name in path["chapters"]:
            item = nodes.paragraph("", "", self._to(chapters[f"notebooks/{name}"]))
            item += nodes.inline("", f"{known[name]['takes_min']} min", classes=["minutes"])
            steps += nodes.list_item("", item)
        first = chapters[f"notebooks/{path['chapters'][0]}"]
        start = self._to(first, f"Follow “{path['title']}”", f"?path={path['id']}")
        start["classes"] += ["button", "follow"]
        section += [steps, nodes.paragraph("", "", start)]
        return section

    def _to(self, chapter: dict, words: str = "", query: str = "") -> nodes.Inline:
        if chapter["page"] not in self.env.found_docs:
            return nodes.inline("", words or chapter["title"])
        address = self.env.app.builder.get_relative_uri(self.env.docname, chapter["page"])
        return nodes.reference("", words or chapter["title"], refuri=address + query, internal=True)


def steps_from(path: dict, name: str) -> dict:
    """One path as a chapter on it shows it: which step this is, and the steps before and after."""
    at = path["chapters"].index(name)
    before, after = path["chapters"][at - 1 : at], path["chapters"][at + 1 : at + 2]
    place = {"step": at + 1, "of": len(path["chapters"]), "before": before[:1], "after": after}
    return {"id": path["id"], "title": path["title"], **place}


def _say_where_to_go(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    if pagename == PAGE:
        app.add_js_file("paths.js", type="module")
    chapters = read_chapters(app.srcdir)
    if pagename not in chapters:
        return
    app.add_js_file("paths.js", type="module")
    name = chapters[pagename]["name"]
    there = [page for page in chapters if page in app.env.found_docs]
    context["titles"] = {chapters[page]["name"]: chapters[page]["title"] for page in there}
    context["neighbours"] = {
        kind: [one for one in names if one in context["titles"]]
        for kind, names in neighbours(app.srcdir, name).items()
    }
    context["paths"] = [steps_from(path, name) for path in read_paths(app.srcdir) if name in path["chapters"]]


def setup(app) -> dict:
    app.add_directive("paths", Paths)
    app.connect("builder-inited", lambda app: read_paths(app.srcdir))
    app.connect("html-page-context", _say_where_to_go)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
