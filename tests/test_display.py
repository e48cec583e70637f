import re
from pathlib import Path

import pytest

from coursekit import display


def test_show_gives_the_source_as_it_stands_in_the_file():
    source = display.show(display.table).data
    assert source.startswith("def table(") and source in Path(display.__file__).read_text(encoding="utf-8")


def test_a_table_holds_every_value_in_text_and_in_html_numbers_to_the_right():
    table = display.table(
        [{"name": "a < b", "share": 0.5}, {"name": "c", "share": 0.125}], form={"share": ".1%"}
    )
    assert repr(table) == "name   share\na < b  50.0%\nc      12.5%"
    cells = re.findall(r'<td style="text-align:(\w+)">(.*?)</td>', table._repr_html_())
    assert cells == [("left", "a &lt; b"), ("right", "50.0%"), ("left", "c"), ("right", "12.5%")]


def test_columns_are_headers_for_screen_readers_and_the_caption_is_said():
    html = display.table([{"n": 1}], caption="Counts")._repr_html_()
    assert '<th scope="col" style="text-align:right">n</th>' in html and "<caption>Counts</caption>" in html


def test_numbers_are_short_and_whole_numbers_whole():
    assert repr(display.table([{"a": 12345, "b": 1 / 3, "c": True}])).splitlines()[1].split() == [
        "12,345",
        "0.3333",
        "True",
    ]


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        display.table([])
