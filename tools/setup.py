"""Set the course up in `.venv`, then run one of its tools: `python3 tools/setup.py learn --no-browser`.

Standard library only, in a Python of 2012, so that a machine whose Python is too old is told so in one line.
A stamp, written last, says that all is there: with it nothing is looked at again, without it the same command
goes on where it was stopped.
"""

from __future__ import print_function

import errno
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows: there, two set-ups at once are not kept apart
    fcntl = None

OLDEST, NEWEST = (3, 11), (3, 13)
BATCH = 20  # packages per call of the installer

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "course-is-set-up")
PYTHON = os.path.join(VENV, *(["Scripts", "python.exe"] if os.name == "nt" else ["bin", "python"]))

AGAIN = "run the same command again: it goes on where it stopped"
WRONG_PYTHON = (
    "Python {oldest} to {newest} is needed, this is {this} ({path}); install one, or name one that is there: "
    "make learn PYTHON=/path/to/python{newest}"
)
NO_VENV_MODULE = (
    "This Python lacks its venv module; on Debian and Ubuntu: sudo apt install python{0}-venv. Then " + AGAIN
)
READ_ONLY = "This user may not write to " + ROOT + ": copy the course to a folder of your own and start there"
DISK_FULL = "The disk is full: set-up needs about 2.5 GB. Free some, then " + AGAIN
OFFLINE = "No package index answers: set-up needs the network, once, for about 600 MB. Connect, then " + AGAIN
CAUSES = [  # what installers say when it happens
    (r"No space left on device|os error 28\b|Disk quota exceeded", DISK_FULL),
    (r"NewConnectionError|NameResolutionError|name resolution|dns error|ConnectTimeout|ProxyError", OFFLINE),
    (r"Network is unreachable|Connection refused|error sending request|\(from versions: none\)", OFFLINE),
    (r"Permission denied|Read-only file system", READ_ONLY),
]


class Stop(Exception):
    """Set-up cannot go on; the text is one line that says what to do."""


def say(text, end="\n"):
    print(text, end=end)
    sys.stdout.flush()


def dotted(version):
    return ".".join(map(str, version[:2]))


# ---- which Python


def version_of(python):
    """(3, 12) for a Python that starts, else None."""
    try:
        printed = subprocess.Popen(
            [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ).communicate()[0]
        return tuple(int(part) for part in printed.decode().split("."))
    except (OSError, ValueError):
        return None


def fits(version):
    return version is not None and OLDEST <= version <= NEWEST


def fitting_python():
    """This Python, or another on PATH where this one is too old or too new. Raises: Stop."""
    if fits(sys.version_info[:2]):
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        python = "python3.{0}".format(minor)
        if fits(version_of(python)):
            return python
    this = {"this": dotted(sys.version_info), "path": sys.executable}
    raise Stop(WRONG_PYTHON.format(oldest=dotted(OLDEST), newest=dotted(NEWEST), **this))


# ---- what is there already


def wanted():
    """One line that changes whenever what must be installed changes, or where."""
    digest = hashlib.sha256()
    for name in ("requirements.txt", "pyproject.toml", os.path.join("coursekit", "weights.py")):
        with open(os.path.join(ROOT, name), "rb") as file:
            # Settings of linter and tests stand last in pyproject.toml, and install nothing.
            digest.update(file.read().replace(b"\r\n", b"\n").split(b"\n[tool.ruff]", 1)[0])
    return "{0} {1}".format(digest.hexdigest(), ROOT)


def is_set_up():
    try:
        with open(STAMP) as file:
            return file.read() == wanted() and os.path.exists(PYTHON)
    except (IOError, OSError):
        return False


@contextmanager
def alone():
    """One set-up at a time: a second one waits here for the first."""
    if fcntl is None:
        yield
        return
    with open(os.path.abspath(__file__)) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (IOError, OSError) as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):  # other codes: a file system without locks
                say("Another set-up is at work in this folder: waiting for it ...")
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


# ---- installing


def make_venv():
    """A virtual environment that works where it stands: kept if it does, else made anew. Raises: Stop."""
    uv = on_path("uv")
    if fits(version_of(PYTHON)) and stands_where_it_was_made() and (uv or has("pip")):
        return
    python = fitting_python()
    version = dotted(version_of(python))
    without_pip = [] if has("ensurepip", python) else ["--without-pip"]
    if without_pip and not uv:
        raise Stop(NO_VENV_MODULE.format(version))
    say("Making .venv with Python {0} ...".format(version))
    install([python, "-m", "venv", "--clear"] + without_pip + [VENV])


