"""IPython as it runs behind the page: its outputs go to `post`, its tracebacks show the reader's own lines.

One message is one call of `post(kind, **what)`: `begin`, `stream`, `display`, `clear`, `error` and `end` of a
cell, `plan` before a run, `blocked` of a cell that needs one which failed. The tool that measures the
notebooks listens to the same messages.
"""

import json
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import ClassVar

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from .absent import Finder, NotInPage, leave_no_trace
from .needs import Memory

WIDGET = "application/vnd.jupyter.widget-view+json"
PAUSE_S = 0.05  # between two pieces of a stream
MOST = 100_000  # letters that one cell may write

Post = Callable[..., None]
Fetch = Callable[[str], Awaitable[set[str]]]  # the root of a package -> the roots that can be imported now


class _Hook(DisplayHook):
    """The value of a cell's last line."""

    def __call__(self, result: object = None) -> None:
        if result is None or self.quiet():
            return
        data, metadata = self.compute_format_data(result)
        self.update_user_ns(result)
        self.fill_exec_result(result)
        if data:
            self.shell.show(data, metadata)


class _Publisher(DisplayPublisher):
    """What a cell displays on its way."""

    def publish(self, data, metadata=None, *, transient=None, update=False, **kwargs) -> None:
        self.shell.show(data, metadata or {}, (transient or {}).get("display_id"), update)

    def clear_output(self, wait: bool = False) -> None:
        self.shell.post("clear")


class _Formatter(DisplayFormatter):
    """What becomes of a value in each form it has."""

    def format(self, *args, **kwargs) -> tuple[dict, dict]:
        leave_no_trace()
        return super().format(*args, **kwargs)


class _Compiler(CachingCompiler):
    """Names code by the cell it stands in, so that a traceback can tell which lines are the reader's."""

    cell = ""
    begins: ClassVar[dict[str, str]] = {}  # name of code -> the first line of its cell

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        name = f"<cell {self.cell} {number}>"
        first = next((line for line in raw_code.splitlines() if line.strip()), "")
        self.begins[name] = first[:40]
        return name


class PageShell(InteractiveShell):
    """IPython without a terminal, a history or a system."""

    displayhook_class = _Hook
    display_pub_class = _Publisher
    compiler_class = _Compiler
    post: Post
    kernel = "the page"  # coursekit draws and reports for a page when there is a kernel

    def init_display_formatter(self) -> None:
        self.display_formatter = _Formatter(parent=self)
        self.configurables.append(self.display_formatter)

    def show(self, data: dict, metadata: dict, name: str | None = None, update: bool = False) -> None:
        """Send one output, a widget with a snapshot of its state."""
        sys.stdout.flush()
        state = _state(data[WIDGET]["model_id"]) if WIDGET in data else None
        self.post("display", data=data, metadata=metadata, name=name, update=update, state=state)

    def system(self, command: str) -> None:
        raise OSError("there is no shell in the page: this cell needs JupyterLab")

    system_piped = system_raw = getoutput = system

    def showtraceback(self, exc_tuple=None, *args, **kwargs) -> None:
        kind, error, trace = self._get_exc_info(exc_tuple)
        self.post("error", name=kind.__name__, text=self._told(kind, error, trace))

    def showsyntaxerror(self, *args, **kwargs) -> None:
        self.showtraceback()

    def _told(self, kind: type, error: BaseException, trace) -> str:
        """The traceback, cut to lines that stand in cells."""
        if hasattr(error, "_render_traceback_"):
            return "\n".join(error._render_traceback_())
        begins, here = self.compile.begins, f"<cell {self.compile.cell} "

        def place(name: str) -> str:
            return "this cell" if name.startswith(here) else f"the cell “{begins[name]}”"

        frames = [frame for frame in traceback.extract_tb(trace) if frame.filename in begins]
        lines = [f"  {place(frame.filename)}, line {frame.lineno}\n    {frame.line}\n" for frame in frames]
        head = ["Traceback (most recent call last):\n", *lines] if lines else []
        if isinstance(error, SyntaxError) and error.filename in begins:
            error.filename = "this cell"
        return "".join([*head, *traceback.format_exception_only(kind, error)]).rstrip()


