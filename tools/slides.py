"""`make slides`: a deck of each chapter to speak to, in _build/slides; it is shown without a network.

The headings make the deck: each `##` begins a section, and what stands under it goes down, a text with the
code and the outputs below it on one slide where they fit. A long text leaves its first sentence, its tables
and its formulas on the slide; the whole of it is in the speaker's notes (press S). Formulas become MathML, as
in the book. Not shown: set-up, the source of folded cells, widgets (their words are). Needs Node.js once.
"""

import re
import shutil
import sys
from functools import cache
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from tqdm import tqdm
from traitlets.config import Config

from tools import editions, node
from tools.project import ROOT, notebooks
from tools.tidy import VIEW

sys.path.append(str(ROOT / "book" / "_ext"))

from mathml import mathml  # as the book's pages have it

HOME = ROOT / "book" / "slides"
SHOP = ROOT / "_build" / "slides-npm"  # where npm puts what it gets
OUT = ROOT / "_build" / "slides"
SHOWN_WITH = (
    "LICENSE",
    "dist/reveal.css",
    "dist/reveal.js",
    "dist/theme/fonts/source-sans-pro",  # with its own licence inside
    "dist/theme/white.css",
    "plugin/notes/notes.js",
)
WORDS = 45  # more do not fit a slide beside code
LINES = 25  # of code that a slide holds; a line of text is as high as two of code
FIGURE_LINES = 20
HEADING = re.compile(r"^(?=#{2,3} )", re.MULTILINE)
END = re.compile(r"[.?!][*_)\"”]*(?=\s+[^a-z\s]|$)")
MATH = re.compile(
    r"(?P<code>```.*?```|`[^`\n]+`)|(?<!\\)\$\$(?P<block>.+?)\$\$|(?<!\\)\$(?P<inline>[^$]+?)\$", re.S
)


# ---- what goes on which slide


def deck(notebook: NotebookNode) -> NotebookNode:
    """The notebook as slides: its cells cut at headings, each told where it stands."""
    notebook.cells = placed(shown(notebook))
    notebook.metadata.pop("widgets", None)
    return notebook


