"""Boards, certificates, and strangers at every door."""

import asyncio
import ssl
from datetime import UTC, datetime

import aiohttp
import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import certificates, mqtt, strangers, talk_bus, talk_web
from coursekit.boards import Board, events, status_board
from coursekit.talking import until


@pytest.fixture(scope="module", autouse=True)
def no_dds_is_left():
    yield
    talk_bus.leave()


def test_only_those_who_should_are_let_in():
    async def story():
        rules = {"r1": {"publish": ["robots/r1/#"], "subscribe": ["agents/r1/inbox"]}}
        rules["manager"] = {"subscribe": ["robots/#"]}
        found = await strangers.at_grpc() | await strangers.at_websocket() | await strangers.at_mcp()
        return found | await strangers.at_mqtt(rules) | await strangers.at_dds()

    found = asyncio.run(story())
    assert {who for who, answer in found.items() if answer == "let in"} == {
        "gRPC, a token", "WebSocket, page of board.example", "TLS, trusting our authority",
        "DDS, whoever knows the number",
    }  # fmt: skip
    assert (
        found["gRPC, no token"] == "UNAUTHENTICATED"
        and found["MCP, by the name evil.example"] == "status 421"
    )
    assert found["TLS, trusting another one"] == "SSLCertVerificationError"


def test_without_rules_the_same_stranger_is_let_in():
    found = asyncio.run(strangers.at_mqtt({}))
    assert found["MQTT, r1 speaks for r2"] == found["MQTT, r1 reads the manager's mail"] == "let in"
    assert found["MQTT, wrong password"] == "MqttConnectError"


def test_a_token_opens_what_its_scope_says_and_cors_protects_no_server():
    found = asyncio.run(strangers.at_rest())
    assert [who for who, status in found.items() if status == 201] == ["the manager"]
    assert found["the board, which may only read"] == 403 and found["a wrong secret, for a token"] == 401
    assert found["preflight from board.example"] == 200 and found["preflight from evil.example"] == 400
    assert found["notes that evil.example left all the same"] == 1


def test_a_certificate_names_its_address_is_signed_by_its_authority_and_is_valid_now():
    own = certificates.make()
    now = datetime.now(UTC)
    own.certificate.verify_directly_issued_by(own.authority)
    assert own.certificate.not_valid_before_utc < now < own.certificate.not_valid_after_utc
    names = own.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    constraints = own.authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert constraints.ca and constraints.path_length == 0


def test_a_certificate_for_another_address_does_not_pass():
    async def story():
        other = certificates.make("127.0.0.2")

        async def stays(reader, writer):
            await reader.read()

        server = await asyncio.start_server(stays, "127.0.0.1", 0, ssl=other.server)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
            await asyncio.open_connection("127.0.0.1", port, ssl=other.client)
        server.close()

    asyncio.run(story())


@settings(max_examples=10)
@given(
    st.lists(st.text("abc ", min_size=1, max_size=5).map(str.strip).filter(bool), max_size=6),
    st.integers(0, 6),
)
def test_a_board_tells_what_comes_after_a_number_by_poll_and_by_stream(states, after):
    async def story():
        board = Board()
        for state in states:
            await board.put(state)
        async with (
            talk_web.served(status_board(board), "board of a test") as url,
            aiohttp.ClientSession() as http,
        ):
            async with http.get(f"{url}/states", params={"after": after}) as reply:
                polled = [tuple(each) for each in await reply.json()]
            followed, stream = [], events(f"{url}/stream", after=after)
            for _ in polled:
                followed.append(await anext(stream))
            await stream.aclose()
            await until(lambda: board.asked["polls"] == 1)
        return polled, followed

    polled, followed = asyncio.run(story())
    assert polled == followed == list(enumerate(states, 1))[after:]


def test_a_follower_that_waits_is_woken():
    async def story():
        board = Board()
        waiting = asyncio.ensure_future(anext(board.after(0)))
        await asyncio.sleep(0.01)
        await board.put("idle")
        return await asyncio.wait_for(waiting, 1)

    assert asyncio.run(story()) == "id: 1\ndata: idle\n\n"


def test_listeners_of_a_broker_that_is_gone_say_so():
    broker = mqtt.start("gone")
    broker.stop()

    async def story():
        async with mqtt.listeners(broker, eye="#"):
            pass

    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(story(), 1))
