"""`make instructor`: the notebooks for those who teach from them, in _build/instructor.

The whole notebook with its outputs, its solutions in the open, and notes between its cells (tagged
`instructor`): at the top what it takes and builds on, two shorter cuts of it, and the exercises with their
answers; before each guess of book/learning the question and its answer; at the end the quiz with its answers.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Sequence

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from coursekit import catalogue
from tools import cuts, editions
from tools.editions import Section
from tools.project import ROOT

sys.path.append(str(ROOT / "book" / "_ext"))

import questions  # the book's own reader of book/learning

FOR = "**For instructors**"
CUTS_MIN = (50, 90)
SHORTER = (
    "Whole sections, those first about which most is asked in the least time, with all that their code "
    "builds on. What is left out is run, not taught. Minutes are those of words and lines of code, and "
    f"{cuts.EXERCISE_MIN} more for an exercise."
)
GIVEN = re.compile(r"✓ .*: (\S+) it is\.")


def instructor(notebook: NotebookNode, name: str) -> NotebookNode:
    """The notebook `name` as an instructor gets it."""
    asked = questions.read(ROOT, name)
    sections = editions.sections(notebook)
    guesses = {guess.cell: guess for guess in asked.predict}
    top = _note("top", opening(notebook, sections, name, asked))
    cells = []
    for cell in notebook.cells:
        if cell.id in guesses:
            cells.append(_note(cell.id, guess_note(guesses[cell.id])))
        cells.append(_unfolded(cell) if editions.is_solution(cell) else cell)
    quiz = [_note("quiz", quiz_note(asked.quiz))] if asked.quiz else []
    notebook.cells = [cells[0], top, *cells[1:], *quiz]
    return notebook


def _note(about: str, text: str) -> NotebookNode:
    quoted = "\n".join(f"> {line}".rstrip() for line in text.splitlines())
    return new_markdown_cell(quoted, id=f"note-{about}", metadata={"tags": ["instructor"]})


def _unfolded(cell: NotebookNode) -> NotebookNode:
    cell.metadata.tags = [tag for tag in cell.metadata.tags if tag != "hide-cell"]
    cell.metadata.pop("jupyter", None)
    return cell


# ---- the note at the top


def opening(notebook: NotebookNode, sections: list[Section], name: str, asked: questions.Chapter) -> str:
    """Minutes, what comes before, the cuts, the exercises."""
    chapter = catalogue.chapter(name)
    needed = [f"[{catalogue.chapter(need).title}]({need}.ipynb)" for need in chapter.needs]
    pieces = cuts.pieces(sections, _guesses(sections, asked), Counter(one.section for one in asked.quiz))
    parts = [
        f"{FOR}: {chapter.takes_min} minutes with the exercises, {chapter.reading_min} to read and follow; "
        f"it runs in {chapter.runs_s} seconds. Builds on {' and '.join(needed) or 'no other chapter'}.",
        f"**Shorter lessons.** {SHORTER}",
        _table(pieces),
        "**The exercises and their answers**",
        *(_exercise(notebook, section) for section in sections if section.is_exercise),
    ]
    return "\n\n".join(parts)


def _guesses(sections: list[Section], asked: questions.Chapter) -> dict[str, int]:
    """How many guesses each section has, by its title."""
    cells = {guess.cell for guess in asked.predict}
    return {section.title: sum(cell.id in cells for cell in section.cells) for section in sections}


def _table(pieces: Sequence[cuts.Piece]) -> str:
    """What each section costs, and which cut keeps it."""
    chosen = [cuts.cut(pieces, minutes) for minutes in CUTS_MIN]
    heads = [f"{minutes} minutes" for minutes in CUTS_MIN]
    rows = [["section", "minutes", *heads], ["---", "--:", *("---" for _ in heads)]]
    for here, piece in enumerate(pieces):
        kept = ["✓" if here in cut else "left out" for cut in chosen]
        rows.append([piece.title.replace("|", "\\|"), f"{piece.minutes:.1f}", *kept])
    every = cuts.total(pieces, range(len(pieces)))
    rows.append(["**all of it**", f"{every:.0f}", *(f"{cuts.total(pieces, cut):.0f}" for cut in chosen)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _exercise(notebook: NotebookNode, section: Section) -> str:
    if section.is_open:
        return f"*{section.title}*: it has no single answer; ask for what was measured, and how."
    later = " Cells further down use it: whoever skips it takes the answer from here." * bool(
        editions.waiting(notebook, section)
    )
    answers = [answer(cell) for cell in section.checked if editions.is_solution(cell)]
    blocks = "\n".join(f"```python\n{source}\n```" for source in answers)
    return f"*{section.title}*{_number(section)}.{later}\n\n{blocks}"


def answer(solution: NotebookNode) -> str:
    """The source of a solution up to its check."""
    first = next(node for node in ast.parse(solution.source).body if "check." in ast.unparse(node))
    return "\n".join(solution.source.splitlines()[: first.lineno - 1]).rstrip()


def _number(section: Section) -> str:
    """`: 6`, where a number was asked for, as the stored output of the solution says it."""
    solutions = [cell for cell in section.checked if editions.is_solution(cell)]
    said = [output.data["text/plain"] for cell in solutions for output in cell.outputs if "data" in output]
    found = GIVEN.search(" ".join(said))
    return f": {found[1]}" if found else ""


# ---- guesses and the quiz


def guess_note(guess: questions.Question) -> str:
    return f"{FOR}, a guess before the next output is seen: {guess.ask}\n\n{answered(guess)}"


def quiz_note(quiz: Sequence[questions.Question]) -> str:
    """All questions of the chapter with their answers."""
    parts = [
        f"**{number}.** {one.ask} (*{one.section}*)\n\n{answered(one)}" for number, one in enumerate(quiz, 1)
    ]
    return "\n\n".join([f"{FOR}: the quiz, its answers, and what whoever chose otherwise overlooked", *parts])


def answered(one: questions.Question) -> str:
    """The options, the right ones marked; then why, which also says what the wrong ones miss."""
    if one.number is not None:
        exact = f"**Answer: {one.number:g}{' ' + one.unit if one.unit else ''}**"
        return f"{exact} (within {100 * one.tolerance:g} %).\n\n{one.because}"
    marks = ["✓" if number in one.answer else "✗" for number in range(1, len(one.options) + 1)]
    listed = [f"- {mark} {option}" for mark, option in zip(marks, one.options, strict=True)]
    why = "Why, and what the others overlook" if "✗" in marks else "Why"
    return "\n".join([*listed, "", f"{why}: {one.because}"])


def main(arguments: list[str] | None = None) -> int:
    return editions.main("instructor", __doc__, instructor, arguments)


if __name__ == "__main__":
    sys.exit(main())
