"""What a page needs to run its cells: Python in WebAssembly, our modules in one archive, an editor.

Made once into _build/live, anew when one of its sources changes; `make book` puts it under _static/live/.
Needs Node.js for as long as it is made. `python -m tools.live` says what was made and how heavy it is.
"""

import ast
import gzip
import hashlib
import io
import json
import re
import shutil
import sys
import zipfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from tools import node
from tools.live_cells import CELLS, FETCHED, HOME, LIVE, PACKAGES, absent_roots, code_cells
from tools.project import ROOT, notebooks

OUT = ROOT / "_build" / "live"
SHOP = ROOT / "_build" / "live-npm"  # where npm puts what it gets
KIT = ROOT / "coursekit"
CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
CDN = "https://cdn.jsdelivr.net/pyodide/v{version}/full/"
NAMED = ("anywidget", "ipywidgets")  # that ask for their own version
UNUSED = ("/tests/", "/sphinxext/")
LEXERS = ("__init__", "_mapping", "python", "special")
EPOCH = (2026, 1, 1, 0, 0, 0)


def live_notebooks() -> list[Path]:
    """Notebooks most of whose cells run in the page, by what was measured."""
    known = json.loads(CELLS.read_text(encoding="utf-8"))
    return [path for path in notebooks() if is_live(known.get(path.stem))]


def is_live(entry: dict | None) -> bool:
    """Do enough of a notebook's cells run?   entry: what cells.json says about it."""
    return bool(entry) and len(entry["needs"]) <= (1 - LIVE) * len(entry["cells"])


def kit_files() -> list[Path]:
    """The modules of coursekit that live notebooks import, one by another, and the files that those name."""
    sources = [cell.source for path in live_notebooks() for cell in code_cells(path).values()]
    todo = {name for source in sources for name in _ours(source)} | {"__init__"}
    modules: set[str] = set()
    while todo:
        name = todo.pop()
        modules.add(name)
        todo |= _ours((KIT / f"{name}.py").read_text(encoding="utf-8")) - modules
    text = "\n".join((KIT / f"{name}.py").read_text(encoding="utf-8") for name in modules)
    named = set(re.findall(r'"([\w.-]+\.\w+)"', text))
    files = [path for folder in ("data", "static") for path in (KIT / folder).iterdir() if path.name in named]
    return sorted([KIT / f"{name}.py" for name in modules] + files)


def _ours(source: str) -> set[str]:
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return set()
    found = {name.name.partition(".")[2] for n in nodes if isinstance(n, ast.Import) for name in n.names
             if name.name.startswith("coursekit.")}  # fmt: skip
    for one in nodes:
        if isinstance(one, ast.ImportFrom) and one.module == "coursekit":
            found |= {name.name for name in one.names}
        elif isinstance(one, ast.ImportFrom) and (one.module or "").startswith("coursekit."):
            found.add(one.module.split(".")[1])
    return {name for name in found if (KIT / f"{name}.py").exists()}


def package_files() -> dict[str, Path]:
    """Name in the archive -> file, of the packages that travel with the page."""
    found = {}
    for name in PACKAGES:
        spec = find_spec(name)
        root = Path(spec.origin)
        for path in sorted(root.parent.rglob("*")) if spec.submodule_search_locations else [root]:
            inside = str(
                path.relative_to(root.parent.parent if spec.submodule_search_locations else root.parent)
            )
            if path.suffix in (".py", ".json") and not _left_out(inside):
                found[inside] = path
    return found


def _left_out(inside: str) -> bool:
    if inside.startswith("pygments/lexers/"):
        return Path(inside).stem not in LEXERS
    return any(part in f"{inside}" for part in UNUSED) or "labextension" in inside or "nbextension" in inside


