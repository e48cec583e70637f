"""`{concepts}`: every term of the glossary by its letter, where it is built, and where else it comes up.

Which section mentions what was counted when terms were linked (terms.py). Built in: the section of the term's
own chapter that has it in its heading, else the one that says it most often.
"""

import re
from collections import defaultdict

from course_map import read_chapters
from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from terms import HOME, Term, link, pattern, read_terms

_ROLE = re.compile(r"\{term\}`([^`<]+?)(?:\s*<[^>]*>)?`")
_ASIDE = re.compile("Exercise|What you now know|Then and now|In practice")
ELSEWHERE = 5  # chapters that are named


class places(nodes.Part, nodes.Inline, nodes.TextElement):
    """Stands for where a term is built and used until every page has been read."""


class Concepts(SphinxDirective):
    """The whole index, a section for each letter, the letters in a row above."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(HOME)
        letters = defaultdict(list)
        for term in sorted(read_terms(self.env.srcdir), key=lambda one: one.title.lower()):
            letters[term.title[0].upper()].append(term)
        row = nodes.paragraph(classes=["letters"])
        for letter in letters:
            row += [nodes.reference("", letter, refid=_name(letter), internal=True), nodes.Text(" ")]
        return [row, *(self._section(letter, terms) for letter, terms in letters.items())]

    def _section(self, letter: str, terms: list[Term]) -> nodes.section:
        section = nodes.section("", nodes.title("", letter), ids=[_name(letter)], names=[_name(letter)])
        listed = nodes.definition_list(classes=["concepts"])
        for term in terms:
            head = nodes.term("", "", link(term, term.title, self.env.docname))
            body = nodes.definition()
            self.state.nested_parse([_ROLE.sub(r"\1", term.meaning)], self.lineno, body)
            body += nodes.paragraph("", "", places(term=term.title), classes=["places"])
            listed += nodes.definition_list_item("", head, body)
        section += listed
        return section


def _name(letter: str) -> str:
    return f"letter-{letter.lower()}"


def home_of(term: Term, mentions) -> str | None:
    """Id of the section that builds the term: it has it in its heading, or else says it most often."""
    titled = re.compile("|".join(map(pattern, term.names)), re.IGNORECASE)
    for name, title in mentions.sections.items():
        if titled.search(title):
            return name
    return fullest(term, mentions)


def fullest(term: Term, mentions) -> str | None:
    """Id of the section that says the term most often; one that teaches goes before one that looks back."""
    counts = {name: seen[term.title] for name, seen in mentions.counts.items() if seen[term.title]}
    teaches = {name: not _ASIDE.match(mentions.sections[name]) for name in counts}
    return max(counts, key=lambda name: (teaches[name], counts[name]), default=None)


def _fill(app, doctree: nodes.document, page: str) -> None:
    spots = list(doctree.findall(places))
    if not spots:
        return
    terms, chapters = {term.title: term for term in read_terms(app.srcdir)}, read_chapters(app.srcdir)

    def to(chapter: dict, section: str | None, title: str | None) -> nodes.reference:
        address = app.builder.get_relative_uri(page, chapter["page"]) + (f"#{section}" if section else "")
        words = f"{chapter['number']} {chapter['title']}" + (f" › {title}" if title else "")
        return nodes.reference("", words, refuri=address, internal=True)

    for spot in spots:
        term = terms[spot["term"]]
        said = app.env.mentions.get(term.page)
        line = []
        if said:
            home = home_of(term, said)
            line = [nodes.Text("Built in "), to(chapters[term.page], home, said.sections.get(home))]
        others = []
        for other, there in app.env.mentions.items():
            best = fullest(term, there)
            if best and other != term.page:
                often = sum(seen[term.title] for seen in there.counts.values())
                others.append((often, other, best, there.sections[best]))
        most = sorted(sorted(others, reverse=True)[:ELSEWHERE], key=lambda one: one[1])
        for number, (_, other, section, title) in enumerate(most):
            line += [nodes.Text("; " if number else "; also "), to(chapters[other], section, title)]
        spot.replace_self([*line, nodes.Text(".")] if line else [])


def setup(app) -> dict:
    app.add_node(places)
    app.add_directive("concepts", Concepts)
    app.connect("doctree-resolved", _fill)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
