"""Find the browser that the tests open, and install Debian's where that may be done."""

import os
import shutil
from pathlib import Path

from tools import debian

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
ADVICE = "install Chromium (Debian and Ubuntu: sudo apt install chromium) or name one with CHROMIUM=/path"
FLAGS = [  # nothing but the page under test may use the network
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


def find() -> str | None:
    """Path of a Chromium, Chrome or Edge on this machine, or None."""
    wanted = os.environ.get("CHROMIUM")
    on_path = filter(None, map(shutil.which, [wanted] if wanted else NAMES))
    return next(on_path, str(MAC) if MAC.exists() and not wanted else None)


def install() -> str | None:
    """Install Debian's Chromium if this user may. Returns its path, or None if it is still missing."""
    debian.install("chromium", "Chromium is missing: installing Debian's package, about 300 MB …")
    return find()
