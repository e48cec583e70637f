"""The services of notebook 07 and what keeps them well: refusals, caches, balance, batches, pods."""

import asyncio
import contextlib
import json
import math
from random import Random
from types import SimpleNamespace

import aiohttp
import anthropic
import httpx2
import numpy as np
import openai
import pytest
import redis
from chapters import NOTEBOOKS, chapter
from fastapi.responses import JSONResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import check, queueing, rehearsal, web
from coursekit.apps import Problem, new_app

production = chapter("07_llm_production")
Backend, Balancer, Reply = production.Backend, production.Balancer, production.Reply


class Words(production.Provider):
    """Says what it is given; `fails` is raised after the first word."""

    def __init__(self, *words, fails=None, pause_s=0.0):
        self.models, self.words, self.fails, self.pause_s = ("words",), words, fails, pause_s

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def stream(self, request):
        for word in self.words:
            await asyncio.sleep(self.pause_s)
            yield word
            if self.fails:
                raise self.fails
        if self.fails:
            raise self.fails
        yield Reply("", 3, len(self.words))


def talk(**more):
    return {"messages": [{"role": "user", "content": "Hello"}], "model": "words"} | more


async def post(url, body):
    async with aiohttp.ClientSession() as http, http.post(url, json=body) as reply:
        return reply.status, reply.headers, await reply.text()


# ---- the language model service


def refused(status, library):
    """The error that a provider's own library raises for an HTTP status."""
    request = httpx2.Request("POST", "https://provider.example/v1")
    response = httpx2.Response(status, headers={"retry-after": "9"}, request=request)
    kinds = {429: library.RateLimitError, 401: library.AuthenticationError, 400: library.BadRequestError}
    return kinds.get(status, library.InternalServerError)("key sk-123 is wrong", response=response, body=None)


@pytest.mark.parametrize("library", [openai, anthropic])
@pytest.mark.parametrize(("theirs", "ours"), [(429, 429), (400, 400), (401, 502), (500, 502), (529, 502)])
def test_an_error_of_a_provider_is_told_as_whose_fault_it_is(library, theirs, ours):
    problem = production.as_problem(refused(theirs, library))
    assert problem.status == ours
    assert problem.headers.get("Retry-After") == ("9" if ours == 429 else None)
    assert "sk-123" not in problem.detail or ours == 400


@pytest.mark.parametrize("library", [openai, anthropic])
def test_a_silent_provider_is_a_504_and_a_dead_one_a_502(library):
    request = httpx2.Request("POST", "https://provider.example/v1")
    assert production.as_problem(library.APITimeoutError(request)).status == 504
    assert production.as_problem(library.APIConnectionError(request=request)).status == 502
    assert production.as_problem(TimeoutError()).status == 504


@pytest.fixture(scope="module")
def talker():
    """A service whose words can be changed."""
    provider = Words()
    with web.serve(production.make_llm_service({"words": provider}), "talker") as service:
        yield provider, f"{service.url}/chat/completions"


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=6))
def test_streamed_and_whole_answers_are_the_same_words(talker, words):
    provider, url = talker
    provider.words = words
    _, _, whole = asyncio.run(post(url, talk()))
    _, _, streamed = asyncio.run(post(url, talk(stream=True)))
    told = [json.loads(line[6:]) for line in streamed.split("\n") if line.startswith("data: ")]
    assert "".join(each["delta"] for each in told[:-1]) == json.loads(whole)["response"] == "".join(words)
    assert told[-1]["tokens_used"] == json.loads(whole)["tokens_used"] == 3 + len(words)


@pytest.mark.parametrize("stream", [True, False])
def test_an_error_before_the_first_word_has_its_status(stream):
    provider = Words(fails=refused(429, openai))
    with web.serve(production.make_llm_service({"words": provider}), "words") as service:
        status, headers, _ = asyncio.run(post(f"{service.url}/chat/completions", talk(stream=stream)))
    assert (status, headers["retry-after"]) == (429, "9")


def test_an_error_after_the_first_word_ends_the_stream_as_an_error():
    provider = Words("one", fails=RuntimeError("cable"))
    with web.serve(production.make_llm_service({"words": provider}), "words") as service:
        status, _, text = asyncio.run(post(f"{service.url}/chat/completions", talk(stream=True)))
    assert status == 200 and "event: error" in text and '"status": 502' in text and "done" not in text


@pytest.mark.parametrize(
    "wrong",
    [{"messages": []}, {"temperature": 3}, {"max_tokens": 0}, {"tools": []},
     {"messages": [{"role": "root", "content": ""}]}, {"model": "llama-3"}],
)  # fmt: skip
def test_what_the_service_cannot_do_is_refused_and_not_ignored(wrong):
    with web.serve(production.make_llm_service({"words": Words("no")}), "words") as service:
        status, headers, _ = asyncio.run(post(f"{service.url}/chat/completions", talk() | wrong))
    assert status == (400 if "model" in wrong else 422)
    assert headers["content-type"] == "application/problem+json"


