"""`make measure`: every page of the built book in a real browser, beside the limits that it must keep.

The measuring is `measure_site.mjs`'s; Node, Playwright and axe come with Python packages that the tests need
anyway, so nothing is installed. Times are this machine's: they depend on what else it does.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import axe_playwright_python
import playwright
from tabulate import tabulate

from tools import book, chromium, serve
from tools.project import ROOT

SCRIPT = Path(__file__).with_name("measure_site.mjs")
RESULT = ROOT / "_build" / "measured.json"
DRIVER = Path(playwright.__file__).parent / "driver"
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
QUICK = ["--no-axe", "--no-search", "--dark-pages", "0"]  # what the tests of the pages prove by themselves


def modules(folder: Path) -> Path:
    """What the script imports, where Node looks for it."""
    inside = folder / "node_modules"
    (inside / "axe-core").mkdir(parents=True)
    (inside / "playwright-core").symlink_to(DRIVER / "package", target_is_directory=True)
    (inside / "axe-core" / "index.js").write_bytes(AXE.read_bytes())
    (inside / "axe-core" / "package.json").write_text('{"name": "axe-core", "main": "index.js"}')
    return folder


def pages(site: Path) -> list[str]:
    """The pages of the book: neither JupyterLite, which is another program, nor old addresses."""
    found = [page.relative_to(site) for page in sorted(site.rglob("*.html"))]
    return [str(page) for page in found if page.parts[0] not in ("lite", "posts", "_static")]


def measure(site: Path, *options: str) -> dict:
    """What the script finds out about every page below `site`. Raises: CalledProcessError with its words."""
    with TemporaryDirectory() as folder:
        listed = Path(folder, "pages.txt")
        listed.write_text("\n".join(pages(site)))
        where = ["--site", site, "--base", serve.base_path(), "--pages-file", listed, "--out", RESULT]
        tools = ["--chromium", chromium.find(), "--modules", modules(Path(folder)), "--max-pages", "400"]
        command = [DRIVER / "node", SCRIPT, *where, *tools]
        subprocess.run([*command, "--label", "this book", *options], check=True, stderr=sys.stderr)
    return json.loads(RESULT.read_text(encoding="utf-8"))


def limits(found: dict) -> dict[str, tuple[float, float]]:
    """Each promise of the book: what was measured, and the most that it may be."""
    seen = [page for page in found["pages"] if page.get("desktop")]
    views = [page[size] for page in seen for size in ("desktop", "mobile")]
    links, total = found["totals"]["links"], found["totals"]
    broken = links["broken_files"] + links["broken_anchors"] + links["broken_src"]
    weights = [page["desktop"]["bytes_gzip"] / 1000 for page in seen]
    return {
        "median page, kB compressed": (statistics.median(weights), 250),
        "heaviest page, kB compressed": (max(weights), 350),
        "largest paint, median, ms": (statistics.median(view["timing"]["lcp"] or 0 for view in views), 1000),
        "layout shift, worst page": (max(view["timing"]["cls"] or 0 for view in views), 0.05),
        "requests to other hosts": (sum(view["requests_external"] for view in views), 0),
        "errors in the console": (total["console_errors"] + total["page_errors"], 0),
        "files not found": (total["local_404"], 0),
        "serious accessibility findings": (total["axe"]["serious_nodes"] + total["axe"]["critical_nodes"], 0),
        "pages that scroll sideways": (total["mobile"]["overflow_pages"], 0),
        "broken links, anchors, sources": (broken, 0),
        "pages that could not be measured": (total["pages_failed"], 0),
    }


def table(found: dict) -> str:
    """One row a page."""
    rows = [
        [
            page["path"],
            round(page["desktop"]["bytes_gzip"] / 1000),
            page["desktop"]["timing"]["lcp"],
            max(page[size]["timing"]["cls"] or 0 for size in ("desktop", "mobile")),
            page["desktop"]["dom_nodes"],
        ]
        for page in found["pages"]
        if page.get("desktop")
    ]
    return tabulate(rows, headers=["page", "kB", "largest paint, ms", "shift", "elements"])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make measure", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out what the tests of pages prove")
    quick = parser.parse_args(arguments).quick
    if chromium.find() is None and chromium.install() is None:
        sys.exit(f"No browser, so nothing can be measured: {chromium.ADVICE}")
    found = measure(book.or_exit(book.ensure), *(QUICK if quick else []))
    print(table(found), end="\n\n")
    kept = {name: value <= most for name, (value, most) in limits(found).items()}
    for name, (value, most) in limits(found).items():
        print(f"{'✓' if kept[name] else '✗'} {name:34} {value:10.6g}   limit {most:g}")
    print(f"{sum(kept.values())} passed, {len(kept) - sum(kept.values())} failed")
    return 0 if all(kept.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
