"""What search engines and catalogues read: the course, its chapters and its terms as JSON-LD of schema.org.

Also `{cite-course}`: how to cite the course, made from CITATION.cff.
"""

import json
from pathlib import Path

import yaml
from course_map import read_chapters, read_parts
from docutils import nodes
from feed import days
from sphinx.util.docutils import SphinxDirective
from terms import PAGE as GLOSSARY
from terms import read_terms
from ways import read_catalogue

CITATION = "CITATION.cff"
LICENCES = ["https://opensource.org/license/mit", "https://creativecommons.org/licenses/by/4.0/"]


def duration(minutes: int) -> str:
    """ISO 8601: 75 minutes are PT1H15M.

    >>> duration(75), duration(120), duration(35)
    ('PT1H15M', 'PT2H', 'PT35M')
    """
    hours, rest = divmod(minutes, 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{rest}M" if rest or not hours else "")


def course(source: Path, site: str, name: str, description: str) -> dict:
    known, chapters = read_catalogue(source), read_chapters(source)
    parts = [
        {
            "@type": "LearningResource",
            "@id": f"{site}{page}.html",
            "url": f"{site}{page}.html",
            "name": one["title"],
        }
        for page, one in chapters.items()
        if one["name"] in known
    ]
    minutes = sum(one["takes_min"] for one in known.values())
    instance = {"@type": "CourseInstance", "courseMode": "Online", "courseWorkload": duration(minutes)}
    return {
        "@type": "Course", "@id": site, "url": site, "name": name, "description": description,
        "inLanguage": "en", "license": LICENCES, "isAccessibleForFree": True,
        "provider": _organisation(name, site), "hasCourseInstance": instance, "hasPart": parts,
    }  # fmt: skip


def _organisation(name: str, site: str) -> dict:
    return {"@type": "Organization", "name": name, "url": site}


def lesson(source: Path, site: str, course_name: str, chapter: dict) -> dict:
    known = read_catalogue(source)[chapter["name"]]
    url, post = f"{site}{chapter['page']}.html", chapter["post"]
    data = {
        "@type": "LearningResource", "@id": url, "url": url, "name": chapter["title"],
        "description": chapter["promise"],
        "inLanguage": "en", "license": LICENCES, "isAccessibleForFree": True,
        "learningResourceType": "interactive notebook", "timeRequired": duration(known["takes_min"]),
        "teaches": [term.title for term in read_terms(source) if term.page == chapter["page"]],
        "competencyRequired": [read_catalogue(source)[need]["title"] for need in known["needs"]],
        "isPartOf": {"@type": "Course", "@id": site, "name": course_name},
        "isBasedOn": {
            "@type": "Article", "headline": post["title"], "datePublished": post["date"].isoformat(),
        },
    }  # fmt: skip
    if chapter["name"] in days(source):
        data["datePublished"], data["dateModified"] = days(source)[chapter["name"]]
    return {name: value for name, value in data.items() if value != []}


def breadcrumbs(source: Path, site: str, course_name: str, chapter: dict) -> dict:
    part = next(part for part in read_parts(source) if part["numeral"] == chapter["part"])
    steps = [
        (course_name, f"{site}index.html"),
        (part["title"], f"{site}book/{part['id']}.html"),
        (chapter["title"], f"{site}{chapter['page']}.html"),
    ]
    items = [
        {"@type": "ListItem", "position": at, "name": name, "item": url}
        for at, (name, url) in enumerate(steps, start=1)
    ]
    return {"@type": "BreadcrumbList", "itemListElement": items}


def term_set(app, doctree: nodes.document) -> dict:
    url = f"{app.config.html_baseurl}{GLOSSARY}.html"
    terms = []
    for item in doctree.findall(nodes.definition_list_item):
        term, meaning = item.next_node(nodes.term), item.next_node(nodes.definition)
        address = f"{url}#{term['ids'][0]}"
        terms.append({
            "@type": "DefinedTerm", "@id": address, "url": address, "name": term.astext(),
            "description": " ".join(meaning.astext().split()),
        })  # fmt: skip
    return {"@type": "DefinedTermSet", "@id": url, "url": url, "name": "Glossary", "hasDefinedTerm": terms}


def _describe(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    source, site, name = app.srcdir, app.config.html_baseurl, app.config.project
    chapter = read_chapters(source).get(pagename)
    graph = []
    if pagename == app.config.root_doc:
        graph = [course(source, site, name, _citation(source)["abstract"].strip())]
    elif chapter and chapter["name"] in read_catalogue(source):
        graph = [lesson(source, site, name, chapter), breadcrumbs(source, site, name, chapter)]
    elif pagename == GLOSSARY:
        graph = [term_set(app, doctree)]
    if graph:
        data = {"@context": "https://schema.org", "@graph": graph}
        context["linked_data"] = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")


def _citation(source: Path) -> dict:
    return yaml.safe_load((Path(source) / CITATION).read_text(encoding="utf-8"))


def bibtex(source: Path) -> str:
    """The course as an entry for BibTeX."""
    known = _citation(source)
    authors = " and ".join(f"{{{author['name']}}}" for author in known["authors"])
    fields = {
        "author": authors,
        "title": f"{{{known['title']}}}",
        "year": str(known["date-released"])[:4],
        "note": f"Version {known['version']}",
        "url": known["url"],
    }
    lines = (f"  {name:6} = {{{value}}}" for name, value in fields.items())
    return "@misc{abstract_algorithms_live,\n" + ",\n".join(lines) + "\n}"


class CiteCourse(SphinxDirective):
    """`{cite-course}`: the BibTeX entry, and where the same stands for other programs."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(CITATION)
        text = bibtex(self.env.srcdir)
        return [nodes.literal_block(text, text, language="bibtex")]


def setup(app) -> dict:
    app.add_directive("cite-course", CiteCourse)
    app.connect("html-page-context", _describe)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
