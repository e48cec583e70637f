"""The scripted model in Anthropic's and Google's formats, asked by their own packages over real HTTP."""

import asyncio
import json
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import anthropic
import openai
import pytest
from acting import perform
from google.genai import errors
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import rehearsal, vendors
from coursekit.providers import (
    AnthropicProvider,
    GoogleProvider,
    OpenAIProvider,
    for_anthropic,
    for_google,
)
from coursekit.rehearsal import call, malformed_json, rate_limited, refuse, say, server_error
from coursekit.rehearsal_server import stage

VENDORS = ("openai", "anthropic", "google")
ERRORS = (openai.APIStatusError, anthropic.APIStatusError, errors.APIError)
TOOLS = [
    {"name": name, "description": f"{name} a thing", "parameters": {"type": "object", "properties": {}}}
    for name in ("find", "keep")
]
HELLO = [{"role": "user", "content": "Hello"}]
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
arguments = st.dictionaries(words, st.integers(-9, 9) | words, max_size=2)
calls = st.lists(st.tuples(st.sampled_from(["find", "keep"]), arguments, words), min_size=1, max_size=3)
steps = st.lists(
    st.tuples(st.just("user"), words)
    | st.tuples(st.just("assistant"), words)
    | st.tuples(st.just("calls"), calls),
    max_size=5,
)

pytestmark = pytest.mark.usefixtures("empty_stage")


@pytest.fixture(scope="module")
def run() -> Iterator:
    """One event loop for all clients of this module."""
    with pytest.MonkeyPatch.context() as surroundings, asyncio.Runner() as runner:
        surroundings.setenv("COURSE_MODEL", "rehearsal")
        yield runner.run


@pytest.fixture(scope="module")
def providers(run) -> dict:
    return {
        "openai": OpenAIProvider(vendors.rehearsed(), "actor"),
        "anthropic": AnthropicProvider(*vendors.anthropic("actor")),
        "google": GoogleProvider(*vendors.google("actor")),
    }


def conversation(system: str, story: list) -> list[dict]:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "begin"}]
    for place, (kind, what) in enumerate(story):
        if kind != "calls":
            messages.append({"role": kind, "content": what})
            continue
        made = [
            {
                "id": f"c{place}_{i}",
                "type": "function",
                "function": {"name": n, "arguments": json.dumps(given)},
            }
            for i, (n, given, _) in enumerate(what)
        ]
        messages.append({"role": "assistant", "content": "", "tool_calls": made})
        messages += [
            {"role": "tool", "tool_call_id": each["id"], "content": result}
            for each, (*_, result) in zip(made, what, strict=True)
        ]
    return messages


