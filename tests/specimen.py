"""A book of one page that holds everything a notebook may hold, so that the page is tested, not its author.

The outputs are written here as a kernel would have stored them; nothing is executed.
"""

import re
import shutil
from pathlib import Path

from nbformat import NotebookNode, write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import book
from tools.project import ROOT

PAGE = "notebooks/01_littles_law.html"
STATE, VIEW = "application/vnd.jupyter.widget-state+json", "application/vnd.jupyter.widget-view+json"

SVG = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="504pt"
height="259pt" viewBox="0 0 504 259" role="img" aria-label="The wait grows with the load."
style="color:#24292f;background:#ffffff"><defs><path id="dot" d="M0 0h9v9z"/></defs>
<path id="unused" class="line" d="M0 250L500 5" stroke="var(--measured, #0072b2)"/>
<use xlink:href="#dot" fill="currentColor"/></svg>"""

COUNTER = """
function render({ model, el }) {
  const button = Object.assign(document.createElement("button"), { textContent: "Next", className: "next" });
  const said = document.createElement("output");
  const draw = () => { said.textContent = model.get("frames")[model.get("step")]; };
  button.onclick = () => { model.set("step", model.get("step") + 1); model.save_changes(); };
  model.on("change:step", draw);
  draw();
  el.append(button, said);
}
export default { render };
"""
GREETER = """
export default () => ({
  initialize({ model }) { model.set("ready", "yes"); },
  render({ model, el }) { el.innerHTML = `<p class="ready">${model.get("ready")}</p>`; },
});
"""
BROKEN = "export default { render() { throw new Error('no such column'); } };"
WIDGETS = {
    "a" * 32: {"_esm": COUNTER, "_css": ".next { letter-spacing: 7px }", "frames": ["one", "two"], "step": 0},
    "b" * 32: {"_esm": GREETER, "ready": "no"},
    "c" * 32: {"_esm": BROKEN},
}

TEXT = r"""# Little's Law

"Requests in flight = arrival rate × time inside." What follows is everything that a notebook may hold, once.

## Formulas

Inline $L = \lambda W$ and {eq}`king`; cited {cite}`little1961`; a term, {term}`load`.

$$
W_q \approx \frac{\rho}{1-\rho} \cdot \frac{c_a^2+c_s^2}{2} \cdot \tau
$$ (king)

| scenario | λ | W | L |
|---|---|---|---|
| web server | 100/s | 0.5 s | 50 |
"""


def _cell(source: str, *outputs: NotebookNode, tags: tuple[str, ...] = ()) -> NotebookNode:
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)}, execution_count=1)


def _shown(mime: str, data: object, **more: object) -> NotebookNode:
    return new_output("display_data", data={mime: data, "text/plain": "plain words"}, **more)


def _widget(letter: str) -> NotebookNode:
    return _shown(VIEW, {"model_id": letter * 32, "version_major": 2, "version_minor": 0})


def notebook() -> NotebookNode:
    """Formulas, a table, code, folds, two equal figures, four views of three widgets."""
    long = "total = " + " + ".join(f"number_{i}" for i in range(30))
    cells = [
        new_markdown_cell(TEXT),
        _cell(long, new_output("stream", name="stdout", text="1\n2\n")),
        _cell("draw()", _shown("image/svg+xml", SVG)),
        _cell("draw()", _shown("image/svg+xml", SVG), tags=("hide-input",)),
        new_markdown_cell("## Exercise 1: count\n\nHow many?"),
        _cell("answer = ..."),
        _cell("answer = 4", tags=("hide-cell", "solution")),
        _cell("rows", _shown("text/html", "<table><tr><th>load</th></tr><tr><td>0.8</td></tr></table>")),
        *(_cell(f"show({letter!r})", _widget(letter)) for letter in "aabc"),
    ]
    models = {
        name: {"model_name": "AnyModel", "model_module": "anywidget", "state": state}
        for name, state in WIDGETS.items()
    }
    state = {"state": models, "version_major": 2, "version_minor": 0}
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    about = {"kernelspec": python, "language_info": {"name": "python"}, "widgets": {STATE: state}}
    return new_notebook(cells=cells, metadata=about)


def write_book(root: Path) -> None:
    """The course's own configuration, look and reference pages around the specimen, not yet built."""
    shutil.copytree(ROOT / "book", root / "book", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(root / "book" / "learning")  # questions about notebooks that are not here
    glossary = root / "book" / "glossary.md"  # its links to chapters lead to the only one that is here
    linked = re.sub(r"notebooks/\w+\.ipynb", "notebooks/01_littles_law.ipynb", glossary.read_text("utf-8"))
    glossary.write_text(linked, encoding="utf-8")
    for name in ("_config.yml", "CITATION.cff"):
        shutil.copy(ROOT / name, root)
    front = (ROOT / "index.md").read_text("utf-8")  # without its links to pages that are not here
    (root / "index.md").write_text(re.sub(r"\[([^]]+)\]\(book/\w+\.md\)", r"\1", front), encoding="utf-8")
    pages = ["book/concepts", "book/glossary", "book/references", PAGE.removesuffix(".html")]
    toc = ["format: jb-book", "root: index", "chapters:", *(f"- file: {page}" for page in pages)]
    (root / "_toc.yml").write_text("\n".join(toc), encoding="utf-8")
    (root / "notebooks").mkdir()
    write(notebook(), root / "notebooks" / "01_littles_law.ipynb")


def build(root: Path) -> Path:
    """The built pages of the specimen."""
    write_book(root)
    return book.build(root)