def shown(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells without what Colab needs, and the imports."""
    return notebook.cells[:1] + notebook.cells[3:]


def placed(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Cells as parts of slides, each told where it stands."""
    found: list[NotebookNode] = []
    used = LINES
    for cell in cells:
        for part in parts(cell) if cell.cell_type == "markdown" else [_quiet(cell)]:
            kept, said = _halves(part) if part.cell_type == "markdown" else (part, None)
            size = height(kept)
            kind = _kind(kept, used, size)
            used = size if kind else used + size
            found.append(on(kept, kind or "-"))
            if said:
                found.append(on(said, "notes"))
    return found


def _kind(cell: NotebookNode, used: int, size: int) -> str | None:
    """Does a cell begin a section, or a slide below; or does it join what is there?"""
    if re.match(r"##? ", cell.source):
        return "slide"
    is_solution = "solution" in cell.metadata.get("tags", [])
    return "subslide" if cell.cell_type == "markdown" or is_solution or used + size > LINES else None


def _quiet(cell: NotebookNode) -> NotebookNode:
    """Code as it is shown: a folded source is left out, a widget leaves its words."""
    if "hide-input" in cell.metadata.get("tags", []):
        cell.source = ""
    for output in cell.outputs:
        output.get("data", {}).pop(VIEW, None)
    return cell


def parts(cell: NotebookNode) -> list[NotebookNode]:
    """A text cell, cut before each of its headings."""
    texts = [text.strip() for text in HEADING.split(cell.source) if text.strip()]
    if len(texts) == 1:
        return [cell]
    return [new_markdown_cell(text, id=f"{cell.id}-{number}") for number, text in enumerate(texts)]


def _halves(text: NotebookNode) -> tuple[NotebookNode, NotebookNode | None]:
    """What stays on the slide, and what is said: nothing more where all of it fits."""
    if len(text.source.split()) <= WORDS or text.source.startswith("# "):
        return text, None
    blocks = re.split(r"\n{2,}", text.source)
    heading = [blocks.pop(0)] if blocks[0].startswith("#") else []
    kept = [block for block in blocks[1:] if block.startswith(("|", "$$"))]
    first = blocks[0] if blocks[0].startswith(("|", "- ", "1. ", ">")) else first_sentence(blocks[0])
    said = new_markdown_cell("\n\n".join(blocks), id=f"{text.id}-notes")
    text.source = "\n\n".join([*heading, first, *kept])
    return text, said


def first_sentence(text: str) -> str:
    """Up to the first full stop at which no mark, bracket or quotation is left open."""
    for end in END.finditer(text):
        sentence = text[: end.end()]
        even = all(sentence.count(mark) % 2 == 0 for mark in ("**", "*", "`", "$", '"'))
        if even and all(sentence.count(left) == sentence.count(right) for left, right in ("()", "[]")):
            return sentence
    return text


def height(cell: NotebookNode) -> int:
    """About how many lines of code would be as high as a cell on its slide."""
    if cell.cell_type == "markdown":
        return sum(2 + 2 * (len(line) // 90) for line in cell.source.splitlines() if line)
    lines = len(cell.source.splitlines())
    for output in cell.outputs:
        data = output.get("data", {})
        text = output.get("text") or data.get("text/plain", "")
        lines += FIGURE_LINES if "image/svg+xml" in data else len(text.splitlines())
    return lines


def on(cell: NotebookNode, kind: str) -> NotebookNode:
    cell.metadata.slideshow = {"slide_type": kind}
    if cell.cell_type == "markdown":
        linked = re.sub(r"(\]\(\d\d_\w+)\.ipynb", r"\1.html", cell.source)
        cell.source = MATH.sub(_math, linked)
    return cell


def _math(found: re.Match) -> str:
    latex = found["block"] or found["inline"]
    return found["code"] or mathml(latex.strip(), block=bool(found["block"]))


# ---- what shows it


def reveal() -> Path:
    """The folder of reveal.js, got from npm once. Raises: node.NoNode."""
    sources = [HOME / name for name in ("package.json", "package-lock.json")]
    return node.shop(SHOP, sources, "reveal.js") / "node_modules" / "reveal.js"


@cache
def exporter() -> SlidesExporter:
    shown_with = {"reveal_url_prefix": "reveal", "reveal_theme": "white"}
    ours = {"extra_template_basedirs": [str(HOME)]}
    config = Config({"TemplateExporter": ours, "SlidesExporter": shown_with})
    return SlidesExporter(config=config, template_name="deck")


def page(deck: NotebookNode, name: str) -> str:
    """A deck as one page of HTML."""
    return exporter().from_notebook_node(deck, {"metadata": {"name": name}})[0]


def chapter(path: Path) -> str:
    """The page of one notebook's deck."""
    return page(deck(nbformat.read(path, as_version=4)), path.stem)


def show_with(folder: Path) -> None:
    """Put what shows decks into their folder. Raises: node.NoNode."""
    shop = reveal()
    shutil.rmtree(folder / "reveal", ignore_errors=True)
    for name in SHOWN_WITH:
        (folder / "reveal" / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (shop / name).is_dir() else shutil.copy
        copy(shop / name, folder / "reveal" / name)


def build(paths: list[Path], folder: Path = OUT) -> Path:
    """Write the decks, and what shows them, into a folder. Raises: node.NoNode."""
    show_with(folder)
    for old in folder.glob("[0-9][0-9]_*.html") if len(paths) == len(notebooks()) else ():
        old.unlink()  # no deck outlives its notebook
    for path in tqdm(paths, desc="slides", unit=" decks", leave=False, disable=None):
        (folder / f"{path.stem}.html").write_text(chapter(path), encoding="utf-8")
    return folder


def main(arguments: list[str] | None = None) -> int:
    paths = editions.asked("slides", __doc__, arguments)
    try:
        build(paths)
    except node.NoNode as problem:
        sys.exit(f"make slides: {problem}")
    print(
        f"{len(paths)} deck{'s' if len(paths) > 1 else ''} in {OUT.relative_to(ROOT)}/; press S for the notes"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
