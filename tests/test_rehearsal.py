"""The scripted model, asked by the real `openai` client over real HTTP."""

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import openai
import pydantic
import pytest
from acting import perform
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import llm, rehearsal, rehearsal_server
from coursekit.rehearsal import call, refuse, say
from tools.project import ROOT

APIS = ("chat", "responses", "chat stream", "responses stream")
LOOK_UP = {
    "name": "look_up",
    "description": "Capital of a country",
    "parameters": {
        "type": "object",
        "properties": {"country": {"type": "string"}},
        "required": ["country"],
        "additionalProperties": False,
    },
}
CHAT_TOOL = {"type": "function", "function": LOOK_UP}
RESPONSES_TOOL = {"type": "function", **LOOK_UP}
STRICT_TOOL = {"type": "function", "function": LOOK_UP | {"strict": True}}
OFFERED, OFFERED_STRICTLY = {"tools": [CHAT_TOOL]}, {"tools": [STRICT_TOOL]}
SPEAKERS = ("system", "developer", "user", "assistant")
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))

pytestmark = pytest.mark.usefixtures("empty_stage")


class City(pydantic.BaseModel):
    name: str
    people: int


@pytest.fixture(scope="module", autouse=True)
def rehearsed() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("COURSE_MODEL", "rehearsal")
        yield


@pytest.fixture(scope="module")
def client(rehearsed) -> Iterator[openai.OpenAI]:
    with llm.client() as client:
        yield client


def user(text: str) -> list[dict]:
    return [{"role": "user", "content": text}]


def chat(client: openai.OpenAI, messages: list | str = "go", **options):
    messages = user(messages) if isinstance(messages, str) else messages
    return client.chat.completions.create(model="actor", messages=messages, **options)


def responses(client: openai.OpenAI, given: list | str = "go", **options):
    return client.responses.create(model="actor", input=given, **options)


def ask(client: openai.OpenAI, api: str, text: str = "go") -> str:
    """The answer's text, by any of the four ways to ask."""
    if api == "chat":
        return chat(client, text).choices[0].message.content
    if api == "responses":
        return responses(client, text).output_text
    if api == "chat stream":
        return "".join(chunk.choices[0].delta.content or "" for chunk in chat(client, text, stream=True))
    events = responses(client, text, stream=True)
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def statuses() -> list[int | None]:
    return [exchange.status for exchange in rehearsal.log]


# What is said arrives.


@pytest.mark.parametrize("api", APIS)
@settings(max_examples=25, deadline=None)
@given(question=ANY_TEXT.filter(bool), reply=ANY_TEXT)
def test_any_question_and_any_answer_arrive_letter_by_letter(client, api, question, reply):
    asked = []
    perform(lambda request: asked.append(request.user) or say(reply))
    assert ask(client, api, question) == reply
    assert asked == [question]


def test_even_half_a_surrogate_pair_arrives(client):
    perform(say("\ud83e"))
    assert [ask(client, api) for api in APIS] == ["\ud83e"] * 4


@given(ANY_TEXT)
def test_tokens_joined_are_the_text_and_none_is_empty_or_holds_two_words(text):
    pieces = rehearsal.tokens(text)
    assert "".join(pieces) == text
    assert all(piece and len(piece.split()) <= 1 and len(piece.strip()) <= 4 for piece in pieces)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(SPEAKERS), ANY_TEXT), min_size=1))
def test_a_policy_sees_the_same_conversation_through_both_apis(client, turns):
    messages = [{"role": role, "content": text} for role, text in turns]
    seen = []
    perform(lambda request: seen.append(request) or say("ok"))
    first, second = chat(client, messages), responses(client, messages)
    assert seen[0].messages == seen[1].messages == messages
    assert seen[0].tokens == seen[1].tokens == first.usage.prompt_tokens == second.usage.input_tokens


def test_a_policy_sees_user_system_tools_schema_and_the_body_as_it_came(client):
    seen = []
    perform(lambda request: seen.append(request) or say("{}"))
    messages = [{"role": "system", "content": "Be brief."}, *user("first"), *user("last")]
    shape = {"type": "json_schema", "json_schema": {"name": "any", "schema": {"type": "object"}}}
    chat(client, messages, tools=[CHAT_TOOL], response_format=shape, temperature=0.5)
    [request] = seen
    assert (request.model, request.user, request.system, request.attempt) == ("actor", "last", "Be brief.", 0)
    assert request.tools == {"look_up": LOOK_UP}
    assert request.schema == {"type": "object"}
    assert request.body["temperature"] == 0.5


