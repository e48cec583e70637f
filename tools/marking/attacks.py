"""One attack of each kind, as the answer to an exercise or as a change to the notebook.

Each that could fill a machine stops itself at a bound, should a wall be missing.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

RIGHT = "def double(numbers):\n    return [2 * number for number in numbers]"


class Hostile(NamedTuple):
    """A submission, and what it tries."""

    name: str
    tries: str
    answer: str = RIGHT
    change: Callable[[NotebookNode], None] | None = None
    write: Callable[[NotebookNode, Path], None] | None = None


ALWAYS = "def double(numbers):\n"
DELETES = """\
import os, shutil
for place in (COURSE, HOME, os.path.dirname(GRADES), GRADES, "/home", "/usr/share/zoneinfo"):
    shutil.rmtree(place, ignore_errors=True)
    try:
        os.unlink(place)
    except OSError:
        pass
"""
NETWORK = """\
import socket, urllib.request
for place in (("127.0.0.1", PORT), ("10.0.0.1", PORT), ("192.0.2.1", 80)):
    try:
        socket.create_connection(place, timeout=2).sendall(b"here")
    except OSError as error:
        print(error)
try:
    urllib.request.urlopen("http://example.org/", timeout=2)
except OSError as error:
    print(error)
"""
SPIES = """\
import gc, glob, os, sys
seen = []
for place in [GRADES, SOURCE, *glob.glob("/proc/*/environ"), *glob.glob("/proc/*/cmdline")]:
    try:
        seen.append(open(place, errors="replace").read())
    except OSError as error:
        seen.append(f"{place}: {error.strerror}")
def double(numbers):
    frame = sys._getframe()
    seen[9:] = [repr(In[-3:])]
    while frame:
        seen.append(repr(frame.f_locals)[:2000])
        frame = frame.f_back
    held = [each for each in gc.get_objects() if isinstance(each, dict) and "expected" in each]
    seen.extend(repr(each)[:500] for each in held)
"""
PATCHES = """\
import builtins, json, math
check.same = check.close = lambda *_, **__: check.Verdict(True, "all is well")
builtins.all = builtins.any = lambda *_: True
math.isclose = lambda *_, **__: True
class Yes(list):
    __eq__ = lambda *_: True
    __hash__ = object.__hash__
def double(numbers):
    return Yes()
"""
FORGES = """\
import IPython.display, json
shown = IPython.display.display
def display(data, **more):
    for mime in list(data):
        found = json.loads(data[mime])
        found["answers"] = found["expected"] = [True] * 30
        data[mime] = json.dumps(found)
    shown(data, **more)
IPython.display.display = display
def double(numbers):
    return True
"""
BOMB = """\
import os, time
for _ in range(400):
    try:
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
    except OSError:
        time.sleep(0.01)
"""
EATS = """\
eaten = []
for _ in range(10):
    eaten.append(b"x" * 2**28)
"""
HUGE = """\
import os
for place in (os.getcwd(), "/tmp", "/home/nobody", "/dev/shm", os.path.dirname(CONNECTION), COURSE):
    for number in range(8):
        try:
            with open(f"{place}/huge{number}", "wb") as file:
                for _ in range(64):
                    file.write(b"x" * 2**20)
        except OSError as error:
            print(place, error.strerror)
"""
CONNECTION = "import ipykernel\nCONNECTION = ipykernel.get_connection_file()\n"
SCRIPT = """\
from IPython.display import HTML, Javascript, SVG, display
display(HTML("<script>document.title = 'taken'</script><img src=x onerror=\\"document.title = 'taken'\\">"))
display(Javascript("document.title = 'taken'"))
display({"image/svg+xml": "<svg onload=\\"document.title = 'taken'\\"/>"}, raw=True)
display({"text/plain": "<script>document.title = 'taken'</script>"}, raw=True)
display({"image/png": "x\\"onerror=\\"document.title='taken'"}, raw=True)
print("<script>document.title = 'taken'</script>")
"""


STUBBORN = """\
def double(numbers):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""


