"""Ways to cut a document, and an inspector to look at them; every chunk is an exact slice of its source.

A cutter takes a document and the most words that a chunk may have, and returns passages in order. What stands
between two chunks is white space and nothing else, so no word is lost; only `fixed` may repeat words.
Taught in: notebooks/06_llm_prompting_and_rag.ipynb
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import anywidget
import numpy as np
import traitlets

from coursekit import embeddings
from coursekit.corpus import PASSAGE_WORDS, Document, Passage, Question, paragraphs
from coursekit.errors import CourseError
from coursekit.widgets import CSS, STATIC

Span = tuple[int, int]  # where a piece of text begins and ends

WORD = re.compile(r"\S+")
BLANK_LINE, NEW_LINE, SPACE = re.compile(r"\n\s*\n"), re.compile(r"\n\s*"), re.compile(r"\s+")
END = re.compile(r"""(?<=[.!?…])["'”’)\]*_`]*\s+(?=["'“‘(\[*_`$]*[A-Z0-9])|\n\s*\n""")
ABBREVIATION = re.compile(r"(?:\b(?:Dr|Mr|Mrs|Ms|St|vs|etc|e\.g|i\.e|cf|No|pp|Fig|Art|Sec)|\b[A-Z])\.$")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def fixed(document: Document, most: int = PASSAGE_WORDS, *, overlap: int = 0) -> list[Passage]:
    """Windows of `most` words, each begins with the last `overlap` words of the one before.

    Raises: CourseError unless 0 <= overlap < most, since the window would not move.
    """
    if not 0 <= overlap < most:
        raise CourseError(f"overlap must be from 0 to {most - 1} for chunks of {most} words, got {overlap}")
    words = [found.span() for found in WORD.finditer(document.text)]
    starts = range(0, max(len(words) - overlap, min(len(words), 1)), most - overlap)
    windows = (words[start : start + most] for start in starts)
    return [Passage(document, window[0][0], window[-1][1]) for window in windows]


def sentences(text: str) -> list[Span]:
    """Where each sentence begins and ends. Abbreviations end none, a blank line ends one, code is one.

    >>> [text[start:end] for text in ["Dr. Who? Yes! No."] for start, end in sentences(text)]
    ['Dr. Who?', 'Yes!', 'No.']
    """
    code = [found.span() for found in FENCE.finditer(text)]
    cuts = [found.end() for found in END.finditer(text) if _is_end(text, found.start(), code)]
    return [_trim(text, *span) for span in _between(cuts, 0, len(text)) if text[slice(*span)].strip()]


def _is_end(text: str, at: int, code: list[Span]) -> bool:
    inside_code = any(start <= at < end for start, end in code)
    return not inside_code and not ABBREVIATION.search(text[max(0, at - 8) : at])


def by_sentences(document: Document, most: int = PASSAGE_WORDS) -> list[Passage]:
    """Whole sentences, joined while they fit; a sentence longer than a chunk is cut between words."""
    fitting = [piece for span in sentences(document.text) for piece in _windows(document.text, span, most)]
    return _passages(document, _joined(document.text, fitting, most))


def recursive(document: Document, most: int = PASSAGE_WORDS) -> list[Passage]:
    """At blank lines; what is still too long at line ends; then at sentences; then between words."""

    def cut(span: Span, levels: Sequence[Callable[[str, Span], list[Span]]]) -> list[Span]:
        if _size(document.text, span) <= most:
            return [span]
        pieces = [small for piece in levels[0](document.text, span) for small in cut(piece, levels[1:])]
        return _joined(document.text, pieces, most)

    at = [partial(_split, separator=BLANK_LINE), partial(_split, separator=NEW_LINE), _sentences_in]
    return _passages(document, cut((0, len(document.text)), [*at, partial(_split, separator=SPACE)]))


def semantic(
    document: Document,
    most: int = PASSAGE_WORDS,
    *,
    closeness: float = 0.3,
    encode: Callable[[list[str]], np.ndarray] = embeddings.embed,
) -> list[Passage]:
    """A sentence joins the chunk before it if it fits and lies close to the mean of that chunk's sentences.

    closeness: the least cosine.   encode: texts to vectors of length 1.
    """
    text = document.text
    spans = [piece for span in sentences(text) for piece in _windows(text, span, most)]
    if not spans:
        return []
    vectors = encode([text[start:end] for start, end in spans])
    chunks, members = [spans[0]], [vectors[0]]
    for span, vector in zip(spans[1:], vectors[1:], strict=True):
        mean = np.mean(members, axis=0)
        close = float(mean @ vector) >= closeness * float(np.linalg.norm(mean))
        if close and _size(text, (chunks[-1][0], span[1])) <= most:
            chunks[-1] = (chunks[-1][0], span[1])
            members.append(vector)
        else:
            chunks.append(span)
            members = [vector]
    return _passages(document, chunks)


CUTTERS: dict[str, Callable[[Document, int], list[Passage]]] = {
    "fixed words": fixed,
    "fixed, a fifth overlaps": lambda document, most: fixed(document, most, overlap=most // 5),
    "sentences": by_sentences,
    "recursive": recursive,
    "semantic": semantic,
    "paragraphs": paragraphs,
}


def found_within(budget: int, ranked: Sequence[Passage], question: Question) -> bool:
    """Does a passage that answers (grade 2) stand, whole, within the first `budget` words of a ranking?

    It compares ways of cutting, as ranks cannot: ten large chunks hold more text than ten small ones.
    """
    grades = question.relevant(ranked)
    for passage in ranked:
        budget -= len(passage.text.split())
        if budget < 0:
            return False
        if grades.get(passage.id) == 2:
            return True
    return False


def _size(text: str, span: Span) -> int:
    return len(text[slice(*span)].split())


def _trim(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _between(cuts: Sequence[int], start: int, end: int) -> list[Span]:
    edges = [start, *cuts, end]
    return list(pairwise(edges))


def _split(text: str, span: Span, separator: re.Pattern) -> list[Span]:
    cuts = [found.end() for found in separator.finditer(text, *span)]
    return [_trim(text, *piece) for piece in _between(cuts, *span) if text[slice(*piece)].strip()]


def _sentences_in(text: str, span: Span) -> list[Span]:
    return [(span[0] + start, span[0] + end) for start, end in sentences(text[slice(*span)])]


def _windows(text: str, span: Span, most: int) -> list[Span]:
    words = [found.span() for found in WORD.finditer(text, *span)]
    rows = [words[start : start + most] for start in range(0, len(words), most)]
    return [(row[0][0], row[-1][1]) for row in rows]


def _joined(text: str, spans: list[Span], most: int) -> list[Span]:
    """Neighbours become one while together they have at most `most` words."""
    joined: list[Span] = []
    for span in spans:
        if joined and _size(text, (joined[-1][0], span[1])) <= most:
            joined[-1] = (joined[-1][0], span[1])
        else:
            joined.append(span)
    return joined


def _passages(document: Document, spans: list[Span]) -> list[Passage]:
    trimmed = (_trim(document.text, *span) for span in spans)
    return [Passage(document, start, end) for start, end in trimmed if start < end]


class ChunkInspector(anywidget.AnyWidget):
    """One document and where each way of cutting cuts it: chunk by chunk, with its words and word pieces.

    sizes: most words of a chunk.   cutters: name -> cutter; every frame is computed here, so that the page
    only chooses.   Raises: ValueError for a document without words.
    """

    _esm = (STATIC / "chunks.js").read_text(encoding="utf-8")
    _css = CSS + (STATIC / "chunks.css").read_text(encoding="utf-8")
    title = traitlets.Unicode().tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)
    methods = traitlets.List().tag(sync=True)
    sizes = traitlets.List().tag(sync=True)
    frames = traitlets.List().tag(sync=True)  # method -> size -> chunks of [start, end, words, pieces]
    limit = traitlets.Int(embeddings.LONGEST).tag(sync=True)
    method = traitlets.Int(0).tag(sync=True)
    size = traitlets.Int(0).tag(sync=True)
    at = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        document: Document,
        sizes: Sequence[int] = (40, 80, 120),
        cutters: dict[str, Callable[[Document, int], list[Passage]]] = CUTTERS,
    ) -> None:
        if not document.text.strip():
            raise ValueError(f"{document.id} has no words to cut")
        super().__init__(
            title=document.title,
            text=document.text,
            methods=list(cutters),
            sizes=list(sizes),
            frames=[[_frame(cut(document, most)) for most in sizes] for cut in cutters.values()],
        )

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {len(by_size[-1])}" for name, by_size in self._named())
        return f"{self.title!r} cut into chunks of {self.sizes[-1]} words at most: {counts}"

    def _named(self):
        return zip(self.methods, self.frames, strict=True)


def _frame(chunks: list[Passage]) -> list[list[int]]:
    return [
        [*_units(c.document.text, c.start, c.end), len(c.text.split()), embeddings.count_pieces(c.text)]
        for c in chunks
    ]


def _units(text: str, *places: int) -> list[int]:
    """Places in UTF-16 units, as a page counts them: signs beyond the first plane count double."""
    return [len(text[:place].encode("utf-16-le")) // 2 for place in places]
