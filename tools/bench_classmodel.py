"""A model for a class, measured: ten students with a key each, a greedy one, and a budget to its end.

    make bench ARGS=classmodel                    prints, and claims ratios and counts alone
    python -m tools.bench_classmodel --store      also keeps the numbers and fills the tables of the page

The model is SmolLM2 on one thread of this machine, the gateway a process of its own, all clients are real.
"""

import argparse
import json
import os
import re
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
from tools.project import ROOT

KEPT, PAGE = ROOT / "book" / "class_model.json", ROOT / "book" / "class_model.md"
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


# ---- from the numbers to the page


def class_size(tokens_per_s: float, tokens: float, every_s: float, load: float = 0.7) -> int:
    """How many students a server carries, if each wants `tokens` written every `every_s` seconds.

    Calls come at the rate students / every_s, and are done at tokens_per_s / tokens at most; the first
    stays at `load` of the second, since at 1 the line never ends.

    >>> class_size(1000, 200, 60)
    210
    """
    return int(load * tokens_per_s / tokens * every_s)


def tables(found: dict) -> dict[str, str]:
    """Of the page, by name, in Markdown."""
    run, off, on, money = found["ten"], found["no limits"], found["limits"], found["budget"]
    rows = [(row["student"], row["calls"], row["tokens"], f"{row['p50']:.1f}", f"{row['p95']:.1f}")
            for row in run["rows"]]  # fmt: skip
    speed, gateway = run["written"] / run["seconds"], found["share"]
    sums = [
        ("answers", f"{run['calls']} in {run['seconds']:.0f} s"),
        ("tokens written together", f"{speed:.0f} a second"),
        ("mean time of a call, W", f"{run['mean']:.1f} s"),
        ("calls inside by Little's Law, λ × W", f"{run['calls'] / run['seconds'] * run['mean']:.1f}"),
        ("a call for one token, asked directly", f"{1000 * gateway['direct']:.0f} ms"),
        ("the same through the gateway", f"{1000 * gateway['through']:.0f} ms"),
        ("a budget used up by eight threads", f"{money['budget']} tokens"),
        ("its calls, and tokens in their replies", f"{money['calls']}, {money['replies']}"),
        ("tokens that the class server charged", f"{money['store']}"),
    ]
    others = [(name, f"{each['p50']:.1f}", f"{each['p95']:.1f}", each["greedy"], each["refused"])
              for name, each in (("without limits", off), ("with limits", on))]  # fmt: skip
    sizes = [(f"{every} s", *(f"{class_size(rate, 100, every):,}" for rate in (speed, 500, 2000)))
             for every in (30, 60, 120)]  # fmt: skip
    return {
        "students": markdown(("student", "calls", "tokens", "p50 (s)", "p95 (s)"), rows),
        "sums": markdown(("ten students, without a pause", "measured"), sums),
        "greed": markdown(("nine others wait", "p50 (s)", "p95 (s)", "answers to the greedy", "429"), others),
        "sizes": markdown(
            ("each asks every", f"{speed:.0f} tokens/s", "500 tokens/s", "2,000 tokens/s"), sizes
        ),
    }


def markdown(heads: tuple, rows: list[tuple]) -> str:
    lines = [heads, ("---",) + ("---:",) * (len(heads) - 1), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def fill(page: str, found: dict) -> str:
    """The page with its tables made anew, each between its marks."""
    for name, text in tables(found).items():
        mark = rf"(<!-- measured: {name} -->\n)[^<]*(<!-- end -->)"
        page = re.sub(mark, lambda part, text=text: f"{part[1]}\n{text}\n\n{part[2]}", page)
    return page


def claims(found: dict) -> dict[str, bool]:
    """Ratios and exact numbers; no seconds, which are those of one machine."""
    money, off, on = found["budget"], found["no limits"], found["limits"]
    return {
        "what replies say was charged, to the token": money["replies"] == money["store"] <= money["budget"],
        "with limits the others wait at most two thirds": on["p95"] < 2 / 3 * off["p95"],
        "the greedy one is refused with limits alone": on["refused"] > 0 == off["refused"],
        "the gateway adds less than half of the shortest call": (
            found["share"]["through"] < 1.5 * found["share"]["direct"]
        ),
    }


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


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=classmodel", description=__doc__.split("\n")[0])
    parser.add_argument("--store", action="store_true", help="keep the numbers, and fill the page's tables")
    given = parser.parse_args(arguments)
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
        KEPT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
        print(f"Stored in {KEPT.name}, and in the tables of {PAGE.name}.")
    return 0 if all(claims(found).values()) else 1


if __name__ == "__main__":
    sys.exit(main())
