"""The glossary's terms in the text: the first mention in a section becomes a quiet link, every one is
counted.

book/glossary.md says what each term means and which chapter builds it, book/glossary.yml under which names
it goes. A name that nobody takes for anything else (Bloom filter, BM25) links wherever it stands. A common
word (load, wait, leader) links only in the chapter that builds it, where it has that meaning. Links to the
glossary open a card on hover or focus (`cards.js`), made from one small file that is written here.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml
from course_map import read_chapters
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.errors import ExtensionError

HOME, NAMES = "book/glossary.md", "book/glossary.yml"
PAGE = "book/glossary"
CARDS = "_static/glossary.json"
MOST = 12  # links in a section; more would be a carpet
WITHOUT = ("Where this comes from",)  # sections in which nothing is taught
_CHAPTER = re.compile(r"^## .*\(\.\./(notebooks/\w+)\.ipynb\)", re.MULTILINE)
_BLOCK = re.compile(r"```\{glossary\}\n(.*?)```", re.DOTALL)
_ENTRY = re.compile(r"^(\S.*)\n((?:[ ]+.*\n?)+)", re.MULTILINE)
_ENTRY_HTML = re.compile(r'<dt id="(term-[^"]+)">(.*?)</dt><dd>(.*?)</dd>', re.DOTALL)
_LINK = re.compile(r"</?a\b[^>]*>")
_HOLDERS = (nodes.section, nodes.list_item, nodes.Admonition, nodes.Sequential, nodes.block_quote)
_ARTICLE = re.compile(r"\b(?:an?|the|its|their|each|every|no|this|mean|longest)\s+$", re.IGNORECASE)


@dataclass(frozen=True)
class Term:
    """One entry of the glossary."""

    title: str  # as the glossary writes it: "least recently used (LRU)"
    meaning: str  # in Markdown
    page: str  # of the chapter that builds it
    names: tuple[str, ...]  # as the text may call it
    found_by: tuple[str, ...] = ()  # other words that a reader may type


@dataclass
class Mentions:
    """What one page says of the glossary's terms, section by section."""

    sections: dict[str, str] = field(default_factory=dict)  # id: title, in order
    counts: dict[str, Counter] = field(
        default_factory=dict
    )  # id of a section: how often each term stands there


@cache
def read_terms(source: Path) -> tuple[Term, ...]:
    """All terms in the order of the glossary. Raises: ExtensionError if glossary.yml names one not there."""
    text = (Path(source) / HOME).read_text(encoding="utf-8")
    more = read_names(source)
    pages = [(place.start(), place[1]) for place in _CHAPTER.finditer(text)]
    terms = []
    for block in _BLOCK.finditer(text):
        page = max(place for place in pages if place[0] < block.start())[1]
        for title, meaning in _ENTRY.findall(block[1]):
            names = (*names_in(title), *more["also"].get(title, ()))
            meant = " ".join(meaning.split())
            terms.append(Term(title, meant, page, names, tuple(more["found_by"].get(title, ()))))
    known = {name for term in terms for name in (term.title, *term.names)}
    for kind in ("also", "found_by", "anywhere", "verbs"):
        if strange := [name for name in more[kind] if name not in known]:
            raise ExtensionError(f"{NAMES}: {kind} names {strange[0]!r}, which {HOME} does not explain")
    return tuple(terms)


@cache
def read_names(source: Path) -> dict:
    """Other names, other words to search by, words that link anywhere, and words that are also verbs."""
    return yaml.safe_load((Path(source) / NAMES).read_text(encoding="utf-8"))


def names_in(title: str) -> list[str]:
    """The names in a title: two in `trace, span` and `recently used (LRU)`, one in `fork (of a thread)`."""
    plain = re.sub(r" \(([^)]*)\)", lambda inside: f", {inside[1]}" if inside[1].isupper() else "", title)
    return plain.split(", ")


def is_unmistakable(name: str, anywhere: tuple[str, ...] = ()) -> bool:
    """Does this name mean the term wherever it stands? A single lower-case word does only if it is listed."""
    return name in anywhere or not re.fullmatch("[a-z]+", name)


def pattern(name: str) -> str:
    """What finds `name` in a text: as a whole word, also in the plural and at the start of a sentence."""
    stem, end = (name[:-1], "(?:y|ies)") if name.endswith("y") else (name, "(?:e?s)?")
    found = re.escape(stem).replace(r"\ ", r"\s+").replace("'", "['’]") + end
    if name[0].islower():
        found = f"[{name[0]}{name[0].upper()}]" + found[1:]
    return found


