"""Where things are, and the surroundings in which notebooks run: the same for `make run` and `make test`."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"

PERSONAL = (
    "OPENAI_",
    "ANTHROPIC_",
    "GEMINI_",
    "GOOGLE_",
    "REDIS_",
    "CHROMA_",
    "PROMETHEUS_",
    "OTEL_",
    "LANGSMITH_",
    "LANGCHAIN_",
    "COURSE_",
    "DASK_",
    "IPYTHON",
    "PYTHON",
    "MPL",
    "MATPLOTLIB",
)

# The second cell of every notebook; hidden, and skipped by tests. CONTRIBUTING.md says more.
COLAB_CELL = """\
import sys

if "google.colab" in sys.modules:  # elsewhere all is set up already
    %pip install --quiet "coursekit @ git+https://github.com/abstract-algorithms/live"
    %run -m coursekit.weights"""


def notebooks(names: list[str] | None = None) -> list[Path]:
    """All notebooks in reading order, or those that `names` mean: `01`, `littles_law`, a file name or a path.

    Raises: ValueError if a name means no notebook, or more than one.
    """
    every = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if not names:
        return every
    return [_the_one(name, every) for name in names]


def _the_one(name: str, every: list[Path]) -> Path:
    wanted = Path(name).name.removesuffix(".ipynb")
    found = [path for path in every if wanted in (path.stem, path.stem[:2], path.stem[3:])]
    found = found or [path for path in every if wanted and wanted in path.stem]
    if len(found) != 1:
        meant = found or every
        raise ValueError(
            f"{name!r} names {'more than one' if found else 'no'} notebook; "
            f"there is {', '.join(path.stem for path in meant) or 'none yet'}"
        )
    return found[0]


def notebook_environment() -> dict[str, str]:
    """Environment variables under which outputs do not depend on whose machine it is, nor on the day.

    No personal keys, model choices or settings of IPython and matplotlib; no hash randomisation; and no way
    off this machine: every Python that starts with this environment reads `tools/offline/sitecustomize.py`.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PERSONAL)}
    return kept | {
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "1",  # small matrices: more threads would only spin
        "PYTHONPATH": str(ROOT / "tools" / "offline"),
        "IPYTHONDIR": str(Path(sys.prefix) / "ipython"),
        "MPLCONFIGDIR": str(Path(sys.prefix) / "matplotlib"),
        "COLUMNS": "80",
        "TZ": "UTC",
    }
