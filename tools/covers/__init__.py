"""Draw the cover of each chapter from what the chapter computes, and the cards to share its page with.

    python -m tools.covers            # book/covers/*.svg, then book/cards/*.png, which need Chromium
    python -m tools.covers 03 20      # these chapters only

A cover is made of the chapter's own functions and seeds, so it is the same each time, and a test that draws
it anew says when the chapter has moved on. The drawings are small SVG files in the colours of course.css.
"""

from importlib import import_module

from tools.covers.canvas import Canvas
from tools.project import ROOT

HOME = ROOT / "book" / "covers"
FRONT = "course"  # the picture of the landing page
PARTS = ("front", "systems", "llm", "agents", "crowds", "development")


def draw(name: str) -> Canvas:
    """The cover of one chapter, computed now. Raises: KeyError for a name that no part knows."""
    return _makers()[name]()


def names() -> list[str]:
    """The landing page's and all chapters', in their order."""
    return list(_makers())


def _makers() -> dict:
    parts = (import_module(f"tools.covers.{part}") for part in PARTS)
    return {name: make for part in parts for name, make in part.COVERS.items()}
