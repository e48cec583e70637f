"""The translator: the same program in two languages, byte for byte."""

import asyncio
import json

import aiohttp
import psutil
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from test_acl import messages
from test_talking import closed

from coursekit import mqtt, talk_bus, translator
from coursekit.acl import Message
from coursekit.talk_web import site
from coursekit.talking import robot
from coursekit.wire import as_json, from_json

LANGUAGES = ["python", "node"] if translator.node() else ["python"]
CALL = Message("cfp", "manager", ("r1",), "(deliver p7 d2)", reply_with="m1")


@pytest.fixture(scope="module")
def broker():
    with mqtt.start("for tests of the translator") as running:
        yield running


@pytest.fixture(scope="module", params=LANGUAGES)
def running(broker, request):
    agents = {"manager": "http://127.0.0.1:9/nobody"}
    server = translator.start(broker, agents, language=request.param, patience_s=0.3)
    yield server
    children = psutil.Process().children(recursive=True)
    server.stop()
    assert closed(server.port)
    assert psutil.wait_procs([each for each in children if not each.is_running()], timeout=5)[1] == []


async def post(server, body, path="/agents/r1/messages", method="POST", token=None) -> tuple[int, str]:
    key = {"authorization": f"Bearer {token or server.token}"}
    asked = {"method": method, "url": server.url + path, "data": body, "headers": key}
    async with aiohttp.ClientSession() as http, http.request(**asked) as reply:
        return reply.status, await reply.text()


def test_a_question_by_http_is_answered_by_mqtt_and_refusals_say_why(broker, running):
    async def story():
        async with talk_bus.serve_mqtt(robot, talk_bus.login(broker)):
            answer = await post(running, as_json(CALL))
        return answer, [
            await post(running, as_json(CALL), token="guess"),
            await post(running, as_json(CALL), path="/agents"),
            await post(running, as_json(CALL), path="/agents/r1%2F%23/messages"),
            await post(running, None, method="GET"),
            await post(running, b"\xff"),
            await post(running, b'{"sender":"toString","reply_with":"x"}'),
            await post(running, b'{"sender":"manager","reply_with":NaN}'),
            await post(running, b"x" * 64_001),
            await post(running, as_json(CALL), path="/agents/r9/messages"),
        ]

    answer, refused = asyncio.run(story())
    assert answer == (200, as_json(robot(CALL)))
    assert [status for status, _ in refused] == [401, 404, 404, 404, 400, 400, 400, 413, 504]
    assert refused[0][1] == '{"error":"no valid token"}'
    assert all(set(json.loads(text)) == {"error"} for _, text in refused)


def test_the_same_key_twice_at_once_is_refused_and_the_first_is_answered_late(running):
    async def story():
        first = asyncio.ensure_future(post(running, as_json(CALL), path="/agents/r8/messages"))
        await asyncio.sleep(0.1)
        return await post(running, as_json(CALL)), await first

    second, first = asyncio.run(story())
    assert (first[0], second[0]) == (504, 409)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_by_mqtt_is_answered_by_http(broker, language):
    async def story():
        async def inbox(request):
            asked = from_json(await request.read())
            return web.Response(text=as_json(asked.reply("agree", "manager", asked.content)))

        async with site(web.post("/inbox", inbox)) as url, broker.client("r2") as r2:
            agents = {"manager": f"{url}/inbox"}
            server = await asyncio.to_thread(translator.start, broker, agents, language=language)
            await r2.subscribe("agents/r2/inbox", qos=1)
            for payload in (b"", b"[]", b'{"receiver":["constructor"]}', b"\xff"):
                await r2.publish("agents/manager/inbox", payload, qos=1)
            asks = Message("request", "r2", ("manager",), "(charge r2)", reply_with="q")
            await r2.publish("agents/manager/inbox", as_json(asks), qos=1)
            answer = (await asyncio.wait_for(anext(r2.messages), 5)).payload.decode()
            await asyncio.to_thread(server.stop)
            return answer, as_json(asks.reply("agree", "manager", "(charge r2)"))

    answer, wanted = asyncio.run(story())
    assert answer == wanted


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4) | st.just("manager"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["sender", "reply_with", "receiver", "__proto__"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@pytest.mark.skipif(len(LANGUAGES) < 2, reason="Node.js is not installed")
def test_both_languages_answer_any_body_alike(broker):
    answers = {}

    async def answering():
        """An agent that answers whatever names a key."""
        async with broker.client("echo") as client:
            await client.subscribe("agents/echo/inbox", qos=1)
            async for each in client.messages:
                key = json.loads(each.payload)["reply_with"]
                said = json.dumps({"receiver": ["manager"], "in_reply_to": key})
                await client.publish("agents/manager/inbox", said, qos=1)

    bodies = st.binary(max_size=30) | anything.map(json.dumps).map(str.encode)
    bodies |= messages.map(as_json).map(str.encode)

    @settings(max_examples=60, database=None)
    @given(bodies)
    def collect(body):
        answers[body] = None

    collect()

    async def story():
        echo = asyncio.ensure_future(answering())
        await asyncio.sleep(0.1)
        for language in LANGUAGES:
            agents = {"manager": "http://127.0.0.1:9/nobody"}
            server = await asyncio.to_thread(translator.start, broker, agents, language=language)
            found = [await post(server, body, path="/agents/echo/messages") for body in answers]
            await asyncio.to_thread(server.stop)
            yield found
        echo.cancel()
        await asyncio.gather(echo, return_exceptions=True)

    async def both():
        return [found async for found in story()]

    python, node = asyncio.run(both())
    assert python == node and {status for status, _ in python} >= {400}
