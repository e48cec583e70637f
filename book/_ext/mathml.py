"""LaTeX becomes MathML while the book is built: browsers draw it themselves, no page loads a maths script."""

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

_converter = LatexToMathML(fancy_error=False)
_log = logging.getLogger(__name__)


def mathml(latex: str, *, block: bool) -> str:
    """The `<math>` element of one formula. Raises: LatexError, naming the first thing it does not know."""
    return _converter.convert_with_local_state(latex, displaystyle=block)


def _convert(node: nodes.Element, *, block: bool) -> str:
    try:
        return mathml(node.astext(), block=block)
    except LatexError as error:
        _log.warning("this formula is not LaTeX we can draw: %s (%s)", node.astext(), error, location=node)
        return ""


def _inline(translator, node: nodes.math) -> None:
    translator.body.append(_convert(node, block=False))
    raise nodes.SkipNode


def _block(translator, node: nodes.math_block) -> None:
    classes = "math numbered" if node["number"] else "math"
    translator.body.append(f'<div class="{classes}">')  # its name stands on the wrapper that Furo puts around
    translator.body.append(_convert(node, block=True))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})</span>')
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app) -> dict:
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
