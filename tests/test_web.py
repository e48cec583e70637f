"""Services of a notebook: served for real, replaced by name, stopped politely."""

import threading
import time

import pytest
from fastapi import FastAPI

from coursekit import servers, web
from coursekit.errors import CourseError


def greeter(word: str) -> FastAPI:
    app = FastAPI()

    @app.get("/word")
    def say() -> str:
        return word

    @app.get("/slow")
    def wait() -> str:
        time.sleep(0.3)
        return word

    return app


def test_a_service_answers_on_loopback_and_frees_its_port_when_stopped():
    with web.serve(greeter("hello"), "greeter") as service:
        assert service.url.startswith("http://127.0.0.1:")
        assert servers.ask(f"{service.url}/word").read() == b'"hello"'
    with pytest.raises(OSError):
        servers.ask(f"{service.url}/word", timeout=1)
    service.stop()
    assert repr(service) == "greeter on loopback, stopped"


def test_a_cell_run_twice_leaves_one_service():
    first = web.serve(greeter("first"), "greeter")
    second = web.serve(greeter("second"), "greeter")
    assert (first.alive, second.alive) == (False, True)
    assert servers.ask(f"{second.url}/word").read() == b'"second"'
    second.stop()


def test_a_request_that_is_running_is_answered_before_the_end():
    service, answers = web.serve(greeter("late"), "greeter"), []
    asking = threading.Thread(target=lambda: answers.append(servers.ask(f"{service.url}/slow").read()))
    asking.start()
    time.sleep(0.1)
    service.stop()
    asking.join()
    assert answers == [b'"late"']


def test_an_application_that_cannot_start_says_so():
    async def broken(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(CourseError, match="broken did not start"):
        web.serve(broken, "broken")
