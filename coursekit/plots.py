"""One look for every figure: colour-blind safe, crisp, fit for light and dark, described in words.

Importing this module sets matplotlib's style and, in a notebook, makes every figure an SVG whose ink is
`currentColor` and whose series colours are CSS variables, so that a page in dark mode redraws nothing.
Colours: Okabe & Ito 2008, "Color Universal Design".
"""

import hashlib
import io
import re
import textwrap

import matplotlib as mpl
import matplotlib.pyplot as plt
from IPython import get_ipython
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

COLOURS = {
    "measured": "#0072b2",
    "theory": "#6e7781",
    "alarm": "#d55e00",
    "second": "#009e73",
    "third": "#cc79a7",
    "fourth": "#e69f00",
}
INK, PAPER = "#24292f", "#ffffff"
CARD = f"color:{INK};background:{PAPER};height:auto"  # where no page says otherwise

STYLE = {
    "figure.figsize": (7, 3.6), "figure.facecolor": "none", "figure.constrained_layout.use": True,
    "axes.facecolor": "none", "axes.edgecolor": INK, "axes.labelcolor": INK, "axes.titlecolor": INK,
    "axes.titlelocation": "left", "axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlepad": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "axes.prop_cycle": mpl.cycler(color=[colour for name, colour in COLOURS.items() if name != "theory"]),
    "axes.grid": True, "axes.grid.axis": "y", "grid.color": INK, "grid.alpha": 0.15, "grid.linewidth": 0.8,
    "text.color": INK, "xtick.color": INK, "ytick.color": INK, "xtick.major.size": 3, "ytick.major.size": 0,
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 10,
    "legend.frameon": False, "lines.linewidth": 2, "lines.markersize": 5, "patch.edgecolor": "none",
    "svg.fonttype": "none", "svg.hashsalt": "abstract-algorithms-live", "axes.unicode_minus": True,
}  # fmt: skip


def axes(title: str, x: str, y: str, *, alt: str = "", size: tuple[float, float] = (7, 3.6)) -> Axes:
    """An empty figure that states its finding: `title`, the quantity and unit of each axis.

    alt: what a reader who cannot see the figure should know; without it, `describe` lists the series.
    size: width and height in inches; the page scales it.
    """
    figure, ax = plt.subplots(figsize=size)
    ax.set(xlabel=x, ylabel=y)
    wrapped = textwrap.fill(title, width=int(size[0] * 11))  # about 11 bold letters an inch
    ax.set_title(wrapped)
    figure.alt = alt
    return ax


def describe(figure: Figure) -> str:
    """The figure in words: title, axes, and for each labelled line where it starts, peaks and ends."""
    said = [" ".join(ax.get_title(loc="left").split()) for ax in figure.axes]
    if alt := getattr(figure, "alt", ""):
        return " ".join([*(f"{title}." for title in said if title), alt])
    for ax in figure.axes:
        said.append(f"x: {ax.get_xlabel() or 'not named'}; y: {ax.get_ylabel() or 'not named'}")
        said += [_trend(line) for line in ax.get_lines() if not line.get_label().startswith("_")]
    return ". ".join(text for text in said if text) + "."


def _trend(line: Line2D) -> str:
    xs, ys = list(line.get_xdata()), list(line.get_ydata())
    if not ys:
        return f"{line.get_label()}: no points"
    along_x, along_y = line.get_transform().contains_branch_seperately(line.axes.transData)
    if not (along_x and along_y):  # drawn by axvline or axhline
        return f"{line.get_label()}: a line at " + (f"x={xs[0]:.3g}" if along_x else f"y={ys[0]:.3g}")
    top = ys.index(max(ys))
    return (
        f"{line.get_label()}: from y={ys[0]:.3g} at x={xs[0]:.3g} to y={ys[-1]:.3g} at x={xs[-1]:.3g},"
        f" highest y={ys[top]:.3g} at x={xs[top]:.3g}"
    )


def svg(figure: Figure, *, card: bool = False) -> str:
    """The figure as one `<svg>` element: small, deterministic, coloured by the page that shows it.

    card: paint it on white in its own ink, for places where no style sheet reaches (GitHub, Lab).
    """
    raw = io.StringIO()
    figure.savefig(raw, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = raw.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'(?<= )(d|x|y|transform)="[^"]*"', _round, text)
    text = re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", text))
    text = re.sub(
        r' transform="rotate\(-0 [^"]*"|<defs><style.*?</style></defs>|<g/>|<path d="[^"]*" style="fill: none"/>',  # noqa: E501
        "",
        text,
    )
    for name, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{name}, {colour})")
    text = text.replace(INK, "currentColor")
    text = re.sub(r"'?DejaVu Sans'?[^;\"]*", "sans-serif", text)
    text = _own_ids(text)
    said = describe(figure).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    style = f' style="{CARD}"' if card else ""
    return re.sub(
        r"^<svg ", f'<svg role="img" aria-label="{said}"{style} stroke-linejoin="round" ', text, count=1
    )


def _round(attribute: re.Match) -> str:
    """Tenths of a point are finer than any screen, and the same on every machine."""
    return re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), attribute[0])


def _own_ids(text: str) -> str:
    """Keep only the ids that something refers to, named after the figure: two figures can share a page."""
    figure = "f" + hashlib.sha256(text.encode()).hexdigest()[:6]
    used = dict.fromkeys(re.findall(r"#([mp][0-9a-f]{10})", text))
    for number, old in enumerate(used):
        text = text.replace(old, f"{figure}-{number}")
    return re.sub(rf' id="(?!{figure}-)[^"]*"', "", text)


def _show_svg(figure: Figure) -> tuple[str, dict]:
    return svg(figure, card=True), {"alt": describe(figure)}


def _use_in_notebook(shell) -> None:
    formatters = shell.display_formatter.formatters
    for mime in ("image/png", "image/jpeg", "text/html"):
        formatters[mime].pop(Figure, None)
    formatters["image/svg+xml"].for_type(Figure, _show_svg)
    formatters["text/plain"].for_type(
        Figure, lambda figure, printer, cycle: printer.text(f"Figure: {describe(figure)}")
    )


mpl.colors.get_named_colors_mapping().update(COLOURS)  # so that color="theory" works everywhere
mpl.rcParams.update(STYLE)
if (_shell := get_ipython()) is not None and hasattr(_shell, "kernel"):
    from matplotlib_inline.backend_inline import configure_inline_support

    configure_inline_support(_shell, "inline")  # else it would bring PNG back after the first cell
    _use_in_notebook(_shell)
