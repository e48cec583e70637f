"""What the services share: problems, ids, deadlines, health, and calls that pass on what they hear."""

import asyncio
import json
import re
import time
import urllib.request
from urllib.error import HTTPError

import pytest
from fastapi.responses import JSONResponse, StreamingResponse
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from coursekit import hops, servers, web
from coursekit.apps import Problem, RequestContext, new_app, time_left
from coursekit.hops import Live, answers, event, hop, passed_on


class Order(BaseModel):
    status: int = 200
    after: str = "1"
    pause_s: float = 0


def shop():
    """A service that answers as it is told to."""
    app = new_app("shop", timeout_s=5)
    app.state.finished = 0

    @app.post("/order")
    async def order(body: Order):
        await asyncio.sleep(body.pause_s)
        return JSONResponse({"left": time_left()}, body.status, {"Retry-After": body.after})

    @app.post("/crash")
    async def crash():
        raise RuntimeError("the password is swordfish")

    @app.post("/refuse")
    async def refuse():
        raise Problem(409, "Sold out", "Come tomorrow.", {"Retry-After": "86400"})

    @app.post("/pieces")
    async def pieces(body: dict):
        async def made():
            for piece in body["pieces"]:
                yield piece.encode()
                await asyncio.sleep(body.get("pause_s", 0))
            app.state.finished += 1

        return StreamingResponse(made(), media_type="text/plain")

    return app


def porter(url):
    """A service before it."""
    app = new_app("porter", timeout_s=2, checks={"shop": answers(url)})

    async def carried(path, body):
        async with hop(app, url + path, body) as reply:
            yield reply.status, passed_on(reply.headers)
            async for piece in reply.content.iter_any():
                yield piece

    @app.post("/{path}")
    async def carry(path: str, body: dict):
        return Live(carried(f"/{path}", body))

    return app


@pytest.fixture(scope="module")
def places():
    app = shop()
    with web.serve(app, "shop") as inner, web.serve(porter(inner.url), "porter") as outer:
        yield app, inner.url, outer.url


def ask(url, body=None, **headers):
    """Status, headers, text."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers | {"content-type": "application/json"})
    try:
        with servers.ask(request) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except HTTPError as error:
        return error.code, error.headers, error.read().decode()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/refuse", {}, 409), ("/order", {"status": "no"}, 422), ("/crash", {}, 500), ("/nowhere", None, 404)],
)
def test_every_error_is_a_problem_that_names_the_request(places, path, body, status):
    got, headers, text = ask(places[1] + path, body, x_request_id="walk-7")
    problem = json.loads(text)
    assert headers["content-type"] == "application/problem+json" and got == problem["status"] == status
    assert set(problem) == {"type", "title", "status", "detail", "instance"}
    assert problem["instance"] == headers["x-request-id"] == "walk-7"
    assert "swordfish" not in text


@settings(max_examples=15, deadline=None)
@given(
    status=st.integers(200, 599).filter(lambda code: code not in (204, 205, 304)), after=st.integers(0, 999)
)
def test_a_hop_keeps_status_and_retry_after(places, status, after):
    got, headers, _ = ask(f"{places[2]}/order", {"status": status, "after": str(after)})
    assert (got, headers["retry-after"]) == (status, str(after))


@settings(max_examples=10, deadline=None)
@given(st.lists(st.text(min_size=1), max_size=5))
def test_a_hop_keeps_every_byte_of_a_stream(places, pieces):
    assert ask(f"{places[2]}/pieces", {"pieces": pieces})[2] == "".join(pieces)


def test_the_first_piece_passes_before_the_last_is_made(places):
    request = urllib.request.Request(
        f"{places[2]}/pieces",
        b'{"pieces": ["a", "b", "c"], "pause_s": 0.2}',
        {"content-type": "application/json"},
    )
    start = time.perf_counter()
    with servers.ask(request) as reply:
        assert reply.read(1) == b"a"
        first = time.perf_counter() - start
        reply.read()
    assert first < 0.6 * (time.perf_counter() - start)


def test_a_reader_who_hangs_up_stops_the_work_two_services_away(places):
    app, _, url = places
    before = app.state.finished
    slowly = b'{"pieces": ["a", "b"], "pause_s": 0.3}'
    request = urllib.request.Request(f"{url}/pieces", slowly, {"content-type": "application/json"})
    reply = servers.ask(request)
    reply.read(1)
    reply.close()
    time.sleep(1)
    assert app.state.finished == before and app.state.active == 0


@pytest.mark.parametrize("asked", ["0.6", "600", "-1", "nonsense", "1e9", "nan", ""])
def test_a_caller_can_shorten_the_time_but_not_extend_it(places, asked):
    left = json.loads(ask(f"{places[2]}/order", {}, x_time_left=asked)[2])["left"]
    assert left < 0.9 * (0.6 if asked == "0.6" else 2)


def test_the_innermost_service_gives_up_first(places):
    start = time.perf_counter()
    status, _, text = ask(f"{places[2]}/order", {"pause_s": 3}, x_time_left="0.3")
    assert status == 504 and json.loads(text)["title"] == "Out of time"
    assert time.perf_counter() - start < 1.5


@pytest.mark.parametrize("given", ["no spaces allowed", "x" * 65, "naïve", ""])
def test_an_id_that_could_do_harm_is_replaced(given):
    scope = {"headers": [(b"x-request-id", given.encode("latin-1"))]}
    assert re.fullmatch(r"[0-9a-f]{32}", RequestContext(None, "shop", 5).read(scope).request_id)


def test_one_id_goes_through_both_services_and_injected_headers_go_along(places, monkeypatch):
    monkeypatch.setattr(hops, "INJECT", [lambda headers: headers.update({"x-request-id": "of-my-own"})])
    _, headers, _ = ask(f"{places[2]}/refuse", {}, x_request_id="walk-8")
    assert headers["x-request-id"] == "walk-8"  # the porter's; the shop heard the injected one
    assert json.loads(ask(f"{places[2]}/refuse", {})[2])["instance"] == "of-my-own"


def test_health_needs_nobody_and_readiness_needs_the_next_service(places):
    assert ask(f"{places[2]}/ready")[0] == ask(f"{places[2]}/health")[0] == 200
    with web.serve(porter("http://127.0.0.1:9"), "alone") as alone:
        assert ask(f"{alone.url}/health")[0] == 200
        status, headers, text = ask(f"{alone.url}/ready")
        assert (status, headers["retry-after"]) == (503, "5") and "shop" in json.loads(text)["detail"]
        assert ask(f"{alone.url}/order", {})[0] == 502


def test_an_event_is_one_line_whatever_it_holds():
    assert event({"delta": "a\nb"}, "done").decode().splitlines() == [
        "event: done",
        'data: {"delta": "a\\nb"}',
        "",
    ]
