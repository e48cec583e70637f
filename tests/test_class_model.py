"""A model for a class: who may ask, how much, how fairly; and that nothing of it is written down."""

import asyncio
import doctest
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import Request

import nbformat
import openai
import pytest
import redis
import redis.asyncio
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import llm, rehearsal, servers, valkey, web, weights
from coursekit.apps import Problem
from coursekit.prices import MODELS
from coursekit.rehearsal_server import stage
from deploy import class_desk, class_dialect, class_keys
from deploy.class_model import Rules, Upstream, make_class_model
from deploy.class_roster import KEPT_S, STAFF, Roster
from tools import bench_classmodel, class_page, model_check, project
from tools import model as tool
from tools.project import ROOT, notebook_environment

taught = chapter("07_llm_production")
HELLO = [{"role": "user", "content": "Hello there"}]
ANSWER = "Good day to you, and what is a hash table to you?"
TEXT = "a-sentence-that-nobody-but-the-model-may-keep"


# ---- a class


@pytest.fixture
def store() -> Iterator[redis.Redis]:
    """Empty of classes before and after."""
    client = valkey.client()
    empty = lambda: [client.delete(key) for key in client.scan_iter("class:*")]
    empty()
    yield client
    empty()


@pytest.fixture(autouse=True)
def scripted(empty_stage) -> None:
    rehearsal.policy("house-model")(lambda request: rehearsal.say(ANSWER))


def at_roster(work, budget: int = 100_000, clock=datetime.now):
    """Do something with a roster of our own, in a loop of its own."""

    async def inside():
        async with valkey.async_client() as client:
            return await work(Roster(client, budget, clock))

    return asyncio.run(inside())


@pytest.fixture
def open_class(store):
    """open_class(budget=…, rules…) gives `url`, and `key(name)` for a student or the instructor."""
    running = []

    def begin(budget=100_000, url="", secret="", **rules) -> SimpleNamespace:
        upstream = Upstream(url or stage().base_url, "house-model", secret or stage().key)
        roster = Roster(valkey.async_client(), budget)
        app = make_class_model(upstream, roster, Rules(**rules), taught.Gate)
        running.append(web.serve(app, "class model"))
        key = lambda name, *scope: at_roster(lambda roster: roster.admit(name, *scope))
        return SimpleNamespace(url=running[-1].url, key=key)

    yield begin
    for service in running:
        service.stop()


def client(room, key: str, **more) -> openai.OpenAI:
    direct = openai.DefaultHttpxClient(trust_env=False)
    return openai.OpenAI(
        base_url=f"{room.url}/v1", api_key=key, http_client=direct, **{"max_retries": 0} | more
    )


def tell(asking: openai.OpenAI, messages=HELLO, **more):
    return asking.chat.completions.create(model="house-model", messages=messages, **more)


def day(student: str, budget: int = 100_000) -> dict:
    return at_roster(lambda roster: roster.day(student), budget)


def settled(student: str, true, patience_s=5) -> dict:
    """The student's day, as soon as what is awaited is true of it."""
    end = time.monotonic() + patience_s
    while not true(found := day(student)) and time.monotonic() < end:
        time.sleep(0.02)
    return found


# ---- who may ask


def test_a_student_with_a_key_is_answered_and_finds_one_model(open_class):
    room = open_class()
    with client(room, room.key("ada")) as ada:
        assert tell(ada).choices[0].message.content == ANSWER
        assert [each.id for each in ada.models.list()] == ["house-model"]


@pytest.mark.parametrize("key", ["ak_0_guess", "guess", "ak__", "ak_"])
def test_a_stranger_is_refused_in_plain_words(open_class, key):
    room = open_class()
    with client(room, key) as stranger:
        for ask in (tell, lambda each: each.models.list()):
            with pytest.raises(openai.AuthenticationError, match="does not know your key; copy it again"):
                ask(stranger)


def test_a_revoked_key_opens_nothing_and_a_new_one_ends_the_old(open_class):
    room = open_class()
    first = room.key("ada")
    second = room.key("ada")
    for key in (first, second):
        if key == second:
            at_roster(lambda roster: roster.revoke("ada"))
        with client(room, key) as ada, pytest.raises(openai.AuthenticationError):
            tell(ada)
    assert day("ada")["calls"] == 0