class Finder:
    """The terms that may be linked on one page."""

    def __init__(self, source: Path, page: str):
        names = read_names(source)
        anywhere, self._verbs = tuple(names["anywhere"]), set(names["verbs"])
        self._terms = {}
        for term in read_terms(source):
            for name in term.names:
                if term.page == page or (is_unmistakable(name, anywhere) and name not in self._terms):
                    self._terms[name] = term
        longest_first = sorted(self._terms, key=len, reverse=True)
        self._patterns = [(re.compile(pattern(name)), self._terms[name]) for name in longest_first]
        together = "|".join(pattern(name) for name in longest_first)
        self._any = re.compile(rf"(?<![\w-])(?:{together})(?![\w-])")

    def __call__(self, text: str) -> Iterator[tuple[re.Match, Term]]:
        for match in self._any.finditer(text):
            stem = match[0].lower().removesuffix("s")
            if stem in self._verbs and not _ARTICLE.search(text[: match.start()]):
                continue
            yield match, next(term for found, term in self._patterns if found.fullmatch(match[0]))


def prose(section: nodes.Element) -> Iterator[nodes.Text]:
    """Text of paragraphs that may carry a link: no headings, code, outputs, tables, no links."""
    for child in list(section.children):
        if isinstance(child, nodes.paragraph):
            for inline in list(child.children):
                if isinstance(inline, (nodes.emphasis, nodes.strong)):
                    yield from (leaf for leaf in list(inline.children) if isinstance(leaf, nodes.Text))
                elif isinstance(inline, nodes.Text):
                    yield inline
        elif isinstance(child, _HOLDERS):
            yield from prose(child)


def link(term: Term, text: str, page: str) -> pending_xref:
    """A reference to the glossary that Sphinx resolves as it does {term}."""
    where = {"refdomain": "std", "reftype": "term", "reftarget": term.title, "refdoc": page}
    inner = nodes.inline("", text, classes=["xref", "std", "std-term"])
    return pending_xref("", inner, refexplicit=True, refwarn=True, **where)


def mark(section: nodes.section, find: Finder, page: str) -> Counter:
    """Link the first mention of each term in this section; how often each one stands there."""
    seen = Counter(xref["reftarget"] for xref in section.findall(pending_xref) if xref["reftype"] == "term")
    for leaf in prose(section):
        pieces, at = [], 0
        text = leaf.astext()
        for match, term in find(text):
            seen[term.title] += 1
            if seen[term.title] == 1 and len(seen) <= MOST:
                pieces += [nodes.Text(text[at : match.start()]), link(term, match[0], page)]
                at = match.end()
        if pieces:
            leaf.parent.replace(leaf, [*pieces, nodes.Text(text[at:])])
    return seen


def _read(app, doctree: nodes.document) -> None:
    page = app.env.docname
    if page not in read_chapters(app.srcdir) or PAGE not in app.env.found_docs:
        return
    app.env.note_dependency(HOME)
    find, said = Finder(app.srcdir, page), Mentions()
    for section in doctree.children[0].children:
        if isinstance(section, nodes.section):
            title = section.next_node(nodes.title).astext()
            if title not in WITHOUT:
                said.sections[section["ids"][0]] = title
                said.counts[section["ids"][0]] = mark(section, find, page)
    app.env.mentions[page] = said


def _write_cards(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """What each card says, taken from the glossary's page as it is drawn."""
    if pagename == PAGE:
        pages = {term.title: term.page for term in read_terms(app.srcdir)}
        chapters = read_chapters(app.srcdir)
        cards = {}
        titles = [term.astext() for term in doctree.findall(nodes.term)]
        for (name, _, meaning), title in zip(_ENTRY_HTML.findall(context["body"]), titles, strict=True):
            chapter = chapters[pages[title.replace("’", "'")]]
            built = f"Chapter {chapter['number']}: {chapter['title']}"
            cards[name] = {"term": title, "means": _LINK.sub("", meaning).strip(), "built": built}
        home = Path(app.outdir) / CARDS
        home.parent.mkdir(exist_ok=True, parents=True)
        home.write_text(json.dumps(cards, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    if pagename in read_chapters(app.srcdir) and "glossary.html#term-" in context["body"]:
        app.add_js_file("cards.js", type="module")
        app.add_css_file("cards.css")


def _begin(app, env, *_) -> None:
    if not hasattr(env, "mentions"):
        env.mentions = {}


def _forget(app, env, page: str) -> None:
    _begin(app, env)
    env.mentions.pop(page, None)


def _join(app, env, pages: set[str], other) -> None:
    env.mentions |= {page: other.mentions[page] for page in pages if page in other.mentions}


def setup(app) -> dict:
    app.connect("env-before-read-docs", _begin)
    app.connect("env-purge-doc", _forget)
    app.connect("env-merge-info", _join)
    app.connect("doctree-read", _read)
    app.connect("html-page-context", _write_cards)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
