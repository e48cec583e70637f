"""The questions of a chapter, as its page and a teacher's question bank need them.

They stand in book/learning/NN_name.yml; README.md beside them tells the format, field by field, and
question_slips.py says what is wrong with a file.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

HOME = "book/learning"
TOLERANCE = 0.01


@dataclass(frozen=True)
class Question:
    """A guess before an output (it has a `cell`), or a question of the quiz (it has a `section`)."""

    ask: str
    because: str
    options: tuple[str, ...] = ()
    answer: tuple[int, ...] = ()  # from 1
    several: bool = False  # all right options must be chosen, and no other
    number: float | None = None  # in place of options
    unit: str = ""
    tolerance: float = TOLERANCE  # relative
    cell: str = ""
    evidence: str = ""
    section: str = ""

    @property
    def key(self) -> str:
        """What a browser remembers it by: another wording is another question."""
        return hashlib.sha256(f"{self.cell} {self.ask}".encode()).hexdigest()[:8]

    @property
    def right(self) -> str:
        """The answer as a page carries it: `2`, `1 3`, or `80 0.01`, a number and its tolerance."""
        if self.number is not None:
            return f"{self.number:g} {self.tolerance:g}"
        return " ".join(map(str, sorted(self.answer)))


@dataclass(frozen=True)
class Chapter:
    """All questions of one chapter, in their order."""

    predict: tuple[Question, ...] = ()
    quiz: tuple[Question, ...] = ()


def home(root: Path, name: str) -> Path:
    """Where the questions of the chapter `name` stand, if it has any."""
    return Path(root) / HOME / f"{name}.yml"


@cache
def read(root: Path, name: str) -> Chapter:
    """The questions of a chapter; none where there is no file. The file must be free of slips."""
    path = home(root, name)
    if not path.exists():
        return Chapter()
    parts = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Chapter(*(tuple(map(_question, parts.get(part) or [])) for part in ("predict", "quiz")))


def _question(entry: dict) -> Question:
    answer = entry.get("answer", [])
    texts = {field: str(entry.get(field, "")).strip() for field in ("ask", "because", "cell", "unit")}
    places = {field: str(entry.get(field, "")).strip() for field in ("evidence", "section")}
    return Question(
        **texts,
        **places,
        options=tuple(str(option).strip() for option in entry.get("options", [])),
        answer=tuple(answer) if isinstance(answer, list) else (answer,),
        several=isinstance(answer, list) and "number" not in entry,
        number=entry.get("number"),
        tolerance=entry.get("tolerance", TOLERANCE),
    )
