"""The server that misbehaves to order, seen from the other end of the wire."""

import http.client
import json
import threading
from urllib.parse import urlsplit

import pytest

from coursekit.witness import END, Witness, frame


@pytest.fixture(scope="module")
def server():
    server = Witness()
    yield server
    server.stop()


@pytest.fixture
def watch(server):
    server.forget()
    return server


def ask(watch, model, user="", headers=None):
    connection = http.client.HTTPConnection(urlsplit(watch.url).netloc, timeout=5)
    body = json.dumps({"model": model, "user": user})
    connection.request(
        "POST", "/v1/chat/completions", body, {"Content-Type": "application/json"} | (headers or {})
    )
    reply = connection.getresponse()
    return reply, reply.read().decode()


def test_a_stream_is_sent_to_the_letter(watch):
    watch.streams["odd"] = ["data:{}\n\n", frame("Hi", "stop", blank=""), END]
    _, text = ask(watch, "streams", "odd")
    assert text == "".join(watch.streams["odd"])


def test_it_is_busy_once(watch):
    first, second = ask(watch, "busy once"), ask(watch, "busy once")
    assert (first[0].status, first[0].headers["Retry-After"], second[0].status) == (429, "0.4", 200)


def test_an_order_with_a_key_is_taken_once(watch):
    for key in ("a", "a", "b"):
        ask(watch, "shop", headers={"Idempotency-Key": key})
    ask(watch, "shop")
    assert watch.orders == ["a", "b", None]


def test_a_ninth_is_refused_while_eight_are_inside(watch):
    statuses = []
    threads = [
        threading.Thread(target=lambda: statuses.append(ask(watch, "eight at once")[0].status))
        for _ in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) >= 8 and statuses.count(200) + statuses.count(429) == 24
    assert watch.inside == 0 and ask(watch, "eight at once")[0].status == 200


def test_it_knows_when_a_reader_hangs_up_and_after_how_many_words(watch):
    connection = http.client.HTTPConnection(urlsplit(watch.url).netloc, timeout=5)
    connection.request("POST", "/v1/chat/completions", json.dumps({"model": "drip"}))
    reply = connection.getresponse()
    assert b"word1" in reply.readline()
    reply.close()
    connection.close()
    for _ in range(200):
        if watch.hung_up:
            break
        threading.Event().wait(0.02)
    [words] = watch.hung_up
    assert 1 <= words < 10


def test_each_connection_is_noted_as_its_own(watch):
    for _ in range(3):
        ask(watch, "quick")
    assert len({seen.connection for seen in watch.seen}) == len(watch.seen) == 3
