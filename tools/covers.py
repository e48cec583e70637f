"""`make covers`: draw each chapter's cover from what the chapter computes, and the cards to share its page.

    make covers                  # book/covers/*.svg, then book/cards/*.png, which need Chromium
    make covers ARGS="03 20"     # these chapters only

A cover is made of the chapter's own functions and seeds, so it is the same each time, and a test that draws
it anew says when the chapter has moved on. The drawings are small SVG files in the colours of course.css.
"""

import gzip
import os
import subprocess
import sys
import time
from importlib import import_module

from tools.drawings import cards
from tools.drawings.canvas import Canvas
from tools.project import ROOT, notebook_environment

HOME = ROOT / "book" / "covers"
PARTS = ("front", "systems", "llm", "agents", "crowds", "development")


def names() -> list[str]:
    """What is drawn: the picture of the front page, and the cover of each chapter, in their order."""
    return list(_makers())


def draw(name: str) -> Canvas:
    """One cover, computed now. Raises: KeyError for a name that no part knows."""
    return _makers()[name]()


def _makers() -> dict:
    parts = (import_module(f"tools.drawings.{part}") for part in PARTS)
    return {name: make for part in parts for name, make in part.COVERS.items()}


def main(wanted: list[str]) -> int:
    chosen = [name for name in names() if not wanted or name.startswith(tuple(wanted))]
    if not chosen:
        sys.exit(f"no cover begins with {' or '.join(wanted)}; there are {', '.join(names())}")
    HOME.mkdir(exist_ok=True)
    for name in chosen:
        start = time.monotonic()
        text = draw(name).svg()
        (HOME / f"{name}.svg").write_text(text, encoding="utf-8")
        packed = len(gzip.compress(text.encode()))
        print(f"{name:32} {packed:5,} bytes compressed, {time.monotonic() - start:4.1f} s", flush=True)
    return cards.main()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # start again as notebooks do: same hashes, no network
        again = [sys.executable, "-m", "tools.covers", *sys.argv[1:]]
        sys.exit(subprocess.run(again, env=notebook_environment()).returncode)
    sys.exit(main(sys.argv[1:]))
