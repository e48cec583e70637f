"""Questions as GIFT, the text format that Moodle imports: one category for each chapter.

https://docs.moodle.org/en/GIFT_format tells the format. The explanation of a question is its general
feedback, which is shown whatever was answered.
"""

import re

from tools.bank_text import decimal, html, margin, plain, weights

RESERVED = re.compile(r"([\\~=#{}:])")
COURSE = "$course$/Abstract Algorithms Live"


def escaped(text: str) -> str:
    r"""With a backslash before whatever would mean something to GIFT.

    >>> escaped(r"a = \(b\)")
    'a \\= \\\\(b\\\\)'
    """
    return RESERVED.sub(r"\\\1", text)


def category(chapter) -> str:
    """The line that says where the questions after it belong."""
    return f"$CATEGORY: {COURSE}/{chapter.number:02} {chapter.title.replace('/', '//')}"


def question(title: str, asked) -> str:
    """One question. title: what Moodle lists it under."""
    text = asked.ask + (" Choose all that apply." if asked.several else "")
    if asked.number is not None and asked.unit:
        text += f" (Answer in {asked.unit}.)"
    lines = [f"::{escaped(title)}::[html]{_said(text)}{{{'#' if asked.number is not None else ''}"]
    lines += _answers(asked)
    return "\n".join([*lines, f"####{_said(asked.because)}", "}"])


def _answers(asked) -> list[str]:
    if asked.number is not None:
        return [f"={plain(decimal(asked.number))}:{plain(margin(asked.number, asked.tolerance))}"]
    if asked.several:
        shares = weights(asked.answer, len(asked.options))
        pairs = zip(shares, asked.options, strict=True)
        return [f"~%{plain(share)}%{_said(option)}" for share, option in pairs]
    marks = ["=" if place in asked.answer else "~" for place in range(1, len(asked.options) + 1)]
    return [f"{mark}{_said(option)}" for mark, option in zip(marks, asked.options, strict=True)]


def _said(text: str) -> str:
    return escaped(html(text))


def file(chapters: list[tuple]) -> str:
    """A file of these chapters, each with its titled questions: [(chapter, [(title, question), …]), …]."""
    parts = ["// Abstract Algorithms Live: question bank, made by `make bank`. Text under CC BY 4.0."]
    for chapter, asked in chapters:
        parts += [category(chapter), *(question(*one) for one in asked)]
    return "\n\n".join(parts) + "\n"
