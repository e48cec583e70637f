"""A model for a class, measured: ten students with a key each, a greedy one, and a budget to its end.

    make bench ARGS=classmodel                    prints, and claims ratios and counts alone
    python -m tools.bench_classmodel --store      also keeps the numbers and fills the tables of the page
    python -m tools.bench_classmodel 04 08        runs these notebooks instead, by a student's one variable

The model is SmolLM2 on one thread of this machine, the gateway a process of its own, all clients are real.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import openai

from coursekit import llm, servers
from coursekit.display import table
from deploy import class_desk, class_keys
from tools import model_check
from tools.class_page import KEPT, claims, keep, tables

STUDENTS, CALLS, ANSWER = 10, 3, 12  # each asks so often, without a pause, for so many tokens
GREEDY = 6  # calls that the greedy one has open at any time
BUDGET = 1000
MANY = "1000000"
TOPICS = ["queues", "hashes", "locks", "logs", "caches", "trees", "graphs", "proofs", "clocks", "votes"]


@contextmanager
def a_class(secret: str, url: str, **rules: int):
    """The gateway as a process; yields its folder and a client for each student, by number from 0."""
    with tempfile.TemporaryDirectory() as home:
        words = [
            word for name, value in rules.items() for word in (f"--{name.replace('_', '-')}", str(value))
        ]
        command = [sys.executable, "-m", "tools.model", "--students", str(STUDENTS), "--port", "{port}"]
        command += ["--upstream", url, "--folder", home, *words]
        os.environ["OPENAI_API_KEY"] = secret
        with servers.start("class model", command, path="/health", timeout_s=120):
            yield Path(home), [client_of(value) for value in class_keys.read(Path(home, "keys.csv")).values()]


def client_of(value: str) -> openai.OpenAI:
    """Of one student, by the one variable that they set."""
    os.environ["COURSE_MODEL"] = value
    return openai.OpenAI(**llm.connection(), max_retries=0, timeout=120)


def ask(client: openai.OpenAI, text: str, most: int = ANSWER, stream: bool = False) -> tuple[float, int]:
    """Seconds that a call takes, and its tokens."""
    start = time.perf_counter()
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    messages = [{"role": "user", "content": text}]
    reply = client.chat.completions.create(
        model=llm.LOCAL, messages=messages, max_tokens=most, temperature=0, **more
    )
    *_, last = reply if stream else [reply]
    return time.perf_counter() - start, last.usage.total_tokens


def together(*works: Callable) -> list:
    with ThreadPoolExecutor(len(works)) as threads:
        return [each.result() for each in [threads.submit(work) for work in works]]


def quantiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {"p50": statistics.median(ordered), "p95": ordered[round(0.95 * (len(ordered) - 1))]}


# ---- three experiments


def share(direct: openai.OpenAI, through: openai.OpenAI) -> dict:
    """Seconds of the quickest call for one token by either way; in turns, for the sake of the neighbours."""
    seconds = [[], []]
    for number in range(8):
        for way, client in enumerate((direct, through)):
            seconds[way].append(ask(client, f"Say {2 * number + way}.", most=1)[0])  # never the same
    return {"direct": min(seconds[0]), "through": min(seconds[1])}


def ten(clients: list[openai.OpenAI]) -> dict:
    """Ten students who ask without a pause, every other call streamed."""

    def student(number: int) -> list:
        text = "Tell me about {} in one sentence, please."
        topics = TOPICS[number:] + TOPICS[:number]
        return [ask(clients[number], text.format(topics[i]), stream=bool(i % 2)) for i in range(CALLS)]

    start = time.perf_counter()
    done = together(*(lambda number=number: student(number) for number in range(STUDENTS)))
    took = time.perf_counter() - start
    calls = [call for one in done for call in one]
    rows = [
        {"student": number + 1, "calls": len(one), "tokens": sum(tokens for _, tokens in one)}
        | quantiles([seconds for seconds, _ in one])
        for number, one in enumerate(done)
    ]
    written = len(calls) * ANSWER
    mean, tokens = statistics.mean(seconds for seconds, _ in calls), sum(tokens for _, tokens in calls)
    return {
        "seconds": took,
        "calls": len(calls),
        "tokens": tokens,
        "written": written,
        "mean": mean,
        "rows": rows,
    }


def greed(clients: list[openai.OpenAI]) -> dict:
    """What nine others wait while the tenth has many calls open, with long prompts and long streams."""
    over, refused, answered = threading.Event(), 0, 0
    lock = threading.Lock()

    def greedy(number: int) -> None:
        nonlocal refused, answered
        for turn in range(10_000):
            if over.is_set():
                return
            try:
                ask(clients[-1], f"{number} {turn}: " + "the queue grows and grows, " * 8, 24, stream=True)
            except openai.APIStatusError as error:
                with lock:
                    refused += error.status_code == 429
                over.wait(min(1.0, float(error.response.headers.get("retry-after", 1))))
            else:
                with lock:
                    answered += 1

    def polite(number: int) -> list[float]:
        time.sleep(2)  # the greedy one is there already
        return [ask(clients[number], f"Define {topic}.", most=4)[0] for topic in TOPICS[number : number + 2]]

    with ThreadPoolExecutor(GREEDY) as threads:
        for number in range(GREEDY):
            threads.submit(greedy, number)
        try:
            done = together(*(lambda n=n: polite(n) for n in range(STUDENTS - 1)))
        finally:
            over.set()
    seconds = [each for one in done for each in one]
    return quantiles(seconds) | {"greedy": answered, "refused": refused}


def spend(home: Path) -> dict:
    """A budget used up by eight threads at once: what their replies say, and what the class server says."""
    client = client_of(class_desk.admit(home, "spender"))
    class_desk.grant(home, "spender", str(BUDGET))

    def until_refused() -> list[int]:
        tokens = []
        while True:
            try:
                tokens.append(ask(client, "Say yes.", most=4)[1])
            except openai.RateLimitError:
                return tokens

    told = [tokens for one in together(*[until_refused] * 8) for tokens in one]
    day = next(row for row in class_desk.ask(home, "/class/usage") if row["student"] == "spender")
    return {"budget": BUDGET, "calls": len(told), "replies": sum(told), "store": day["spent"]}


def measure() -> dict:
    """All four; a line as each begins."""
    found, say = {}, lambda words: print(f"  {words} …", file=sys.stderr, flush=True)
    with llm.local_client() as direct:
        url, secret = str(direct.base_url).rstrip("/"), direct.api_key
        say("a class without limits")
        with a_class(secret, url, per_minute=MANY, at_once=1000, budget=MANY) as (home, clients):
            say("the gateway's share")
            found["share"] = share(direct, clients[0])
            say("ten students")
            found["ten"] = ten(clients)
            say("a budget to its end")
            found["budget"] = spend(home)
            say("a greedy one, without limits")
            found["no limits"] = greed(clients)
        say("a class with limits")
        with a_class(secret, url, per_minute=6, at_once=2) as (_, clients):
            say("the greedy one again")
            found["limits"] = greed(clients)
    return found


def try_notebooks(names: list[str]) -> dict:
    """Whole notebooks, under the limits that a student has."""
    with llm.local_client() as direct, a_class(direct.api_key, str(direct.base_url).rstrip("/")) as (home, _):
        found = model_check.run_all(names, class_desk.admit(home, "notebooks"))
    return {
        name: {"cells": cells, "failed": [each._asdict() for each in failed]}
        for name, (cells, failed) in found.items()
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=classmodel", description=__doc__.split("\n")[0])
    parser.add_argument("--store", action="store_true", help="keep the numbers, and fill the page's tables")
    parser.add_argument("notebook", nargs="*", help="tried instead of measuring, and kept")
    given = parser.parse_args(arguments)
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    if given.notebook:
        tried = kept.get("notebooks", {}) | try_notebooks(given.notebook)
        keep(kept | {"notebooks": dict(sorted(tried.items()))})
        return 0
    print(
        f"SmolLM2 on one thread, {os.cpu_count()} cores that others use too; about two minutes …", flush=True
    )
    found = measure()
    print(table(found["ten"]["rows"], f"{STUDENTS} students, {CALLS} calls each, without a pause"))
    for text in tables(found).values():
        print(f"\n{text}")
    for claim, holds in claims(found).items():
        print(f"{'✓' if holds else '✗'} {claim}")
    if given.store:
        keep(kept | found)
    return 0 if all(claims(found).values()) else 1


if __name__ == "__main__":
    sys.exit(main())
