"""A LangGraph drawn offline, as one SVG in the page's own ink: boxes in layers, choices dashed and labelled.

    draw(app)                  # in a notebook: the picture, told in words for those who cannot see it
    draw(app, xray=True)       # with the nodes of its sub-graphs, a frame around each

LangGraph's `draw_mermaid()` returns text, and `draw_mermaid_png()` asks a server on the web to draw it.
Taught in: notebooks/21_langgraph.ipynb
"""

import html
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from coursekit.graph_layout import END, START, Edge, Layout, layout, lines, name_of
from coursekit.plots import CARD, PAPER

NODE_INK = "var(--measured, #0072b2)"
NODE_STYLE = f'fill-opacity=".1" fill="{NODE_INK}" stroke="{NODE_INK}" stroke-width="1.5" rx="7"'
END_STYLE = 'fill-opacity=".12" fill="currentColor" rx="17"'
FRAME_STYLE = 'rx="10" fill="currentColor" fill-opacity=".05" stroke="currentColor" stroke-opacity=".35"'
PAGE = "var(--color-background-primary,var(--jp-layout-color0,#ffffff))"  # of the book, of Jupyter
HALO = f"paint-order:stroke;stroke:{PAGE};stroke-width:5px;stroke-linejoin:round"


@dataclass(frozen=True)
class Drawing:
    """A picture of a graph: `svg` for a page, `words` for those who cannot see it."""

    svg: str
    words: str

    def __repr__(self) -> str:
        return f"Graph: {self.words}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        card = self.svg.replace("<svg ", f'<svg style="{CARD};--color-background-primary:{PAPER}" ', 1)
        return {"image/svg+xml": card, "text/plain": repr(self)}, {"image/svg+xml": {"alt": self.words}}


def draw(app, *, xray: bool = False, alt: str = "") -> Drawing:
    """Draw a compiled graph. `alt` says what matters in it; without it, every edge is told in words."""
    graph = app.get_graph(xray=xray)
    labels = {(e.source, e.target): e.data or "" for e in graph.edges if e.conditional}
    edges = list(dict.fromkeys((e.source, e.target) for e in graph.edges))
    nodes = [*dict.fromkeys([START, *graph.nodes])] if START in graph.nodes else list(graph.nodes)
    places = layout(nodes, edges, labels)
    words = alt or describe(edges, labels)
    return Drawing(_svg(places, edges, labels, words), words)


def describe(edges: list[Edge], labels: dict[Edge, str]) -> str:
    """Every edge in words.

    >>> describe([("__start__", "a"), ("a", "b")], {("a", "b"): "yes"})
    'start to a; a, if yes, to b.'
    """
    said = lambda a, b: f", if {labels[a, b]}," if labels.get((a, b)) else ""
    maybe = lambda a, b: " perhaps" if (a, b) in labels and not labels[a, b] else ""
    told = [f"{name_of(a)}{said(a, b)}{maybe(a, b)} to {name_of(b)}" for a, b in edges]
    return "; ".join(told) + "."


def _svg(places: Layout, edges: list[Edge], labels: dict[Edge, str], words: str) -> str:
    low = max(y + h / 2 for x, y, w, h in places.boxes.values())
    parts, texts, depth = [], [], 0
    for edge in edges:
        if edge in places.back:
            depth += 1
        path, tip, middle = _route(places, edge, low + 14 + 16 * depth)
        dashed = ' stroke-dasharray="5 4"' if edge in labels else ""
        ink = 'fill="none" stroke="currentColor" stroke-opacity=".65" stroke-width="1.5"'
        parts.append(f'<path d="{path}" {ink}{dashed}/>{tip}')
        if labels.get(edge):
            texts.append((*middle, labels[edge]))
    frames, boxes = _frames(places.boxes), [_box(node, box) for node, box in places.boxes.items()]
    said = [_text(x, y + 4, text, 11.5, f'font-style="italic" style="{HALO}"') for x, y, text in texts]
    xs = [x + sign * w / 2 for x, y, w, h in places.boxes.values() for sign in (-1, 1)]
    ys = [y + sign * h / 2 for x, y, w, h in places.boxes.values() for sign in (-1, 1)]
    for x, _, text in texts:
        xs += [x - len(text) * 3.4, x + len(text) * 3.4]
    for bends in places.bends.values():
        xs, ys = xs + [x for x, _ in bends], ys + [y for _, y in bends]
    side = 16 + 26 * depth if not places.across else 0
    left, top = min(xs) - 12, min(ys) - (26 if frames else 10)
    below = 16 + 16 * depth if places.across and depth else 0
    width, height = max(xs) - left + 12 + side, max(ys) - top + 12 + below
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{html.escape(words)}" '
        f'viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" width="{width:.0f}" height="{height:.0f}" '
        f'font-family="sans-serif" color="inherit">{"".join([*frames, *parts, *boxes, *said])}</svg>'
    )