@pytest.mark.parametrize("path", ["usage", "budget", "revoke", "key"])
def test_what_is_the_instructors_refuses_students_and_strangers_and_the_other_way_round(open_class, path):
    room, body = open_class(), None if path == "usage" else {"student": "bo", "tokens": 9}
    student, staff, _ = room.key("ada"), room.key("(the instructor)", STAFF), room.key("bo")
    codes = []
    for key in (student, "ak_0_guess", staff):
        heads = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        asked = Request(f"{room.url}/class/{path}", body and json_of(body), heads)
        try:
            codes.append(servers.ask(asked).status)
        except HTTPError as error:
            codes.append(error.code)
    assert codes == [403, 401, 200]
    with client(room, staff) as instructor, pytest.raises(openai.PermissionDeniedError):
        tell(instructor)


# ---- how much


def test_sixteen_calls_at_once_never_pass_a_budget_and_every_token_is_counted(open_class):
    rehearsal.policy("house-model")(lambda request: rehearsal.say("word " * 200))  # of which 100 are allowed
    room, budget = open_class(budget=1000, per_minute=1000, at_once=16), 1000
    with client(room, room.key("ada")) as ada, ThreadPoolExecutor(16) as threads:
        done = list(threads.map(lambda _: attempt(ada), range(60)))
    answered = [reply for reply in done if reply is not None]
    used = day("ada", budget)
    assert 4 < len(answered) < 60  # some were refused
    assert used["spent"] == sum(reply.usage.total_tokens for reply in answered) <= budget
    assert used["calls"] == len(answered) and used["lost"] == 0
    assert used["prompt"] == sum(reply.usage.prompt_tokens for reply in answered)


def attempt(asking):
    try:
        return tell(asking, max_tokens=100)
    except openai.RateLimitError:
        return None


def test_who_has_used_up_a_budget_is_told_why_and_until_when_and_is_not_tried_again(open_class):
    room = open_class(budget=150)
    with client(room, room.key("ada"), max_retries=2) as ada, pytest.raises(openai.RateLimitError) as caught:
        start = time.perf_counter()
        tell(ada, max_tokens=100)
    assert time.perf_counter() - start < 2
    said = str(caught.value)
    assert re.match(r"Error code: 429 - This call can take \d+ tokens, and 150 of today's 150 are left", said)
    now = datetime.now()
    until_midnight = 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)
    assert abs(int(caught.value.response.headers["retry-after"]) - until_midnight) < 120
    assert day("ada", 150)["spent"] == 0


def test_the_next_day_has_a_budget_of_its_own(store):
    before, after = datetime(2026, 3, 1, 23, 59, 50), datetime(2026, 3, 2, 0, 0, 1)

    async def use(roster):
        async with roster.call("ada", 80) as call:
            await call.book(50, 30)
        return (await roster.day("ada"))["left"]

    assert at_roster(use, 100, lambda: before) == 20
    with pytest.raises(Problem) as caught:
        at_roster(use, 100, lambda: before)
    assert caught.value.headers["Retry-After"] == "10"
    assert at_roster(use, 100, lambda: after) == 20


DEEDS = ["hold", "hold", "hold", "begin", "book", "forget", "end"]
STEP = st.tuples(st.integers(0, 4), st.sampled_from(DEEDS), st.integers(1, 90))


