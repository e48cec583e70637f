"""Five tools for a table: what they keep, what they say, and what they refuse."""

import csv
import sqlite3
import statistics
from contextlib import closing
from random import Random

import numpy as np
import pytest
from matplotlib import pyplot as plt

from coursekit import table_tools
from coursekit.table_tools import (
    DataCleaningTool,
    DataRetrievalTool,
    ReportGenerationTool,
    StatisticalAnalysisTool,
    VisualizationTool,
)


@pytest.fixture
def folder(tmp_path):
    table_tools.make_database(tmp_path, Random(5), rows=600)
    return tmp_path


@pytest.fixture
def analysis(folder):
    rows = DataRetrievalTool(folder=folder).invoke({"source": "requests"})
    cleaned = DataCleaningTool().invoke({"rows": rows})
    return StatisticalAnalysisTool().invoke({"cleaned": cleaned, "analysis_type": "tail"})


def test_every_row_is_read_and_the_same_seed_gives_the_same_rows(folder, tmp_path_factory):
    rows = DataRetrievalTool(folder=folder).invoke({"source": "requests"})
    with closing(sqlite3.connect(folder / "requests.sqlite")) as database:
        (count,) = database.execute("SELECT COUNT(*) FROM requests").fetchone()
    again = tmp_path_factory.mktemp("again")
    table_tools.make_database(again, Random(5), rows=600)
    assert len(rows) == count > 600 and rows == DataRetrievalTool(folder=again).invoke({"source": "requests"})


def test_a_csv_is_read_as_the_standard_library_reads_it():
    with (table_tools.DATA / "models.csv").open(encoding="utf-8", newline="") as lines:
        assert DataRetrievalTool().invoke({"source": "models"}) == list(csv.DictReader(lines))


@pytest.mark.parametrize(
    "source", ["../requests", "requests; DROP TABLE requests", "/etc/passwd", "nothing", ""]
)
def test_only_names_of_files_in_the_folder_are_sources(folder, source):
    with pytest.raises(ValueError, match=r"no source is called .* there is requests"):
        DataRetrievalTool(folder=folder).invoke({"source": source})


def test_each_bad_row_is_dropped_for_its_reason_and_no_good_one():
    values = [1, "2.5", None, "", "n/a", -1, "1e999", float("nan"), 0, 1]
    rows = [{"service": "a", "seconds": value, "id": number} for number, value in enumerate(values)]
    cleaned = DataCleaningTool().invoke({"rows": [*rows, rows[0], rows[2]]})
    assert [row["seconds"] for row in cleaned["rows"]] == [1, 2.5, 0, 1]
    assert cleaned["dropped"] == {
        "missing": 2,
        "negative": 1,
        "not a number": 1,
        "not finite": 2,
        "repeated": 2,
    }
    assert sum(cleaned["dropped"].values()) + len(cleaned["rows"]) == 12


def test_the_statistics_agree_with_numpy(folder, analysis):
    rows = DataCleaningTool().invoke(
        {"rows": DataRetrievalTool(folder=folder).invoke({"source": "requests"})}
    )["rows"]
    for name, found in analysis["groups"].items():
        numbers = np.array([row["seconds"] for row in rows if row["service"] == name])
        assert found["n"] == len(numbers) and found["max"] == numbers.max()
        assert found["mean"] == pytest.approx(numbers.mean()) and found["median"] == pytest.approx(
            np.median(numbers)
        )
        assert found["p95"] == pytest.approx(np.percentile(numbers, 95))
        assert found["standard error"] == pytest.approx(statistics.stdev(numbers) / len(numbers) ** 0.5)


def test_summary_leaves_the_tail_out_and_another_type_is_refused():
    cleaned = {"rows": [{"service": "a", "seconds": n} for n in (1.0, 2.0)], "dropped": {}}
    ask = lambda kind: StatisticalAnalysisTool().invoke({"cleaned": cleaned, "analysis_type": kind})
    assert "p95" not in ask("summary")["groups"]["a"]
    with pytest.raises(ValueError, match="summary or tail, got 'magic'"):
        ask("magic")
    cleaned["rows"].pop()
    with pytest.raises(ValueError, match="'a' has one value"):
        ask("summary")


def test_the_picture_shows_the_means_and_says_them(analysis):
    said = VisualizationTool().invoke({"analysis": analysis})
    figure = plt.gcf()
    means = [found["mean"] for found in analysis["groups"].values()]
    assert [bar.get_width() for bar in figure.axes[0].patches] == pytest.approx(means)
    assert all(f"{mean:.3f}" in said for mean in means) and "checkout takes" in said
    plt.close(figure)


def test_the_report_says_what_was_dropped_and_whether_there_is_a_picture(analysis):
    write = ReportGenerationTool().invoke
    assert "No picture could be drawn." in write({"analysis": analysis})
    report = write({"analysis": analysis, "picture": "A picture."})
    assert "A picture." in report and all(
        f"{count} {why}" in report for why, count in analysis["dropped"].items()
    )
    assert all(f"- {name}: n {found['n']}" in report for name, found in analysis["groups"].items())


@pytest.mark.parametrize(
    ("means", "title"),
    [
        ({"a": 2.0}, "none exceeds a"),
        ({"a": 0.0, "b": 3.0}, "none exceeds b"),
        ({"a": 2.0, "b": 1.0, "c": 0.5}, "a takes 2.0 times as long as b"),
    ],
)
def test_a_picture_can_be_drawn_of_one_group_and_of_nothing_at_all(means, title):
    groups = {name: {"mean": mean, "standard error": 0.1} for name, mean in means.items()}
    said = VisualizationTool().invoke({"analysis": {"groups": groups, "column": "seconds"}})
    plt.close("all")
    assert said.startswith(title)