def test_a_service_without_providers_is_alive_but_not_ready():
    async def both(url):
        async with aiohttp.ClientSession() as http:
            return [(await http.get(url + path)).status for path in ("/health", "/ready")]

    with web.serve(production.make_llm_service({}), "nobody") as service:
        assert asyncio.run(both(service.url)) == [200, 503]


def test_anthropic_gets_the_system_prompt_apart_and_a_limit_of_tokens():
    asked = {}

    @contextlib.asynccontextmanager
    async def stream(**body):
        asked.update(body)

        async def pieces():
            yield "Yes."

        async def last():
            usage = SimpleNamespace(input_tokens=5, output_tokens=1)
            return SimpleNamespace(usage=usage, stop_reason="end_turn")

        yield SimpleNamespace(text_stream=pieces(), get_final_message=last)

    provider = production.AnthropicProvider(None, "claude-x")
    provider.client = SimpleNamespace(messages=SimpleNamespace(stream=stream))
    turns = [("system", "Be brief."), ("user", "Is it?"), ("assistant", "Is what?"), ("system", "Smile.")]
    messages = [{"role": role, "content": content} for role, content in turns]
    request = production.ChatRequest(messages=messages, model="claude-x", temperature=0)
    reply = asyncio.run(provider.complete(request))
    assert asked["system"] == "Be brief.\n\nSmile." and asked["max_tokens"] == 1000
    assert [turn["role"] for turn in asked["messages"]] == ["user", "assistant"]
    assert asked["temperature"] == 0 and reply == Reply("Yes.", 5, 1, "end_turn")


def test_the_scripted_model_quotes_the_source_that_it_cites():
    sources = "[1] Bees: Bees make honey. They dance.\n\n[2] Cows: Cows give milk.\n\nThey eat grass; a lot."
    ask = lambda text: production.quote(
        rehearsal.Request("m", [{"role": "user", "content": f"{sources}\n\nQuestion: {text}"}])
    )
    assert ask("Who gives milk?").text == "Cows give milk. [2]"
    assert ask("What do bees make?").text == "Bees make honey. [1]"
    assert ask("Where is Paris?").text == production.NOT_THERE


# ---- the gateway


def upstream(seen):
    """Whatever is behind a gateway: counts who is inside."""
    app = new_app("upstream", timeout_s=9)

    @app.post("/chat/completions")
    async def chat(body: dict):
        seen.append(app.state.active)
        await asyncio.sleep(0.05)
        return JSONResponse({"said": body["model"]})

    return app


def test_a_gateway_lets_in_what_fits_and_tells_the_others_when_to_come():
    async def crowd(url, size):
        return await asyncio.gather(*(post(url, talk()) for _ in range(size)))

    seen = []
    with web.serve(upstream(seen), "upstream") as behind:
        app = production.make_gateway(behind.url, behind.url, slots=3, waiting=4)
        with web.serve(app, "gateway") as door:
            told = asyncio.run(crowd(f"{door.url}/v1/chat/completions", 20))
            again = asyncio.run(crowd(f"{door.url}/v1/chat/completions", 3))
    assert max(seen) <= 3
    assert sum(status == 200 for status, _, _ in told) >= 7
    busy = [headers for status, headers, _ in told if status == 503]
    assert busy and all(int(headers["retry-after"]) >= 1 for headers in busy)
    assert [status for status, _, _ in again] == [200] * 3  # no place was lost


def test_a_guard_is_asked_before_anything_is_passed_on():
    async def nobody(request: production.Request):
        raise Problem(401, "Not authenticated")

    seen = []
    with web.serve(upstream(seen), "upstream") as behind:
        app = production.make_gateway(behind.url, behind.url, guards=[nobody])
        with web.serve(app, "gateway") as door:
            status, _, _ = asyncio.run(post(f"{door.url}/v1/chat/completions", talk()))
            healthy = asyncio.run(production.ask(f"{door.url}/health")).status
    assert (status, healthy, seen) == (401, 200, [])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(0, 4), st.integers(0, 2**32))
