"""`make model`: one model for a whole class, with a key, a limit and a budget of tokens for each student.

make model                                     SmolLM2 for 30 students, on this machine alone
make model ARGS="--students class.csv --host 10.0.0.5 --upstream http://127.0.0.1:11434/v1"
make model ARGS=usage                          who has used how much today, while it runs
make model ARGS="budget ada 200000"            also: `revoke ada`, and `key ada` for one that was lost
make model ARGS="check 04 08"                  which cells of these notebooks this model cannot run

The server of the model may be Ollama, vLLM, llama.cpp or a hosted one; a key that it wants stands in
OPENAI_API_KEY. Keys for students go into _build/class_model/keys.csv, once.
"""

import argparse
import asyncio
import ipaddress
import os
import sys
from pathlib import Path

import redis.asyncio
import uvicorn

from coursekit import llm, valkey
from coursekit.chapters import chapter
from coursekit.errors import CourseError
from coursekit.prices import MODELS
from deploy import class_desk, class_keys
from deploy.class_model import Rules, Upstream, make_class_model
from deploy.class_roster import STAFF, Roster
from tools import model_check
from tools.learn import is_free
from tools.project import ROOT

HOME = ROOT / "_build" / "class_model"
PORT, BUDGET = 8010, 100_000
CHECKER = "(check)"  # the student as whom notebooks are tried
GRACE_S = 10
FORMS = "usage, budget NAME TOKENS, revoke NAME, key NAME, check NOTEBOOK …"


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, rules = parser.add_argument, Rules()
    add("what", nargs="*", default=["serve"], help=f"left out, it serves; else {FORMS}")
    add("--students", default="30", help="a number, or a CSV file with a column `name`")
    add("--host", default="127.0.0.1", help="the address of this machine that the class can reach")
    add("--port", type=int, default=PORT)
    add("--upstream", help="http://…/v1: Ollama 11434, vLLM 8000, llama.cpp 8080; left out, SmolLM2 here")
    add("--model", help="its name there; left out, the first that the server lists")
    add("--budget", type=int, default=BUDGET, help="tokens a student may use a day, prompts and answers")
    add("--per-minute", type=int, default=rules.per_minute, help="calls of a student")
    add("--at-once", type=int, default=rules.at_once, help="calls of a student inside; more wait in line")
    add("--answer", type=int, default=rules.answer, help="tokens of one answer")
    add("--slots", type=int, default=rules.slots, help="calls inside the model's server")
    add("--folder", type=Path, default=HOME, help="where keys and usage are kept")
    given = parser.parse_args(arguments)
    word, *more = given.what
    fits = bool(more) if word == "check" else len(more) == {"serve": 0}.get(word, ASKED.get(word, (0, -1))[1])
    if not fits:
        parser.error(f"{' '.join(given.what)!r} is none of: {FORMS}")
    numbers = {name: getattr(given, name) for name in ("budget", "per_minute", "at_once", "answer", "slots")}
    if low := [name for name, number in numbers.items() if number < 1]:
        parser.error(f"--{low[0].replace('_', '-')} is {numbers[low[0]]}; it has to be 1 or more")
    return given


# ---- the server


def upstream(given: argparse.Namespace) -> Upstream:
    """The model behind, found as notebooks find theirs. Raises: CourseError."""
    os.environ["COURSE_MODEL"] = "live" if given.upstream else "local"
    if given.upstream:
        os.environ["OPENAI_BASE_URL"] = given.upstream
        os.environ["OPENAI_MODEL"] = given.model or os.environ.get("OPENAI_MODEL", "")
    found = llm.connection(real=True)
    return Upstream(found["base_url"].rstrip("/"), llm.model(real=True), found["api_key"])


def students(wanted: str) -> list[str]:
    """Their names. Raises: ValueError."""
    if wanted.isdecimal() and 0 < int(wanted) <= 1000:
        return [f"student-{number:02}" for number in range(1, int(wanted) + 1)]
    if not Path(wanted).is_file():
        raise ValueError(f"--students {wanted!r} is neither a number up to 1000 nor a file; name one of them")
    return class_keys.names(Path(wanted))


