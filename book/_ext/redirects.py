"""Old addresses lead on: for each article that became a chapter, a small page that sends its readers there.

The articles' own addresses come from book/chapters.yml (`post.slug`), further ones from book/redirects.yml.
Each is answered in the three ways it was linked: /posts/NAME/, /posts/NAME.html and /posts/NAME.md.
"""

from html import escape
from pathlib import Path

import yaml
from course_map import read_chapters
from sphinx.errors import ExtensionError

HOME = "book/redirects.yml"
FORMS = ("posts/{}/index.html", "posts/{}.html", "posts/{}.md/index.html")
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="0; url={relative}">
<link rel="canonical" href="{address}">
<title>{title}</title>
</head>
<body><main>
<h1>{title}</h1>
<p>This article has become a chapter: <a href="{relative}">{title}</a>.</p>
</main></body>
</html>
"""


def read_redirects(source: Path) -> dict[str, dict]:
    """For each name of an article its chapter. Raises: ExtensionError for an unknown chapter."""
    chapters = {chapter["name"]: chapter for chapter in read_chapters(source).values()}
    redirects = {chapter["post"]["slug"]: chapter for chapter in chapters.values()}
    for name, target in yaml.safe_load((Path(source) / HOME).read_text(encoding="utf-8")).items():
        if target not in chapters:
            raise ExtensionError(f"{HOME}: {name} leads to {target!r}; there are {', '.join(chapters)}")
        redirects[name] = chapters[target]
    return redirects


def redirect(chapter: dict, site: str, depth: int) -> str:
    """The page that leads to `chapter` from `depth` folders below the site's root."""
    relative = f"{'../' * depth}{chapter['page']}.html"
    address = f"{site}{chapter['page']}.html"
    return PAGE.format(relative=relative, address=address, title=escape(chapter["title"]))


def _write(app, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        for name, chapter in read_redirects(app.srcdir).items():
            if chapter["page"] in app.env.found_docs:
                for form in FORMS:
                    place = Path(app.outdir) / form.format(name)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    page = redirect(chapter, app.config.html_baseurl, form.format("").count("/"))
                    place.write_text(page, encoding="utf-8")


def setup(app) -> dict:
    app.connect("builder-inited", lambda app: read_redirects(app.srcdir))
    app.connect("build-finished", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
