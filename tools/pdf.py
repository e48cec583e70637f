"""`make pdf`: the whole book on paper, one file with bookmarks and links that lead inside it.

Chromium prints each page as its print style says; pypdf joins them in the order of _toc.yml. A book that is
built afterwards offers the file on its front page.
"""

import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlparse

import yaml
from playwright.sync_api import Page, expect, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject, TextStringObject
from tqdm import tqdm

from tools import book, chromium, serve
from tools.project import ROOT

DRAWN_MS = 30_000  # on a busy machine
HOME = ROOT / "_build" / "abstract-algorithms-live.pdf"
SHEET = {"format": "A4", "margin": dict.fromkeys(("top", "bottom", "left", "right"), "18mm")}
HEAD = "<i></i>"  # none; left out, Chromium would print the date
FOOT = '<div style="font: 8px sans-serif; width: 100%; text-align: center"><span class="title"></span></div>'
OPEN = "(all) => all.forEach((fold) => { fold.open = true })"
NOT_PRINTED = {"book/status"}  # true on the day of the web page only


def contents(root: Path = ROOT) -> list[tuple[str, list[str]]]:
    """The parts of the book in order, the front page being the first, each with the names of its pages."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    parts = {part["caption"]: [page["file"] for page in part["chapters"]] for part in toc["parts"]}
    kept = [
        (caption, [name for name in names if name not in NOT_PRINTED]) for caption, names in parts.items()
    ]
    return [("Front page", [toc["root"]]), *kept]


def print_pages(names: list[str], address: str, folder: Path) -> dict[str, Path]:
    """Each page as a PDF of its own in `folder`."""
    printed = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.FLAGS)
        tab = browser.new_page(color_scheme="light")
        for name in tqdm(names, desc="Printing", unit=" pages", disable=None):
            tab.goto(f"{address}{name}.html")
            printed[name] = folder / f"{name.replace('/', '-')}.pdf"
            _print(tab, printed[name])
        browser.close()
    return printed


def _print(tab: Page, file: Path) -> None:
    tab.emulate_media(media="print")
    for box in tab.locator(".widget").all():
        box.scroll_into_view_if_needed()  # what moves is drawn when it is near
        expect(box).not_to_contain_text("it needs JavaScript here", timeout=DRAWN_MS)
    tab.locator(".tag_solution details").evaluate_all(OPEN)
    tab.evaluate("document.fonts.ready")
    tab.pdf(path=file, display_header_footer=True, header_template=HEAD, footer_template=FOOT, **SHEET)


def join(parts: list[tuple[str, list[str]]], printed: dict[str, Path], address: str, site: str) -> PdfWriter:
    """One document: bookmarks by part and page; links into the book lead to its pages here."""
    whole, first = PdfWriter(), {}
    for caption, names in parts:
        above = None
        for name in names:
            reader = PdfReader(printed[name])
            first[name] = len(whole.pages)
            whole.append(reader, import_outline=False)
            title = (reader.metadata.title or name).partition(" - ")[0]
            above = above or whole.add_outline_item(title=caption, page_number=first[name])
            whole.add_outline_item(title=title, page_number=first[name], parent=above)
    for page in whole.pages:
        for annotation in page.get("/Annots", []):
            _lead_inside(annotation.get_object(), whole, first, address, site)
    return whole


def _lead_inside(link, whole: PdfWriter, first: dict[str, int], address: str, site: str) -> None:
    """A link to the machine that printed leads to the page of this document instead, or to the site."""
    url = link.get("/A", {}).get("/URI", "")
    if not url.startswith(address):
        return
    path = urlparse(url.removeprefix(address)).path.removesuffix(".html")
    if path in first:
        page = whole.pages[first[path]].indirect_reference
        link[NameObject("/Dest")] = ArrayObject([page, NameObject("/Fit")])
        del link["/A"]
    else:
        link["/A"][NameObject("/URI")] = TextStringObject(url.replace(address, site, 1))


def make(root: Path = ROOT) -> Path:
    """Print the book of `root` and return the file."""
    parts = [
        (caption, [name for name in names if name not in NOT_PRINTED]) for caption, names in contents(root)
    ]
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    pages = serve.server(book.ensure(root), serve.base_path(root))
    address = f"http://127.0.0.1:{pages.server_port}{serve.base_path(root)}"
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    with TemporaryDirectory() as folder:
        printed = print_pages([name for _, names in parts for name in names], address, Path(folder))
        whole = join(parts, printed, address, config["html"]["baseurl"])
    pages.shutdown()
    whole.add_metadata({"/Title": config["title"], "/Author": config["author"]})
    whole.compress_identical_objects()
    whole.write(HOME)
    return HOME


def main() -> int:
    if chromium.find() is None and chromium.install() is None:
        sys.exit(f"No browser, so nothing can be printed: {chromium.ADVICE}")
    start = time.monotonic()
    file = book.or_exit(make)
    book.or_exit(book.build)  # now its front page offers the file
    pages = len(PdfReader(file).pages)
    print(f"{pages} pages, {file.stat().st_size / 1e6:.1f} MB in {time.monotonic() - start:.0f} s: {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
