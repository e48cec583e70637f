"""`python -m tools.lite`: JupyterLite with the live notebooks, under /lite/ of the book.

It has an environment of its own (JupyterLite and JupyterLab get in each other's way), pinned in
book/live/lite.txt (`--lock` chooses anew). Python in the browser is the one of the pages; what notebooks
import is packed into wheels from that environment. NumPy and Matplotlib come from Pyodide's network.
"""

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import nbformat

from tools import live
from tools.live_cells import FETCHED, HOME, absent_roots
from tools.lock import COMPILE
from tools.project import COLAB_CELL, ROOT

PINS = HOME / "lite.txt"
ENV = ROOT / "_build" / "lite-env"
WORK = ROOT / "_build" / "lite-work"
OUT = ROOT / "_build" / "lite"
UV = [sys.executable, "-m", "uv"]
HEADER = "# Chosen by `python -m tools.lite --lock`; for JupyterLite only.\n"
NEEDS = (
    "jupyterlite-core", "jupyterlite-pyodide-kernel", "jupyter-server", "jupyterlab-server", "anywidget",
    "ipywidgets", "jupyterlab-widgets", "ipython", "jedi", "packaging", "tqdm",
)  # fmt: skip
MICROPIP = "micropip==0.11.1"  # Pyodide's own, for its Python and not for ours
PACKED = ("micropip", "ipython", "jedi", "comm", "ipywidgets", "anywidget", "tqdm")  # and what they need
NOT_PACKED = {"pexpect", "ptyprocess", "widgetsnbextension", "colorama", "psutil"}
UNUSED = ("/tests/", "/test/", "django-stubs", "typeshed/stubs", "labextension", "nbextension")
PRELOADED = ["micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "ipython", "jedi", "coursekit"]
KERNEL = "@jupyterlite/pyodide-kernel-extension"
FIRST_LINE = "import inpage.lite  # names that are not to be had here say so at their first use"


class NoLite(Exception):
    """JupyterLite could not be made; the text says why."""


def is_ready() -> bool:
    """Is its environment there? Then the book comes with JupyterLite."""
    stamp = ENV / "pins.txt"
    return stamp.exists() and stamp.read_text(encoding="utf-8") == PINS.read_text(encoding="utf-8")


def environment() -> None:
    """Bring the environment to its pins; a second time this takes no time. Raises: NoLite."""
    if is_ready():
        return
    print("Getting JupyterLite …", flush=True)
    _run([*UV, "venv", "--quiet", "--clear", "--python", sys.executable, ENV])
    _run([*UV, "pip", "install", "--quiet", "--no-deps", "--python", ENV, "--requirement", PINS])
    newer = ["--python-version", "3.14", "--only-binary", ":all:", "--target", site_packages()]
    _run([*UV, "pip", "install", "--quiet", "--no-deps", "--python", ENV, *newer, MICROPIP])
    (ENV / "pins.txt").write_text(PINS.read_text(encoding="utf-8"), encoding="utf-8")


def _run(command: list, folder: Path = ROOT) -> None:
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise NoLite((done.stderr or done.stdout).strip()[-400:])


def site_packages() -> Path:
    """Where the environment keeps its packages."""
    return next(ENV.glob("lib/python*/site-packages"), ENV / "Lib" / "site-packages")


def closure() -> dict[str, metadata.Distribution]:
    """PACKED and all that it needs, by normal name, as installed in the environment."""
    here = {_normal(one.name): one for one in metadata.distributions(path=[str(site_packages())])}
    found, todo = {}, [*PACKED]
    while todo:
        name = _normal(todo.pop())
        if name in found or name in NOT_PACKED or name not in here:
            continue
        found[name] = here[name]
        todo += [re.match(r"[\w.-]+", one)[0] for one in here[name].requires or () if "extra ==" not in one]
    return dict(sorted(found.items()))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def wheel(files: dict[str, bytes]) -> bytes:
    """A wheel; the same bytes for the same files."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(files):
            packed.writestr(zipfile.ZipInfo(name, live.EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return raw.getvalue()


def entry(name: str, version: str, data: bytes, file: str, imports: list[str], depends: list[str]) -> dict:
    """What Pyodide's list of packages says about one of ours."""
    return {
        "name": name, "version": version, "file_name": file, "install_dir": "site", "package_type": "package",
        "sha256": hashlib.sha256(data).hexdigest(), "imports": imports, "depends": depends,
        "unvendored_tests": False,
    }  # fmt: skip


def pack(home: Path) -> dict[str, dict]:
    """Write all wheels into `home`; returns their entries."""
    entries = {}

    def add(name: str, version: str, files: dict[str, bytes], depends: list[str]) -> None:
        file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        roots = {part.partition("/")[0].removesuffix(".py") for part in files if ".dist-info" not in part}
        data = wheel(files)
        (home / file).write_bytes(data)
        entries[name] = entry(name, version, data, file, sorted(roots), depends)

    dists = closure()
    for name, dist in dists.items():
        kept = [path for path in dist.files or () if _is_packed(str(path))]
        needs = [
            _normal(re.match(r"[\w.-]+", one)[0]) for one in dist.requires or () if "extra ==" not in one
        ]
        files = {str(path): dist.locate_file(path).read_bytes() for path in kept}
        add(name, dist.version, files, sorted(set(needs) & dists.keys()))
    ours = {f"coursekit/{path.relative_to(live.KIT)}": path.read_bytes() for path in live.kit_files()}
    ours |= {
        f"inpage/{name}": (HOME / "inpage" / name).read_bytes()
        for name in ("__init__.py", "absent.py", "lite.py")
    }
    ours["inpage/absent.json"] = json.dumps(sorted({*absent_roots(), *FETCHED, "mpl_toolkits"})).encode()
    ours["coursekit-0.1.0.dist-info/METADATA"] = b"Metadata-Version: 2.1\nName: coursekit\nVersion: 0.1.0\n"
    add("coursekit", "0.1.0", ours, ["anywidget", "ipywidgets", "tqdm"])
    for path in sorted((ENV / "share/jupyter/labextensions" / KERNEL / "static/pypi").glob("*.whl")):
        name, version = path.name.split("-")[:2]
        shutil.copy(path, home)
        if name != "widgetsnbextension" or version.startswith("4"):
            known = entry(
                _normal(name), version, path.read_bytes(), path.name, [name], ["ipython", "micropip"]
            )
            entries[_normal(name)] = known
    return entries


def _is_packed(name: str) -> bool:
    wanted = name.endswith((".py", ".json", "METADATA", ".pyi", ".js", ".css")) and not name.startswith("..")
    return wanted and not any(part in name for part in UNUSED)


def ensure() -> Path:
    """The folder that is published under /lite/, made now unless it is up to date. Raises: NoLite."""
    environment()
    engine = live.ensure()
    if engine is None:
        raise NoLite("there is no Python for the browser")
    seen = hashlib.sha256(Path(__file__).read_bytes() + PINS.read_bytes())
    seen.update((engine / "key.txt").read_bytes())
    stamp = OUT / "key.txt"
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == seen.hexdigest()):
        _make(engine)
        stamp.write_text(seen.hexdigest(), encoding="utf-8")
    return OUT