def test_content_given_in_parts_is_read_as_one_text(client):
    perform(lambda request: say(request.user))
    parts = [{"type": "text", "text": "one, "}, {"type": "text", "text": "two"}]
    assert chat(client, [{"role": "user", "content": parts}]).choices[0].message.content == "one, two"
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
    assert chat(client, [{"role": "user", "content": [image]}]).choices[0].message.content == "[image_url]"


def test_instructions_of_the_responses_api_are_the_system(client):
    perform(lambda request: say(request.system))
    assert responses(client, "go", instructions="Be brief.").output_text == "Be brief."


def test_usage_counts_tokens_of_the_documented_rule(client):
    perform(say("four score"))  # 'four' ' scor' 'e'
    usage = chat(client, "and seven years").usage  # 'and' ' seve' 'n' ' year' 's'
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (5, 3, 8)
    *_, last = chat(client, "and seven years", stream=True, stream_options={"include_usage": True})
    assert (last.choices, last.usage) == ([], usage)


def test_an_answer_is_cut_at_the_limit_and_says_so(client):
    perform(say("four score and seven"))
    choice = chat(client, max_completion_tokens=2).choices[0]
    assert (choice.message.content, choice.finish_reason) == ("four scor", "length")
    response = responses(client, max_output_tokens=2)
    assert (response.output_text, response.status) == ("four scor", "incomplete")
    assert response.incomplete_details.reason == "max_output_tokens"
    assert chat(client, max_tokens=99).choices[0].finish_reason == "stop"


# Streams are the plain reply in pieces.


@pytest.mark.parametrize(
    "reply",
    [
        say("Paris, on the Seine."),
        refuse("I would rather not."),
        call("look_up", country="Île-de-France"),
        [say("Two look-ups."), call("look_up", country="France"), call("look_up", country="Italy")],
    ],
    ids=["text", "refusal", "call", "text and calls"],
)
def test_a_stream_put_together_by_the_client_equals_the_plain_reply(client, reply):
    perform(reply)
    asked = {"model": "actor", "messages": user("go"), **OFFERED_STRICTLY}
    with client.chat.completions.stream(**asked) as stream:
        streamed = stream.get_final_completion()
    assert gist(streamed) == gist(client.chat.completions.create(**asked))
    asked = {"model": "actor", "input": "go", "tools": [RESPONSES_TOOL]}
    with client.responses.stream(**asked) as stream:
        streamed = stream.get_final_response()
    assert streamed.to_dict() == client.responses.parse(**asked).to_dict()


def gist(completion) -> tuple:
    """All that a reader of a completion goes by (the client adds fields of its own to a streamed one)."""
    [choice] = completion.choices
    calls = [
        (made.id, made.function.name, made.function.arguments) for made in choice.message.tool_calls or ()
    ]
    return completion.id, choice.finish_reason, choice.message.content, choice.message.refusal, calls


def test_events_of_the_responses_api_are_numbered_from_zero(client):
    perform([say("Well."), call("look_up", country="France")])
    events = list(responses(client, stream=True, tools=[RESPONSES_TOOL]))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


# Tools.


def look_up_first(request):
    found = request.results("look_up")
    return say(f"It is {found[-1]}.") if found else call("look_up", country=request.user)


def test_a_tool_is_called_and_its_result_answered_by_chat(client):
    perform(look_up_first)
    messages = user("France")
    asked = chat(client, messages, tools=[CHAT_TOOL]).choices[0]
    [made] = asked.message.tool_calls
    assert (asked.finish_reason, made.function.name) == ("tool_calls", "look_up")
    assert json.loads(made.function.arguments) == {"country": "France"}
    messages += [asked.message, {"role": "tool", "tool_call_id": made.id, "content": "Paris"}]
    assert chat(client, messages, tools=[CHAT_TOOL]).choices[0].message.content == "It is Paris."


