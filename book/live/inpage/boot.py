"""What the worker calls: a kernel that speaks to the page in JSON."""

import json
import sys
from collections.abc import Callable

from .absent import Finder
from .kernel import Kernel

SITE = "/home/pyodide"
WITH = {"matplotlib": {"matplotlib", "mpl_toolkits", "numpy"}}  # what a package brings along


def boot(post: Callable, fetch: Callable, about: str) -> "Desk":
    """A kernel for this page.

    about: JSON with `absent` (roots of packages that the page has not), `fetched` (those that may be had from
    elsewhere) and `host` (where).
    """
    known = json.loads(about)
    elsewhere = set(known["fetched"]) | {"mpl_toolkits"}

    def say(root: str) -> str:
        if root in elsewhere:
            return (
                f"{root} could not be fetched from {known['host']}, and this cell needs it. "
                "Cells that do without run; the stored output is still here."
            )
        return f"{root} is not in the page: this cell needs JupyterLab (links at the head of the page)."

    def send(kind: str, **what: object) -> None:
        post(json.dumps({"kind": kind, **what}, default=repr))

    async def get(root: str) -> set[str]:
        root = "matplotlib" if root == "mpl_toolkits" else root
        if root in elsewhere and await fetch(root):
            return WITH.get(root, {root})
        return set()

    finder = Finder({*known["absent"], *elsewhere}, "coursekit", say)
    sys.meta_path.insert(0, finder)
    return Desk(Kernel(send, finder, get))


class Desk:
    """Takes the page's wishes."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    async def run(self, targets: object, cells: str) -> None:
        """Run these cells.   cells: JSON, a list of [id, source] in the order of the page."""
        await self.kernel.run(list(targets), dict(json.loads(cells)))
