"""`make bench`: what chapters compute, beside others and beside theory; `ARGS="hash queueing"` chooses."""

import argparse
import subprocess
import sys

from tools.project import ROOT

NAMES = [path.stem.removeprefix("bench_") for path in sorted((ROOT / "tools").glob("bench_*.py"))]


def main(arguments: list[str] | None = None) -> int:
    """Run the comparisons one after the other, each in its own process; 1 if one of them misses its claim."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("name", nargs="*", help="all when left out", metavar="|".join(NAMES))
    names = parser.parse_args(arguments).name or NAMES
    if strange := [name for name in names if name not in NAMES]:
        parser.error(f"there is no comparison {strange[0]!r}; there are {', '.join(NAMES)}")
    codes = []
    for name in names:
        print(f"\n── {name} " + "─" * (76 - len(name)), flush=True)
        codes.append(subprocess.call([sys.executable, "-m", f"tools.bench_{name}"], cwd=ROOT))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