def archive() -> bytes:
    """Our Python, and that of others, in one file; the same bytes for the same sources."""
    files = {name: path.read_bytes() for name, path in package_files().items()}
    files |= {f"coursekit/{path.relative_to(KIT)}": path.read_bytes() for path in kit_files()}
    files |= {f"inpage/{path.name}": path.read_bytes() for path in (HOME / "inpage").glob("*.py")}
    for name in NAMED:
        version = metadata.version(name)
        files[f"{name}-{version}.dist-info/METADATA"] = f"Name: {name}\nVersion: {version}\n".encode()
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in sorted(files):
            packed.writestr(zipfile.ZipInfo(name, EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return raw.getvalue()


def lock(pyodide: Path, version: str) -> dict:
    """Pyodide's own list of packages, cut to those that a cell may fetch, each with its full address."""
    whole = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    todo, packages = list(FETCHED), {}
    while todo:
        name = todo.pop()
        if name not in packages:
            entry = whole["packages"][name]
            packages[name] = entry | {"file_name": CDN.format(version=version) + entry["file_name"]}
            todo += entry["depends"]
    return {"info": whole["info"], "packages": dict(sorted(packages.items()))}


def _key() -> str:
    """A name for all that goes in: the same name, the same result."""
    ours = [path for path in HOME.rglob("*") if path.suffix in (".py", ".mjs", ".json")]
    files = sorted({*ours, *kit_files(), *notebooks(), Path(__file__), *package_files().values()})
    seen = hashlib.sha256()
    for path in files:
        seen.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return seen.hexdigest()


def ensure() -> Path | None:
    """The folder of what pages need, made unless it is up to date; None, and a line, where that cannot be."""
    key, stamp = _key(), OUT / "key.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == key:
        return OUT
    try:
        _make()
    except node.NoNode as problem:
        print(f"The book is built without cells that run: {problem}", flush=True)
        shutil.rmtree(OUT, ignore_errors=True)
        return None
    stamp.write_text(key, encoding="utf-8")
    return OUT


def _make() -> None:
    shop = _npm()
    shutil.rmtree(OUT, ignore_errors=True)
    pyodide = shop / "node_modules" / "pyodide"
    version = json.loads((pyodide / "package.json").read_text(encoding="utf-8"))["version"]
    engine = OUT / f"pyodide-{version}"
    engine.mkdir(parents=True)
    for name in CORE:
        shutil.copy(pyodide / name, engine)
    (engine / "pyodide-lock.json").write_text(json.dumps(lock(pyodide, version)), encoding="utf-8")
    about = {
        "engine": f"{engine.name}/",
        "course": _keep("course", ".zip", archive()),
        "editor": _keep("editor", ".js", (shop / "editor.js").read_bytes()),
        "worker": _keep("worker", ".mjs", (HOME / "worker.mjs").read_bytes()),
        "absent": sorted(absent_roots()),
        "fetched": list(FETCHED),
        "host": CDN.split("/")[2],
    }
    about["mb"] = round(weight(about) / 1e6, 1)
    (OUT / "live.json").write_text(json.dumps(about), encoding="utf-8")


def _keep(name: str, suffix: str, data: bytes) -> str:
    """Write a file whose name changes with what is in it, so that a browser may keep it for ever."""
    named = f"{name}-{hashlib.sha256(data).hexdigest()[:8]}{suffix}"
    (OUT / named).write_bytes(data)
    return named


def _npm() -> Path:
    """A folder with what package-lock.json names, the editor in one file."""
    sources = [HOME / name for name in ("package.json", "package-lock.json", "editor.mjs")]
    return node.shop(SHOP, sources, "Python for the browser, and an editor,", _bundle)


def _bundle(command: str) -> None:
    how = [
        "--bundle",
        "--minify",
        "--format=esm",
        "--legal-comments=none",
        "--outfile=editor.js",
        "--log-level=error",
    ]
    node.run([command, "node_modules/esbuild/bin/esbuild", "editor.mjs", *how], SHOP)


def weight(about: dict) -> int:
    """Bytes that a browser fetches before the first output, compressed as a server would."""
    files = [*(OUT / about["engine"]).iterdir(), OUT / about["course"], OUT / about["worker"]]
    return sum(len(gzip.compress(path.read_bytes())) for path in files)


def main() -> int:
    folder = ensure()
    if folder:
        about = json.loads((folder / "live.json").read_text(encoding="utf-8"))
        print(f"{folder}: {about['mb']} MB until the first output")
    return 0 if folder else 1


if __name__ == "__main__":
    sys.exit(main())
