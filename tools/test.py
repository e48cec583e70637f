"""`make test`: prove everything, the quickest first. A step that fails does not keep others from running."""

import argparse
import os
import subprocess
import sys
import time

from tools import chromium
from tools.marking import course, sandbox
from tools.project import ROOT, notebook_environment

PYTHON = sys.executable
PYTEST = [PYTHON, "-m", "pytest", "-q"]
TWO_AT_A_TIME = ["-n", "2", "--dist", "loadfile"]  # a file's tests in one process: a notebook has one kernel
COMPARE = ["--nbval", "--nbval-current-env", "-p", "tools.record"]
BROWSER = [
    f"tests/test_{name}.py"
    for name in (
        "book",
        "facts",
        "pdf",
        "pages",
        "moving",
        "covers",
        "learning",
        "finding",
        "search",
        "stepper",
        "cluster",
        "catalogue",
        "ask",
        "chunks",
        "warehouse_view",
        "oncall",
        "graph_widgets",
        "hub",
        "slides",
        "live",
        "lite",
        "marking_page",
    )
]
TESTS_FAILED = 1  # pytest's exit code; others mean that it could not run
SLOW = [
    *BROWSER,
    "tests/test_lab.py",
    "tests/test_live_all.py",
    "tests/test_student_all.py",
    "tests/test_twice.py",
]  # asyncio and a browser share no process

STEPS: dict[str, list[list[str]]] = {
    "lint": [[PYTHON, "-m", "ruff", "check", "."], [PYTHON, "-m", "ruff", "format", "--check", "."]],
    "frameworks": [[PYTHON, "-m", "tools.frameworks", "--check"]],
    "unit": [[*PYTEST, *TWO_AT_A_TIME, "tests", *(f"--ignore={path}" for path in SLOW)]],
    "notebooks": [[*PYTEST, *TWO_AT_A_TIME, *COMPARE, "-rN", "notebooks"]],
    "book": [[PYTHON, "-m", "tools.book"]],
    "measure": [[PYTHON, "-m", "tools.measure", "--quick"]],
    "pages": [[*PYTEST, *TWO_AT_A_TIME, *BROWSER]],
    "lab": [[*PYTEST, "tests/test_lab.py"]],
    "twice": [
        [*PYTEST, "-n", "2", "tests/test_twice.py"],
        [*PYTEST, "-n", "2", "tests/test_student_all.py"],
        [*PYTEST, "tests/test_live_all.py"],
    ],
}
# What fails here is tried once more, alone: a busy machine breaks no promise.
AGAIN = ["unit", "pages", "lab"]
FAILED_ONLY = ["--last-failed", "--last-failed-no-failures", "none"]
WEEKLY = ["twice"]  # too long for every day; `make test ARGS=twice` runs it


def run(command: list[str]) -> tuple[int, str]:
    """Run a command in full view. Returns its exit code and the last line it printed."""
    colour = ["--color=yes"] if "pytest" in command and sys.stdout.isatty() else []
    command = [*command, *colour]
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, cwd=ROOT, env=notebook_environment(), **both)
    tail = b""
    while chunk := os.read(process.stdout.fileno(), 65536):  # as it comes: dots are progress
        sys.stdout.buffer.write(chunk)
        sys.stdout.flush()
        tail = (tail + chunk)[-2000:]
    lines = tail.decode(errors="replace").strip().splitlines()
    return process.wait(), lines[-1].strip() if lines else ""


def prove(step: str) -> tuple[bool, float, str]:
    """Run a step's commands up to the first that fails. Returns: all passed, seconds, last line said."""
    print(f"\n── {step} " + "─" * (76 - len(step)), flush=True)
    start = time.monotonic()
    for command in STEPS[step]:
        code, said = run(command)
        if code:
            break
    if code == TESTS_FAILED and step in AGAIN:
        print("\nOnce more, one at a time:", flush=True)
        code, second = run([*(part for part in command if part not in TWO_AT_A_TIME), *FAILED_ONLY])
        said = f"{said}; at a second try, alone: {second}"
    return code == 0, time.monotonic() - start, said


def have_browser() -> None:
    """Pages and Lab are opened in a real one. Tests themselves say what happens where there is none."""
    if chromium.find() is None and chromium.install() is None:
        print(f"No browser, so no page will be opened: {chromium.ADVICE}", flush=True)


def have_marking() -> None:
    """nbgrader in its environment, and a sandbox. Tests themselves say what happens where there is none."""
    course.ready()
    try:
        sandbox.ensure()
    except sandbox.NoRoom as why:
        print(f"No submission will be marked: {why}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make test", description=__doc__)
    parser.add_argument("step", nargs="*", help="all but twice when left out", metavar="|".join(STEPS))
    steps = parser.parse_args(arguments).step or [step for step in STEPS if step not in WEEKLY]
    if strange := [step for step in steps if step not in STEPS]:
        parser.error(f"there is no step {strange[0]!r}; there are {', '.join(STEPS)}")
    if {"unit", "measure", "pages", "lab"} & set(steps):
        have_browser()
    if "unit" in steps:
        have_marking()
    results = {step: prove(step) for step in steps}
    print(f"\n── all {'─' * 73}")
    for step, (passed, seconds, said) in results.items():
        print(f"{'✓' if passed else '✗'} {step:10} {seconds:6.1f} s   {said}")
    print(f"  {'together':10} {sum(seconds for _, seconds, _ in results.values()):6.1f} s")
    return 0 if all(passed for passed, _, _ in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
