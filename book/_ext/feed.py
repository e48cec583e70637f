"""The Atom feed of what changed, and the days that sitemap and structured data tell.

No day comes from git, so that a shallow clone builds the same book.
"""

import datetime
from functools import cache
from html import escape
from pathlib import Path

import changes
from course_map import read_chapters

FEED = "feed.xml"
NOON = "T12:00:00Z"  # a day is all that is known


def read_changes(source: Path) -> list[dict]:
    """All changes, newest first."""
    return changes.sound(source, {chapter["name"] for chapter in read_chapters(source).values()})


@cache
def days(source: Path) -> dict[str, tuple[str, str]]:
    """For each chapter the days of its first and its last change, as 2026-11-29."""
    known: dict[str, tuple[str, str]] = {}
    for change in read_changes(source):
        day = change["date"].isoformat()
        for name in change["chapters"]:
            known[name] = (day, known.get(name, (day, day))[1])
    return known


def feed(source: Path, site: str, title: str, author: str) -> str:
    """The changes as an Atom feed (RFC 4287)."""
    chapters = {chapter["name"]: chapter for chapter in read_chapters(source).values()}
    every = read_changes(source)
    entries = []
    for number, change in enumerate(every):
        day, names = change["date"].isoformat(), change["chapters"]
        titles = [chapters[name]["title"] for name in names]
        about = titles[0] if len(names) == 1 else f"{len(names)} chapters"
        links = "".join(
            f'<li><a href="{site}{chapters[name]["page"]}.html">{escape(chapters[name]["title"])}</a></li>'
            for name in names
        )
        first = f"{site}{chapters[names[0]]['page']}.html" if len(names) == 1 else f"{site}index.html#the-map"
        content = escape(f"<p>{escape(change['what'])}</p><ul>{links}</ul>")
        entries.append(
            f"<entry><title>{escape(about)}: {escape(change['what'])}</title>"
            f"<id>{site}{FEED}#{day}-{len(every) - number}</id><updated>{day}{NOON}</updated>"
            f'<link href="{first}"/><content type="html">{content}</content></entry>'
        )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">'
        f"<title>{escape(title)}</title><id>{site}</id><updated>{every[0]['date'].isoformat()}{NOON}</updated>"
        f'<author><name>{escape(author)}</name></author><link href="{site}"/>'
        f'<link rel="self" href="{site}{FEED}"/>\n{chr(10).join(entries)}\n</feed>\n'
    )


def _date_pages(app) -> None:
    """sphinx_sitemap asks for what git knows; it gets what the changes say."""
    pages = {chapter["name"]: page for page, chapter in read_chapters(app.srcdir).items()}
    noon = datetime.time(12, tzinfo=datetime.UTC)
    app.env.git_last_updated = {
        pages[name]: (datetime.datetime.combine(datetime.date.fromisoformat(last), noon).timestamp(), True)
        for name, (_, last) in days(app.srcdir).items()
    }
    app.config.sitemap_show_lastmod = True


def _write(app, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        config = app.config
        text = feed(app.srcdir, config.html_baseurl, config.project, config.author)
        (Path(app.outdir) / FEED).write_text(text, encoding="utf-8")


def setup(app) -> dict:
    app.connect("builder-inited", _date_pages)
    app.connect("build-finished", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