def test_a_tool_is_called_and_its_result_answered_by_responses(client):
    perform(look_up_first)
    conversation = user("France")
    [made] = responses(client, conversation, tools=[RESPONSES_TOOL]).output
    conversation += [made, {"type": "function_call_output", "call_id": made.call_id, "output": "Paris"}]
    assert responses(client, conversation, tools=[RESPONSES_TOOL]).output_text == "It is Paris."


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_calls_made_at_once_get_their_results_in_order_whatever_the_order_they_come_in(client, api):
    both = [call("look_up", country="France"), call("look_up", country="Italy")]
    perform(lambda request: say(" ".join(request.results())) if request.results() else both)
    messages = user("go")
    if api == "chat":
        message = chat(client, messages, tools=[CHAT_TOOL]).choices[0].message
        paris, rome = (made.id for made in message.tool_calls)
        messages += [message]
        messages += [{"role": "tool", "tool_call_id": rome, "content": "Rome"}]
        messages += [{"role": "tool", "tool_call_id": paris, "content": "Paris"}]
        assert chat(client, messages, tools=[CHAT_TOOL]).choices[0].message.content == "Rome Paris"
    else:
        output = responses(client, messages, tools=[RESPONSES_TOOL]).output
        results = zip(output, ["Paris", "Rome"], strict=True)
        answers = [{"type": "function_call_output", "call_id": c.call_id, "output": r} for c, r in results]
        reply = responses(client, messages + output + answers, tools=[RESPONSES_TOOL])
        assert reply.output_text == "Paris Rome"


def test_a_call_without_its_result_is_refused_and_named(client):
    perform(look_up_first)
    message = chat(client, tools=[CHAT_TOOL]).choices[0].message
    with pytest.raises(openai.BadRequestError, match=f"none came for {message.tool_calls[0].id}"):
        chat(client, [*user("go"), message, *user("and?")], tools=[CHAT_TOOL])
    late = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "Paris"}
    with pytest.raises(openai.BadRequestError, match="right after it"):
        chat(client, [*user("go"), message, *user("and?"), late], tools=[CHAT_TOOL])
    with pytest.raises(openai.BadRequestError, match="'call_x', which no open call has"):
        chat(client, [*user("go"), {"role": "tool", "tool_call_id": "call_x", "content": "Paris"}])


@pytest.mark.parametrize(
    ("reply", "options", "reason"),
    [
        (call("erase"), OFFERED, "called the tool 'erase', which was not offered; offered: look_up"),
        (call("look_up"), {}, "not offered; offered: none"),
        (call("look_up"), OFFERED | {"tool_choice": "none"}, "not offered; offered: none"),
        (call("look_up"), OFFERED_STRICTLY, "the schema forbids: 'country' is a required property"),
        (say("no"), OFFERED | {"tool_choice": "required"}, "said 'no', but tool_choice asks for a call"),
        ([call("look_up")] * 2, OFFERED | {"parallel_tool_calls": False}, "made 2 calls, but"),
        ([say("a"), say("b")], {}, "returned 2 texts and 0 calls"),
        ([], {}, "returned 0 texts and 0 calls"),
        ("Paris", {}, "returned 'Paris'; return say"),
        (None, {}, "returned None; return say"),
        (lambda request: 1 / 0, {}, "raised ZeroDivisionError: division by zero, at `"),
    ],
)
def test_a_policy_that_breaks_a_promise_gives_one_clear_500_and_no_retries(client, reply, options, reason):
    perform(reply)
    with pytest.raises(openai.InternalServerError) as caught:
        chat(client, **options)
    assert str(caught.value).startswith("Error code: 500 - policy 'actor' ")
    assert reason in str(caught.value)
    assert statuses() == [500]


def test_a_tool_that_must_be_called_is_the_only_one_offered(client):
    perform(lambda request: call(*request.tools))
    other = {"type": "function", "function": {"name": "other"}}
    choice = {"type": "function", "function": {"name": "other"}}
    made = chat(client, tools=[CHAT_TOOL, other], tool_choice=choice).choices[0].message.tool_calls
    assert [one.function.name for one in made] == ["other"]
    with pytest.raises(openai.BadRequestError, match="names none of the tools offered: look_up"):
        chat(client, tools=[CHAT_TOOL], tool_choice=choice)


# Structured output.


@pytest.mark.parametrize("form", [City, dict])
def test_structured_output_comes_back_as_the_object_asked_for(client, form):
    perform(form(name="Paris", people=2_100_000))
    paris = City(name="Paris", people=2_100_000)
    message = client.chat.completions.parse(model="actor", messages=user("go"), response_format=City)
    assert message.choices[0].message.parsed == paris
    assert client.responses.parse(model="actor", input="go", text_format=City).output_parsed == paris
    with client.chat.completions.stream(model="actor", messages=user("go"), response_format=City) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == paris


