"""What cells leave on a page: pictures in the page's own ink, widgets without a kernel, folds with a name.

An SVG shown through `<img>` keeps its own colours, white card and all. Put into the page itself it follows
light and dark, scales with the text, prints sharp and can be read aloud: its `alt`, or the `aria-label` that
it carries, becomes its text; a picture with neither is a warning, and a warning stops the build.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes
from myst_nb.core.render import WIDGET_VIEW_MIMETYPE
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

_log = logging.getLogger(__name__)
_ROOT = re.compile(r"<svg\b[^>]*>")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_MEANWHILE = "<p>A figure that moves: it needs JavaScript here, or the notebook.</p>"


def inline_svg(text: str, alt: str, prefix: str) -> str:
    """One `<svg>` for a page: `alt` as its name, no own card, its ids kept apart from others' by `prefix`."""
    svg = _COMMENT.sub("", text[text.index("<svg") :]).strip()
    used = set(re.findall(r"#([\w.-]+)", svg))
    svg = re.sub(r'\sid="([^"]*)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r"((?:href=\"|url\()#)([\w.-]+)", rf"\1{prefix}\2", svg)
    root = re.sub(r'\s(style|role|aria-label)="[^"]*"', "", _ROOT.search(svg)[0])
    named = f'<svg role="img" aria-label="{escape(alt)}"' + root.removeprefix("<svg")
    return _ROOT.sub(lambda _: named, svg, count=1)


def own_alt(text: str) -> str:
    """The text alternative that an SVG brings along, or nothing."""
    label = re.search(r'\saria-label="([^"]*)"', _ROOT.search(text)[0])
    return label[1] if label else ""


class InlineSvg(SphinxPostTransform):
    """Every SVG of a page, from a cell or from Markdown, becomes part of the page."""

    default_priority = 195  # after the mime type is chosen, before images are collected for copying
    formats = ("html",)

    def run(self, **kwargs) -> None:
        pictures = [image for image in self.document.findall(nodes.image) if image["uri"].endswith(".svg")]
        for number, image in enumerate(pictures):
            text = (Path(self.app.srcdir) / image["uri"].lstrip("/")).read_text(encoding="utf-8")
            alt = image.get("alt") or own_alt(text)
            if not alt:
                _log.warning("the picture %s has no text alternative", image["uri"], location=image)
            svg = inline_svg(text, alt, f"p{number}-")
            in_text = isinstance(image.parent, nodes.paragraph)
            image.replace_self(nodes.raw("", svg if in_text else f"<figure>{svg}</figure>", format="html"))


class FrameWidgets(SphinxPostTransform):
    """A stored widget gets a box for host.js to draw in, and a sentence for as long as nothing is drawn."""

    default_priority = 195
    formats = ("html",)

    def run(self, **kwargs) -> None:
        for raw in list(self.document.findall(nodes.raw)):
            if f'type="{WIDGET_VIEW_MIMETYPE}"' in raw.astext():
                framed = f'<div class="widget">{raw.astext()}{_MEANWHILE}</div>'
                raw.replace_self(nodes.raw("", framed, format="html"))


class NameSolutions(SphinxPostTransform):
    """The fold over a solution says so; other folds keep Jupyter Book's own words."""

    default_priority = 198  # just before the folds are made
    formats = ("html",)

    def run(self, **kwargs) -> None:
        for cell in self.document.findall(nodes.container):
            if "tag_solution" in cell["classes"] and "hide_mode" in cell:
                cell["prompt_show"] = "Solution"


def _open_fold(translator, node: HideCodeCellNode) -> None:
    translator.body.append(f'<details class="fold"><summary>{escape(node["prompt_show"])}</summary>\n')


def _close_fold(translator, node: HideCodeCellNode) -> None:
    translator.body.append("</details>\n")


def setup(app) -> dict:
    app.add_post_transform(InlineSvg)
    app.add_post_transform(FrameWidgets)
    app.add_post_transform(NameSolutions)
    app.add_node(HideCodeCellNode, override=True, html=(_open_fold, _close_fold))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
