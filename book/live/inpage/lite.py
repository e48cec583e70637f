"""The first cell of a notebook in JupyterLite: what cannot be imported here says so at its first use."""

import json
import sys
from pathlib import Path

from IPython import get_ipython

from .absent import Finder, leave_no_trace


def say(root: str) -> str:
    return f"{root} is not to be had in JupyterLite here: this cell needs JupyterLab, Colab or Binder."


roots = set(json.loads(Path(__file__).with_name("absent.json").read_text(encoding="utf-8")))
sys.meta_path.insert(0, Finder(set(), "coursekit", say))
sys.meta_path.append(Finder(roots, "nothing", say))  # last: whatever can be found is found
get_ipython().events.register("pre_run_cell", lambda info: leave_no_trace())