@pytest.mark.parametrize(
    ("reply", "reason"),
    [({"name": "Paris"}, "'people' is a required property"), (say("Paris"), "'Paris', which is not JSON")],
)
def test_an_answer_that_breaks_the_schema_asked_is_a_500_that_says_how(client, reply, reason):
    perform(reply)
    with pytest.raises(openai.InternalServerError, match=reason):
        client.chat.completions.parse(model="actor", messages=user("go"), response_format=City)
    with pytest.raises(openai.InternalServerError, match=reason):
        client.responses.parse(model="actor", input="go", text_format=City)


def test_a_refusal_needs_no_schema(client):
    perform(refuse("No."))
    message = client.chat.completions.parse(model="actor", messages=user("go"), response_format=City)
    assert (message.choices[0].message.refusal, message.choices[0].message.parsed) == ("No.", None)
    [item] = client.responses.parse(model="actor", input="go", text_format=City).output
    assert item.content[0].refusal == "No."


def test_a_schema_that_is_none_is_the_askers_mistake(client):
    perform({})
    shape = {"type": "json_schema", "json_schema": {"name": "odd", "schema": {"type": "town"}}}
    with pytest.raises(openai.BadRequestError, match="no JSON Schema: 'town'"):
        chat(client, response_format=shape)
    with pytest.raises(openai.InternalServerError, match="is not of type 'object'"):
        perform(say("[]"))
        chat(client, response_format={"type": "json_object"})


# Faults.


def test_a_rate_limit_is_waited_out_as_long_as_the_server_says(client):
    perform(lambda request: say("now") if request.attempt else rehearsal.rate_limited(retry_after=0.6))
    start = time.perf_counter()
    assert ask(client, "chat") == "now"
    assert time.perf_counter() - start >= 0.6  # by its own rule the client would wait 0.5 s at most
    assert [(one.attempt, one.status) for one in rehearsal.log] == [(0, 429), (1, 200)]


def test_a_rate_limit_that_stays_ends_in_an_error_with_the_header(client):
    perform(rehearsal.rate_limited(retry_after=0.01))
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client, "responses")
    assert caught.value.response.headers["Retry-After"] == "0.01"
    assert caught.value.code == "rate_limit_exceeded"
    assert statuses() == [429, 429, 429]


@pytest.mark.parametrize("api", APIS)
def test_a_server_error_is_tried_again_by_the_client(client, api):
    perform(lambda request: say("there") if request.attempt else rehearsal.server_error())
    assert ask(client.with_options(max_retries=1), api) == "there"
    assert statuses() == [500, 200]


@pytest.mark.parametrize("api", APIS)
def test_silence_ends_with_the_clients_timeout(client, api):
    perform(rehearsal.times_out())
    start = time.perf_counter()
    with pytest.raises(openai.APITimeoutError):
        ask(client.with_options(timeout=0.1, max_retries=0), api)
    assert 0.1 <= time.perf_counter() - start < 2
    assert statuses() == [None]


def test_a_client_that_would_wait_ten_minutes_is_told_at_once(client):
    perform(rehearsal.times_out())
    with pytest.raises(
        openai.InternalServerError, match="policy 'actor' stays silent, and this client would wait 600 s"
    ):
        ask(client, "chat")
    assert statuses() == [500]


@pytest.mark.parametrize("api", ["chat stream", "responses stream"])
def test_a_broken_stream_gives_its_first_tokens_and_then_an_error(client, api):
    perform(rehearsal.breaks_the_stream("four score and seven", after=2))
    events = chat(client, stream=True) if api == "chat stream" else responses(client, stream=True)
    heard = ""
    with pytest.raises(openai.APIConnectionError):
        for event in events:
            if api == "chat stream":
                heard += event.choices[0].delta.content
            elif event.type == "response.output_text.delta":
                heard += event.delta
            assert not event.to_json().count("completed")
    assert heard == "four scor"


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_without_a_stream_the_connection_breaks_in_mid_body(client, api):
    perform(rehearsal.breaks_the_stream("é" * 1001))
    with pytest.raises(openai.APIConnectionError):
        ask(client.with_options(max_retries=0), api)


