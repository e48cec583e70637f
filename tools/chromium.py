"""Find the browser that the tests open, and install Debian's where that may be done."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

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
    right = [] if hasattr(os, "geteuid") and os.geteuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or (right and not shutil.which("sudo")):
        return None
    if right and subprocess.run([*right, "true"], capture_output=True).returncode:
        return None
    print("Chromium is missing: installing Debian's package, about 300 MB …", flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", "chromium"]):
        done = subprocess.run([*right, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *command], **quiet)
    if done.returncode:
        print(done.stderr.strip()[-300:], file=sys.stderr)
    return find()
