"""A chapter in fewer minutes: which whole sections to teach, computed from what they hold and build on.

A section costs the time to read its words and lines, at the speeds of `coursekit.catalogue`, and a few
minutes more for each guess and exercise. It is worth as much as it is asked about: its guesses, its questions
of the quiz, its exercise. The opening section and "What you now know" belong to every cut; then the section
with the most worth a minute comes first, together with what it builds on: the sections whose definitions its
code uses, and for an exercise the section above it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from coursekit.catalogue import LINES_PER_MINUTE, WORDS_PER_MINUTE
from tools.editions import Section, names

EXERCISE_MIN = 5
GUESS_MIN = 1
CLOSING = "What you now know"
AT_HOME = "Where this comes from"


@dataclass(frozen=True)
class Piece:
    """A section as the choice sees it.   needs: positions of all sections that it builds on, near and far."""

    title: str
    minutes: float
    worth: int
    needs: frozenset[int]


def pieces(sections: Sequence[Section], guesses: dict[str, int], asked: dict[str, int]) -> list[Piece]:
    """What each section costs, is worth and needs.

    guesses, asked: how many guesses and questions a section has, by its title.
    """
    found: list[Piece] = []
    for here, section in enumerate(sections):
        near = _near(sections[: here + 1])
        needs = frozenset(near.union(*(found[before].needs for before in near)))
        guessed = guesses.get(section.title, 0)
        reading = section.words / WORDS_PER_MINUTE + section.lines / LINES_PER_MINUTE
        doing = EXERCISE_MIN * section.is_exercise + GUESS_MIN * guessed
        worth = section.is_exercise + guessed + asked.get(section.title, 0)
        found.append(Piece(section.title, reading + doing, worth, needs))
    return found


def _near(sections: Sequence[Section]) -> set[int]:
    """What the last of these builds on directly; of several sections that define a name, the nearest."""
    *before, last = sections
    defined = [names(section.cells)[0] for section in before]
    own, used = names(last.cells)
    definers = [[here for here, those in enumerate(defined) if name in those] for name in used - own]
    above = [here for here, section in enumerate(before) if not section.is_exercise]
    return {each[-1] for each in [*definers, above if last.is_exercise else []] if each}


def cut(pieces: Sequence[Piece], minutes: float) -> list[int]:
    """Positions of the sections to teach in so many minutes, in reading order."""
    chosen = {0} | {here for here, piece in enumerate(pieces) if piece.title == CLOSING}
    while True:
        left = minutes - total(pieces, chosen)
        ways = [{here, *piece.needs} - chosen for here, piece in enumerate(pieces) if _in_class(piece)]
        fitting = [way for way in ways if way and total(pieces, way) <= left]
        if not fitting:
            return sorted(chosen)
        chosen |= max(fitting, key=lambda way: (_worth_a_minute(pieces, way), -max(way)))


def total(pieces: Sequence[Piece], chosen: set[int] | Sequence[int]) -> float:
    """Minutes of the chosen sections."""
    return sum(pieces[here].minutes for here in chosen)


def _worth_a_minute(pieces: Sequence[Piece], way: set[int]) -> float:
    return sum(pieces[here].worth for here in way) / total(pieces, way)


def _in_class(piece: Piece) -> bool:
    """An open exercise and the sources are for home; a heading over nothing takes no time."""
    return piece.minutes > 0 and piece.title != AT_HOME and not piece.title.endswith(": open")
