"""Search: every section and every term of the glossary becomes one entry of Pagefind's index, in the book
itself.

Sphinx's own index would be 326 kB, asked for whole and searched word by word. Pagefind cuts its index in
pieces and ranks; a page asks for nothing before the reader types. Code and outputs are left out: who looks
for a name means the text around it. `search.js` asks this index, in the dialog and on search.html.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

from course_map import read_parts
from docutils import nodes
from sphinx.addnodes import glossary, toctree
from sphinx.errors import ExtensionError
from terms import read_terms

FOLDER = "pagefind"  # inside the book
NEEDED = ("pagefind.js", "pagefind-worker.js", "pagefind-entry.json", "wasm.en.pagefind")
SILENT = (
    nodes.section,
    nodes.title,
    nodes.literal_block,
    nodes.raw,
    nodes.math_block,
    nodes.comment,
    toctree,
)
BLOCKS = (nodes.paragraph, nodes.term, nodes.entry, nodes.rubric, nodes.attribution)
OF_SPHINX = (
    "searchtools.js",
    "language_data.js",
    "sphinx_highlight.js",
    "doctools.js",
)  # nobody needs them now


def parts_of_pages(source: Path) -> dict[str, str]:
    """For each page of a part, chapters and the part's own, the title of that part."""
    pages = {}
    for part in read_parts(source):
        pages |= {f"book/{part['id']}": part["title"]}
        pages |= {chapter["page"]: part["title"] for chapter in part["chapters"]}
    return pages


def text_of(node: nodes.Node) -> Iterator[str]:
    """The paragraphs below `node` in reading order, without those of its sections, code and outputs."""
    for child in node.children:
        if isinstance(child, BLOCKS):
            yield child.astext()
        elif (
            isinstance(child, nodes.Element)
            and not isinstance(child, SILENT)
            and "cell" not in child["classes"]
        ):
            yield from text_of(child)


def entry(url: str, title: str, text: list[str], about: dict[str, str]) -> str:
    """The page that Pagefind reads for the place at `url`; `about`: page, part, kind."""
    said = {"at": url, "title": title, **about}
    facts = "".join(f'<i data-pagefind-meta="{name}:{escape(value)}"></i>' for name, value in said.items())
    body = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in text or [title])
    return f'<html lang="en"><body>{body}{facts}</body></html>'


def sections(doctree: nodes.document, url: str, about: dict[str, str]) -> Iterator[str]:
    """One entry for each section of a page; the first is the page itself."""
    for depth, section in enumerate(doctree.findall(nodes.section)):
        address = f"{url}#{section['ids'][0]}" if depth else url
        title = section.next_node(nodes.title).astext()
        yield entry(address, title, list(text_of(section)), about | {"kind": "section" if depth else "page"})


def terms(doctree: nodes.document, url: str, source: Path, titles: dict) -> Iterator[str]:
    """One entry for each term of the glossary, with its chapter and all that it is found by."""
    known = {term.title: term for term in read_terms(source)}
    about = {"page": "Glossary", "part": "Glossary", "kind": "term"}
    for item in doctree.findall(nodes.definition_list_item):
        name, meaning = item.next_node(nodes.term), item.next_node(nodes.definition)
        title = name.astext()
        term = known[title.replace("’", "'")]
        more = {"also": ", ".join((*term.names, *term.found_by))}
        if term.page in titles:
            more["home"] = titles[term.page].astext()
        yield entry(f"{url}#{name['ids'][0]}", title, [meaning.astext()], about | more)


def _collect(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    if doctree is None or "nosearch" in app.env.metadata.get(pagename, {}):
        return
    url = app.builder.get_target_uri(pagename)
    title = app.env.titles[pagename].astext()
    if next(doctree.findall(glossary), None):
        app.found += terms(doctree, url, app.srcdir, app.env.titles)
    else:
        part = parts_of_pages(app.srcdir).get(pagename, "Reference")
        app.found += sections(doctree, url, {"page": title, "part": part})


def index(entries: list[str], folder: Path) -> None:
    """Let Pagefind index these entries, and keep what search.js asks for.

    By its command line: its service for Python waits a tenth of a second for each of hundreds of entries.
    """
    with tempfile.TemporaryDirectory() as pages:
        for number, page in enumerate(entries):
            Path(pages, f"{number}.html").write_text(page, encoding="utf-8")
        options = ["--site", pages, "--output-path", str(folder), "--force-language", "en", "--quiet"]
        done = subprocess.run([sys.executable, "-m", "pagefind", *options], capture_output=True, text=True)
    if done.returncode:
        raise ExtensionError(f"pagefind could not index the book: {done.stdout} {done.stderr}")
    for file in folder.glob("*.*"):
        if file.name not in NEEDED and file.suffix != ".pf_meta":
            file.unlink()


def _write(app, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        index(app.found, Path(app.outdir) / FOLDER)
        for name in OF_SPHINX:
            (Path(app.outdir) / "_static" / name).unlink(missing_ok=True)


def _scripts(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    if pagename == "search":
        app.add_js_file("results.js", type="module")
        app.add_css_file("search.css")
    for script in [one for one in context["script_files"] if Path(str(one.filename or "")).name in OF_SPHINX]:
        context["script_files"].remove(script)


def _search_page(app) -> Iterator[tuple[str, dict, str]]:
    """search.html, with every concept for readers without JavaScript."""
    objects = app.env.get_domain("std").objects
    concepts = sorted((name, anchor) for (kind, name), (_, anchor) in objects.items() if kind == "term")
    yield "search", {"concepts": sorted(concepts, key=lambda one: one[0].lower())}, "search.html"


def _begin(app) -> None:
    app.found = []
    app.builder.search = False  # Sphinx's own
    app.add_js_file("search.js", type="module")


def setup(app) -> dict:
    app.connect("builder-inited", _begin)
    app.connect("html-page-context", _collect)
    app.connect("html-page-context", _scripts, priority=900)
    app.connect("html-collect-pages", _search_page)
    app.connect("build-finished", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
