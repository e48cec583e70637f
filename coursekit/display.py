"""Source, tables and transcripts, shown as a reader wants to see them."""

import html
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping

from IPython import get_ipython
from IPython.display import Code, display
from tqdm import tqdm


def show(thing: Callable | type) -> Code:
    """The source of a function, class or module, as it runs here."""
    return Code(inspect.getsource(thing).rstrip(), language="python")


class Table:
    """Rows under named columns, in Lab and in the book; plain text where there is no HTML."""

    def __init__(
        self, columns: list[str], rows: list[list[str]], numeric: list[bool], caption: str = ""
    ) -> None:
        self.columns, self.rows, self.numeric, self.caption = columns, rows, numeric, caption

    def __repr__(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        text = "\n".join(self._line(line, widths) for line in lines)
        return f"{self.caption}\n{text}" if self.caption else text

    def _line(self, words: list[str], widths: list[int]) -> str:
        columns = zip(words, widths, self.numeric, strict=True)
        padded = (word.rjust(width) if numeric else word.ljust(width) for word, width, numeric in columns)
        return "  ".join(padded).rstrip()

    def _repr_html_(self) -> str:
        head = self._cells('<th scope="col"', "</th>", self.columns)
        body = "".join(f"<tr>{self._cells('<td', '</td>', row)}</tr>" for row in self.rows)
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _cells(self, begin: str, end: str, words: list[str]) -> str:
        sides = ("right" if numeric else "left" for numeric in self.numeric)
        cells = zip(sides, map(html.escape, words), strict=True)
        return "".join(f'{begin} style="text-align:{side}">{word}{end}' for side, word in cells)


def table(rows: Iterable[Mapping], caption: str = "", form: Mapping[str, str] | None = None) -> Table:
    """Rows (one mapping each, same keys) as a table; numbers to four digits unless `form` says otherwise.

    form: column -> format specification, as in {"share": ".0%"}.
    >>> table([{"servers": 2, "wait (s)": 1 / 3}])
    servers  wait (s)
          2    0.3333
    """
    rows = list(rows)
    if not rows:
        raise ValueError("a table needs at least one row, got none")
    columns, form = list(rows[0]), form or {}
    words = [[_write(row[name], form.get(name)) for name in columns] for row in rows]
    return Table(columns, words, [not isinstance(rows[0][name], str) for name in columns], caption)


def _write(value, form: str | None) -> str:
    if isinstance(value, str | bool):
        return str(value)
    return format(value, form or (",d" if isinstance(value, int) else ",.4g"))


def progress(total: int, unit: str, *, visible: bool = True) -> tqdm:
    """A bar for long work: call its `update()` after each of `total` units; it vanishes at the end.

    In a notebook its place stays as one silent line, the same after every run, so that stored outputs agree.
    """
    screen = sys.stderr
    if visible and getattr(get_ipython(), "kernel", None) is not None:
        screen = _Line(f"{total} {unit}s")
    return tqdm(total=total, unit=unit, file=screen, leave=False, ascii=False, disable=not visible)


class _Line:
    """One line of a cell's output that tqdm may rewrite; at rest it is empty, its plain text `rest`."""

    def __init__(self, rest: str) -> None:
        self.rest = rest
        self.shown = display(self._data(""), raw=True, display_id=True)

    def write(self, text: str) -> None:
        self.shown.update(self._data(text.strip()), raw=True)

    def _data(self, text: str) -> dict[str, str]:
        return {
            "text/plain": text or self.rest,
            "text/html": f"<pre>{html.escape(text)}</pre>" if text else "",
        }
