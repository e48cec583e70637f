"""Tools that come and go: registered with a category, loaded from a module, chosen for a task, and measured.

    box = Toolbox()
    box.add(calculator, "arithmetic")
    box.load("coursekit.table_tools")                  # returns what was loaded, and why the rest was not
    box.choose("mean of a column", ask, most=5)    # names from a model, tools from the box

Only modules under `allowed` are imported: importing is running. Taught in: notebooks/20_langchain.ipynb
"""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType

from langchain_core.tools import BaseTool

from coursekit.errors import CourseError

WEIGHT = 0.1  # of the newest call in the moving average


@dataclass
class Entry:
    """A tool and how it has done."""

    tool: BaseTool
    category: str
    calls: int = 0
    failures: int = 0
    average: float = 0.0  # of successes; starts at nothing …
    weight: float = 0.0  # … and this much of it has been seen

    @property
    def success_rate(self) -> float | None:
        """Recent successes, newest weighing 0.1; None before the first call."""
        return self.average / self.weight if self.calls else None

    def note(self, ok: bool) -> None:
        self.calls += 1
        self.failures += not ok
        self.average += WEIGHT * (ok - self.average)
        self.weight += WEIGHT * (1 - self.weight)


class Toolbox:
    """allowed: packages from which tools may be loaded."""

    def __init__(self, allowed: tuple[str, ...] = ("coursekit",)) -> None:
        self.entries: dict[str, Entry] = {}
        self.allowed = allowed

    def add(self, tool: BaseTool, category: str = "general") -> None:
        """Register a tool; one of the same name takes its place and keeps its statistics."""
        old = self.entries.get(tool.name)
        self.entries[tool.name] = replace(old, tool=tool, category=category) if old else Entry(tool, category)

    def load(self, path: str | ModuleType) -> dict[str, str]:
        """Add each tool class that a module itself defines. Returns name -> "loaded", or why not.

        Raises: CourseError if the module's package is not allowed, or there is no such module.
        """
        if isinstance(path, str) and path.split(".")[0] not in self.allowed:
            raise CourseError(f"{path!r} may not be imported; allowed: {', '.join(self.allowed)}")
        try:
            module = importlib.import_module(path) if isinstance(path, str) else path
        except ImportError as error:
            raise CourseError(f"no module {path!r}: {error}") from None
        report = {}
        for name, thing in inspect.getmembers(module, inspect.isclass):
            if issubclass(thing, BaseTool) and thing.__module__ == module.__name__:
                report[name] = self._load(thing)
        return report

    def _load(self, kind: type[BaseTool]) -> str:
        if inspect.isabstract(kind):
            return "abstract"
        try:
            self.add(kind(), getattr(kind, "CATEGORY", "general"))
        except Exception as error:  # one that fails must not cost us the others
            return f"{type(error).__name__}: {error}".splitlines()[0]
        return "loaded"

    @property
    def categories(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, entry in self.entries.items():
            found.setdefault(entry.category, []).append(name)
        return found

    def descriptions(self) -> str:
        """One line a tool, for a prompt."""
        return "\n".join(
            f"- {name} ({entry.category}): {entry.tool.description}" for name, entry in self.entries.items()
        )

    def choose(self, task: str, ask: Callable[[str], list[str]], most: int = 5) -> list[BaseTool]:
        """At most `most` tools. ask: prompt -> names, best first; a name that is not in the box is left out.

        Raises: CourseError when no name is left.
        """
        tools = self.descriptions()
        named = ask(f"Task: {task}\n\nTools:\n{tools}\n\nName at most {most} of them, best first.")
        known = [name for name in dict.fromkeys(named) if name in self.entries][:most]
        if not known:
            raise CourseError(f"of {named!r} no name is in the box, which holds {', '.join(self.entries)}")
        return [self.entries[name].tool for name in known]

    def note(self, name: str, ok: bool) -> None:
        self.entries[name].note(ok)
