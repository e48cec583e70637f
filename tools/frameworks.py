"""`make frameworks`: build each framework's environment, run the task of chapter 12 there, store the results.

`ARGS="spade crewai"` chooses; `--check` compares instead of storing; `--lock` chooses versions anew.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from importlib import metadata

from coursekit import frameworks
from coursekit.chapters import chapter
from coursekit.display import table
from coursekit.frameworks import DATA, FRAMEWORKS, HOME, RECORD
from tools import environment
from tools.project import ROOT, notebook_environment

LAPS = 3
HEADER = "# Chosen by `make frameworks ARGS=--lock` from what coursekit/frameworks.py names.\n"
AS_MEASURED = ("case", "answer", "error", "tool_calls", "calls", "tokens", "messages")


def lock(name: str) -> None:
    """Choose exact versions of all that a framework needs."""
    environment.lock(FRAMEWORKS[name].needs, DATA / f"{name}.txt", HEADER)


def build(name: str) -> None:
    """Bring a framework's environment to its pins; a second time this takes no time."""
    environment.build(HOME / name, DATA / f"{name}.txt", FRAMEWORKS[name].title)


def facts(name: str) -> dict:
    """What can be said without running the task: size, lines, time to start, memory."""
    laps = [start(name) for _ in range(LAPS)]
    code = [line for line in frameworks.source(name).splitlines() if line.strip()]
    found = {
        "lines": len(code),
        "start_s": min(lap[0] for lap in laps),
        "memory_mb": min(lap[1] for lap in laps),
    }
    if FRAMEWORKS[name].needs:
        files = [path for path in (HOME / name).rglob("*") if path.is_file() and not path.is_symlink()]
        found["disk_mb"] = sum(path.stat().st_size for path in files) / 1e6
        found["packages"] = sum(path.name == "METADATA" for path in files)
    else:
        wanted = {"plain": "openai", "langgraph": "langchain langchain-openai"}[name].split()
        needed = closure(wanted)
        found["packages"] = len(needed)
        sizes = [
            path.locate().stat().st_size
            for one in needed
            for path in metadata.files(one) or ()
            if path.locate().is_file()
        ]
        found["disk_mb"] = sum(sizes) / 1e6
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in found.items()}


def closure(wanted: list[str]) -> list[str]:
    """These distributions and all that they need, as installed here."""
    found, todo = set(), list(wanted)
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop().lower())
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another system or Python
        if name not in found:
            found.add(name)
            todo += [re.match(r"[\w.-]+", one)[0] for one in needs if "extra ==" not in one]
    return sorted(found)


SMALL = """
import resource, subprocess, sys, time
begin = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""  # a process begins with the peak of the one that made it, so that one must be small


def start(name: str) -> tuple[float, float]:
    """Seconds until all is imported, and MB that the process then holds at most."""
    env = notebook_environment() | {"JOB_FRAMEWORK": name, "OPENAI_API_KEY": "none"}
    program = [str(frameworks.python(name)), str(DATA / f"in_{name}.py")]  # no case: nothing is run
    done = subprocess.run(
        [sys.executable, "-S", "-c", SMALL, *program], env=env, capture_output=True, text=True, check=True
    )
    seconds, peak = map(float, done.stdout.split())
    return seconds, peak / (1e6 if sys.platform == "darwin" else 1e3)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make frameworks", description=__doc__)
    parser.add_argument("name", nargs="*", help="all when left out", metavar="|".join(FRAMEWORKS))
    parser.add_argument("--check", action="store_true", help="compare with what is stored")
    parser.add_argument("--lock", action="store_true", help="choose versions anew")
    given = parser.parse_args(arguments)
    names = given.name or list(FRAMEWORKS)
    if strange := [name for name in names if name not in FRAMEWORKS]:
        parser.error(f"there is no framework {strange[0]!r}; there are {', '.join(FRAMEWORKS)}")
    for name in names:
        if FRAMEWORKS[name].needs:
            if given.lock:
                lock(name)
            build(name)
    os.environ.update(notebook_environment())
    lesson = chapter(ROOT / "notebooks" / "12_agent_frameworks.ipynb")
    stored = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    found = {name: {"runs": lesson.performance(name)} for name in names}
    print(
        table(
            [
                {"framework": FRAMEWORKS[name].title}
                | {run["case"]: run["answer"] or run["error"] for run in found[name]["runs"]}
                for name in names
            ]
        )
    )
    if given.check:
        wrong = [name for name in names if same(found[name]) != same(stored.get(name, {"runs": []}))]
        print(f"{len(names) - len(wrong)} passed, {len(wrong)} failed")
        return 1 if wrong else 0
    for name in names:
        found[name]["facts"] = facts(name)
    print(table([{"framework": FRAMEWORKS[name].title} | found[name]["facts"] for name in names]))
    everything = {name: (stored | found)[name] for name in FRAMEWORKS if name in stored | found}
    RECORD.write_text(json.dumps(everything, ensure_ascii=False, indent=1) + "\n")
    return 0


def same(entry: dict) -> list[dict]:
    """The part of a record that must be the same on every machine."""
    return [{key: run[key] for key in AS_MEASURED} for run in entry["runs"]]


if __name__ == "__main__":
    sys.exit(main())
