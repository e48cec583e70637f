"""Where the boxes and arrows of a graph stand: layers from start to end, few crossings, room for labels.

Method: Sugiyama, Tagawa and Toda 1981, "Methods for visual understanding of hierarchical system structures":
turn edges that close a loop, give each node a layer, order the layers by barycentres, then set coordinates.
Taught in: notebooks/21_langgraph.ipynb
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

START, END = "__start__", "__end__"
HIGH, GAP, LETTER = 34, 38, 7.4  # of a box, between layers, of a letter, in px
WIDEST = 800  # px; a graph that is wider is drawn from top to bottom
Edge = tuple[str, str]


@dataclass
class Layout:
    """Where everything stands: centre and size of each box in px, and the bends of each edge."""

    boxes: dict[str, tuple[float, float, float, float]]
    bends: dict[Edge, list[tuple[float, float]]]
    back: set[Edge]
    across: bool


def ranks(nodes: list[str], edges: list[Edge]) -> tuple[dict[str, int], set[Edge]]:
    """The layer of each node, and the edges that close a loop. Every other edge goes to a later layer.

    >>> ranks(["a", "b", "c"], [("a", "b"), ("b", "c"), ("c", "a")])
    ({'a': 0, 'b': 1, 'c': 2}, {('c', 'a')})
    """
    after = defaultdict(list)
    for a, b in edges:
        after[a].append(b)
    back, done, path = set(), [], []

    def visit(node: str) -> None:
        path.append(node)
        for following in after[node]:
            if following in path:
                back.add((node, following))
            elif following not in done:
                visit(following)
        path.pop()
        done.append(node)

    for node in nodes:
        if node not in done:
            visit(node)
    rank = dict.fromkeys(nodes, 0)
    for node in reversed(done):
        for following in after[node]:
            if (node, following) not in back:
                rank[following] = max(rank[following], rank[node] + 1)
    if END in rank:
        rank[END] = max(rank[END], *rank.values())
    return rank, back


def layout(nodes: list[str], edges: list[Edge], labels: dict[Edge, str]) -> Layout:
    """Positions of all boxes and the bends of all edges, in px."""
    rank, back = ranks(nodes, edges)
    layers: list[list] = [[] for _ in range(max(rank.values()) + 1)]
    for node in nodes:
        layers[rank[node]].append(node)
    chains, links = {}, defaultdict(list)
    for a, b in edges:
        if (a, b) not in back:
            chain = [a, *((a, b, layer) for layer in range(rank[a] + 1, rank[b])), b]
            for bend in chain[1:-1]:
                layers[bend[2]].append(bend)
            for one, other in pairwise(chain):
                links[one].append(other)
                links[other].append(one)
            chains[a, b] = chain
    wide = {node: max(map(len, lines(node))) * LETTER + 22 for node in nodes}
    label = max([len(text) for text in labels.values()] or [0]) * 6.2
    full = [max([wide.get(one, 0) for one in layer]) for layer in layers]
    after = [GAP] * len(layers)  # a gap is wider where labels stand in it
    for (a, _), text in labels.items():
        after[rank[a]] = max(after[rank[a]], GAP + len(text) * 5)
    across = sum(full) + sum(after[:-1]) <= WIDEST
    size = lambda one: _room(wide.get(one), across, label)
    along = _arrange(layers, links, size)
    step = [sum(full[:i]) + sum(after[:i]) + full[i] / 2 for i in range(len(layers))]
    if not across:
        step = [(HIGH + 30 + (18 if label else 0)) * i + HIGH / 2 for i in range(len(layers))]
    at = {}
    for i, layer in enumerate(layers):
        at |= {one: (step[i], along[one]) if across else (along[one], step[i]) for one in layer}
    boxes = {node: (*at[node], wide[node], HIGH) for node in nodes}
    bends = {edge: [at[one] for one in chain[1:-1]] for edge, chain in chains.items()}
    return Layout(boxes, bends, back, across)


def _arrange(layers: list[list], links: dict, size) -> dict:
    """The coordinate of each node within its layer: near its neighbours, none on another."""
    along = {one: float(i) for layer in layers for i, one in enumerate(layer)}
    for turn in range(24):
        order = layers if turn % 2 == 0 else layers[::-1]
        for layer in order:
            wish = {}
            for one in layer:
                near = [along[other] for other in links[one]]
                wish[one] = sum(near) / len(near) if near else along[one]
            if turn < 12:
                layer.sort(key=lambda one: wish[one])
            placed: list[float] = []
            for i, one in enumerate(layer):
                room = (size(layer[i - 1]) + size(one)) / 2 if i else 0
                placed.append(max(wish[one], placed[-1] + room) if i else wish[one])
            shift = sum(wish[one] - spot for one, spot in zip(layer, placed, strict=True)) / len(layer)
            along |= {one: spot + shift for one, spot in zip(layer, placed, strict=True)}
    return along


def _room(wide: float | None, across: bool, label: float) -> float:
    """What a box (or, without a width, the bend of an edge) takes within its layer, space around it too."""
    if across:
        return 26 if wide is None else HIGH + 22
    return 26 + label / 3 if wide is None else wide + 26 + label / 2


def name_of(node: str) -> str:
    """The name to show: without the path of its sub-graph."""
    return {START: "start", END: "end"}.get(node, node.split(":")[-1])


def lines(node: str) -> list[str]:
    """That name in lines of about a dozen letters, broken after `_`.

    >>> lines("parallel_execution")
    ['parallel_', 'execution']
    """
    words, name = [], name_of(node)
    if len(name) <= 12:
        return [name]
    for word in name.split("_"):
        if words and len(words[-1]) + len(word) < 12:
            words[-1] += f"_{word}"
        else:
            words.append(word)
    return [word + "_" for word in words[:-1]] + words[-1:]
