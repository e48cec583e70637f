"""An environment beside the course's own: for what could not, or should not, live together with it.

Its packages are pinned in a file; a copy of that file inside says that it is there, and as it should be.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.lock import COMPILE

UV = [sys.executable, "-m", "uv"]


def python(home: Path) -> Path:
    """The Python of the environment in `home`, whether it is there or not."""
    return home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def lock(needs: Sequence[str], pins: Path, header: str) -> None:
    """Choose exact versions of all that `needs` need, and write them to `pins`."""
    done = subprocess.run([*COMPILE, "-"], input="\n".join(needs), capture_output=True, text=True, check=True)
    pins.write_text(header + done.stdout)


def build(home: Path, pins: Path, what: str) -> None:
    """Bring the environment in `home` to its pins: at once where it has them.   what: said before."""
    wanted, stamp = pins.read_text(), home / "pins.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Building the environment of {what} ...", flush=True)
    subprocess.run([*UV, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True)
    install = [*UV, "pip", "install", "--quiet", "--compile-bytecode", "--no-deps"]
    subprocess.run([*install, "--python", str(home), "--requirement", str(pins)], check=True)
    stamp.write_text(wanted)
