"""A memory in four layers, each with its own rule for what it keeps and when it lets go.

working    the last five turns, word for word
session    the older turns of this session, word for word, until they no longer fit
summary    what no longer fits, in the model's words; summary and session together have 2,000 tokens
long-term  every turn, found by meaning; older sessions too (`coursekit.semantic_memory`)

`context(question)` joins the layers and tells which ones really took part.
Taught in: notebooks/20_langchain.ipynb
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from coursekit.semantic_memory import SemanticMemory


class Turn(NamedTuple):
    said: str
    answered: str

    def __str__(self) -> str:
        return f"Human: {self.said}\nAI: {self.answered}"


class Recalled(NamedTuple):
    text: str
    sources: list[str]


class LayeredMemory:
    """summarise: (summary so far, turns as text) -> new summary.   count: tokens of a text."""

    def __init__(
        self,
        long_term: SemanticMemory,
        summarise: Callable[[str, str], str],
        count: Callable[[str], int],
        *,
        turns: int = 5,
        tokens: int = 2000,
        excerpt: int = 500,
    ) -> None:
        self.long_term, self.summarise, self.count = long_term, summarise, count
        self.working: deque[Turn] = deque(maxlen=turns)
        self.session: list[Turn] = []
        self.summary, self.tokens, self.excerpt = "", tokens, excerpt

    def add(self, said: str, answered: str) -> None:
        """Update all layers after a turn. If `summarise` fails, the turns wait in the session."""
        self.long_term.add_turn(said, answered)
        if len(self.working) == self.working.maxlen:
            self.session.append(self.working[0])
        self.working.append(Turn(said, answered))
        while self._excess():
            self._fold()

    def _excess(self, folded: int = 0) -> bool:
        """Would summary and session be too long without the `folded` oldest turns of the session?"""
        size = self.count(self.summary) + self.count(_lines(self.session[folded:]))
        return folded < len(self.session) and size > self.tokens

    def _fold(self) -> None:
        """Move the oldest turns into the summary; nothing leaves the session before the summary is there."""
        folded = next(n for n in range(len(self.session) + 1) if not self._excess(n))
        summary = self.summarise(self.summary, _lines(self.session[:folded]))
        if (size := self.count(summary)) > self.tokens:
            raise ValueError(
                f"a summary of {size} tokens does not fit into {self.tokens}; ask the model for a shorter one"
            )
        self.summary, self.session = summary, self.session[folded:]

    def context(self, question: str, k: int = 5) -> Recalled:
        """What to tell the model, from the general to the recent; nothing is said twice."""
        recent = {str(turn) for turn in [*self.session, *self.working]}
        found = [d for d in self.long_term.search(question, k) if d.page_content not in recent]
        pieces = {
            "summary": self.summary,
            "long-term": _cut("\n".join(document.page_content for document in found), self.excerpt),
            "session": _lines(self.session),
            "working": _lines(self.working),
        }
        used = {name: text for name, text in pieces.items() if text}
        return Recalled("\n\n".join(f"{name}:\n{text}" for name, text in used.items()), list(used))

    def end_session(self) -> None:
        """Forget all but the long-term layer."""
        self.working.clear()
        self.session.clear()
        self.summary = ""


def _lines(turns) -> str:
    return "\n".join(map(str, turns))


def _cut(text: str, most: int) -> str:
    """Dots only where something is gone."""
    return text if len(text) <= most else f"{text[: most - 2]} …"
