"""Cells that run in the page: which pages have them, what stands beside each cell, where the engine lies.

A notebook is live when most of its cells run in Python in the browser, as measured in book/live/cells.json by
`python -m tools.live_cells`. The engine is made by `tools/live.py`; where it is not made, no page is live.
"""

import json
import os
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform

MEASURED = "book/live/cells.json"
ENGINE = "_build/live"
LITE = "_build/lite"  # JupyterLite, where tools/lite.py made it
LIVE = 2 / 3  # as in tools/live_cells.py
RUN = """<div class="tools"><button type="button" class="run-cell">Run</button>
<button type="button" class="edit-cell">Edit</button></div>"""
ELSEWHERE = '<div class="tools"><a href="#launch">needs JupyterLab</a></div>'


def measured(source: Path) -> dict[str, dict]:
    """What is known about each notebook, by the name of its page. Nothing where there is no engine."""
    if not (Path(source) / ENGINE / "live.json").exists():
        return {}
    known = json.loads((Path(source) / MEASURED).read_text(encoding="utf-8"))
    return {f"notebooks/{name}": entry for name, entry in known.items() if _is_live(entry)}


def _is_live(entry: dict) -> bool:
    return len(entry["needs"]) <= (1 - LIVE) * len(entry["cells"])


class Tools(SphinxPostTransform):
    """Each code cell of a live page has its id, and buttons or the reason why there are none."""

    default_priority = 190  # before cells are folded
    formats = ("html",)

    def run(self, **kwargs) -> None:
        entry = self.app.live.get(self.env.docname)
        if entry is None:
            return
        ids = _ids(Path(self.env.doc2path(self.env.docname)))
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") == "cell_code":
                self._equip(cell, ids[cell["cell_index"]], entry)

    def _equip(self, cell: nodes.container, name: str, entry: dict) -> None:
        if name not in entry["cells"]:
            raise ExtensionError(
                f"{self.env.docname}: cell {name} is not in {MEASURED}: run `python -m tools.live_cells`"
            )
        cell["ids"].append(f"cell-{name}")
        runs = name not in entry["needs"]
        cell["classes"].append("runs" if runs else "elsewhere")
        cell.insert(1, nodes.raw("", RUN if runs else ELSEWHERE, format="html"))


def _ids(notebook: Path) -> list[str]:
    return [cell.get("id", "") for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]]


def _dress_page(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    if pagename in app.live:
        context["live"] = app.live[pagename]
        context["engine"] = app.engine
        if _has_lite(app):
            lite = context["pathto"]("lite/notebooks/index.html", 1)
            context["launch"] = {**context["launch"], "JupyterLite": f"{lite}?path={pagename}.ipynb"}
        app.add_js_file("live/live.js", type="module")
        app.add_css_file("live/live.css")


def _has_lite(app) -> bool:
    return (Path(app.srcdir) / LITE / "key.txt").exists()


def _begin(app) -> None:
    app.live = measured(app.srcdir)
    about = Path(app.srcdir) / ENGINE / "live.json"
    app.engine = json.loads(about.read_text(encoding="utf-8")) if app.live else {}


def _deliver(app, error: Exception | None) -> None:
    if error is None and app.live:
        engine, home = Path(app.srcdir) / ENGINE, Path(app.outdir) / "_static" / "live"
        shutil.copytree(engine, home, ignore=shutil.ignore_patterns("key.txt"), dirs_exist_ok=True)
        lite = Path(app.outdir) / "lite"
        if _has_lite(app) and not lite.exists():  # where only touched pages are made it is there already
            shutil.copytree(Path(app.srcdir) / LITE, lite, copy_function=_link)


def _link(source: str, target: str) -> None:
    """40 MB need not be there twice."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def setup(app) -> dict:
    app.connect("builder-inited", _begin)
    app.add_post_transform(Tools)
    app.connect("html-page-context", _dress_page, priority=600)  # after course_map
    app.connect("build-finished", _deliver)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