def test_a_model_may_invent_a_tool_where_the_script_says_so(client):
    perform(rehearsal.invents("erase", all=True))
    message = chat(client, user("go"), **OFFERED).choices[0].message
    assert (message.tool_calls[0].function.name, message.tool_calls[0].function.arguments) == (
        "erase",
        '{"all": true}',
    )


def test_malformed_json_arrives_as_it_is(client):
    perform(rehearsal.malformed_json())
    with pytest.raises(pydantic.ValidationError):
        client.chat.completions.parse(model="actor", messages=user("go"), response_format=City)
    with pytest.raises(pydantic.ValidationError):
        client.responses.parse(model="actor", input="go", text_format=City)
    perform(rehearsal.malformed_json('{"country": ', tool="look_up"))
    [made] = chat(client, tools=[STRICT_TOOL]).choices[0].message.tool_calls
    with pytest.raises(json.JSONDecodeError):
        json.loads(made.function.arguments)


def test_a_prompt_that_is_too_long_has_the_code_that_clients_look_for(client):
    perform(lambda request: rehearsal.context_too_long(limit=8) if request.tokens > 8 else say("fits"))
    assert ask(client, "chat", "a b c d e f g h") == "fits"
    with pytest.raises(openai.BadRequestError, match="maximum context length is 8 tokens") as caught:
        ask(client, "chat", "a b c d e f g h i")
    assert caught.value.code == "context_length_exceeded"


# Requests that are not understood.


def test_an_unknown_policy_is_a_404_that_names_the_ones_there_are(client):
    rehearsal.policy("capital")(look_up_first)
    with pytest.raises(openai.NotFoundError, match="no policy is named 'actor'; there are: 'capital'"):
        ask(client, "chat")


@pytest.mark.parametrize(
    "options",
    [
        {"n": 2},
        {"logprobs": True},
        {"messages": []},
        {"messages": [{"role": "robot", "content": "hi"}]},
        {"messages": "hi"},
        {"messages": [{"content": "hi"}]},
        {"tools": [{"type": "custom", "custom": {"name": "any"}}]},
        {"max_tokens": 0},
    ],
    ids=str,
)
def test_what_is_not_rehearsed_or_not_understood_is_a_400(client, options):
    perform(say("ok"))
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**{"model": "actor", "messages": user("go")} | options)


@pytest.mark.parametrize(
    "options",
    [
        {"previous_response_id": "resp_1"},
        {"background": True},
        {"input": []},
        {"input": [{"type": "computer_call_output", "call_id": "x"}]},
        {"tools": [{"type": "web_search"}]},
    ],
    ids=str,
)
def test_what_responses_do_not_rehearse_is_a_400(client, options):
    perform(say("ok"))
    with pytest.raises(openai.BadRequestError):
        client.responses.create(**{"model": "actor", "input": "go"} | options)


def test_a_wrong_key_is_a_401_and_the_right_one_stands_in_no_output(client):
    perform(rehearsal.server_error())
    key = rehearsal_server.stage().key
    with pytest.raises(openai.AuthenticationError) as refused:
        ask(client.with_options(api_key="guess"), "chat")
    with pytest.raises(openai.InternalServerError) as failed:
        ask(client.with_options(max_retries=0), "chat")
    shown = [client, rehearsal_server.stage(), refused.value, failed.value, failed.value.body, rehearsal.log]
    assert key not in " ".join(f"{thing!r} {thing}" for thing in shown)
    assert all(key not in str(vars(exchange)) for exchange in rehearsal.log)
    assert "guess" not in str(refused.value)


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/v1/embeddings", 404), ("GET", "/", 404)])
def test_other_addresses_are_a_404_and_a_body_that_is_no_json_a_400(method, path, status):
    assert raw(method, path, b"{}")[0] == status
    assert {raw("POST", "/v1/chat/completions", body)[0] for body in (b"", b"{", b"[]", b"[1]", b"7")} == {
        400
    }


# The stage.


def raw(method: str, path: str, body: bytes) -> tuple[int, bytes]:
    """Status and every byte of a reply, head included."""
    stage = rehearsal_server.stage()
    url = urlsplit(stage.base_url)
    headers = f"Authorization: Bearer {stage.key}\r\nContent-Length: {len(body)}\r\n\r\n"
    head = f"{method} {path} HTTP/1.1\r\n{headers}"
    with socket.create_connection((url.hostname, url.port), timeout=5) as wire:
        wire.sendall(head.encode() + body)
        wire.shutdown(socket.SHUT_WR)
        reply = b"".join(iter(lambda: wire.recv(65536), b""))
    return int(reply.split()[1]), reply


