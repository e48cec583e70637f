"""`make learn`: open the course in JupyterLab, on the first free port."""

import argparse
import os
import secrets
import socket
import sys
from pathlib import Path

from nbformat import read
from nbformat.sign import NotebookNotary

from tools.project import NOTEBOOKS, ROOT, notebooks

FIRST_PORT, LAST_PORT = 8888, 8999
SETTINGS = ROOT / "tools" / "lab"  # overrides.json: no news, no update checks
START = "01_littles_law.ipynb"


def is_free(port: int) -> bool:
    """May a server listen on this port of 127.0.0.1?"""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # a server that has just ended is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port(named: int | None) -> int:
    """The port that was named, else the first free one. Raises: ValueError if it is taken."""
    ports = [named] if named else range(FIRST_PORT, LAST_PORT + 1)
    free = next(filter(is_free, ports), None)
    if free is None:
        what = f"port {named} is" if named else f"ports {FIRST_PORT} to {LAST_PORT} are"
        raise ValueError(f"{what} taken by another program; leave --port out, or name another")
    return free


def trust(paths: list[Path]) -> None:
    """Sign the course's own notebooks, so that stored figures and widgets show before anything is run."""
    notary = NotebookNotary()
    for path in paths:
        notebook = read(path, as_version=4)
        if not notary.check_signature(notebook):
            notary.sign(notebook)


def server(port: int, browser: bool, more: list[str]) -> list[str]:
    """The command that starts JupyterLab: on loopback, asking nothing of other hosts. `more` wins."""
    start = f"/lab/tree/{START}" if (NOTEBOOKS / START).exists() else "/lab"
    in_container = hasattr(os, "geteuid") and os.geteuid() == 0
    ours = [
        f"--ServerApp.root_dir={NOTEBOOKS}",
        f"--ServerApp.allow_root={in_container}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.open_browser={browser}",
        "--ServerApp.answer_yes=True",  # one Ctrl-C ends it
        f"--LabApp.default_url={start}",
        f"--LabApp.app_settings_dir={SETTINGS}",
        "--LabApp.news_url=",
        "--LabApp.extension_manager=readonly",
        "--KernelManager.transport_encryption=auto",
        "--log-level=ERROR",
        "--LabApp.log_level=ERROR",
    ]
    named = {option.partition("=")[0] for option in more}
    kept = [option for option in ours if option.partition("=")[0] not in named]
    return [sys.executable, "-m", "jupyterlab", *kept, *more]


def main(arguments: list[str] | None = None) -> None:
    """Become JupyterLab. Options that are not ours go to it unchanged."""
    parser = argparse.ArgumentParser(prog="make learn", description=__doc__)
    parser.add_argument("--port", type=int, help=f"default: the first free one from {FIRST_PORT}")
    parser.add_argument("--no-browser", action="store_true", help="only say where the course is")
    options, more = parser.parse_known_args(arguments)
    try:
        port = choose_port(options.port)
    except (ValueError, OverflowError) as error:
        sys.exit(f"make learn: {error}")
    trust(notebooks())
    token = secrets.token_hex(16)
    print(f"The course is at http://127.0.0.1:{port}/lab?token={token}  (end it with Ctrl-C)", flush=True)
    os.environ.setdefault("PYTHONHASHSEED", "0")  # sets print in the order that the text shows
    os.environ["JUPYTER_TOKEN"] = token  # not an option: those can be read in the list of processes
    os.execv(sys.executable, server(port, not options.no_browser, more))


if __name__ == "__main__":
    main()
