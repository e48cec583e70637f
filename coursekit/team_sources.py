"""Where a team's data comes from: a database, a file, a service; and the data themselves, made from a seed.

    from_csv(path)({})             # rows, read when it is asked
    web.serve(numbers_service(history(1961)), "numbers")

Taught in: notebooks/19_agent_teams.ipynb
"""

import csv
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random

import httpx
import numpy as np
from fastapi import FastAPI, HTTPException

HOURS = 96
SERVICES = ("cart", "mail", "pay", "search")
Source = Callable[[dict], list[dict]]  # a request, such as {"since": 3} -> rows


def from_sqlite(database: sqlite3.Connection) -> Source:
    """The table `load`, from the hour `since` on."""

    def rows(request):
        found = database.execute("SELECT hour, requests FROM load WHERE hour >= ?", [request.get("since", 0)])
        return [{"hour": hour, "requests": n} for hour, n in found]

    return rows


def from_csv(path: Path) -> Source:
    """Deploys, by hour."""

    def rows(request):
        with open(path, newline="") as file:
            return [{"hour": int(row["hour"]), "deploy": row["deploy"]} for row in csv.DictReader(file)]

    return rows


def from_http(url: str) -> Source:
    """What a service answers as JSON. Raises: httpx.HTTPError."""

    def rows(request):
        return httpx.get(url, trust_env=False, timeout=10).raise_for_status().json()

    return rows


def history(seed: int) -> list[dict]:
    """Requests and errors of each hour: a daily rhythm, a slow growth, and one bad hour."""
    rng = np.random.default_rng(seed)
    hours = np.arange(HOURS)
    requests = rng.poisson(1000 + 400 * np.sin(2 * np.pi * hours / 24) + 3 * hours)
    errors = rng.poisson(requests / 100)
    errors[70] += 90
    rows = zip(hours.tolist(), requests.tolist(), errors.tolist(), strict=True)
    return [{"hour": hour, "requests": load, "errors": bad} for hour, load, bad in rows]


def numbers_service(rows: list[dict]) -> FastAPI:
    """`/errors` answers, `/broken` does not."""
    app = FastAPI()

    @app.get("/errors")
    def errors():
        return [{"hour": row["hour"], "errors": row["errors"]} for row in rows]

    @app.get("/broken")
    def broken():
        raise HTTPException(503, "out of order")

    return app


def log_lines(seed: int, n: int = 400) -> list[str]:
    """Errors and calls that open and close, in the order of time."""
    rng, lines, running = Random(seed), [], []
    for i in range(n):
        if rng.random() < 0.4:
            lines.append(f"{rng.choice(SERVICES)} ERROR")
        elif running and rng.random() < 0.5:
            lines.append(f"close c{running.pop(rng.randrange(len(running)))}")
        else:
            running.append(i)
            lines.append(f"open c{i}")
    return lines
