"""See tools/covers/__init__.py."""

import gzip
import os
import subprocess
import sys
import time

from tools import covers
from tools.covers import cards
from tools.project import notebook_environment


def main(wanted: list[str]) -> int:
    chosen = [name for name in covers.names() if not wanted or name.startswith(tuple(wanted))]
    if not chosen:
        sys.exit(f"no cover begins with {' or '.join(wanted)}; there are {', '.join(covers.names())}")
    covers.HOME.mkdir(exist_ok=True)
    for name in chosen:
        start = time.monotonic()
        text = covers.draw(name).svg()
        (covers.HOME / f"{name}.svg").write_text(text, encoding="utf-8")
        packed = len(gzip.compress(text.encode()))
        print(f"{name:32} {packed:5,} bytes compressed, {time.monotonic() - start:4.1f} s", flush=True)
    return cards.main()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # start again as notebooks do: same hashes, no network
        again = [sys.executable, "-m", "tools.covers", *sys.argv[1:]]
        sys.exit(subprocess.run(again, env=notebook_environment()).returncode)
    sys.exit(main(sys.argv[1:]))
