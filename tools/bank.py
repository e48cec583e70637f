"""`make bank`: the questions of the chapters for a learning management system, in _build/bank.

gift/ holds text that Moodle imports, one file a chapter and one of all; qti/ holds QTI 2.1 packages, one a
chapter, for Canvas, Blackboard and others. Both are made of book/learning/NN_name.yml, as the pages of the
book are. The guesses before an output stay in the book: they need their notebook.
"""

import shutil
import sys
from pathlib import Path

from tqdm import tqdm

from coursekit import catalogue
from tools import bank_gift, bank_qti
from tools.project import ROOT

sys.path.append(str(ROOT / "book" / "_ext"))
import question_slips
import questions

HOME = ROOT / "_build" / "bank"


class Slips(Exception):
    """A file of questions is not as it must be; the text names the file, the entry and the way out."""


def titled(chapter: catalogue.Chapter, root: Path = ROOT) -> list[tuple[str, questions.Question]]:
    """The questions of a chapter, each with a title from the section it asks about: `01.2 The law`.

    Raises: Slips.
    """
    home = questions.home(root, chapter.name)
    if home.exists() and (slips := question_slips.slips(root, chapter.name)):
        raise Slips(f"{home.relative_to(root)}: {slips[0]}")
    asked = questions.read(root, chapter.name).quiz
    return [(f"{chapter.number:02}.{place} {one.section}", one) for place, one in enumerate(asked, 1)]


def export(home: Path = HOME, root: Path = ROOT) -> dict[str, int]:
    """Write the bank into `home`, which is emptied first, and say how many questions each chapter has.

    Raises: Slips.
    """
    every = [(chapter, titled(chapter, root)) for chapter in catalogue.chapters()]
    every = [(chapter, asked) for chapter, asked in every if asked]
    shutil.rmtree(home, ignore_errors=True)
    for folder in ("gift", "qti"):
        (home / folder).mkdir(parents=True)
    for chapter, asked in tqdm(every, desc="Exporting", unit=" chapters", disable=None):
        gift = bank_gift.file([(chapter, asked)])
        (home / "gift" / f"{chapter.name}.txt").write_text(gift, encoding="utf-8", newline="\n")
        (home / "qti" / f"{chapter.name}.zip").write_bytes(bank_qti.package(chapter, asked))
    (home / "gift" / "all.txt").write_text(bank_gift.file(every), encoding="utf-8", newline="\n")
    return {chapter.name: len(asked) for chapter, asked in every}


def main() -> int:
    try:
        made = export()
    except Slips as slip:
        sys.exit(f"{slip}\nThe bank is not made: mend the line above.")
    print(f"{sum(made.values())} questions of {len(made)} chapters, for Moodle and as QTI 2.1: {HOME}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
