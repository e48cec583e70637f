"""What models cost and how much they hold: `data/models.csv`, each row with its date and its source.

    MODELS["gpt-6-luna"].dollars(prompt=8000, answer=500)

Prices change every few weeks; whoever adds a row adds where and when it was read.
"""

import csv
from decimal import Decimal
from importlib.resources import files
from typing import NamedTuple


class Model(NamedTuple):
    """One row of the list. Prices are dollars per million tokens."""

    model: str
    vendor: str
    weights: str  # open or closed
    input: Decimal
    output: Decimal
    context: int  # tokens of prompt and answer together
    long_above: int | None  # a longer prompt makes the whole call dearer:
    long_input: Decimal | None  # None where our source does not say how much
    long_output: Decimal | None
    date: str
    source: str

    @property
    def reach(self) -> int:
        """Tokens that fit, as far as the source states the price."""
        return self.long_above if self.long_above and self.long_input is None else self.context

    def dollars(self, prompt: int, answer: int) -> Decimal:
        """What one call costs, by its numbers of tokens.

        >>> MODELS["gpt-4-turbo"].dollars(10_000, 2_000)
        Decimal('0.16')
        """
        long = self.long_above is not None and prompt > self.long_above
        a, b = (self.long_input, self.long_output) if long else (self.input, self.output)
        if a is None:
            raise LookupError(f"no source for the price of {self.model} above {self.long_above:,} tokens")
        return (prompt * a + answer * b) / 1_000_000


KINDS = str, str, str, Decimal, Decimal, int, int, Decimal, Decimal, str, str


def read() -> dict[str, Model]:
    """The list by model, in the order of the file."""
    lines = (files("coursekit") / "data" / "models.csv").read_text(encoding="utf-8").splitlines()
    rows = [zip(KINDS, row, strict=True) for row in list(csv.reader(lines))[1:]]
    found = [Model(*(kind(word) if word else None for kind, word in row)) for row in rows]
    return {one.model: one for one in found}


MODELS = read()
THEN = {name: one for name, one in MODELS.items() if one.date < "2025"}  # the blog post's table
NOW = {name: one for name, one in MODELS.items() if one.date >= "2025"}