def _route(places: Layout, edge: Edge, low: float) -> tuple[str, str, tuple[float, float]]:
    """The curve of an edge, its arrow head, and where its label stands."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = places.boxes[edge[0]], places.boxes[edge[1]]
    if edge in places.back:
        if places.across:
            a, b = (ax + 8, ay + ah / 2), (bx - 8, by + bh / 2)
            c, d, mid = (a[0] + 6, low), (b[0] - 6, low), ((a[0] + b[0]) / 2, low * 0.75 + a[1] * 0.25)
            head = _head(*b, 0, -1)
        else:
            a, b = (ax + aw / 2, ay + 5), (bx + bw / 2, by - 5)
            out = max(x + w / 2 for x, y, w, h in places.boxes.values()) + 30
            c, d, mid = (out, a[1]), (out, b[1]), (out * 0.75 + max(a[0], b[0]) * 0.25, (a[1] + b[1]) / 2)
            head = _head(*b, -1, 0)
        curve = f"M{a[0]:.1f} {a[1]:.1f}C{c[0]:.1f} {c[1]:.1f} {d[0]:.1f} {d[1]:.1f} {b[0]:.1f} {b[1]:.1f}"
        return curve, head, mid
    a, b = (ax, ay + ah / 2), (bx, by - bh / 2 - 6)
    if places.across:
        a, b = (ax + aw / 2, ay), (bx - bw / 2 - 6, by)
    points = [a, *places.bends[edge], b]
    curve = f"M{a[0]:.1f} {a[1]:.1f}"
    for p, q in pairwise(points):
        x, y = (p[0] + q[0]) / 2, (p[1] + q[1]) / 2
        c, d = ((x, p[1]), (x, q[1])) if places.across else ((p[0], y), (q[0], y))
        curve += f"C{c[0]:.1f} {c[1]:.1f} {d[0]:.1f} {d[1]:.1f} {q[0]:.1f} {q[1]:.1f}"
    (px, py), (qx, qy) = points[0], points[1]
    head = _head(*b, 1, 0, 6) if places.across else _head(*b, 0, 1, 6)
    return curve, head, (px + (qx - px) * 0.58, py + (qy - py) * 0.58)


def _head(x: float, y: float, dx: int, dy: int, ahead: float = 0) -> str:
    x, y = x + dx * ahead, y + dy * ahead
    a, b = (x - 9 * dx - 4 * dy, y - 9 * dy - 4 * dx), (x - 9 * dx + 4 * dy, y - 9 * dy + 4 * dx)
    corners = "L".join(f"{x:.1f} {y:.1f}" for x, y in ((x, y), a, b))
    return f'<path d="M{corners}Z" fill="currentColor" fill-opacity=".75"/>'


def _text(x: float, y: float, text: str, size: float, more: str = 'text-anchor="middle"') -> str:
    middle = more if "anchor" in more else f'text-anchor="middle" {more}'
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" {middle} fill="currentColor"'
    return f"<text {where}>{html.escape(text)}</text>"


def _rect(x: float, y: float, w: float, h: float, style: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" {style}/>'


def _box(node: str, box: tuple[float, float, float, float]) -> str:
    x, y, w, h = box
    words, end = lines(node), node in (START, END)
    shift = [(i - (len(words) - 1) / 2) * 13 + 4.5 for i in range(len(words))]
    text = "".join(_text(x, y + down, line, 12.5) for down, line in zip(shift, words, strict=True))
    rect = _rect(x - w / 2, y - h / 2, w, h, END_STYLE if end else NODE_STYLE)
    return f'<g data-node="{html.escape(node)}">{rect}{text}</g>'


def _frames(boxes: dict[str, tuple]) -> list[str]:
    """A frame around the nodes of each sub-graph, with its name."""
    groups = defaultdict(list)
    for node, (x, y, w, h) in boxes.items():
        if ":" in node:
            groups[node.rsplit(":", 1)[0]].append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
    parts = []
    for name, corners in groups.items():
        x, y = min(c[0] for c in corners) - 9, min(c[1] for c in corners) - 9
        w, h = max(c[2] for c in corners) + 9 - x, max(c[3] for c in corners) + 9 - y
        parts.append(_rect(x, y, w, h, FRAME_STYLE) + _text(x + 6, y - 4, name, 11, 'text-anchor="start"'))
    return parts
