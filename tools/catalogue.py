"""What each notebook says it promises, needs and takes: coursekit/data/catalogue.json. Part of `make run`."""

import json
import re
import sys
from pathlib import Path

import nbformat
import yaml

from coursekit import catalogue
from tools.project import COLAB_CELL, ROOT, notebooks

TAKES = re.compile(r"\*\*Takes\*\* (\d+) minutes")
RUNS = re.compile(r"\*\*Runs\*\*.*? in (\d+) seconds", re.DOTALL)
NEEDS = re.compile(r"\]\((\d\d_\w+)\.ipynb\)")


class NotSaid(Exception):
    """A notebook does not say in its first cell what it should; the text says which and how."""


def describe(path: Path) -> dict:
    """One notebook as an entry of the catalogue. Raises: NotSaid."""
    cells = nbformat.read(path, as_version=4).cells
    first = cells[0].source
    before = re.search(r"\*\*Before this[:*]*.*?$", first, re.MULTILINE)
    takes, runs = TAKES.search(first), RUNS.search(first)
    if not (before and takes and runs):
        wanted = "**Before this:** …, **Takes** 40 minutes …, **Runs** … in 10 seconds"
        raise NotSaid(f"{path.name}: the first cell must say {wanted}")
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = [c.source for c in cells if c.cell_type == "code" and c.source != COLAB_CELL]
    known = _map()[path.stem]
    return {
        "name": path.stem,
        "title": known["title"],
        "part": known["part"],
        "promise": known["promise"],
        "needs": sorted(set(NEEDS.findall(before[0]))),
        "takes_min": int(takes[1]),
        "runs_s": int(runs[1]),
        "words": len(text.split()),
        "code_lines": sum(bool(line.strip()) for source in code for line in source.splitlines()),
    }


def _map() -> dict[str, dict]:
    parts = yaml.safe_load((ROOT / "book" / "chapters.yml").read_text(encoding="utf-8"))
    return {one["name"]: one | {"part": part["numeral"]} for part in parts for one in part["chapters"]}


def read() -> str:
    """The catalogue as it should stand, for the notebooks that there are."""
    entries = [describe(path) for path in notebooks()]
    return json.dumps(entries, ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    try:
        catalogue.HOME.write_text(read(), encoding="utf-8")
    except NotSaid as problem:
        sys.exit(f"catalogue: {problem}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