def _make(engine: Path) -> None:
    for folder in (WORK, OUT):
        shutil.rmtree(folder, ignore_errors=True)
    about = json.loads((engine / "live.json").read_text(encoding="utf-8"))
    pyodide, files = WORK / "static" / "pyodide", WORK / "files" / "notebooks"
    for folder in (pyodide, files):
        folder.mkdir(parents=True)
    for name in live.CORE:
        shutil.copy(engine / about["engine"] / name, pyodide)
    known = json.loads((engine / about["engine"] / "pyodide-lock.json").read_text(encoding="utf-8"))
    known["packages"] |= pack(pyodide)
    (pyodide / "pyodide-lock.json").write_text(json.dumps(known), encoding="utf-8")
    for path in live.live_notebooks():
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = [cell for cell in notebook.cells if cell.source != COLAB_CELL]
        first = next(cell for cell in notebook.cells if cell.cell_type == "code")
        first.source = f"{FIRST_LINE}\n\n{first.source}"
        nbformat.write(notebook, files / path.name)
    _configure()
    _run([next(ENV.glob("*/jupyter-lite*")), "build", "--output-dir", OUT], WORK)


def _configure() -> None:
    extensions = ENV / "share" / "jupyter" / "labextensions"
    build = {
        "apps": ["notebooks", "lab"], "no_sourcemaps": True, "no_unused_shared_packages": True,
        "ignore_sys_prefix": ["federated_extensions"],
        "federated_extensions": [
            str(extensions / name) for name in (KERNEL, "@jupyter-widgets/jupyterlab-manager", "anywidget")
        ],
    }  # fmt: skip
    kernel = {"disablePyPIFallback": True, "loadPyodideOptions": {"packages": PRELOADED}}
    settings = {"litePluginSettings": {f"{KERNEL}:kernel": kernel}, "appName": "Abstract Algorithms Live"}
    (WORK / "jupyter_lite_config.json").write_text(json.dumps({"LiteBuildConfig": build}), encoding="utf-8")
    page = {"jupyter-lite-schema-version": 0, "jupyter-config-data": settings}
    (WORK / "jupyter-lite.json").write_text(json.dumps(page), encoding="utf-8")


def lock() -> None:
    """Choose exact versions of all that JupyterLite needs."""
    wanted = "\n".join(NEEDS)
    done = subprocess.run([*COMPILE, "-"], input=wanted, capture_output=True, text=True, check=True)
    PINS.write_text(HEADER + done.stdout, encoding="utf-8")


def main() -> int:
    if "--lock" in sys.argv[1:]:
        lock()
    try:
        print(ensure())
    except NoLite as problem:
        sys.exit(f"JupyterLite is not made: {problem}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
