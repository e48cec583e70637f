"""One line of Markdown as HTML: `code`, *emphasis* and $formulas$, in the dress of the book's own text."""

from functools import cache
from html import escape

from markdown_it import MarkdownIt
from markupsafe import Markup
from mathml import mathml
from mdit_py_plugins.dollarmath import dollarmath_plugin


def inline(text: str) -> Markup:
    """Safe HTML: whatever is no such Markdown stays text. Raises: LatexError for a formula we cannot draw."""
    return Markup(_parser().renderInline(" ".join(text.split())))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "typographer": True}).enable("smartquotes")
    parser.use(dollarmath_plugin, allow_digits=False, double_inline=False)
    parser.add_render_rule("math_inline", _formula)
    parser.add_render_rule("code_inline", _code)
    return parser


def _formula(self, tokens, number, options, env) -> str:
    return mathml(tokens[number].content, block=False)


def _code(self, tokens, number, options, env) -> str:
    return f'<code class="literal">{escape(tokens[number].content)}</code>'
