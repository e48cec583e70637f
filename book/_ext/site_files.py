"""What the site needs around its pages: a base path for its 404, robots.txt, the book on paper, fit roles."""

import shutil
from pathlib import Path
from urllib.parse import urlparse

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

PAPER = "_build/abstract-algorithms-live.pdf"  # what `make pdf` leaves

_ROLES = (  # what Sphinx 7 writes, and what ARIA now wants there
    ("furo_navigation_tree", ' role="heading"', ""),
    ("body", 'role="doc-biblioentry"', 'role="listitem"'),
)


def _set_base_path(app, config) -> None:
    config.notfound_urls_prefix = urlparse(config.html_baseurl).path  # a lost reader may be in any folder


def _mend_page(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    for sheet in [sheet for sheet in context["css_files"] if "mystnb." in str(sheet.filename)]:
        context["css_files"].remove(sheet)  # 43 kB; course.css draws the cells
    for part, role, right in _ROLES:
        context[part] = (context.get(part) or "").replace(role, right)


class Paper(SphinxDirective):
    """`{paper}`: the way to the whole book as a PDF, where there is one."""

    def run(self) -> list[nodes.Node]:
        file = Path(self.env.srcdir) / PAPER
        self.env.note_dependency(PAPER)
        if not file.exists():
            return []
        link = nodes.reference("", "the whole book as a PDF", refuri=file.name, internal=True)
        size = nodes.Text(f" ({file.stat().st_size / 1e6:.0f} MB).")
        return [nodes.paragraph("", "", nodes.strong("", "On paper"), nodes.Text(": "), link, size)]


def _write_files(app, error: Exception | None) -> None:
    if error is None:
        paper = Path(app.srcdir) / PAPER
        if paper.exists():
            shutil.copy(paper, app.outdir)
        lines = f"User-agent: *\nAllow: /\nSitemap: {app.config.html_baseurl}sitemap.xml\n"
        (Path(app.outdir) / "robots.txt").write_text(lines, encoding="utf-8")


def setup(app) -> dict:
    app.add_directive("paper", Paper)
    app.connect("config-inited", _set_base_path)
    app.connect("html-page-context", _mend_page, priority=900)  # when theme and parser have said theirs
    app.connect("build-finished", _write_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
