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

    def __init__(self, columns: list[str], rows: list[list[str]], caption: str = "") -> None:
        self.columns, self.rows, self.caption = columns, rows, caption

    def __repr__(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        text = "\n".join(
            "  ".join(word.ljust(w) for word, w in zip(line, widths, strict=True)).rstrip() for line in lines
        )
        return f"{self.caption}\n{text}" if self.caption else text

    def _repr_html_(self) -> str:
        cells = lambda words, tag: "".join(f"<{tag}>{html.escape(word)}</{tag}>" for word in words)
        head = "".join(f'<th scope="col">{html.escape(word)}</th>' for word in self.columns)
        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in self.rows)
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def table(rows: Iterable[Mapping], caption: str = "", form: Mapping[str, str] | None = None) -> Table:
    """Rows (one mapping each, same keys) as a table; numbers to four digits unless `form` says otherwise.

    form: column -> format specification, as in {"share": ".0%"}.
    >>> table([{"servers": 2, "wait (s)": 1 / 3}])
    servers  wait (s)
    2        0.3333
    """
    rows = list(rows)
    if not rows:
        raise ValueError("a table needs at least one row, got none")
    form = form or {}
    write = lambda name, value: (
        value if isinstance(value, str) else format(value, form.get(name, _usual(value)))
    )
    return Table(
        list(rows[0]), [[write(name, value) for name, value in row.items()] for row in rows], caption
    )


def _usual(value) -> str:
    return (
        ",d"
        if isinstance(value, int) and not isinstance(value, bool)
        else ""
        if isinstance(value, bool)
        else ",.4g"
    )


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