def every_byte() -> bytes:
    """What goes over the wire for each way to ask, once."""
    perform([say("Well."), call("look_up", country="France")])
    chat_body = {"model": "actor", "messages": user("go"), "tools": [CHAT_TOOL]}
    responses_body = {"model": "actor", "input": "go", "tools": [RESPONSES_TOOL]}
    asked = [("/v1/chat/completions", chat_body), ("/v1/responses", responses_body)]
    streams = [(path, body | {"stream": True}) for path, body in asked]
    return b"".join(raw("POST", path, json.dumps(body).encode())[1] for path, body in asked + streams)


def test_the_same_request_gives_the_same_bytes_twice_and_in_fresh_processes():
    here = hashlib.sha256(every_byte()).hexdigest()
    assert hashlib.sha256(every_byte()).hexdigest() == here
    code = "import hashlib, test_rehearsal as t; print(hashlib.sha256(t.every_byte()).hexdigest())"
    for seed in ("1", "2"):
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path}
        fresh = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
        assert fresh.stdout == here + "\n", fresh.stderr


def test_thirty_two_threads_get_each_their_own_answer(client):
    perform(lambda request: say(request.user[::-1]))
    with ThreadPoolExecutor(32) as threads:
        questions = [f"question {number}" for number in range(128)]
        answers = list(threads.map(lambda question: ask(client, "chat", question), questions))
    assert answers == [question[::-1] for question in questions]


def test_the_asynchronous_client_asks_as_many_at_once():
    perform(lambda request: say(request.user[::-1]))

    async def ask_all() -> list[str]:
        async with llm.async_client() as client:
            asked = [client.responses.create(model="actor", input=question) for question in questions]
            return [response.output_text for response in await asyncio.gather(*asked)]

    questions = [f"question {number}" for number in range(32)]
    assert asyncio.run(ask_all()) == [question[::-1] for question in questions]


def test_the_models_are_the_policies(client):
    perform(say("ok"))
    rehearsal.policy("capital")(look_up_first)
    assert [model.id for model in client.models.list()] == ["actor", "capital"]


def test_a_cell_run_twice_replaces_its_policy(client):
    perform(say("first"))
    perform(say("second"))
    assert ask(client, "chat") == "second"
    assert len(rehearsal.policies) == 1


def test_a_policy_without_a_name_says_how_to_name_it():
    with pytest.raises(llm.CourseError, match=r'write @rehearsal.policy\("capital"\)'):
        rehearsal.policy(look_up_first)


def test_the_log_holds_both_sides_of_the_wire_and_forgets_the_oldest(client):
    perform(say("Paris"))
    ask(client, "chat", "France?")
    [exchange] = rehearsal.log
    assert exchange.request["messages"] == user("France?")
    assert json.loads(exchange.reply)["choices"][0]["message"]["content"] == "Paris"
    assert repr(exchange) == "/v1/chat/completions actor attempt 0 -> 200"
    for _ in range(rehearsal.LOG_LENGTH + 1):
        client.models.list()
    assert len(rehearsal.log) == rehearsal.LOG_LENGTH
    assert exchange not in rehearsal.log


def test_a_connection_is_kept_and_a_call_takes_less_than_ten_milliseconds(client):
    perform(say("ok"))
    seconds = []
    for _ in range(30):
        start = time.perf_counter()
        ask(client, "chat")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.010


def test_the_stage_stands_on_loopback_starts_in_a_tenth_of_a_second_and_is_one():
    start = time.perf_counter()
    with rehearsal_server.Stage() as another:
        assert time.perf_counter() - start < 0.1
        assert another.server_address[0] == "127.0.0.1"
        another.shutdown()
    assert rehearsal_server.stage() is rehearsal_server.stage()


def test_the_stage_ends_with_its_process():
    code = "from coursekit.rehearsal_server import stage; print(stage().server_port)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=10, cwd=ROOT)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(done.stdout)), timeout=1)


def test_a_proxy_for_the_web_does_not_stand_between_client_and_stage(monkeypatch):
    perform(say("ok"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with llm.client() as client:
        assert ask(client, "chat") == "ok"
