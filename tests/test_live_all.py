"""The longer proof of cells that run in the page: all that do without NumPy give their stored outputs."""

import pytest
from test_live import asked, run_all, site, tab  # noqa: F401  fixtures


@pytest.mark.parametrize(("name", "least"), [("02_hash_tables", 95), ("03_consensus", 130)])
def test_all_cells_of_a_chapter_that_run_without_numpy_give_their_stored_outputs(tab, site, name, least):  # noqa: F811
    tab.goto(f"{site}notebooks/{name}.html")
    ran, differ = run_all(tab, name)
    assert ran >= least and differ == []
