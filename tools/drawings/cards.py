"""Cards to share a page with: the cover, the title, the course; one PNG for each chapter and each part.

Chromium draws them, Pillow leaves as many colours as flat drawings need. Each PNG carries a checksum of the
page that it was made from, so that a test can say without a browser when a cover or a title has moved on.
"""

import hashlib
import io
import re
import sys
from html import escape
from pathlib import Path

import yaml
from PIL import Image, PngImagePlugin
from playwright.sync_api import sync_playwright

from tools import chromium
from tools.project import ROOT

HOME = ROOT / "book" / "cards"
COVERS = ROOT / "book" / "covers"
STATIC = ROOT / "book" / "_static"
ICON = STATIC / "touch-icon.png"  # on the first screen of a telephone
SIZE, ICON_SIZE = {"width": 1200, "height": 630}, {"width": 180, "height": 180}
GROUNDS, BETWEEN = ("#ffffff", "#f6f8fa"), 8
MADE_FROM = "made-from"  # the name of the checksum in the PNG

PAGE = """<!doctype html><meta charset="utf-8"><style>
{colours}
body {{ color-scheme: light; margin: 0; width: 1200px; height: 630px;
  display: grid; grid-template-rows: 360px 1fr;
  background: var(--color-background-primary); color: var(--color-foreground-primary);
  font-family: "Liberation Sans", Arial, Helvetica, sans-serif; }}
.picture {{ background: var(--color-background-secondary); display: grid; align-content: center;
  grid-template-columns: repeat({columns}, 1fr); gap: 4px 16px; padding: 0 {side}px; overflow: hidden; }}
.picture svg {{ display: block; width: 100%; }}
.words {{ padding: 40px 60px 0; position: relative; }}
.where {{ font-size: 28px; color: var(--color-brand-primary); font-weight: 700; }}
h1 {{ margin: 8px 0 0; font-size: {size}px; line-height: 1.1; letter-spacing: -0.02em; text-wrap: balance; }}
.course {{ position: absolute; left: 60px; bottom: 36px; display: flex; align-items: center; gap: 16px;
  font-size: 28px; color: var(--color-foreground-secondary); }}
.course svg {{ width: 40px; height: 40px; }}
</style><body><div class="picture">{pictures}</div>
<div class="words"><div class="where">{where}</div><h1>{title}</h1>
<div class="course">{mark}Abstract Algorithms Live</div></div>"""

ICON_PAGE = """<!doctype html><style>body {{ margin: 0; background: #ffffff }}
svg {{ display: block; width: 116px; height: 116px; margin: 32px }}</style>{mark}"""


def pages() -> dict[str, str]:
    """The HTML of each card by its name: of the course, of each part, of each chapter."""
    parts = yaml.safe_load((ROOT / "book" / "chapters.yml").read_text(encoding="utf-8"))
    every = [chapter for part in parts for chapter in part["chapters"]]
    made = {
        "course": _page("", "Learn how systems, language models and agents work by running them", ["course"])
    }
    for part in parts:
        names = [chapter["name"] for chapter in part["chapters"]]
        made[part["id"]] = _page(f"Part {part['numeral']}", part["title"], names)
        for chapter in part["chapters"]:
            where = f"Part {part['numeral']} · Chapter {int(chapter['name'][:2])} of {len(every)}"
            made[chapter["name"]] = _page(where, chapter["title"], [chapter["name"]])
    return made


def _page(where: str, title: str, covers: list[str]) -> str:
    pictures = [(COVERS / f"{name}.svg").read_text(encoding="utf-8") for name in covers]
    return PAGE.format(
        colours=_light("".join([PAGE, *pictures])),
        columns=1 if len(covers) == 1 else 2 if len(covers) == 4 else 3,
        side=0 if len(covers) == 1 else 24,
        size=76 if len(title) < 30 else 54,
        pictures="".join(pictures),
        where=escape(where),
        title=escape(title),
        mark=_mark(),
    )


def _light(drawn: str) -> str:
    """The light colours that a drawing uses, as a rule of style; others may change without new cards."""
    style = (STATIC / "course.css").read_text(encoding="utf-8")
    used = set(re.findall(r"var\((--[\w-]+)", drawn))
    pairs = re.findall(r"(--[\w-]+): light-dark\((#\w{6}), #\w{6}\)", style)
    return "body { " + " ".join(f"{name}: {light};" for name, light in sorted(pairs) if name in used) + " }"


def _mark() -> str:
    return (STATIC / "logo.svg").read_text(encoding="utf-8")


def icon_page() -> str:
    """The HTML of the icon for telephones, which want a PNG with a ground."""
    return ICON_PAGE.format(mark=_mark())


def checksum(page: str) -> str:
    """Of all that a card shows."""
    return hashlib.sha256(page.encode()).hexdigest()[:16]


def is_fresh(path: Path, page: str) -> bool:
    """Is the stored picture made from this page?"""
    return path.exists() and Image.open(path).text.get(MADE_FROM) == checksum(page)


def pack(picture: bytes, page: str) -> bytes:
    """The colours of the page and what lies between them and its grounds, the checksum, nothing else."""
    few = (
        Image.open(io.BytesIO(picture))
        .convert("RGB")
        .quantize(palette=_palette(page), dither=Image.Dither.NONE)
    )
    note, packed = PngImagePlugin.PngInfo(), io.BytesIO()
    note.add_text(MADE_FROM, checksum(page))
    few.save(packed, "PNG", optimize=True, pnginfo=note)
    return packed.getvalue()


def _palette(page: str) -> Image.Image:
    """The grounds, each colour of the page, and a few steps from it to each ground, for smooth edges."""
    rgb = lambda colour: tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
    mix = lambda one, other, share: tuple(round(a + share * (b - a)) for a, b in zip(one, other, strict=True))
    near = lambda one, other: max(abs(a - b) for a, b in zip(one, other, strict=True)) < 14
    grounds, colours = [*map(rgb, GROUNDS)], [rgb(one) for one in sorted(set(re.findall(r"#\w{6}", page)))]
    steps = [mix(one, to, step / BETWEEN) for step in range(BETWEEN) for to in grounds for one in colours]
    clear = [one for one in dict.fromkeys(steps) if not any(near(one, ground) for ground in grounds)]
    few = Image.new("P", (1, 1))
    few.putpalette([part for colour in [*grounds, *clear][:256] for part in colour])
    return few


def main() -> int:
    """Take the pictures that are not up to date."""
    HOME.mkdir(exist_ok=True)
    wanted = {HOME / f"{name}.png": (page, SIZE) for name, page in pages().items()}
    wanted[ICON] = icon_page(), ICON_SIZE
    stale = {path: what for path, what in wanted.items() if not is_fresh(path, what[0])}
    browser_path = chromium.find()
    if stale and browser_path is None:
        sys.exit(f"no browser, so {len(stale)} pictures were not made: {chromium.ADVICE}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=chromium.FLAGS)
        tab = browser.new_page()
        for path, (page, size) in stale.items():
            tab.set_viewport_size(size)
            tab.set_content(page)
            packed = pack(tab.screenshot(), page)
            path.write_bytes(packed)
            print(f"{path.name:32} {len(packed):6,} bytes", flush=True)
        browser.close()
    return 0