def hostiles() -> list[Hostile]:
    forever = ALWAYS + "    while True:\n        pass"
    flood = ALWAYS + "    for _ in range(2_000_000):\n        print('flood ' * 1000, flush=True)"
    large = (
        "from IPython.display import display\n"
        + ALWAYS
        + "    display({'text/plain': 'x' * 10**8}, raw=True)"
    )
    raw = "import os\n" + ALWAYS + "    for _ in range(10_000):\n        os.write(1, b'flood ' * 100_000)"
    return [
        Hostile("loops", "runs for ever", forever),
        Hostile("stubborn", "runs for ever and ignores interrupts", STUBBORN),
        Hostile("deletes", "deletes the course, the home folder and the gradebook", DELETES + RIGHT),
        Hostile("floods", "prints 12 GB", flood),
        Hostile("floods-raw", "prints 6 GB below Python", raw),
        Hostile("large", "shows one object of 100 MB", large),
        Hostile("network", "goes to this machine's ports and outside", NETWORK + RIGHT),
        Hostile("spies", "looks for hidden tests, answers and the gradebook", SPIES, tell),
        Hostile("patches", "makes every check and comparison say yes", PATCHES),
        Hostile("forges", "writes the marker's answers itself", FORGES),
        Hostile("copies", "gives the witness as its answer", "double = lambda numbers: by_adding(numbers)"),
        Hostile("bomb", "starts processes without end", BOMB + RIGHT),
        Hostile("eats", "takes memory without end", EATS + RIGHT),
        Hostile("exits", "ends its own kernel", "import os\nos._exit(0)"),
        Hostile("kills", "kills every process it can see", "import os\nos.kill(1, 9)\nos.kill(-1, 9)"),
        Hostile("huge", "writes files of 64 MB wherever it may", CONNECTION + HUGE + RIGHT),
        Hostile("unlocks", "changes a locked test so that it passes", ALWAYS + "    return 7", unlock),
        Hostile("drops", "deletes the tests", RIGHT, drop),
        Hostile("twice", "answers twice, and moves its cells", RIGHT, shuffle),
        Hostile("scripts", "writes scripts into its outputs and text", SCRIPT + RIGHT, script),
        Hostile("no-json", "is no notebook", write=lambda _, path: path.write_text("{'cells': [")),
        Hostile(
            "nested", "is JSON a million levels deep", write=lambda _, path: path.write_text("[" * 10**6)
        ),
        Hostile("heavy", "weighs 200 MB", write=heavy),
        Hostile(
            "link",
            "is a link to a file of this machine",
            write=lambda _, path: path.symlink_to("/etc/passwd"),
        ),
    ]


def tell(notebook: NotebookNode) -> None:
    notebook.cells.append(new_code_cell("print(*seen, sep='\\n')", id="tell"))


def unlock(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("locked"):
            cell.source = "print('all is well')"
            cell.metadata.nbgrader |= {"locked": False, "points": 100}


def drop(notebook: NotebookNode) -> None:
    notebook.cells = [cell for cell in notebook.cells if not cell.metadata.get("nbgrader", {}).get("grade")]


def shuffle(notebook: NotebookNode) -> None:
    again = [NotebookNode(json.loads(json.dumps(cell))) for cell in notebook.cells]
    notebook.cells = notebook.cells[::-1] + again


def script(notebook: NotebookNode) -> None:
    bad = "<script>document.title = 'taken'</script> <img src=x onerror=\"document.title = 'taken'\">"
    bad += " [press](javascript:document.title='taken') <meta http-equiv='refresh' content='0;url=http://127.0.0.1:9/'>"
    notebook.cells[-1].source = bad
    notebook.cells.append(new_markdown_cell(bad, id="more"))


def heavy(_: NotebookNode, path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(200 * 2**20)  # takes no room on most disks
