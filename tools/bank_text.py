r"""The words of a question as a learning management system shows them: HTML, with formulas as \(\lambda W\).

Moodle and Canvas typeset what stands in \( \) where their maths is switched on; where it is off, a formula
can still be read. Nothing else of the book's dress is carried over, and no quotation mark is changed.
"""

from decimal import Decimal
from functools import cache
from html import escape

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin


def html(text: str) -> str:
    """One line of a question's Markdown as HTML that is XML too.

    >>> html("`get` needs *one* step, as $n < 2$")
    '<code>get</code> needs <em>one</em> step, as \\\\(n &lt; 2\\\\)'
    """
    return _parser().renderInline(" ".join(text.split())).replace("&quot;", '"')


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False})
    parser.disable(["link", "image", "autolink"])  # so that no tag has an attribute
    parser.use(dollarmath_plugin, allow_digits=False, double_inline=False)
    parser.add_render_rule("math_inline", _formula)
    return parser


def _formula(self, tokens, number, options, env) -> str:
    return rf"\({escape(tokens[number].content, quote=False)}\)"


def decimal(number: float) -> Decimal:
    """The number as it was written in the file: 0.1 and not its nearest neighbour in base two."""
    return Decimal(str(number))


def plain(number: Decimal) -> str:
    """Without an exponent and without zeros at the end.

    >>> plain(decimal(108000.0) * decimal(0.05)), plain(decimal(9.1) * decimal(0.01))
    ('5400', '0.091')
    """
    written = f"{number:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def margin(number: float, tolerance: float) -> Decimal:
    """How far an answer may be from `number`, in its own unit."""
    return abs(decimal(number)) * decimal(tolerance)


def weights(answer: tuple[int, ...], options: int) -> list[Decimal]:
    """What each option of a choose-all question adds, in per cent: right ones 100 together, wrong ones -100.

    Who ticks everything, or tosses a coin for each option, earns nothing on average.

    >>> [str(weight) for weight in weights((1, 3), 5)]
    ['50', '-33.33333', '50', '-33.33333', '-33.33333']
    """
    right = len(answer)
    shares = {True: Decimal(100) / right, False: -Decimal(100) / max(options - right, 1)}
    step = Decimal("0.00001")  # Moodle knows a third as 33.33333
    return [Decimal(plain(shares[place in answer].quantize(step))) for place in range(1, options + 1)]