def stands_where_it_was_made():
    """A virtual environment does not survive a move: its programs still point to the old place."""
    try:
        with open(os.path.join(VENV, "pyvenv.cfg")) as file:
            made_by = [line.strip() for line in file if line.startswith("command = ")]
    except (IOError, OSError):
        return False
    return not made_by or made_by[0].endswith(" " + VENV)


def on_path(program):
    name = program + (".exe" if os.name == "nt" else "")
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return any(os.access(os.path.join(folder, name), os.X_OK) for folder in folders)


def has(module, python=PYTHON):
    return subprocess.call([python, "-c", "import " + module], stderr=subprocess.PIPE) == 0


def drop_half_installed():
    """A package whose installation was cut short has no RECORD; without its metadata it is installed anew."""
    for pattern in (("lib", "python*"), ("Lib",)):
        for info in glob.glob(os.path.join(VENV, *(pattern + ("site-packages", "*.dist-info")))):
            if not os.path.exists(os.path.join(info, "RECORD")):
                shutil.rmtree(info)


def install_requirements():
    """Every pin of requirements.txt and nothing else, in batches: one that is done is done for good."""
    with open(os.path.join(ROOT, "requirements.txt")) as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    if on_path("uv"):
        installer = ["uv", "pip", "install", "--python", PYTHON, "--compile-bytecode", "--no-deps"]
    else:
        installer = [PYTHON, "-m", "pip", "install", "--no-input", "--compile", "--no-deps"]
    say("Installing {0} packages; the first time this takes some minutes ...".format(len(lines)))
    for done in range(0, len(lines), BATCH):
        batch = lines[done : done + BATCH]
        progress(done, len(lines), batch[0].split("=")[0] + " ...")
        # `-e .` is two arguments, a pin with its marker is one
        install(installer + [word for line in batch for word in re.split(r"(?<=^-e) ", line)])
    progress(len(lines), len(lines), "\n" if sys.stdout.isatty() else "")


def progress(done, total, at):
    """`  40 of 249`, on one line that changes where a person is looking, on lines of their own in a log."""
    start, end = ("\r\033[K", "") if sys.stdout.isatty() else ("", "\n")
    say("{0} {1:4} of {2}  {3}".format(start, done, total, at), end=end)


def install(command):
    """Run an installer out of sight. Raises: Stop with the cause, in one line where it is a known one."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output = process.communicate()[0].decode("utf-8", "replace")
    except KeyboardInterrupt:
        process.wait()  # Ctrl-C reaches it too: let it tidy up
        raise
    if process.returncode:
        raise Stop(cause(output))


def cause(output):
    """One line for what an installer said at length; its own words where the cause is not a known one."""
    for pattern, meaning in CAUSES:
        if re.search(pattern, output):
            return meaning
    return output.strip() + "\nThe installer stopped with these lines. When that is put right, " + AGAIN


def install_weights():
    """The weights of the local model need care of their own: see coursekit/weights.py."""
    if subprocess.call([PYTHON, "-m", "coursekit.weights"], cwd=ROOT):
        raise Stop("The weights are not in place, as said above; then " + AGAIN)


# ---- all of it


def set_up():
    """Bring `.venv` to what requirements.txt says. Raises: Stop."""
    if not os.access(VENV if os.path.exists(VENV) else ROOT, os.W_OK):
        raise Stop(READ_ONLY)
    with alone():
        if is_set_up():  # by the one that this one waited for
            return
        if os.path.exists(STAMP):
            os.remove(STAMP)
        make_venv()
        drop_half_installed()
        install_requirements()
        install_weights()
        with open(STAMP, "w") as file:
            file.write(wanted())
        say("All is set up in .venv; the next start takes a second.")


def go_on(tool, options):
    """Become one of the tools, in the environment that is set up."""
    command = [PYTHON, "-m", "tools." + tool] + options
    os.chdir(ROOT)
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    os.execv(PYTHON, command)


def main(arguments):
    try:
        if not is_set_up():
            set_up()
    except Stop as stop:
        sys.exit(("\n" if sys.stdout.isatty() else "") + str(stop))
    except KeyboardInterrupt:
        say("\nStopped. To go on, " + AGAIN)
        sys.exit(130)
    if arguments:
        go_on(arguments[0], arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
