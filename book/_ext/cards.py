"""What a shared link shows: the card of the chapter, of its part, or of the course, and a sentence about it.

`make covers` makes the PNGs; they are copied as they are. The tags themselves are written by
sphinxext-opengraph, which reads a page's own fields first.
"""

from pathlib import Path

import course_map
import covers
from sphinx.util.fileutil import copy_asset

HOME = "book/cards"
COURSE = "course"


def card(source: Path, page: str) -> tuple[str, str]:
    """The name of a page's card, and what it shows in words."""
    name = page.rpartition("/")[2]
    if page in course_map.read_chapters(source):
        return name, covers.label(source, name)
    for part in course_map.read_parts(source):
        if page == f"book/{part['id']}":
            return name, f"The covers of the {len(part['chapters'])} chapters about {part['title']}."
    return COURSE, covers.label(source, COURSE)


def _name(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    if doctree:
        name, words = card(app.srcdir, pagename)
        tags = {"og:image": f"cards/{name}.png", "og:image:alt": words}
        size = {"og:image:type": "image/png", "og:image:width": "1200", "og:image:height": "630"}
        context["meta"] = {**(context.get("meta") or {}), **tags, **size}


def _copy(app, error: Exception | None) -> None:
    if error is None:
        copy_asset(str(Path(app.srcdir) / HOME), str(Path(app.outdir) / "cards"))


def setup(app) -> dict:
    app.connect("html-page-context", _name, priority=400)  # before the tags are written
    app.connect("build-finished", _copy)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
