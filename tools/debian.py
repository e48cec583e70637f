"""Get a package of Debian's, as root or where sudo asks for no password."""

import os
import shutil
import subprocess
import sys


def install(package: str, said: str) -> None:
    """Install it if this user may; look afterwards whether it is there.   said: before it is got."""
    right = [] if hasattr(os, "geteuid") and os.geteuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or (right and not shutil.which("sudo")):
        return
    if right and subprocess.run([*right, "true"], capture_output=True).returncode:
        return
    print(said, flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", package]):
        done = subprocess.run([*right, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *command], **quiet)
    if done.returncode:
        print(done.stderr.strip()[-300:], file=sys.stderr)
