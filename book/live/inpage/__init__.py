"""The Python side of cells that run in the published page; `tools/live.py` measures with the same modules."""
