"""`{route-map}`: the chapters in their four parts as an SVG whose boxes are links, an arrow from each need.

Made while the book is built, in the page's own ink. `map.js` lights what a chapter needs and leads to; the
list below the picture says the same in words, for every reader.
"""

from html import escape
from textwrap import wrap

from course_map import read_parts
from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from ways import neighbours, read_catalogue

WIDTH, HEIGHT = 196, 46  # of a box
ACROSS, DOWN = 238, 68  # from box to box
TOP = 34  # the parts' names
LETTERS = 20  # in a line of a box
NAME = "The chapters, with arrows from what each one needs"
TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" orient="auto"'
    ' markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z"/></marker>'
)
BEND = 0.5  # how far a curve runs straight on


class Place:
    """Where a chapter's box is: column and row, and its four sides in px."""

    def __init__(self, column: int, row: int):
        self.column, self.row = column, row
        self.left, self.top = 20 + column * ACROSS, TOP + row * DOWN
        self.right, self.bottom = self.left + WIDTH, self.top + HEIGHT
        self.middle = self.top + HEIGHT / 2


def head(part: dict) -> str:
    return escape(f"{part['numeral']}. {part['title']}")


def curve(x: float, y: float, to_x: float, to_y: float) -> str:
    """A curve that leaves and arrives level."""
    bend = (to_x - x) * BEND
    return f"C{x + bend:g} {y:g} {to_x - bend:g} {to_y:g} {to_x:g} {to_y:g}"


def arrow(start: Place, end: Place) -> str:
    """The path of an arrow: down a column, around its boxes, or across, between the rows on its way."""
    if start.column == end.column:
        if end.row == start.row + 1:
            x = start.left + WIDTH / 2
            return f"M{x:g} {start.bottom}V{end.top}"
        out = start.left - 10 - 2 * (end.row - start.row)
        bend = f"C{out} {start.middle:g} {out} {end.middle:g} {end.left} {end.middle:g}"
        return f"M{start.left} {start.middle:g}{bend}"
    path, x, y = f"M{start.right} {start.middle:g}", start.right, start.middle
    for column in range(start.column + 1, end.column):
        left = Place(column, 0).left
        wanted = y + (end.middle - y) / 2
        gap = TOP + round((wanted - TOP + (DOWN - HEIGHT) / 2) / DOWN) * DOWN - (DOWN - HEIGHT) / 2
        path += curve(x, y, left, gap) + f"H{left + WIDTH}"
        x, y = left + WIDTH, gap
    return path + curve(x, y, end.left, end.middle)


class RouteMap(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        source = self.env.srcdir
        self.parts, known = read_parts(source), read_catalogue(source)
        self.titles = {one["name"]: one["title"] for part in self.parts for one in part["chapters"]}
        self.near = {name: neighbours(source, name) for name in self.titles}
        self.known = [name for name in self.titles if name in known]
        svg = f'<div class="route-map">{self._svg()}</div><p class="route-said" role="status"></p>'
        return [nodes.raw("", svg, format="html"), *map(self._list, self.parts)]

    def _svg(self) -> str:
        places = {
            chapter["name"]: Place(column, row)
            for column, part in enumerate(self.parts)
            for row, chapter in enumerate(part["chapters"])
        }
        width = max(place.right for place in places.values()) + 4
        height = max(place.bottom for place in places.values()) + 4
        heads = "".join(
            f'<text class="part" x="{Place(column, 0).left}" y="16">{head(part)}</text>'
            for column, part in enumerate(self.parts)
        )
        arrows = "".join(
            f'<path data-from="{need}" data-to="{name}" d="{arrow(places[need], places[name])}"/>'
            for name in self.titles
            for need in self.near[name]["Builds on"]
        )
        boxes = "".join(self._box(name, places[name]) for name in self.titles)
        lines = f'<g class="arrows" aria-hidden="true">{arrows}</g>'
        root = f'<svg viewBox="0 0 {width} {height}" role="group" aria-label="{NAME}">'
        return f"{root}<defs>{TIP}</defs>{heads}{lines}{boxes}</svg>"

    def _box(self, name: str, at: Place) -> str:
        lines = wrap(self.titles[name], LETTERS)
        first = at.middle + 4.5 - 8 * (len(lines) - 1)
        text = "".join(
            f'<tspan x="{at.left + 32}" y="{first + 16 * row:g}">{escape(line)}</tspan>'
            for row, line in enumerate(lines)
        )
        inner = (
            f'<rect x="{at.left}" y="{at.top}" width="{WIDTH}" height="{HEIGHT}" rx="7"/>'
            f'<text class="number" x="{at.left + 10}" y="{at.middle + 4.5:g}">{int(name[:2])}</text>'
            f"<text>{text}</text>"
        )
        page = f"notebooks/{name}"
        if page not in self.env.found_docs:
            return f'<g class="planned">{inner}</g>'
        address = self.env.app.builder.get_relative_uri(self.env.docname, page)
        label = escape(f"{int(name[:2])} {self.titles[name]}: {self._words(name)}")
        where = f'data-chapter="{name}" data-column="{at.column}" data-row="{at.row}"'
        return f'<a href="{address}" {where} aria-label="{label}">{inner}</a>'

    def _words(self, name: str) -> str:
        said = [
            f"{kind.lower()} {', '.join(self.titles[one] for one in names)}"
            for kind, names in self.near[name].items()
            if names
        ]
        return "; ".join(said) or "stands alone"

    def _list(self, part: dict) -> nodes.section:
        title = nodes.title("", f"Part {part['numeral']}: {part['title']}")
        section = nodes.section("", title, ids=[part["id"]], names=[part["id"]])
        listed = nodes.bullet_list(classes=["route-list"])
        for chapter in part["chapters"]:
            line = nodes.paragraph("", f"{chapter['number']} ")
            line += [self._link(chapter["name"]), nodes.Text(". ")]
            for kind, names in self.near[chapter["name"]].items():
                for number, name in enumerate(names):
                    line += [nodes.Text(", " if number else f"{kind} "), self._link(name)]
                line += nodes.Text(". " if names else "")
            listed += nodes.list_item("", line)
        section += listed
        return section

    def _link(self, name: str) -> nodes.Inline:
        page = f"notebooks/{name}"
        if page not in self.env.found_docs:
            return nodes.inline("", self.titles[name])
        address = self.env.app.builder.get_relative_uri(self.env.docname, page)
        return nodes.reference("", self.titles[name], refuri=address, internal=True)


def _scripts(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    if 'class="route-map"' in context.get("body", ""):
        app.add_js_file("map.js", type="module")
        app.add_css_file("map.css")


def setup(app) -> dict:
    app.add_directive("route-map", RouteMap)
    app.connect("html-page-context", _scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
