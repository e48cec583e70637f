"""A daily budget for model calls that is checked before the money is spent, also when many call at once.

monitor = CostMonitor("5")
with monitor.call("gpt-6-luna", prompt=900, most=200) as book:   # reserves the most it can cost
    reply = client.chat.completions.create(..., max_tokens=200)
    book(reply.model, reply.usage.prompt_tokens, reply.usage.completion_tokens)
"""

import re
import threading
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from coursekit.prices import NOW, Model

SHARES = Decimal("0.8"), Decimal(1)  # of the budget, each worth one warning a day


class Usage(NamedTuple):
    """One line of the ledger."""

    at: datetime
    model: str
    prompt: int
    answer: int
    dollars: Decimal
    operation: str


class BudgetExceeded(RuntimeError):
    """A call was refused before it was made, since it could have passed the limit."""


class CostMonitor:
    """A ledger with a limit of `budget` dollars a day, from midnight to midnight in UTC.

    models: the price list.   clock: says what time it is, aware of its zone.
    Taught in: notebooks/05_llm_foundation_models.ipynb
    """

    def __init__(self, budget="100", models: dict[str, Model] = NOW, clock=lambda: datetime.now(UTC)):
        self.budget, self.models, self.clock = Decimal(budget), models, clock
        self.ledger: list[Usage] = []
        self.warned: list[tuple[date, Decimal]] = []
        self._booked, self._held = defaultdict(Decimal), defaultdict(Decimal)  # dollars by day
        self._lock = threading.Lock()

    @contextmanager
    def call(self, model: str, prompt: int, most: int, operation: str = "chat"):
        """Reserve the most that a call can cost; free what `book` has not used.

        prompt: its tokens, or an upper bound.   most: the longest answer allowed.
        Yields `book(model, prompt, answer)`, to be called with what the reply says.
        Raises: BudgetExceeded before anything is spent; LookupError for a model without a price.
        """
        at = self.clock().astimezone(UTC)
        day, needed = at.date(), self.price(model, prompt, most)
        with self._lock:  # check and reservation are one step
            free = self.budget - self._booked[day] - self._held[day]
            if needed > free:
                raise BudgetExceeded(f"this call may cost ${needed:.4f}, ${free:.4f} are left today")
            self._held[day] += needed

        def book(model: str, prompt: int, answer: int) -> None:
            try:
                dollars = self.price(model, prompt, answer)
            except LookupError:  # an unknown model, or no price for so long a prompt: never free
                dollars = needed
            used = Usage(at, model, prompt, answer, dollars, operation)
            with self._lock:
                self.ledger.append(used)
                self._booked[day] += used.dollars
                for share in SHARES:
                    if self._booked[day] >= share * self.budget and (day, share) not in self.warned:
                        self.warned.append((day, share))

        try:
            yield book
        finally:
            with self._lock:
                self._held[day] -= needed

    def price(self, model: str, prompt: int, answer: int) -> Decimal:
        """Dollars of a call. Raises LookupError for a model that is not in the list: nothing is free."""
        if (listed := self._listed(model)) is None:
            raise LookupError(f"no price for {model!r}; add it to the list, with date and source")
        return listed.dollars(prompt, answer)

    def _listed(self, model: str) -> Model | None:
        """Its row; a dated version such as gpt-6-luna-2026-09-22 has that of its name."""
        return self.models.get(model) or self.models.get(re.sub(r"-\d{4}-?\d{2}-?\d{2}$", "", model))

    def spent(self, day: date) -> Decimal:
        """Dollars booked on a day."""
        return self._booked[day] + 0

    def by_model(self, days: int = 7) -> dict[str, Decimal]:
        """Dollars of the last `days` days, today included."""
        first, sums = self.clock().astimezone(UTC).date() - timedelta(days=days - 1), defaultdict(Decimal)
        for one in self.ledger:
            if one.at.date() >= first:
                sums[one.model] += one.dollars
        return dict(sums)
