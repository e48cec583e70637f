"""The cover of each chapter above its title, and small in the lists of chapters: drawn into the page itself.

The files are made by `make covers` and named as their notebooks. Inside the page they take the
colours of the theme, whoever chose it, and load with it; all 21 together weigh less than one photograph.
"""

import re
from pathlib import Path

from sphinx.errors import ExtensionError

HOME = "book/covers"
_NAMED = re.compile(r' role="img" aria-label="([^"]*)"')


def path(source: Path, name: str) -> Path:
    """Where the cover of a chapter is, or should be."""
    return Path(source) / HOME / f"{name}.svg"


def label(source: Path, name: str) -> str:
    """The sentence that says what is seen, as HTML."""
    return _NAMED.search(path(source, name).read_text(encoding="utf-8"))[1]


def thumbnail(source: Path, name: str) -> str:
    """The cover beside its title: no second name for those who listen. Empty where there is none yet."""
    drawn = path(source, name)
    return _NAMED.sub(' aria-hidden="true"', drawn.read_text(encoding="utf-8")) if drawn.exists() else ""


def _show(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    folder, _, name = pagename.partition("/")
    if folder == "notebooks":
        context["cover"] = path(app.srcdir, name).read_text(encoding="utf-8")


def _check(app, env) -> None:
    for page in sorted(page for page in env.found_docs if page.startswith("notebooks/")):
        name = page.removeprefix("notebooks/")
        if not path(app.srcdir, name).exists():
            raise ExtensionError(
                f"{page} has no cover: draw one in tools/drawings, then make covers ARGS={name}"
            )


def setup(app) -> dict:
    app.connect("env-check-consistency", _check)
    app.connect("html-page-context", _show)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
