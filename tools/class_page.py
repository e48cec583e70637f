"""The tables of the page on a model for a class, and what they claim: made of numbers that were measured.

`tools.bench_classmodel` measures and stores them in book/class_model.json.
"""

import json
import re

from tools.project import ROOT

KEPT, PAGE = ROOT / "book" / "class_model.json", ROOT / "book" / "class_model.md"


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
    tried = [trial(name, **one) for name, one in found.get("notebooks", {}).items()]
    heads = ("notebook", "code cells", "ran", "failed", "for want of these")
    return {
        "notebooks": markdown(heads, tried),
        "students": markdown(("student", "calls", "tokens", "p50 (s)", "p95 (s)"), rows),
        "sums": markdown(("ten students, without a pause", "measured"), sums),
        "greed": markdown(("nine others wait", "p50 (s)", "p95 (s)", "answers to the greedy", "429"), others),
        "sizes": markdown(
            ("each asks every", f"{speed:.0f} tokens/s", "500 tokens/s", "2,000 tokens/s"), sizes
        ),
    }


def trial(name: str, cells: int, failed: list[dict]) -> tuple:
    """A row: cells that ran, that failed, and that failed only since others had."""
    after = sum(each["follows"] for each in failed)
    return name.replace("_", " "), cells, cells - len(failed), len(failed) - after, after


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


def keep(found: dict) -> None:
    KEPT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    print(f"Stored in {KEPT.name}, and in the tables of {PAGE.name}.")
