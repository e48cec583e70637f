"""What an instructor asks of a class server that runs: who has used how much, and more for one of them.

The server has left its address and the instructor's key in `server.json`, beside the students' `keys.csv`.
"""

import json
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request

from coursekit import servers
from coursekit.display import table
from deploy import class_keys


def open_desk(folder: Path, url: str, key: str) -> None:
    """Leave word where the server is, for the functions below."""
    class_keys.private(folder / "server.json", json.dumps({"url": url, "key": key}))


def place(folder: Path) -> dict[str, str]:
    """`url` and `key`. Raises: ValueError where no server has left word."""
    file = folder / "server.json"
    if not file.exists():
        raise ValueError(f"no class server has run from {folder}; `make model` starts one")
    return json.loads(file.read_text(encoding="utf-8"))


def ask(folder: Path, path: str, body: dict | None = None) -> object:
    """One question to it. Raises: ValueError with its reason."""
    where = place(folder)
    heads = {"authorization": f"Bearer {where['key']}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with closing(servers.ask(Request(where["url"] + path, data, heads), timeout=10)) as reply:
            return json.loads(reply.read())
    except HTTPError as error:
        told = json.loads(error.read() or b"{}")
        raise ValueError(told.get("error", {}).get("message") or told.get("detail") or str(error)) from None
    except URLError:
        raise ValueError(f"no class server answers at {where['url']}; `make model` starts one") from None


def is_open(folder: Path) -> bool:
    """Does a server run from this folder?"""
    try:
        ask(folder, "/health")
    except ValueError:
        return False
    return True


def usage(folder: Path) -> str:
    """A table of today; who has used most stands first."""
    rows = sorted(ask(folder, "/class/usage"), key=lambda row: (-row["spent"], row["student"]))
    return str(table([row | {"key": "good" if row["key"] else "revoked"} for row in rows], "Tokens today"))


def grant(folder: Path, name: str, tokens: str) -> str:
    """So many tokens a day for one student. Raises: ValueError if it is no number."""
    if not tokens.isdecimal():
        raise ValueError(f"a budget is a number of tokens a day, not {tokens!r}")
    day = ask(folder, "/class/budget", {"student": name, "tokens": int(tokens)})
    return f"{name} may use {day['budget']:,} tokens a day; {day['left']:,} are left of today's."


def revoke(folder: Path, name: str) -> str:
    ask(folder, "/class/revoke", {"student": name})
    return f"The key of {name} opens nothing any more."


def admit(folder: Path, name: str) -> str:
    """The COURSE_MODEL of somebody new, or a new one for who has lost theirs."""
    key = ask(folder, "/class/key", {"student": name})["key"]
    return class_keys.address(place(folder)["url"] + "/v1", key)


def hand_out(folder: Path, name: str) -> str:
    file, value = folder / "keys.csv", admit(folder, name)
    class_keys.write(file, class_keys.read(file) | {name: value})
    return f"{name} has a new key in {file}; an older one is good no more."
