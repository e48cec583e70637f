"""Search: every section and every term of the glossary becomes one entry of Pagefind's index, in the book itself.

Sphinx's own index would be 326 kB, asked for whole and searched word by word. Pagefind cuts its index in pieces
and ranks; a page asks for nothing before the reader types. Code and outputs are left out: who looks for a name
means the text around it. `search.js` asks this index, in the dialog and on search.html.
"""

import asyncio
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path

from course_map import read_parts
from docutils import nodes
from pagefind.index import PagefindIndex
from sphinx.addnodes import glossary, toctree
from terms import read_names

FOLDER = "pagefind"  # inside the book
NEEDED = ("pagefind.js", "pagefind-worker.js", "pagefind-entry.json", "wasm.en.pagefind")
SILENT = (nodes.section, nodes.title, nodes.literal_block, nodes.raw, nodes.math_block, nodes.comment, toctree)
BLOCKS = (nodes.paragraph, nodes.term, nodes.entry, nodes.rubric, nodes.attribution)
OF_SPHINX = ("searchtools.js", "language_data.js", "sphinx_highlight.js", "doctools.js")  # nobody needs them now


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
        elif isinstance(child, nodes.Element) and not isinstance(child, SILENT) and "cell" not in child["classes"]:
            yield from text_of(child)


def entry(url: str, title: str, text: list[str], about: dict[str, str]) -> tuple[str, str]:
    """An address and the page that Pagefind reads for it; `about`: page, part, kind."""
    said = {"title": title, **about}
    facts = "".join(f'<i data-pagefind-meta="{name}:{escape(value)}"></i>' for name, value in said.items())
    part = f'<i data-pagefind-filter="part:{escape(about["part"])}"></i>'
    body = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in text)
    return url, f'<html lang="en"><body>{body}{facts}{part}</body></html>'


def sections(doctree: nodes.document, url: str, about: dict[str, str]) -> Iterator[tuple[str, str]]:
    """One entry for each section of a page; the first is the page itself."""
    for depth, section in enumerate(doctree.findall(nodes.section)):
        address = f"{url}#{section['ids'][0]}" if depth else url
        title = section.next_node(nodes.title).astext()
        yield entry(address, title, list(text_of(section)), about | {"kind": "section" if depth else "page"})


def terms(doctree: nodes.document, url: str, also: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """One entry for each term of the glossary; `also`: other words by which a term is found."""
    about = {"page": "Glossary", "part": "Glossary", "kind": "term"}
    for item in doctree.findall(nodes.definition_list_item):
        name, meaning = item.next_node(nodes.term), item.next_node(nodes.definition)
        title = name.astext()
        more = {"also": ", ".join(also[title])} if title in also else {}
        yield entry(f"{url}#{name['ids'][0]}", title, [meaning.astext()], about | more)


def _collect(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    if doctree is None or "nosearch" in app.env.metadata.get(pagename, {}):
        return
    url = app.builder.get_target_uri(pagename)
    title = app.env.titles[pagename].astext()
    if next(doctree.findall(glossary), None):
        names = read_names(app.srcdir)
        app.found += terms(doctree, url, {**names["also"], **names["found_by"]})
    else:
        part = parts_of_pages(app.srcdir).get(pagename, "Reference")
        app.found += sections(doctree, url, {"page": title, "part": part})


async def _index(entries: list[tuple[str, str]], folder: Path) -> None:
    async with PagefindIndex({"output_path": str(folder), "force_language": "en"}) as index:
        for url, page in entries:
            await index.add_html_file(content=page, url=url)


def _write(app, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        folder = Path(app.outdir) / FOLDER
        asyncio.run(_index(app.found, folder))
        for file in folder.glob("*.*"):
            if file.name not in NEEDED and file.suffix != ".pf_meta":
                file.unlink()
        for name in OF_SPHINX:
            (Path(app.outdir) / "_static" / name).unlink(missing_ok=True)
        shutil.rmtree(folder / "playground", ignore_errors=True)


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
