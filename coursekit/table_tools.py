"""Five tools that analyse a table, from the file to the report, and a dirty table to try them on.

    make_database(folder, Random(7))                                  # folder/requests.sqlite
    rows = DataRetrievalTool(folder=folder).invoke({"source": "requests"})

A source is the name of a file in one folder, `.sqlite` or `.csv`; no path and no SQL comes from a model.
Taught in: notebooks/20_langchain.ipynb
"""

import csv
import math
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from statistics import fmean, median, quantiles, stdev
from typing import ClassVar

from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field

from coursekit import plots

DATA = Path(__file__).parent / "data"
MEDIANS_S = {"search": 0.20, "checkout": 0.35, "profile": 0.20}  # of the services' true response times
SIGMA = 0.3  # of their logarithms: the true means are exp(SIGMA² / 2) times the medians


def make_database(folder: str | Path, rng: Random, rows: int = 400) -> Path:
    """requests.sqlite: service and seconds of `rows` requests; about one value in ten is spoilt."""
    path = Path(folder) / "requests.sqlite"
    path.unlink(missing_ok=True)
    made = []
    for number in range(rows):
        service = rng.choice(list(MEDIANS_S))
        seconds = round(rng.lognormvariate(math.log(MEDIANS_S[service]), SIGMA), 4)
        spoilt = rng.choice(["n/a", None, -1, "1e999"]) if rng.random() < 0.1 else seconds
        made.append((number, service, spoilt))
        if rng.random() < 0.03:
            made.append(made[-1])  # sent twice
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE requests (id INTEGER, service TEXT, seconds)")
        database.executemany("INSERT INTO requests VALUES (?, ?, ?)", made)
    return path


class Source(BaseModel):
    source: str = Field(description="name of the data, such as requests")


class DataRetrievalTool(BaseTool):
    """Reads every row; the database is opened read-only."""

    name: str = "data_retrieval"
    description: str = "Read all rows of a named source of data."
    args_schema: type[BaseModel] = Source
    CATEGORY: ClassVar[str] = "data"
    folder: Path = DATA

    def _run(self, source: str) -> list[dict]:
        there = {
            file.stem: file for file in sorted(self.folder.glob("*")) if file.suffix in (".csv", ".sqlite")
        }
        if source not in there:
            raise ValueError(f"no source is called {source!r}; there is {', '.join(there) or 'none'}")
        if there[source].suffix == ".csv":
            with there[source].open(encoding="utf-8", newline="") as lines:
                return list(csv.DictReader(lines))
        with closing(sqlite3.connect(f"{there[source].resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(f'SELECT * FROM "{source}"')]  # a name from `there`


class Rows(BaseModel):
    rows: list[dict]
    column: str = Field("seconds", description="column of numbers to analyse")


class DataCleaningTool(BaseTool):
    """Keeps rows whose value is a finite number of zero or more, each once; counts what it drops, and why."""

    name: str = "data_cleaning"
    description: str = "Drop rows that are repeated or whose value is no number, and say how many."
    args_schema: type[BaseModel] = Rows
    CATEGORY: ClassVar[str] = "data"

    def _run(self, rows: list[dict], column: str = "seconds") -> dict:
        kept, dropped, seen = [], Counter(), set()
        for row in rows:
            value, key = _number(row.get(column)), tuple(sorted((k, str(v)) for k, v in row.items()))
            why = "repeated" if key in seen else value if isinstance(value, str) else ""
            seen.add(key)
            if why:
                dropped[why] += 1
            else:
                kept.append({**row, column: value})
        return {"rows": kept, "dropped": dict(sorted(dropped.items()))}


def _number(value: object) -> float | str:
    """The value as a number, or in a word why it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return "missing" if value in (None, "") else "not a number"
    return "not finite" if not math.isfinite(number) else "negative" if number < 0 else number


class Grouped(BaseModel):
    cleaned: dict
    group: str = "service"
    column: str = "seconds"
    analysis_type: str = Field("summary", description="summary, or tail for the slow end")


class StatisticalAnalysisTool(BaseTool):
    """n, mean, median and spread of each group; `tail` adds the 95th percentile and the maximum."""

    name: str = "statistical_analysis"
    description: str = "Describe a column of numbers, group by group."
    args_schema: type[BaseModel] = Grouped
    CATEGORY: ClassVar[str] = "statistics"

    def _run(self, cleaned: dict, group="service", column="seconds", analysis_type="summary") -> dict:
        if analysis_type not in ("summary", "tail"):
            raise ValueError(f"analysis_type is summary or tail, got {analysis_type!r}")
        values: dict[str, list[float]] = {}
        for row in cleaned["rows"]:
            values.setdefault(row[group], []).append(row[column])
        if short := [name for name, numbers in values.items() if len(numbers) < 2]:
            raise ValueError(f"{short[0]!r} has one value; a spread needs two")
        found = {}
        for name, numbers in sorted(values.items()):
            found[name] = {"n": len(numbers), "mean": fmean(numbers), "median": median(numbers)}
            found[name]["standard error"] = stdev(numbers) / math.sqrt(len(numbers))
            if analysis_type == "tail":
                cuts = quantiles(numbers, n=20, method="inclusive")
                found[name] |= {"p95": cuts[-1], "max": max(numbers)}
        return {"groups": found, "column": column, "dropped": cleaned["dropped"]}


class Analysis(BaseModel):
    analysis: dict


class VisualizationTool(BaseTool):
    """A bar for each group's mean, with two standard errors. Returns what the picture says, in words."""

    name: str = "visualization"
    description: str = "Draw the means of an analysis."
    args_schema: type[BaseModel] = Analysis
    CATEGORY: ClassVar[str] = "pictures"

    def _run(self, analysis: dict) -> str:
        groups = analysis["groups"]
        means = {name: found["mean"] for name, found in groups.items()}
        top, second = (sorted(means, key=means.get, reverse=True) * 2)[:2]
        ratio = means[top] / means[second] if means[second] else 1
        title = f"{top} takes {ratio:.1f} times as long as {second}" if ratio > 1 else f"none exceeds {top}"
        said = "; ".join(f"{name} {mean:.3f}" for name, mean in means.items())
        ax = plots.axes(title, f"mean ± 2 standard errors ({analysis['column']})", "", alt=f"Bars: {said}.")
        errors = [2 * found["standard error"] for found in groups.values()]
        ax.barh(list(means), list(means.values()), xerr=errors, color=plots.COLOURS["measured"])
        return f"{title}. Bars: {said}."


class Findings(Analysis):
    picture: str | None = None


class ReportGenerationTool(BaseTool):
    """The findings as Markdown: what was dropped, each group, and the picture or its absence."""

    name: str = "report_generation"
    description: str = "Write a report of an analysis."
    args_schema: type[BaseModel] = Findings
    CATEGORY: ClassVar[str] = "words"

    def _run(self, analysis: dict, picture: str | None = None) -> str:
        dropped = ", ".join(f"{count} {why}" for why, count in analysis["dropped"].items()) or "nothing"
        lines = [f"Dropped: {dropped}.", ""]
        for name, found in analysis["groups"].items():
            numbers = ", ".join(f"{what} {value:.3g}" for what, value in found.items())
            lines.append(f"- {name}: {numbers}")
        return "\n".join([*lines, "", picture or "No picture could be drawn."])


TOOLS = (
    DataRetrievalTool,
    DataCleaningTool,
    StatisticalAnalysisTool,
    VisualizationTool,
    ReportGenerationTool,
)
