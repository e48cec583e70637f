"""What a notebook defines, for its tests: see `coursekit.chapters`."""

from collections.abc import Iterator
from types import ModuleType

from coursekit import chapters, rehearsal
from coursekit.chapters import NOTEBOOKS, is_definition

__all__ = ["NOTEBOOKS", "chapter", "is_definition", "policies"]
_registered: dict[int, dict] = {}  # by a chapter, under the id of its module: names may stand in two chapters


def chapter(name, without: str | None = None) -> ModuleType:
    before = dict(rehearsal.policies)
    module = chapters.chapter(name, without)
    found = {name: policy for name, policy in rehearsal.policies.items() if before.get(name) is not policy}
    _registered[id(module)] = found
    return module


def policies(test_module: ModuleType) -> Iterator[dict]:
    """The scripted models of each chapter that a test module names, the last one first."""
    for each in reversed(list(vars(test_module).values())):
        if id(each) in _registered:
            yield _registered[id(each)]