@given(st.lists(STEP, min_size=5, max_size=25))
@settings(max_examples=40)
def test_whatever_calls_do_side_by_side_what_is_charged_is_what_they_hold_took_or_lost(steps):
    budget = 120

    async def play(roster):
        await roster.redis.delete(roster._place("ada"))
        inside, taken, lost = {}, 0, 0  # the naive ledger: place -> what to leave, the call, what it holds
        for place, what, number in steps:
            held = sum(most for _, _, most in inside.values())
            if what == "hold" and place not in inside:
                entering = roster.call("ada", number)
                try:
                    inside[place] = (entering, await entering.__aenter__(), number)
                except Problem:
                    assert taken + lost + held + number > budget
                else:
                    assert taken + lost + held + number <= budget
            elif what == "begin" and place in inside:
                inside[place][1].begun = True
            elif place in inside:
                entering, call, most = inside.pop(place)
                if what == "book":
                    await call.book(most // 3, most // 5)
                    taken += most // 3 + most // 5
                elif what == "forget":
                    await call.forget()
                elif call.begun:
                    lost += most
                await entering.__aexit__(None, None, None)
            day, held = await roster.day("ada"), sum(most for _, _, most in inside.values())
            assert (day["spent"], day["prompt"] + day["answer"], day["lost"]) == (
                taken + lost + held,
                taken,
                lost,
            )
        await roster.redis.delete(roster._place("ada"))

    at_roster(play, budget)


def test_a_budget_can_be_raised_for_one_and_is_kept(open_class):
    room = open_class(budget=150)
    key = room.key("ada")
    at_roster(lambda roster: roster.grant("ada", 5000))
    with client(room, key) as ada:
        assert tell(ada, max_tokens=100).usage.total_tokens == 5000 - day("ada", 150)["left"]
    with pytest.raises(Problem, match="nobody in this class is called 'eve'"):
        at_roster(lambda roster: roster.grant("eve", 5000))


# ---- streams


def test_a_stream_is_counted_and_tells_its_usage_to_who_asks_for_it_alone(open_class):
    room = open_class()
    with client(room, room.key("ada")) as ada:
        quiet = list(tell(ada, stream=True))
        first = day("ada")
        told = list(tell(ada, stream=True, stream_options={"include_usage": True}))
    assert all(chunk.choices for chunk in quiet) and not any(chunk.usage for chunk in quiet)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in quiet) == ANSWER
    assert told[-1].choices == [] and told[-1].usage.total_tokens == first["spent"] > 0
    assert day("ada")["spent"] == 2 * first["spent"]


def test_a_server_that_tells_the_usage_with_each_piece_is_charged_by_its_last_word():
    usage = lambda answer: {"prompt_tokens": 9, "completion_tokens": answer}
    pieces = [{"choices": [{"delta": {"content": "a"}}], "usage": usage(number)} for number in (1, 2, 3)]
    lines = b"".join(b"data: " + json_of(piece) + b"\r\n\r\n" for piece in pieces) + b"data: [DONE]\n\n"
    booked, passed = [], []

    async def come():
        for start in range(0, len(lines), 7):  # cut anywhere
            yield lines[start : start + 7]

    async def book(*numbers):
        booked.append((numbers, len(passed)))

    async def all_of_it():
        reply = SimpleNamespace(content=SimpleNamespace(iter_any=come))
        asked = class_dialect.Asked("chat/completions", {"stream": True}, 99, shows_usage=False)
        async for part in class_dialect.told(reply, asked, book):
            passed.append(part)

    asyncio.run(all_of_it())
    assert len(passed) == 4 and booked[0] == ((9, 3), 3)  # before [DONE] is passed on


def test_responses_are_counted_plain_and_streamed(open_class):
    room = open_class()
    with client(room, room.key("ada")) as ada:
        plain = ada.responses.create(model="house-model", input="Hello there")
        *_, last = ada.responses.create(model="house-model", input="Hello there", stream=True)
    assert plain.output_text == ANSWER and last.type == "response.completed"
    assert day("ada")["spent"] == plain.usage.total_tokens + last.response.usage.total_tokens > 0


def test_who_hangs_up_while_the_model_works_pays_what_the_call_could_take(open_class):
    rehearsal.policy("house-model")(lambda request: time.sleep(1) or rehearsal.say(ANSWER))
    room = open_class()
    with client(room, room.key("ada"), timeout=0.3) as ada, pytest.raises(openai.APITimeoutError):
        tell(ada, max_tokens=100)
    used = settled("ada", lambda found: found["calls"])
    assert used["calls"] == 1 and used["spent"] == used["lost"] > 100 and used["prompt"] == 0


def test_a_stream_that_the_model_breaks_off_costs_nothing(open_class):
    rehearsal.policy("house-model")(lambda request: rehearsal.breaks_the_stream(ANSWER, after=2))
    room = open_class()
    with client(room, room.key("ada")) as ada, pytest.raises(Exception, match=r"peer closed|Connection"):
        list(tell(ada, stream=True))
    assert settled("ada", lambda found: not found["spent"])["spent"] == 0


# ---- how fast, and how many at once


def test_a_limit_of_calls_stops_one_student_and_no_other(open_class):
    room = open_class(per_minute=3)
    with client(room, room.key("ada")) as ada, client(room, room.key("bo")) as bo:
        for _ in range(3):
            tell(ada)
        with pytest.raises(openai.RateLimitError) as caught:
            tell(ada)
        assert 50 <= int(caught.value.response.headers["retry-after"]) <= 60
        assert list(ada.models.list())  # looking is free
        tell(bo)


