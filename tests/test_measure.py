"""The limits that every page must keep: each one can fail, and says by how much."""

import copy

import pytest

from tools import measure

TIMING = {"lcp": 200, "cls": 0.001}
VIEW = {"bytes_gzip": 90_000, "requests_external": 0, "timing": TIMING}
GOOD = {
    "pages": [{"path": "index.html", "desktop": VIEW, "mobile": VIEW}],
    "totals": {
        "console_errors": 0,
        "page_errors": 0,
        "local_404": 0,
        "pages_failed": 0,
        "axe": {"serious_nodes": 0, "critical_nodes": 0},
        "mobile": {"overflow_pages": 0},
        "links": {"broken_files": 0, "broken_anchors": 0, "broken_src": 0},
    },
}
WORSE = {
    "median page, kB compressed": ("pages", 0, "desktop", "bytes_gzip", 251_000),
    "heaviest page, kB compressed": ("pages", 0, "desktop", "bytes_gzip", 351_000),
    "largest paint, median, ms": ("pages", 0, "mobile", "timing", "lcp", 2000),
    "layout shift, worst page": ("pages", 0, "mobile", "timing", "cls", 0.06),
    "requests to other hosts": ("pages", 0, "desktop", "requests_external", 1),
    "errors in the console": ("totals", "page_errors", 1),
    "files not found": ("totals", "local_404", 1),
    "serious accessibility findings": ("totals", "axe", "critical_nodes", 1),
    "pages that scroll sideways": ("totals", "mobile", "overflow_pages", 1),
    "broken links, anchors, sources": ("totals", "links", "broken_anchors", 1),
    "pages that could not be measured": ("totals", "pages_failed", 1),
}


def broken(found: dict) -> set[str]:
    return {name for name, (value, most) in measure.limits(found).items() if value > most}


def test_a_good_book_keeps_every_limit():
    assert broken(GOOD) == set()
    assert measure.limits(GOOD).keys() == WORSE.keys()


@pytest.mark.parametrize("name", WORSE)
def test_each_limit_is_broken_by_what_it_is_about(name):
    *path, last, value = WORSE[name]
    found = copy.deepcopy(GOOD)
    place = found
    for key in path:
        place = place[key]
    place[last] = value
    assert name in broken(found)


def test_jupyterlite_and_old_addresses_are_not_measured_as_pages(tmp_path):
    for name in ("index.html", "book/map.html", "lite/index.html", "posts/old/index.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert measure.pages(tmp_path) == ["book/map.html", "index.html"]
