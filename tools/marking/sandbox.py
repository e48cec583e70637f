"""The room in which a submission runs: no network, the course to read, nothing to write that stays.

bubblewrap makes it from namespaces of Linux. Inside are the system's programs, Python and `coursekit`, which
cannot be written to, and three small folders in memory. A kernel is reached through sockets in the one folder
that it shares. A bug of Linux itself would open the door: against that, mark in a virtual machine.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools import debian
from tools.project import ROOT

ADVICE = (
    "submissions run inside bubblewrap, on Linux (Debian and Ubuntu: sudo apt install bubblewrap); "
    "on macOS and Windows mark in a Linux virtual machine, or in a container that may make namespaces"
)
NOBODY = 65534
HOME = "/home/nobody"
MB = 2**20
DISK_MB = 256  # of each folder that can be written to; it is memory
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ld.so.cache")
COURSE = ("coursekit", "deploy")  # of the course, what its notebooks read
FILES = {
    "passwd": f"nobody:x:{NOBODY}:{NOBODY}::/home/nobody:/bin/sh\n",
    "group": f"nogroup:x:{NOBODY}:\n",
    "hosts": "127.0.0.1 localhost marking\n::1 localhost\n",
    "resolv.conf": "nameserver 192.0.2.1\n",  # nobody's: whoever looks a name up is counted as going out
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
LIMITS = {  # of one process, except PROCESSES
    "RLIMIT_AS": 6144 * MB,
    "RLIMIT_FSIZE": 64 * MB,
    "RLIMIT_NPROC": 400,  # threads count
    "RLIMIT_NOFILE": 1024,
    "RLIMIT_CORE": 0,
}
ENTER = """
import json, os, resource, sys
limits, user = json.loads(sys.argv[1]), int(sys.argv[2])
for name, most in limits.items():
    kind = getattr(resource, name)
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))
if os.geteuid() == 0:
    os.setgroups([]), os.setresgid(user, user, user), os.setresuid(user, user, user)
os.execv(sys.argv[3], sys.argv[3:])
"""  # the first that runs inside: it gives up what rights are left


class NoRoom(Exception):
    """Submissions cannot be kept apart from this machine; the text says what to do."""


def find() -> str | None:
    return shutil.which("bwrap") if sys.platform == "linux" else None


def install() -> str | None:
    """Install Debian's bubblewrap if this user may. Returns its path, or None if it is still missing."""
    if sys.platform == "linux":
        debian.install("bubblewrap", "bubblewrap is missing: installing Debian's package …")
    return find()


def ensure() -> None:
    """Make sure that a room can be made here. Raises: NoRoom."""
    if find() is None and install() is None:
        raise NoRoom(ADVICE)
    tried = subprocess.run([find(), *walls(), "true"], capture_output=True, text=True)
    if tried.returncode:
        raise NoRoom(f"bubblewrap cannot make a room here ({tried.stderr.strip()[:200]}); {ADVICE}")


def walls() -> list[str]:
    """What separates the room from the machine: every namespace, no rights, an end with its maker."""
    spaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if os.geteuid() == 0:  # gives its rights up inside, and is nobody then
        spaces += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        spaces += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    system = [word for path in SYSTEM for word in ("--ro-bind-try", path, path)]
    return [
        *spaces,
        "--die-with-parent",
        "--new-session",
        "--hostname",
        "marking",
        "--clearenv",
        "--dir",
        "/etc",
        *system,
    ]


def command(
    shared: Path, argv: list[str], python: dict[str, str], limits: dict[str, int] | None = None
) -> list[str]:
    """Run `argv` inside.   shared: the folder that both sides see.   python: as `course_python` tells it."""
    etc = shared.with_name("etc")
    etc.mkdir(exist_ok=True)
    for name, text in FILES.items():
        (etc / name).write_text(text)
        (etc / name).chmod(0o644)
    fonts = sorted(Path(python["fonts"]).glob("fontlist*"))
    seen = [Path(python["base"]), Path(python["prefix"]), *(ROOT / name for name in COURSE)]
    here = str(ROOT / "notebooks")  # empty: where a notebook believes to be
    words = [find() or "bwrap", *walls(), "--proc", "/proc", "--dev", "/dev"]
    for folder in ("/dev/shm", "/tmp", HOME):
        words += ["--perms", "1777", "--size", str(DISK_MB * MB), "--tmpfs", folder]
    for path in seen:
        words += [*_parents(path), "--ro-bind", str(path), str(path)]
    for inside, path in {f"/etc/{name}": etc / name for name in FILES}.items():
        words += ["--ro-bind", str(path), inside]
    words += ["--perms", "1777", "--dir", f"{HOME}/.matplotlib"]
    for path in fonts:  # found once for all notebooks; it takes ten seconds
        words += ["--ro-bind", str(path), f"{HOME}/.matplotlib/{path.name}"]
    loopback = Path("/sys/class/net/lo")  # by its name chapter 11 tells Linux from macOS
    words += [*_parents(loopback), "--dir", str(loopback)]
    words += ["--dir", here, *_parents(shared), "--bind", str(shared), str(shared)]
    for name, value in settings(python).items():
        words += ["--setenv", name, value]
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", here]
    limited = json.dumps(LIMITS | (limits or {}))
    return [*words, f"{python['prefix']}/bin/python", "-I", "-S", "-c", ENTER, limited, str(NOBODY), *argv]


def _parents(path: Path) -> list[str]:
    """Words that make the folders above a path, which everybody may walk through."""
    return [word for parent in reversed(path.parents[:-1]) for word in ("--dir", str(parent))]


def settings(python: dict[str, str]) -> dict[str, str]:
    """The whole environment inside: nothing comes from the one who marks."""
    return {
        "PATH": f"{python['prefix']}/bin:/usr/bin:/bin",
        "HOME": HOME,
        "USER": "nobody",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "COLUMNS": "80",
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MPLCONFIGDIR": f"{HOME}/.matplotlib",
        "IPYTHONDIR": f"{HOME}/.ipython",
    }


def course_python() -> dict[str, str]:
    """Where the Python of the course lies: asked of it, told to another."""
    prefix = os.path.realpath(sys.prefix)
    return {"prefix": prefix, "base": os.path.realpath(sys.base_prefix), "fonts": f"{prefix}/matplotlib"}
