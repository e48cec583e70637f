"""`make serve`: show the book as it will be published, base path and 404 page included."""

import argparse
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

import yaml

from tools import book
from tools.project import ROOT

FIRST_PORT = 8000


def base_path(root: Path = ROOT) -> str:
    """The folder of the published site on its host, `/live/`: read from _config.yml."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return urlparse(config["html"]["baseurl"]).path


class Pages(SimpleHTTPRequestHandler):
    """Files under a base path, and the site's own page for an address that does not exist."""

    def __init__(self, *args, base: str, **kwargs):
        self.base = base
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        if not self.path.startswith(self.base):
            self.send_response(302)
            self.send_header("Location", self.base)
            self.end_headers()
        else:
            super().do_GET()

    def translate_path(self, path: str) -> str:
        return super().translate_path("/" + path.removeprefix(self.base))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory, "404.html")
        if code != 404 or not page.exists():
            return super().send_error(code, message, explain)
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.read_bytes())

    def log_message(self, *args) -> None:
        """One reader on one machine needs no log."""


def server(folder: Path, base: str, port: int = 0) -> ThreadingHTTPServer:
    """A server of `folder` under `base` on 127.0.0.1, not yet running. Port 0: any free one."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Pages, directory=str(folder), base=base))


def listen(folder: Path, base: str, port: int | None) -> ThreadingHTTPServer:
    """A server on `port`; with none asked for, on 8000 or else on any free one. Raises: OSError."""
    try:
        return server(folder, base, FIRST_PORT if port is None else port)
    except OSError:
        if port is not None:
            raise
        return server(folder, base)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make serve", description=__doc__)
    parser.add_argument("--port", type=int, help="8000, or any free one, when left out")
    port = parser.parse_args(arguments).port
    base = base_path()
    try:
        pages = listen(book.or_exit(partial(book.ensure, touched=True)), base, port)
    except (OSError, OverflowError):
        sys.exit(f"Port {port} is not to be had; leave --port out and a free one is taken.")
    print(f"http://127.0.0.1:{pages.server_port}{base}  (Ctrl-C ends it)", flush=True)
    try:
        pages.serve_forever()
    except KeyboardInterrupt:
        pages.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
