import json
import re

import matplotlib.pyplot as plt
import pytest

from coursekit import plots, widgets


def draw(load=0.5, servers=1):
    ax = plots.axes(f"load {load}, {servers} servers", "x", "y")
    ax.plot([0, load], [0, servers])


def title(frame):
    return re.search(r'aria-label="([^.]*\.?\d*[^.]*)', frame)[1]


def test_a_slider_shows_the_picture_that_the_function_draws_for_its_value():
    explorer = widgets.explore(draw, load=(0.1, 0.9, 0.2), servers=[1, 4])
    for i, load in enumerate([0.1, 0.3, 0.5, 0.7, 0.9]):
        for j, servers in enumerate([1, 4]):
            draw(load, servers)
            assert explorer.frames[i * 2 + j] == plots.svg(
                plt.gcf()
            )  # the order in which explorer.js looks up
            plt.close()


def test_sliders_start_at_the_defaults_of_the_function_else_in_the_middle():
    assert widgets.explore(draw, load=(0.1, 0.9, 0.2), servers=[1, 4]).value == {"load": 0.5, "servers": 1}
    assert widgets.explore(lambda n: draw(n), n=[1, 2, 3]).value == {"n": 2}


def test_moving_a_slider_moves_the_value_that_python_sees():
    explorer = widgets.explore(draw, load=(0.1, 0.9, 0.2), servers=[1, 4])
    explorer.set_state({"at": [4, 1]})  # what the page sends
    assert explorer.value == {"load": 0.9, "servers": 4}


def test_both_ends_of_a_span_are_included_and_free_of_rounding_dust():
    assert widgets._grid("x", (0.1, 0.5, 0.1)) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert widgets._grid("x", (2, 10, 4)) == [2, 6, 10]


def test_drawing_frames_leaves_no_figure_open():
    before = plt.get_fignums()
    widgets.explore(draw, load=[0.1, 0.2])
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    ("sliders", "says"),
    [
        ({"load": (0, 1, 0.001)}, "1001 pictures for load"),
        ({"load": (1, 0, 0.1)}, "load=(1, 0, 0.1)"),
        ({}, "no slider"),
        ({"weight": [1, 2]}, "draw takes load, servers; it has no weight"),
    ],
)
def test_a_wrong_slider_is_named(sliders, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        widgets.explore(draw, **sliders)


def test_a_function_that_draws_nothing_is_named():
    with pytest.raises(ValueError, match=r"lambda.*made 0 figures"):
        widgets.explore(lambda n: None, n=[1, 2])


def test_all_that_a_page_needs_travels_in_the_synced_state():
    explorer = widgets.explore(draw, load=[0.1, 0.2])
    state = explorer.get_state()
    assert {"_esm", "_css", "sliders", "frames", "at"} <= set(state)
    json.dumps({key: value for key, value in state.items() if key != "layout"})


def test_the_plain_text_of_a_widget_is_the_same_every_time():
    assert repr(widgets.explore(draw, load=(0.1, 0.9, 0.2))) == "A figure with sliders: load 0.1 to 0.9"
    assert repr(widgets.SamplePath([(0, 3)], horizon=4)) == "1 visits in 4 min, to step through and to change"


def test_a_visit_outside_the_picture_is_named():
    with pytest.raises(ValueError, match=r"visit \(3, 12\)"):
        widgets.SamplePath([(3, 12)], horizon=10)


def test_a_quiz_has_one_right_option_and_every_option_its_reason():
    quiz = widgets.quiz("Which?", right={"b": "because"}, wrong={"a": "no", "c": "no"})
    assert [option["text"] for option in quiz.options] == ["a", "b", "c"]
    assert [option["right"] for option in quiz.options] == [False, True, False]
    with pytest.raises(ValueError, match="one right"):
        widgets.quiz("Which?", right={}, wrong={"a": "no"})