async def admit(store: str, names: list[str], given: argparse.Namespace, url: str) -> tuple[str, int]:
    """Keys for whoever has none, written down for handing out. Returns the instructor's own, and how many."""
    file = given.folder / "keys.csv"
    async with redis.asyncio.Redis.from_url(store, decode_responses=True) as client:
        roster, values = Roster(client, given.budget), class_keys.read(file)
        before = await roster.students()
        new = [name for name in names if name not in before or (before[name] and name not in values)]
        values = {name: class_keys.moved(value, url) for name, value in values.items()}
        values |= {name: class_keys.address(url, await roster.admit(name)) for name in new}
        class_keys.write(file, values)
        return await roster.admit("(the instructor)", STAFF), len(new)


def say(given: argparse.Namespace, model: Upstream, url: str, count: int, new: int) -> None:
    print(f"{count} students ask {model.model} at {url}; {new} new keys in {given.folder / 'keys.csv'}")
    print(f"Each sets one variable, COURSE_MODEL, as that file says; a day holds {given.budget:,} tokens.")
    if model.model in MODELS:
        dollars = count * MODELS[model.model].dollars(0, given.budget)
        print(f"If all of them were answers, a day of this class would cost ${dollars:,.2f} at most.")
    if not ipaddress.ip_address(given.host).is_loopback:
        print("Plain HTTP: who can listen on this network reads keys and texts. Use one that you trust.")
    print(
        "`make model ARGS=usage` shows who has used how much. Ctrl-C stops it; all keys stay good.",
        flush=True,
    )


def reachable(host: str) -> bool:
    """Is this one address, and not "any", which nobody can be told?"""
    try:
        return not ipaddress.IPv4Address(host).is_unspecified
    except ValueError:
        return False


def serve(given: argparse.Namespace) -> None:
    """Until Ctrl-C. Raises: CourseError, ValueError."""
    if not reachable(given.host):
        raise ValueError(f"--host {given.host!r} is not the IPv4 address at which a class finds this machine")
    if class_desk.is_open(given.folder):
        raise ValueError(f"a class server runs from {given.folder} already; stop it first")
    if given.host == "127.0.0.1" and not is_free(given.port):
        raise ValueError(f"port {given.port} is taken by another program; name another with --port")
    names = students(given.students)
    print("Starting; the first time this takes some ten seconds …", flush=True)
    model = upstream(given)
    given.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = os.environ.get("REDIS_URL", "").strip()
    server, store = (None, valkey.url()) if own else valkey.kept(given.folder / "store", "class store")
    url = f"http://{given.host}:{given.port}/v1"
    key, new = asyncio.run(admit(store, names, given, url))
    class_desk.open_desk(given.folder, url.removesuffix("/v1"), key)
    rules = Rules(given.per_minute, given.at_once, answer=given.answer, slots=given.slots)
    client = redis.asyncio.Redis.from_url(store, decode_responses=True, socket_timeout=2)
    app = make_class_model(model, Roster(client, given.budget), rules, chapter("07_llm_production").Gate)
    say(given, model, url, len(names), new)
    try:
        uvicorn.run(app, host=given.host, port=given.port, access_log=False, log_level="warning",
                    timeout_graceful_shutdown=GRACE_S)  # fmt: skip
    finally:
        if server:
            server.stop()


def check(folder: Path, *names: str) -> str:
    """What fails when these notebooks ask the model of this class, as one more student does."""
    return model_check.report(list(names), class_desk.admit(folder, CHECKER))


# ---- all of it

ASKED = {
    "usage": (class_desk.usage, 0),
    "budget": (class_desk.grant, 2),
    "revoke": (class_desk.revoke, 1),
    "key": (class_desk.hand_out, 1),
}


def main(arguments: list[str] | None = None) -> int:
    given = options(arguments)
    word, *more = given.what
    try:
        if word == "serve":
            serve(given)
        elif word == "check":
            print(check(given.folder, *more))
        else:
            print(ASKED[word][0](given.folder, *more))
    except (CourseError, ValueError) as error:
        sys.exit(f"make model: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
