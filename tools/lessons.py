"""`make lessons`: a deck for each session of the schedules in book/syllabi.yml, in _build/slides.

`ARGS=workshop` makes those of one schedule. A session's deck opens with its title, its minutes and what is
handed in; what students prepared is in the notes. Then come its chapters, each cut to the headings that the
schedule names. An index, such as workshop.html, lists the decks in their order.
"""

import argparse
import html
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook
from tqdm import tqdm

from tools import node, slides
from tools.project import ROOT

sys.path.append(str(ROOT / "book" / "_ext"))

from syllabi import Share, read_syllabi

INDEX = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body {{ font: 18px/1.5 sans-serif; max-width: 40em; margin: 2em auto; padding: 0 1em }}</style>
<h1>{title}</h1>
<p>{promise}</p>
<ol>
{sessions}
</ol>
</html>
"""


def build(syllabi: list[dict], folder: Path = slides.OUT) -> list[Path]:
    """Write the decks of schedules, an index of each, and what shows them; return the indexes.

    Raises: node.NoNode without reveal.js.
    """
    slides.show_with(folder)
    indexes = []
    every = sum(len(syllabus["sessions"]) for syllabus in syllabi)
    with tqdm(total=every, desc="lessons", unit=" decks", leave=False, disable=None) as bar:
        for syllabus in syllabi:
            for old in folder.glob(f"{syllabus['id']}_*.html"):
                old.unlink()  # no deck outlives its session
            decks = []
            for number, session in enumerate(syllabus["sessions"], 1):
                decks.append(folder / f"{syllabus['id']}_{number:02}_{_slug(session['title'])}.html")
                decks[-1].write_text(slides.page(lesson(session), session["title"]), encoding="utf-8")
                bar.update()
            indexes.append(folder / f"{syllabus['id']}.html")
            indexes[-1].write_text(index(syllabus, decks), encoding="utf-8")
    return indexes


def lesson(session: dict) -> NotebookNode:
    """The slides of one session of a schedule."""
    title = f"# {session['title']}\n\n{session['minutes']} minutes. To hand in: {session['hand_in']}"
    opening = new_markdown_cell(title, id="session")
    said = new_markdown_cell(f"Prepared: {session['prepare']}", id="prepared")
    cells = [cell for share in session["shares"] for cell in within(share)]
    return new_notebook(cells=[slides.on(opening, "slide"), slides.on(said, "notes"), *slides.placed(cells)])


def within(share: Share) -> list[NotebookNode]:
    """The cells of a share of a chapter, from its first heading to the end of its last section."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{share.chapter}.ipynb", as_version=4)
    found, inside, last = [], not share.begin, False
    for cell in slides.shown(notebook):
        for part in slides.parts(cell) if cell.cell_type == "markdown" else [cell]:
            if part.cell_type == "markdown" and (heading := re.match(r"## (.+)", part.source)):
                if last:
                    return found
                inside, last = inside or heading[1] == share.begin, heading[1] == share.end
            if inside:
                found.append(part)
    return found


def index(syllabus: dict, decks: list[Path]) -> str:
    """The page that lists the decks of a schedule."""
    rows = [
        f'<li><a href="{deck.name}">{html.escape(session["title"])}</a>, {session["minutes"]} minutes</li>'
        for deck, session in zip(decks, syllabus["sessions"], strict=True)
    ]
    said = {key: html.escape(syllabus[key]) for key in ("title", "promise")}
    return INDEX.format(**said, sessions="\n".join(rows))


def _slug(title: str) -> str:
    return re.sub(r"\W+", "_", title.lower()).strip("_")


def main(arguments: list[str] | None = None) -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="make lessons", description=__doc__, formatter_class=raw)
    known = read_syllabi(ROOT)
    parser.add_argument("schedule", nargs="*", help=f"{', '.join(known)}; all when left out")
    wanted = parser.parse_args(arguments).schedule or list(known)
    if strange := [name for name in wanted if name not in known]:
        sys.exit(f"make lessons: there is no schedule {strange[0]!r}; there are {', '.join(known)}")
    try:
        indexes = build([known[name] for name in wanted])
    except node.NoNode as problem:
        sys.exit(f"make lessons: {problem}")
    print(f"Begin with {' or '.join(str(path.relative_to(ROOT)) for path in indexes)}; press S for the notes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