def _made(key: str, name: str, given: dict) -> dict:
    return {"id": key, "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}


def gist(messages: list[dict]) -> list:
    """Who said what, ids aside; two turns of one side count as one."""
    told, names = [], {}
    for message in messages:
        made = message.get("tool_calls", ())
        names |= {each["id"]: each["function"]["name"] for each in made}
        asks = [[each["function"]["name"], json.loads(each["function"]["arguments"])] for each in made]
        by = names.get(message.get("tool_call_id"))
        if told and told[-1][0] == message["role"] != "tool":
            told[-1][1] += message["content"]
            told[-1][2].extend(asks)
        else:
            told.append([message["role"], message["content"], asks, by])
    return told


@settings(max_examples=40, deadline=None)
@given(system=words, story=steps)
def test_a_policy_is_asked_the_same_in_all_three_formats(run, providers, system, story):
    heard = []
    perform(lambda request: heard.append(request) or say("heard"))
    messages = conversation(system, story)
    for provider in providers.values():
        assert run(provider.complete(messages, TOOLS)).text == "heard"
    assert [gist(request.messages) for request in heard] == [gist(messages)] * 3
    assert [list(request.tools) for request in heard] == [["find", "keep"]] * 3
    assert [request.max_tokens for request in heard] == [300] * 3


@given(system=words, story=steps)
def test_turns_alternate_and_begin_with_the_user(system, story):
    messages = conversation(system, story)
    for form, other in ((for_anthropic, "assistant"), (for_google, "model")):
        roles = [turn["role"] for turn in form(messages)]
        assert roles == (["user", other] * len(roles))[: len(roles)]


@pytest.mark.parametrize("vendor", VENDORS)
@given(text=words, given_=arguments)
@settings(max_examples=15, deadline=None)
def test_what_a_policy_says_and_calls_arrives_whole(run, providers, vendor, text, given_):
    perform([say(text), call("find", **given_), call("find")])
    reply = run(providers[vendor].complete(HELLO, TOOLS))
    assert reply.text == text
    assert [(each.name, each.arguments) for each in reply.calls] == [("find", given_), ("find", {})]
    assert len({each.id for each in reply.calls}) == 2
    assert reply.input_tokens > 0 and reply.output_tokens > 0


@pytest.mark.parametrize(
    "vendor, stop, cut, wants",
    [
        ("openai", "stop", "length", "tool_calls"),
        ("anthropic", "end_turn", "max_tokens", "tool_use"),
        ("google", "STOP", "MAX_TOKENS", "STOP"),
    ],
)
def test_each_vendor_has_its_own_word_for_the_end(run, providers, vendor, stop, cut, wants):
    perform(lambda request: call("find") if request.tools else say("one two three four"))
    ask = providers[vendor].complete
    assert run(ask(HELLO)).finish == stop
    assert run(ask(HELLO, max_tokens=2)).finish == cut
    assert run(ask(HELLO, TOOLS)).finish == wants


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("fault, status", [(rate_limited(0.25), 429), (server_error(), 500)])
def test_a_fault_arrives_once_as_that_vendors_own_error(run, providers, vendor, fault, status):
    perform(fault)
    with pytest.raises(ERRORS) as caught:
        run(providers[vendor].complete(HELLO))
    error = caught.value
    assert type(error).__module__.startswith({"google": "google.genai"}.get(vendor, vendor))
    assert getattr(error, "status_code", getattr(error, "code", 0)) == status and str(fault) in str(error)
    assert error.response.headers.get("retry-after") == ("0.25" if status == 429 else None)
    assert len(rehearsal.log) == 1


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_unknown_model_is_named_in_the_refusal(run, providers, vendor):
    with pytest.raises(ERRORS, match="no policy is named 'actor'"):
        run(providers[vendor].complete(HELLO))


@pytest.mark.parametrize(
    "path, header, kind",
    [
        ("/messages", "x-api-key", "authentication_error"),
        ("/models/actor:generateContent", "x-goog-api-key", "UNAUTHENTICATED"),
    ],
)
@pytest.mark.parametrize("key", ["wrong", ""])
def test_a_wrong_key_is_refused_in_the_vendors_words(path, header, kind, key):
    status, body = post(path, {"contents": []}, {header: key} if key else {})
    assert status == 401 and kind in body and stage().key not in body


@pytest.mark.parametrize("vendor", VENDORS)
def test_counting_asks_no_policy_and_grows_with_the_text(run, providers, vendor):
    perform(lambda request: pytest.fail("a policy was asked"))
    count = providers[vendor].count_tokens
    told = [{"role": "system", "content": "Be brief."}, *HELLO]
    assert run(count(told)) > run(count(HELLO)) == len(rehearsal.tokens("Hello"))


def test_a_refusal_is_told_apart_from_an_answer(run, providers):
    perform(refuse("I would rather not."))
    claude = run(providers["anthropic"].complete(HELLO))
    assert (claude.finish, claude.text) == ("refusal", "I would rather not.")
    assert run(providers["openai"].complete(HELLO)).text == "I would rather not."
    gemini = run(providers["google"].complete(HELLO))
    assert (gemini.finish, gemini.text) == ("SAFETY", "")


@pytest.mark.parametrize("vendor", ["anthropic", "google"])
def test_arguments_that_do_not_parse_cannot_be_sent_as_an_object(run, providers, vendor):
    perform(malformed_json('{"a": ', tool="find"))
    with pytest.raises(ERRORS, match="which is no JSON"):
        run(providers[vendor].complete(HELLO, TOOLS))


@pytest.mark.parametrize(
    "path, body, why",
    [
        ("/messages", {"model": "actor", "messages": HELLO}, "max_tokens: Field required"),
        (
            "/messages",
            {"model": "actor", "max_tokens": 9, "messages": HELLO, "stream": True},
            "not rehearsed",
        ),
        (
            "/messages",
            {"model": "actor", "max_tokens": 9, "messages": [{"role": "system", "content": "x"}]},
            "neither",
        ),
        ("/messages", {"model": "actor", "max_tokens": 9}, "not the form of the API"),
        ("/models/actor:generateContent", {"contents": []}, "the conversation is empty"),
        ("/models/actor:generateContent", {"contents": [{"role": "bot", "parts": []}]}, "valid role"),
        (
            "/models/actor:generateContent",
            {"contents": [{"parts": [{"functionResponse": {"name": "find", "response": {}}}]}]},
            "no open call",
        ),
    ],
)
def test_a_request_that_the_vendor_would_refuse_is_refused(path, body, why):
    perform(say("fine"))
    status, said = post(path, body, {"x-api-key": stage().key})
    assert status == 400 and why in said


@pytest.mark.parametrize("choice, offered", [("any", True), ("tool", True), ("none", False), ("auto", True)])
def test_the_wish_for_a_tool_is_heard(choice, offered):
    heard = []
    perform(
        lambda request: heard.append(request) or (call("find") if request.must_call else say("as I like"))
    )
    body = {"model": "actor", "max_tokens": 9, "messages": HELLO, "tool_choice": {"type": choice}}
    if choice == "tool":
        body["tool_choice"]["name"] = "find"
    body["tools"] = [{"name": "find", "input_schema": {"type": "object"}}]
    status, said = post("/messages", body, {"x-api-key": stage().key})
    assert status == 200 and bool(heard[0].tools) == offered
    assert ("tool_use" in said) == (choice in ("any", "tool"))


def test_no_proxy_is_asked_about_loopback(run, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    perform(say("here"))
    direct = [
        OpenAIProvider(vendors.rehearsed(), "actor"),
        AnthropicProvider(*vendors.anthropic("actor")),
        GoogleProvider(*vendors.google("actor")),
    ]
    assert [run(provider.complete(HELLO)).text for provider in direct] == ["here"] * 3


def post(path: str, body: dict, headers: dict) -> tuple[int, str]:
    asked = Request(stage().base_url + path, json.dumps(body).encode(), headers)
    try:
        with urlopen(asked) as reply:
            return reply.status, reply.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
