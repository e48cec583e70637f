import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest

from coursekit import plots


@pytest.fixture
def figure():
    ax = plots.axes("The wait doubles & more", x="load", y="wait (s)")
    ax.plot([0.1, 0.5, 0.9], [1, 5, 2], label="measured <here>")
    ax.axhline(3, color=plots.COLOURS["theory"], label="limit")
    ax.plot([0.2], [4], "o")
    yield ax.figure
    plt.close(ax.figure)


def test_a_figure_is_described_by_title_axes_and_where_each_series_starts_ends_and_peaks(figure):
    assert plots.describe(figure) == (
        "The wait doubles & more. x: load; y: wait (s). measured <here>: from y=1 at x=0.1 to y=2 at x=0.9, "
        "highest y=5 at x=0.5. limit: a line at y=3."
    )


def test_words_of_the_author_replace_the_list_of_series():
    ax = plots.axes("Title", "x", "y", alt="Two bars, the left one higher.")
    assert plots.describe(ax.figure) == "Title. Two bars, the left one higher."
    plt.close(ax.figure)


def test_the_svg_is_well_formed_and_says_what_it_shows(figure):
    root = ElementTree.fromstring(plots.svg(figure))
    assert root.get("role") == "img"
    assert root.get("aria-label") == plots.describe(figure)


def test_the_same_figure_gives_the_same_bytes(figure):
    assert plots.svg(figure) == plots.svg(figure)


def test_ink_and_series_take_their_colours_from_the_page(figure):
    text = plots.svg(figure)
    assert plots.INK not in text
    bare = re.findall(r"(?<!, )#[0-9a-f]{6}(?![\w-])", text)
    assert not bare, f"colours that no page can change: {bare}"
    assert "currentColor" in text and "var(--theory, #6e7781)" in text


def test_only_a_card_brings_its_own_paper(figure):
    assert "background" not in plots.svg(figure)
    assert f"background:{plots.PAPER}" in plots.svg(figure, card=True)


def test_every_reference_in_the_svg_finds_its_target_and_no_other_id_is_left(figure):
    text = plots.svg(figure)
    assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text)) == set(re.findall(r' id="([^"]+)"', text))


def test_two_figures_on_one_page_share_no_id(figure):
    other = plots.axes("Another", "x", "y")
    other.plot([1, 2], [3, 4], "o")
    ids = [set(re.findall(r' id="([^"]+)"', plots.svg(each))) for each in (figure, other.figure)]
    plt.close(other.figure)
    assert all(ids) and not ids[0] & ids[1]


def test_series_colours_stand_out_from_white_paper():
    for name, colour in plots.COLOURS.items():
        assert contrast(colour, plots.PAPER) >= 2, name
    assert all(
        contrast(plots.COLOURS[name], plots.PAPER) >= 3 for name in ("measured", "theory", "alarm", "second")
    )


def contrast(one, other):
    """Contrast of two colours, from 1 to 21. Source: WCAG 2.2, relative luminance."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