def test_a_gate_never_holds_more_than_it_says_and_loses_no_place(slots, waiting, seed):
    rng, inside, most, refusals = Random(seed), 0, 0, 0

    async def visit(gate):
        nonlocal inside, most, refusals
        try:
            async with gate.enter():
                inside += 1
                most = max(most, inside)
                assert gate.line <= waiting
                try:
                    await asyncio.sleep(rng.random() / 500)
                finally:
                    inside -= 1
        except Problem as problem:
            refusals += 1
            assert problem.status == 503 and int(problem.headers["Retry-After"]) >= 1

    async def day():
        gate = production.Gate(slots, waiting)
        visits = [asyncio.create_task(visit(gate)) for _ in range(15)]
        await asyncio.sleep(0)
        for one in rng.sample(visits, 5):
            one.cancel()
        await asyncio.gather(*visits, return_exceptions=True)
        assert gate.line == 0 and gate.free._value == slots
        for _ in range(slots):
            await gate.free.acquire()

    asyncio.run(day())
    assert most <= slots and refusals <= 15 - slots - waiting


# ---- the cache


class Shelf:
    """As much of Redis as the cache uses."""

    def __init__(self, dead=False):
        self.kept, self.dead = {}, dead

    async def get(self, key):
        if self.dead:
            raise redis.ConnectionError("nobody there")
        return self.kept.get(key)

    async def set(self, key, value, ex):
        if self.dead:
            raise redis.ConnectionError("nobody there")
        self.kept[key] = value

    async def incr(self, key):
        self.kept[key] = str(int(self.kept.get(key, 0)) + 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ASKED = st.dictionaries(st.text(max_size=5), JSON, max_size=4)


@settings(deadline=None)
@given(st.text(max_size=3), ASKED, st.text(max_size=3), ASKED)
def test_a_key_is_shared_exactly_by_equal_requests_of_one_tenant(tenant, asked, other, different):
    memory = production.Cache(Shelf())
    key = lambda *given: asyncio.run(memory.key(*given))
    turned_round = dict(reversed(asked.items()))
    assert key(tenant, asked) == key(tenant, turned_round)
    alike = tenant == other and json.dumps(asked, sort_keys=True) == json.dumps(different, sort_keys=True)
    assert (key(tenant, asked) == key(other, different)) == alike


def asking(memory, compute, times=1, **asked):
    async def all_at_once():
        request = {"temperature": 0} | asked
        return await asyncio.gather(
            *(memory.ask("me", request, compute) for _ in range(times)), return_exceptions=True
        )

    return asyncio.run(all_at_once())


def counting(result, pause_s=0.01):
    async def compute(request):
        compute.calls += 1
        await asyncio.sleep(pause_s)
        if isinstance(result, Exception):
            raise result
        return result

    compute.calls = 0
    return compute


def test_a_crowd_is_one_call_and_everybody_has_a_copy_of_their_own():
    compute, memory = counting({"words": ["a"]}), production.Cache(Shelf())
    first, second, *_ = asking(memory, compute, times=9)
    first["words"].append("b")
    assert compute.calls == 1 and second == {"words": ["a"]}


def test_an_error_reaches_the_whole_crowd_and_is_not_kept():
    compute, memory = counting(ValueError("no")), production.Cache(Shelf())
    assert all(isinstance(each, ValueError) for each in asking(memory, compute, times=4))
    assert compute.calls == 1 and memory.store.kept == {} and memory.flights == {}
    asking(memory, compute)
    assert compute.calls == 2


def test_the_first_of_a_crowd_may_leave_and_the_others_get_their_answer():
    async def crowd():
        memory, compute = production.Cache(Shelf()), counting("yes", 0.05)
        asked = [asyncio.create_task(memory.ask("me", {"temperature": 0}, compute)) for _ in range(3)]
        await asyncio.sleep(0.01)
        asked[0].cancel()
        return await asyncio.gather(*asked[1:]), compute.calls

    assert asyncio.run(crowd()) == (["yes", "yes"], 1)


@pytest.mark.parametrize("asked", [{"temperature": 1}, {"temperature": None}, {"temperature": 0.01}])
def test_an_answer_that_was_drawn_is_drawn_again(asked):
    compute, memory = counting("yes"), production.Cache(Shelf())
    for _ in range(2):
        asking(memory, compute, **asked)
    assert compute.calls == 2 and memory.store.kept == {}


def test_a_cache_that_is_down_does_not_take_the_service_along():
    compute = counting("yes")
    assert asking(production.Cache(Shelf(dead=True)), compute) == ["yes"]


# ---- the balancer


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 60))
def test_requests_one_after_the_other_are_shared_by_weight(weights, rounds):
    balancer = Balancer([Backend(str(i), weight) for i, weight in enumerate(weights)])
    for now in range(rounds):
        backend = balancer.pick(now)
        balancer.begin(backend, now)
        balancer.note(backend, True, now)
    for backend, weight in zip(balancer.backends, weights, strict=True):
        assert abs(backend.served - rounds * weight / sum(weights)) <= len(weights)