def test_the_model_never_sees_more_than_two_of_one_student_and_a_full_line_says_so(open_class):
    inside, most, lock = 0, 0, threading.Lock()

    def slow(request):
        nonlocal inside, most
        with lock:
            inside, most = inside + 1, max(most, inside + 1)
        time.sleep(0.1)
        with lock:
            inside -= 1
        return rehearsal.say(ANSWER)

    rehearsal.policy("house-model")(slow)
    room = open_class(at_once=2, in_line=4)

    def ask(_):
        try:
            tell(ada)
        except openai.RateLimitError as error:
            assert "4 of your calls wait already" in str(error)
            assert error.response.headers["retry-after"] == "2"
            return 429
        return 200

    with client(room, room.key("ada")) as ada, ThreadPoolExecutor(10) as threads:
        codes = list(threads.map(ask, range(10)))
    assert most == 2 and codes.count(200) == 6 and codes.count(429) == 4


def test_a_greedy_student_does_not_make_another_wait_for_their_line(open_class):
    rehearsal.policy("house-model")(lambda request: time.sleep(0.1) or rehearsal.say(ANSWER))

    def wait_of_another(**rules):
        room = open_class(slots=2, per_minute=1000, in_line=100, **rules)
        greedy, bo = client(room, room.key("greedy")), client(room, room.key("bo"))
        with greedy, bo, ThreadPoolExecutor(30) as threads:
            line = [threads.submit(tell, greedy) for _ in range(30)]
            time.sleep(0.3)
            start = time.perf_counter()
            tell(bo)
            took = time.perf_counter() - start
            [each.result() for each in line]
        return took

    assert wait_of_another(at_once=100) > 2.5 * wait_of_another(at_once=2)


# ---- what the model's server does


def test_a_model_that_is_down_is_a_503_in_plain_words_and_costs_nothing(open_class):
    room = open_class(url="http://127.0.0.1:9/v1")
    with client(room, room.key("ada")) as ada, pytest.raises(openai.InternalServerError) as caught:
        tell(ada)
    assert (caught.value.status_code, day("ada")["spent"]) == (503, 0)
    assert str(caught.value).endswith("The model of this class does not answer; tell your instructor.")


def test_a_server_that_refuses_our_key_does_not_blame_the_student(open_class):
    room = open_class(secret="sk-of-yesterday")
    with client(room, room.key("ada")) as ada, pytest.raises(openai.InternalServerError) as caught:
        tell(ada)
    assert (caught.value.status_code, day("ada")["spent"]) == (503, 0)


@pytest.mark.parametrize(
    ("fault", "status"), [(rehearsal.rate_limited(7), 429), (rehearsal.context_too_long(9), 400)]
)
def test_what_the_model_refuses_comes_through_with_its_words_and_costs_nothing(open_class, fault, status):
    rehearsal.policy("house-model")(lambda request: fault)
    room = open_class()
    with client(room, room.key("ada")) as ada, pytest.raises(openai.APIStatusError) as caught:
        tell(ada)
    assert (caught.value.status_code, day("ada")["spent"]) == (status, 0)
    assert str(fault)[:20] in str(caught.value)
    assert status == 400 or caught.value.response.headers["retry-after"] == "7"


def test_a_server_that_drops_connections_which_it_kept_open_loses_no_call(open_class):
    served = socket.create_server(("127.0.0.1", 0))
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    body = json_of({"usage": usage, "choices": []})
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"

    def one_call_a_connection():
        with suppress(OSError):
            while True:
                connection, _ = served.accept()
                asked = b""
                while not asked.endswith(b"}"):
                    asked += connection.recv(65536)
                connection.sendall(head.encode() + body)
                threading.Thread(target=closed_at_the_second, args=[connection]).start()

    def closed_at_the_second(connection):
        with connection:
            connection.recv(1)

    threading.Thread(target=one_call_a_connection, daemon=True).start()
    room = open_class(url=f"http://127.0.0.1:{served.getsockname()[1]}/v1")
    with served, client(room, room.key("ada")) as ada:
        assert [tell(ada).usage.total_tokens for _ in range(3)] == [2, 2, 2]


# ---- what is not passed on

PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://a/b.png"}}]}]
REFUSED = {
    "a huge body": ({"messages": [{"role": "user", "content": "x" * 300_000}]}, 413, "262,144 bytes"),
    "another model": ({"model": "gpt-6"}, 404, "asks 'house-model', not 'gpt-6'"),
    "a field that lengthens": ({"extra_body": {"n_predict": 9999}}, 400, "'n_predict' is not passed on"),
    "two answers": ({"n": 2}, 400, "one answer a call"),
    "a picture": ({"messages": PICTURE}, 400, "asks with text"),
    "no limit": ({"max_tokens": -1}, 400, "a whole number above 0, not -1"),
    "a search at the provider": ({"tools": [{"type": "web_search"}]}, 400, "at the provider"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_could_not_be_counted_is_refused_before_the_model_is_asked(open_class, case):
    more, status, words = REFUSED[case]
    room = open_class()
    with client(room, room.key("ada")) as ada, pytest.raises(openai.APIStatusError) as caught:
        ada.chat.completions.create(**{"model": "house-model", "messages": HELLO} | more)
    assert caught.value.status_code == status and words in str(caught.value)
    assert day("ada")["spent"] == 0 and not rehearsal.log


@pytest.mark.parametrize(
    ("asked", "url", "sent"),
    [
        ({}, "http://a/v1", {"max_tokens": 512}),
        ({"max_completion_tokens": 30}, "http://a/v1", {"max_tokens": 30}),
        ({"max_tokens": 9999}, "https://api.openai.com/v1", {"max_completion_tokens": 512}),
    ],
)
def test_an_answer_has_a_limit_under_the_name_that_the_server_knows(asked, url, sent):
    raw = json_of({"model": "m", "messages": HELLO} | asked)
    read = class_dialect.read("chat/completions", raw, "m", 512, url)
    assert {name: read.body[name] for name in class_dialect.LIMITS if name in read.body} == sent
    assert read.most == len(raw) + class_dialect.TEMPLATE + next(iter(sent.values()))


def json_of(body: dict) -> bytes:
    return json.dumps(body).encode()


ODD = [
    "",
    " ",
    "\n" * 40,
    "\x01\x02" * 20,
    "😀🏽" * 9,
    "ÿ ž ₿" * 9,
    "<|im_start|>system\n" * 5,
    "aQ9_zX" * 20,
]


def test_no_prompt_has_more_tokens_than_its_call_was_charged_for():
    if weights.SMOLLM2.path() is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no weights")
    with llm.local_client() as smollm:
        root = str(smollm.base_url).removesuffix("/v1/")
        for text in ODD:
            body = {"model": llm.LOCAL, "messages": [{"role": "user", "content": text}] * 3, "max_tokens": 1}
            asked = class_dialect.read("chat/completions", json_of(body), llm.LOCAL, 512, "http://a/v1")
            prompt = smollm.post(f"{root}/apply-template", body=body, cast_to=object)["prompt"]
            form = {"content": prompt, "parse_special": True}
            tokens = smollm.post(f"{root}/tokenize", body=form, cast_to=object)["tokens"]
            assert 0 < len(tokens) + 1 <= asked.most, text


# ---- what stays, and what is nowhere


def test_keys_budgets_and_usage_survive_a_restart_and_no_key_stands_in_the_store(tmp_path):
    async def first(roster):
        key = await roster.admit("ada")
        await roster.grant("ada", 700)
        async with roster.call("ada", 100) as call:
            await call.book(20, 10)
        return key

    async def second(roster):
        return (await roster.check(key))["sub"], await roster.day("ada")

    def once(work):
        server, url = valkey.kept(tmp_path / "store")

        async def inside():
            async with redis.asyncio.Redis.from_url(url, decode_responses=True) as client:
                return await work(Roster(client, 50))

        with server:
            return asyncio.run(inside())

    key = once(first)
    who, left = once(second)
    assert who == "ada" and (left["calls"], left["spent"], left["left"]) == (1, 30, 670)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert b"ada" in kept and key.encode() not in kept and key.rpartition("_")[2].encode() not in kept


def test_the_command_starts_a_class_that_one_variable_reaches_and_tells_nobody_what_was_asked(tmp_path):
    env = notebook_environment() | {"OPENAI_API_KEY": stage().key, "PYTHONPATH": str(ROOT)}
    listed = tmp_path / "class.csv"
    listed.write_text("name,seat\nada,1\nbo,2\n")
    port = servers.free_port()
    command = [sys.executable, "-m", "tools.model", "--students", str(listed), "--port", str(port),
               "--folder", str(tmp_path / "made"), "--upstream", stage().base_url]  # fmt: skip
    log = (tmp_path / "log").open("w+")
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        values = until_it_answers(tmp_path / "made", port)
        asked = "from coursekit import llm\nclient = llm.client()\nprint(llm.who_answers())\n" + (
            "print(client.chat.completions.create(model=llm.model('capital'), "
            f"messages=[{{'role': 'user', 'content': '{TEXT}'}}]).choices[0].message.content)"
        )
        one = notebook_environment() | {"COURSE_MODEL": values["ada"], "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", asked], env=one, cwd=ROOT, capture_output=True, text=True
        )
        usage = class_desk.usage(tmp_path / "made")
    finally:
        process.terminate()
        process.wait(timeout=20)
    assert done.stdout.splitlines()[1] == ANSWER, done.stderr
    assert done.stdout.startswith(f"live: house-model at http://127.0.0.1:{port}/v1; ")
    assert re.search(r"^ada +good +1 ", usage, re.MULTILINE) and re.search(
        r"^bo +good +0 ", usage, re.MULTILINE
    )
    log.seek(0)
    said = log.read() + done.stderr + usage
    assert "2 students ask house-model" in said and TEXT not in said
    assert not [value for value in values.values() if value.partition("@")[0][7:] in said + done.stdout]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "made" / "store").rglob("*") if path.is_file())
    assert kept and TEXT.encode() not in kept
    for file in ("keys.csv", "server.json"):
        assert (tmp_path / "made" / file).stat().st_mode & 0o777 == 0o600
    assert stage().key not in said + "".join(values.values())


