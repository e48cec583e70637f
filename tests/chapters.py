"""What a notebook defines, for its tests: see `coursekit.chapters`."""

from coursekit.chapters import NOTEBOOKS, chapter, is_definition

__all__ = ["NOTEBOOKS", "chapter", "is_definition"]