def _state(model: str) -> dict:
    """What the page needs to show a widget that no kernel stands behind."""
    from ipywidgets.widgets import widget

    return json.loads(json.dumps(widget._instances[model].get_state(), default=repr))


class _Stream:
    """Standard output or error of a cell, sent in pieces while it runs."""

    encoding = "utf-8"

    def __init__(self, name: str, post: Post) -> None:
        self.name, self.post, self.waiting, self.sent, self.left = name, post, [], 0.0, MOST

    def write(self, text: str) -> int:
        if self.left > 0:
            self.waiting.append(text[: self.left])
            self.left -= len(text)
            if self.left <= 0:
                self.waiting.append(f"\n… more than {MOST:,} letters: the rest is not shown\n")
        if time.monotonic() - self.sent > PAUSE_S:
            self.flush()
        return len(text)

    def flush(self) -> None:
        if self.waiting:
            self.post("stream", name=self.name, text="".join(self.waiting))
            self.waiting.clear()
        self.sent = time.monotonic()

    def isatty(self) -> bool:
        return False


class Kernel:
    """Runs cells of one page, and before each those that it needs.

    post: takes each message.   finder: knows what is absent.   fetch: gets a package that may be had from
    elsewhere; says whether it came.
    """

    def __init__(self, post: Post, finder: Finder, fetch: Fetch) -> None:
        self.post, self.finder, self.fetch = post, finder, fetch
        self.streams = [_Stream(name, post) for name in ("stdout", "stderr")]
        PageShell.post = staticmethod(post)
        config = Config(HistoryManager={"enabled": False}, InteractiveShell={"colors": "nocolor"})
        self.shell = PageShell.instance(config=config)
        self.shell.user_module.__name__ = "__main__"
        sys.modules["__main__"] = self.shell.user_module
        self.memory, self.asked = Memory(), set()

    async def run(self, targets: list[str], cells: dict[str, str]) -> None:
        """Run `targets`, each after what it needs.   cells: all of the page, id -> source, in order."""
        self.asked.clear()
        failed: set[str] = set()
        for target in targets:
            while not await self._run_with_needs(target, cells, failed):
                failed.clear()

    async def _run_with_needs(self, target: str, cells: dict[str, str], failed: set[str]) -> bool:
        """False: something came from elsewhere meanwhile, and all has to be run anew."""
        plan = [*self.memory.needed(target, cells), target]
        self.post("plan", target=target, cells=plan)
        for cell in plan:
            error = None if cell in failed else await self.cell(cell, cells[cell])
            if isinstance(error, NotInPage) and await self._came(error.root):
                return False
            if error is not None:
                failed.add(cell)
            if cell in failed and cell != target:
                self.post("blocked", cell=target, by=cell)
                break
        return True

    async def _came(self, root: str) -> bool:
        if root in self.asked:
            return False
        self.asked.add(root)
        arrived = await self.fetch(root)
        if arrived:
            self.finder.arrived(arrived)
            self.shell.reset(new_session=False)
            self.memory = Memory()
        return bool(arrived)

    async def cell(self, cell: str, source: str) -> BaseException | None:
        """Run one cell. Returns the error that ended it, if one did."""
        self.post("begin", cell=cell)
        start, out, err = time.monotonic(), sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self.streams
        for stream in self.streams:
            stream.left = MOST
        self.shell.compile.cell = cell
        try:
            result = await self.shell.run_cell_async(
                source, store_history=True, transformed_cell=self.shell.transform_cell(source), cell_id=cell
            )
            self.shell.events.trigger("post_execute")  # figures are shown
            self.shell.events.trigger("post_run_cell", result)
        finally:
            for stream in self.streams:
                stream.flush()
            sys.stdout, sys.stderr = out, err
        error = result.error_before_exec or result.error_in_exec
        if error is None:
            self.memory.note(cell, source)
        self.post("end", cell=cell, ok=error is None, seconds=time.monotonic() - start)
        return error