def until_it_answers(folder, port: int, patience_s=60) -> dict[str, str]:
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        with suppress(OSError):
            servers.ask(f"http://127.0.0.1:{port}/health", timeout=1).close()
            return class_keys.read(folder / "keys.csv")
        time.sleep(0.1)
    raise AssertionError("the class server did not start")


@pytest.fixture
def notebook_folder(tmp_path, monkeypatch):
    """A course of one notebook, whose second cell fails, and whose third needs what the second makes."""
    sources = ["from coursekit import llm\nllm.client()", "found = {}['model']", "found", "llm.model()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbformat.write(notebook, tmp_path / "01_small.ipynb")
    monkeypatch.setattr(project, "NOTEBOOKS", tmp_path)
    return tmp_path


def test_a_notebook_is_tried_to_its_end_by_the_one_variable_and_stays_as_it_was(notebook_folder):
    before, file = dict(os.environ), notebook_folder / "01_small.ipynb"
    bytes_before = file.read_bytes()
    said = model_check.report(["01"], stage().base_url.replace("http://", f"http://{stage().key}@"))
    assert said.splitlines() == [
        "01_small: 2 of 4 code cells ran, 1 failed, and 1 for want of what these make",
        "  cell 2, found = {}['model']: KeyError: 'model'",
    ]
    assert dict(os.environ) == before and file.read_bytes() == bytes_before


# ---- the list of a class, and a hub


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name\nada\nbo\n", ["ada", "bo"]),
        ("\ufeffseat,Name\n1,ada\n\n2, bo \n", ["ada", "bo"]),
        ("ada\nbo", ["ada", "bo"]),
    ],
)
def test_a_class_list_is_read_as_spreadsheets_write_it(tmp_path, text, found):
    (tmp_path / "class.csv").write_text(text, encoding="utf-8")
    assert class_keys.names(tmp_path / "class.csv") == found


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "names nobody"), ("name\nada\nada\n", "'ada' twice"), ("name\na\tb\n", "on one line")],
)
def test_a_class_list_that_cannot_be_used_says_why(tmp_path, text, words):
    (tmp_path / "class.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        class_keys.names(tmp_path / "class.csv")


def test_a_hub_gives_each_user_their_own_variable_and_strangers_none(tmp_path):
    class_keys.write(tmp_path / "keys.csv", {"ada": "http://k@h:1/v1"})
    for name, expected in (("ada", {"A": "b", "COURSE_MODEL": "http://k@h:1/v1"}), ("eve", {"A": "b"})):
        spawner = SimpleNamespace(user=SimpleNamespace(name=name), environment={"A": "b"})
        class_keys.hook(tmp_path / "keys.csv")(spawner)
        assert spawner.environment == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--students", "no-such.csv"], "neither a number up to 1000 nor a file"),
        (["usage", "--folder", "/nowhere"], "no class server has run from"),
        (["budget", "ada"], "is none of: usage, budget NAME TOKENS, revoke NAME"),
        (["--at-once", "0"], "--at-once is 0; it has to be 1 or more"),
        (["--host", "0.0.0.0"], "--host '0.0.0.0' is not the IPv4 address at which a class finds"),
    ],
)
def test_a_wrong_word_is_told_in_one_line_with_the_way_out(tmp_path, capsys, arguments, words):
    with pytest.raises(SystemExit) as stopped:
        tool.main([*arguments, *([] if "--folder" in arguments else ["--folder", str(tmp_path)])])
    assert words in f"{stopped.value} {capsys.readouterr().err}"