@given(st.integers(0, 2**32))
def test_a_backend_never_gets_more_at_once_than_its_weight_allows_for(seed):
    rng, balancer = Random(seed), Balancer([Backend("a", 3), Backend("b", 1), Backend("drained", 0)])
    inside = []
    for now in range(200):
        if inside and rng.random() < 0.4:
            balancer.note(inside.pop(rng.randrange(len(inside))), True, now)
        chosen = balancer.pick(now)
        others = [each for each in balancer.backends if each.weight]
        assert chosen.inside / chosen.weight == min(each.inside / each.weight for each in others)
        balancer.begin(chosen, now)
        inside.append(chosen)
    assert balancer.backends[2].served == 0


def test_after_three_failures_a_backend_rests_and_then_one_request_tries_it():
    alone = Balancer([Backend("a", 1)], rest_s=10)
    for now in range(3):
        backend = alone.pick(now)
        alone.begin(backend, now)
        alone.note(backend, False, now)
    assert [alone.pick(now) for now in (2, 5, 11.9)] == [None] * 3
    trial = alone.pick(12)
    alone.begin(trial, 12)
    assert alone.pick(12) is None  # while one tries, the others wait
    alone.note(trial, True, 12.5)
    assert alone.pick(12.5) is trial and trial.inside == 0


# ---- the batcher


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=30), st.integers(1, 7), st.integers(0, 2**32))
def test_each_caller_gets_the_result_or_the_error_of_its_own_request(numbers, size, seed):
    rng = Random(seed)

    async def caller(batcher, number):
        await asyncio.sleep(rng.random() / 200)
        return await batcher.ask(number)

    async def day():
        batcher = production.Batcher(production.roots, size, wait_s=0.003)
        asked = (caller(batcher, number) for number in numbers)
        return batcher, await asyncio.gather(*asked, return_exceptions=True)

    batcher, results = asyncio.run(day())
    for number, result in zip(numbers, results, strict=True):
        assert result == math.sqrt(number) if number >= 0 else isinstance(result, ValueError)
    assert sum(batcher.sizes) == len(numbers) and max(batcher.sizes) <= size and not batcher.working


@pytest.mark.parametrize("answer", [[1], [1, 2, 3, 4], RuntimeError("down")])
def test_a_batch_that_went_wrong_leaves_nobody_waiting(answer):
    async def run(requests):
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def three():
        batcher = production.Batcher(run, size=3)
        return await asyncio.gather(*map(batcher.ask, "abc"), return_exceptions=True)

    assert all(isinstance(each, Exception) for each in asyncio.run(three()))


def test_batches_of_one_are_a_queue_with_one_server():
    came = np.random.default_rng(5).exponential(1 / 50, 3000).cumsum()
    witness = queueing.serve(came, np.full(3000, 0.01)).stays.mean()
    assert production.batched(came, wait_s=0, size=1) == (pytest.approx(witness), 1)


# ---- the cluster


@given(st.integers(2, 10), st.floats(0, 500), st.floats(1, 200))
def test_the_autoscaler_asks_for_as_many_pods_as_bring_the_metric_to_its_target(pods, value, target):
    wanted = production.desired(pods, [(value, target)])
    assert 2 <= wanted <= 10
    if abs(value / target - 1) <= 0.1:
        assert wanted == pods
    elif 2 < wanted < 10:
        assert value * pods / wanted <= target * (1 + 1e-9) < value * pods / (wanted - 1) * (1 + 1e-9)


def test_of_several_metrics_the_one_that_wants_most_decides():
    assert production.desired(4, [(50, 100), (200, 100), (100, 100)]) == 8  # as in Kubernetes' own example


def test_a_missing_object_is_found_by_who_refers_to_it(monkeypatch):
    monkeypatch.setattr(production, "deploy_folder", lambda: NOTEBOOKS.parent / "deploy")
    objects, generated = production.manifests()
    everything = [*objects, *generated]
    assert list(production.dangling(everything)) == []
    for kind, name in [("Service", "api-gateway"), ("Deployment", "llm-service"), ("Secret", "api-secrets")]:
        rest = [each for each in everything if (each["kind"], each["metadata"]["name"]) != (kind, name)]
        assert any(name in found for found in production.dangling(rest))


# ---- the exercises


@pytest.mark.parametrize("name", ["stabilised", "pods_for"])
def test_an_exercise_that_was_not_done_is_not_solved(name):
    stub = getattr(chapter("07_llm_production", without="solution"), name)
    draws = {"stabilised": production.some_steps, "pods_for": production.any_service}
    witnesses = {"stabilised": production.by_hand, "pods_for": production.try_them_all}
    verdict = lambda function: check.same("Exercise", function, witnesses[name], draws[name])
    assert not verdict(stub)
    assert verdict(getattr(production, name))
    assert not verdict(lambda *_: 3) and not verdict(lambda *_: [2, 2])
