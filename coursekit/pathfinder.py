"""A self-assessment that proposes a path: what you answer right you may skip.

The page computes the path itself, so it works without a kernel; `path()` says the same in Python.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import anywidget
import traitlets

from coursekit import catalogue
from coursekit.errors import CourseError

STATIC = Path(__file__).parent / "static"
UNANSWERED, UNSURE = -1, -2


@dataclass(frozen=True)
class Probe:
    """One question about one section: whoever answers it right knows that section."""

    chapter: str  # 05_llm_foundation_models
    section: str  # the heading that answers it
    text: str
    right: str
    wrong: tuple[str, ...]

    def options(self) -> list[str]:
        return sorted([self.right, *self.wrong])


class PathFinder(anywidget.AnyWidget):
    """Questions on the left hand, the path on the other; `answers` holds the option chosen for each."""

    _esm = (STATIC / "pathfinder.js").read_text()
    _css = (STATIC / "widgets.css").read_text() + ".ck fieldset + fieldset { margin-top: .6rem; }"
    probes = traitlets.List().tag(sync=True)
    chapters = traitlets.List().tag(sync=True)
    answers = traitlets.List().tag(sync=True)

    def __init__(self, probes: list[Probe]) -> None:
        names = dict.fromkeys(probe.chapter for probe in probes)
        if not names:
            raise CourseError("a self-assessment needs at least one question, got none")
        asked = [catalogue.chapter(name) for name in names]
        super().__init__(
            probes=[asdict(probe) | {"options": probe.options(), "wrong": []} for probe in probes],
            chapters=[
                {"name": one.name, "title": one.title, "minutes": one.reading_min, "link": one.link}
                for one in asked
            ],
            answers=[UNANSWERED] * len(probes),
        )

    def answer(self, *options: str | None) -> "PathFinder":
        """Answer the questions in their order, as a reader would by clicking; None is "I do not know"."""
        if len(options) != len(self.probes):
            raise CourseError(f"there are {len(self.probes)} questions, {len(options)} answers came")
        places = zip(self.probes, options, strict=True)
        self.answers = [UNSURE if said is None else probe["options"].index(said) for probe, said in places]
        return self

    def path(self) -> list[tuple[str, list[str]]]:
        """The chapters to read in their order, each with the sections that the answers say are new."""
        new: dict[str, list[str]] = {}
        for probe, choice in zip(self.probes, self.answers, strict=True):
            if choice < 0 or probe["options"][choice] != probe["right"]:
                new.setdefault(probe["chapter"], []).append(probe["section"])
        return [(one["name"], new[one["name"]]) for one in self.chapters if one["name"] in new]

    def __repr__(self) -> str:
        return f"{len(self.probes)} questions about {len(self.chapters)} chapters"