def test_the_first_lines_say_what_a_day_can_cost_where_the_price_is_known_and_warn_beyond_this_machine(
    capsys,
):
    given = tool.options(["--host", "10.0.0.5", "--budget", "50000"])
    name, price = next((name, model) for name, model in MODELS.items() if model.output > 1)
    for model, known in ((name, True), ("qwen3:8b", False)):
        tool.say(given, Upstream("http://a/v1", model), "http://10.0.0.5:8010/v1", 30, 30)
        said = capsys.readouterr().out
        assert (f"${30 * 50_000 * price.output / 1_000_000:,.2f} at most" in said) is known
        assert "Plain HTTP" in said


# ---- the page


MEASURED = json.loads(class_page.KEPT.read_text(encoding="utf-8"))


def test_the_tables_of_the_page_are_made_of_what_was_measured_and_its_claims_hold():
    page = class_page.PAGE.read_text(encoding="utf-8")
    assert class_page.fill(page, MEASURED) == page
    assert all(table in page for table in class_page.tables(MEASURED).values())
    assert [claim for claim, holds in class_page.claims(MEASURED).items() if not holds] == []


def test_in_the_notebooks_that_were_tried_tools_fail_and_in_chapter_6_forms_that_a_small_model_misses():
    tried = MEASURED["notebooks"]
    own = {
        name: [each["error"] for each in one["failed"] if not each["follows"]] for name, one in tried.items()
    }
    assert own.keys() >= {"04_llm_engineering_series", "05_llm_foundation_models", "08_what_is_an_agent"}
    by_tools = {
        name: ["too small to call tools" in error for error in errors] for name, errors in own.items()
    }
    assert all(all(of) for name, of in by_tools.items() if not name.startswith("06"))
    assert any(by_tools["06_llm_prompting_and_rag"]) and sum(map(len, own.values())) <= 9


def test_littles_law_holds_for_the_ten_students():
    run = MEASURED["ten"]
    inside = run["calls"] / run["seconds"] * run["mean"]
    assert 0.6 * bench_classmodel.STUDENTS < inside <= bench_classmodel.STUDENTS


@given(st.floats(1, 5000), st.floats(1, 500), st.floats(5, 600))
def test_a_class_of_the_size_that_is_advised_keeps_seven_tenths_of_the_model_busy(speed, tokens, every):
    size = class_page.class_size(speed, tokens, every)
    busy = lambda students: students / every * tokens / speed
    assert busy(size) <= 0.7 < busy(size + 1) + 1e-9


def test_the_page_states_the_limits_that_a_class_has():
    page, rules = class_page.PAGE.read_text(encoding="utf-8"), Rules()
    stated = dict(re.findall(r"^\| ([^|]+?) \| ([\d,]+) \|", page, re.MULTILINE))
    numbers = {name: int(stated[name].replace(",", "")) for name in stated if "(" not in name}
    assert numbers["tokens a day, prompts and answers"] == tool.BUDGET
    assert numbers["tokens of one answer"] == rules.answer
    assert numbers["calls a minute"] == rules.per_minute
    assert numbers["calls at once; more wait in the student's own line"] == rules.at_once
    assert numbers["calls in that line"] == rules.in_line
    assert numbers["bytes of one call"] == rules.body
    assert KEPT_S == 60 * 86_400 and "after sixty days" in page


def test_examples_in_docstrings_are_true():
    for module in (class_dialect, class_keys, class_page):
        tried, failed = doctest.testmod(module)[::-1]
        assert tried and not failed
