"""`make lock`: choose exact versions for requirements.txt from the ranges of pyproject.toml.

One file for Linux, macOS and Windows and for every Python of the course. Only versions that come as a wheel
are chosen, so that nobody needs a compiler, and no index is named, so that everybody's own is used. A version
that still fits stays as it is; `make lock ARGS=--upgrade` chooses all of them anew.
"""

import os
import re
import subprocess
import sys

from tools.project import ROOT

HEADER = "# Chosen by `make lock` from the ranges in pyproject.toml; for Linux, macOS and Windows.\n"
COMPILE = [  # and what to compile
    sys.executable, "-m", "uv", "pip", "compile", "--universal", "--python-version", "3.11",
    "--only-binary", ":all:", "--no-annotate", "--no-header", "--no-emit-index-url",
    "--no-emit-find-links", "--quiet",
]  # fmt: skip
COMMAND = [*COMPILE, "pyproject.toml", "--all-extras", "--no-binary", "pysyncobj"]  # that one is pure Python
FOREIGN = re.compile(r"://|^\s*--|\s@\s", re.MULTILINE)


def main() -> None:
    """Write requirements.txt anew, or leave it as it is and say why."""
    home, draft = ROOT / "requirements.txt", ROOT / "requirements.txt.draft"
    draft.write_text(home.read_text().replace("-e .\n", ""))  # the versions to keep where they fit
    try:
        done = subprocess.run(
            [*COMMAND, "--output-file", str(draft), *sys.argv[1:]], cwd=ROOT, capture_output=True, text=True
        )
        if done.returncode:
            why = done.stderr.strip()
            sys.exit(f"make lock: no set of versions fits, requirements.txt is as it was\n{why}")
        chosen = draft.read_text()
        if stray := FOREIGN.search(chosen):
            sys.exit(f"make lock: {stray[0]!r} names a place of this machine, requirements.txt is as it was")
        draft.write_text(f"{HEADER}{chosen}-e .\n")
        os.replace(draft, home)
    finally:
        draft.unlink(missing_ok=True)
    print(f"requirements.txt: {chosen.count('==')} versions; `make test` says whether they hold")


if __name__ == "__main__":
    main()
