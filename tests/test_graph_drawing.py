"""Graphs drawn offline: nothing on top of another, arrows forward, and every edge in words."""

import xml.etree.ElementTree as ET
from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from coursekit.graph_drawing import describe, draw
from coursekit.graph_layout import layout, lines, ranks

SVG = "{http://www.w3.org/2000/svg}"
NODES = [f"node_{letter}" for letter in "abcdefg"]
edges = st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), unique=True, max_size=16)


class State(TypedDict, total=False):
    x: int


def nothing(state):
    return {}


def looping():
    graph = StateGraph(State).add_node("ask", nothing).add_node("do", nothing).add_edge(START, "ask")
    graph.add_conditional_edges("ask", lambda s: "yes", {"yes": "do", "no <&>": END, "again": "ask"})
    return graph.add_edge("do", END)


def overlap(one, other) -> bool:
    (ax, ay, aw, ah), (bx, by, bw, bh) = one, other
    return abs(ax - bx) < (aw + bw) / 2 - 0.01 and abs(ay - by) < (ah + bh) / 2 - 0.01


@settings(max_examples=60, deadline=None)
@given(edges)
def test_every_edge_that_closes_no_loop_goes_to_a_later_layer(edges):
    rank, back = ranks(NODES, edges)
    assert all(rank[a] < rank[b] for a, b in edges if (a, b) not in back)


@settings(max_examples=60, deadline=None)
@given(edges)
def test_without_the_edges_turned_back_nothing_goes_round(edges):
    left = set(edges) - ranks(NODES, edges)[1]
    nodes = set(NODES)
    while free := {node for node in nodes if not any(b == node and a in nodes for a, b in left)}:
        nodes -= free
    assert not nodes


@settings(max_examples=60, deadline=None)
@given(edges, st.booleans())
def test_no_box_stands_on_another(edges, named):
    labels = dict.fromkeys(edges, "a label") if named else {}
    boxes = layout(NODES, edges, labels).boxes
    assert set(boxes) == set(NODES)
    assert not any(overlap(one, other) for one, other in combinations(boxes.values(), 2))


def test_an_svg_holds_every_node_and_dashes_choices_only():
    root = ET.fromstring(draw(looping().compile()).svg)
    drawn = {group.get("data-node") for group in root.iter(f"{SVG}g")} - {None}
    assert drawn == {"__start__", "ask", "do", "__end__"}
    curves = [path for path in root.iter(f"{SVG}path") if path.get("fill") == "none"]
    assert len(curves) == 5 and sum(path.get("stroke-dasharray") is not None for path in curves) == 3
    texts = {text.text for text in root.iter(f"{SVG}text")}
    assert {"yes", "again", "no <&>"} <= texts


def test_all_that_is_drawn_stands_within_the_picture():
    root = ET.fromstring(draw(looping().compile()).svg)
    left, top, width, height = map(float, root.get("viewBox").split())
    for box in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(box.get(name)) for name in ("x", "y", "width", "height"))
        assert left <= x and x + w <= left + width and top <= y and y + h <= top + height


def test_colours_are_those_of_the_page():
    svg = draw(looping().compile()).svg
    assert "currentColor" in svg and "var(--measured" in svg and 'stroke="#' not in svg
    card = draw(looping().compile())._repr_mimebundle_()[0]["image/svg+xml"]
    assert "background:#ffffff" in card and "--color-background-primary:#ffffff" in card  # halos fit the card


def test_words_name_every_edge_and_an_own_text_replaces_them():
    words = draw(looping().compile()).words
    assert words.startswith("start to ask;") and "ask, if yes, to do" in words and "do to end" in words
    assert draw(looping().compile(), alt="A loop.").words == "A loop."
    assert describe([("a", "b")], {("a", "b"): ""}) == "a perhaps to b."


def test_a_notebook_gets_a_picture_with_its_text():
    data, about = draw(looping().compile())._repr_mimebundle_()
    assert (
        set(data) == {"image/svg+xml", "text/plain"} and about["image/svg+xml"]["alt"] in data["text/plain"]
    )


def test_a_sub_graph_is_framed_only_if_one_looks_inside():
    outer = StateGraph(State).add_node("inner", looping().compile()).add_edge(START, "inner").compile()
    boxes = lambda picture: len(list(ET.fromstring(picture.svg).iter(f"{SVG}rect")))
    inside = draw(outer, xray=True)
    drawn = {group.get("data-node") for group in ET.fromstring(inside.svg).iter(f"{SVG}g")}
    assert boxes(draw(outer)) == 3 and boxes(inside) == len(drawn) + 1  # one frame more than nodes
    assert {"inner:ask", "inner:do"} <= drawn


def test_the_same_graph_is_drawn_the_same():
    assert draw(looping().compile()).svg == draw(looping().compile()).svg


def test_a_wide_graph_turns_and_a_long_name_breaks():
    chain = [f"a_node_with_a_long_name_{i}" for i in range(12)]
    links = list(pairwise(chain))
    assert not layout(chain, links, {}).across and layout(chain[:3], links[:2], {}).across
    assert "".join(lines("conflict_resolution")) == "conflict_resolution"
