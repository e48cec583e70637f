"""The client of notebook 05 that survives, and its manager of providers."""

import asyncio
import logging
from random import Random
from types import SimpleNamespace

import numpy as np
import openai
import pytest
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import check, rehearsal, storm, vendors
from coursekit.providers import Reply, asked_to_wait, may_pass, status_of

models = chapter("05_llm_foundation_models")
stubs = chapter("05_llm_foundation_models", without="solution")
Breaker, Budget, Manager, Open = models.Breaker, models.Budget, models.Manager, models.Open
HELLO = [{"role": "user", "content": "Hello"}]
lots = st.floats(0, 1)


class Busy(ConnectionError):
    """A failure that may pass."""


def script(*outcomes):
    """An async function that raises or returns these one after the other; `.asked` counts."""

    async def ask(*_, **__):
        ask.asked += 1
        outcome = outcomes[min(ask.asked, len(outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    ask.asked = 0
    return ask


def reply(text="fine", calls=()):
    return Reply(text, calls, 1, 1, "stop")


def provider(*outcomes):
    return SimpleNamespace(complete=script(*outcomes))


@pytest.fixture
def no_waiting(monkeypatch):
    """Pauses pass at once; their lengths are kept."""
    pauses, sleep = [], asyncio.sleep

    async def at_once(seconds):
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(models.asyncio, "sleep", at_once)
    return pauses


# pauses


@given(attempt=st.integers(0, 30), lot=lots)
def test_a_pause_is_a_lot_of_a_limit_that_doubles_up_to_the_cap(attempt, lot):
    ladder = [0.5, 1, 2, 4] + [8] * 27
    assert models.pause(attempt, lot) == pytest.approx(lot * ladder[attempt])


@given(attempt=st.integers(0, 9), lot=lots, asked=st.floats(0, 100))
def test_nobody_comes_earlier_than_asked(attempt, lot, asked):
    assert asked <= models.pause(attempt, lot, asked) <= asked + 0.5


@pytest.mark.parametrize(
    "wrong",
    [
        lambda attempt, lot, retry_after=None: lot * min(8, 0.5 * 2**attempt),
        lambda attempt, lot, retry_after=None: min(8, 0.5 * 2**attempt),
        lambda attempt, lot, retry_after=None: (
            retry_after + lot / 2 if retry_after else lot * min(8, 0.5 * 2**attempt)
        ),
        lambda attempt, lot, retry_after=None: lot * 0.5 * 2**attempt,
        lambda attempt, lot, retry_after=None: 0.5,
    ],
)
def test_wrong_pauses_do_not_pass(wrong):
    assert not check.same("try", wrong, models.pause_by_doubling, models.any_failure)


def test_stubs_do_not_pass_and_solutions_do():
    for exercise, witness, draw in [
        ("pause", "pause_by_doubling", "any_failure"),
        ("hedge_after", "first_that_does", "any_times"),
    ]:
        for module, solved in ((stubs, False), (models, True)):
            verdict = check.same("try", *(getattr(module, name) for name in (exercise, witness, draw)))
            assert bool(verdict) == solved


@given(times=st.lists(st.floats(0.01, 9), min_size=1, max_size=60), extra=st.floats(0, 0.99))
def test_a_hedge_after_this_long_is_paid_for_and_any_sooner_is_not(times, extra):
    limit = models.hedge_after(times, extra)
    waiting = lambda limit: np.mean([each > limit for each in times])
    assert waiting(limit) <= extra
    assert all(waiting(sooner) > extra for sooner in times if sooner < limit)


@pytest.mark.parametrize("wrong", [lambda t, e: max(t), lambda t, e: float(np.quantile(t, 1 - e))])
def test_wrong_hedges_do_not_pass(wrong):
    assert not check.same("try", wrong, models.first_that_does, models.any_times)


# errors


@pytest.mark.parametrize("status, may", [(400, False), (401, False), (404, False), (408, True), (429, True),
                                         (500, True), (503, True), (529, True)])  # fmt: skip
@pytest.mark.parametrize("name", ["status_code", "code"])
def test_busy_and_broken_may_pass_and_refused_may_not(name, status, may):
    error = type("Any", (Exception,), {name: status})()
    assert status_of(error) == status and may_pass(error) == may


def test_a_code_in_words_is_no_status():
    error = openai.APIError("overloaded", request=None, body={"code": "overloaded"})
    assert error.code == "overloaded" and status_of(error) is None and not may_pass(error)


@pytest.mark.parametrize("said, wait", [("7", 7), ("0.5", 0.5), ("Sun, 22 Nov 2026 10:00:00 GMT", None)])
def test_retry_after_is_read_in_seconds(said, wait):
    error = Exception()
    error.response = SimpleNamespace(headers={"retry-after": said})
    assert asked_to_wait(error) == wait and asked_to_wait(Exception()) is None


# patience


@given(failures=st.integers(0, 6), tries=st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_patience_asks_until_it_succeeds_or_the_tries_are_used_up(failures, tries):
    ask = script(*[Busy()] * failures, "done")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "BASE_S", 1e-6)
        patch.setattr(models, "CAP_S", 1e-6)
        result = asyncio.run(models.outcome(models.patiently(ask, Random(1), tries=tries)))
    assert ask.asked == min(failures + 1, tries)
    assert (result == "done") == (failures < tries)


def test_what_cannot_pass_is_asked_once(no_waiting):
    ask = script(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        asyncio.run(models.patiently(ask, Random(1)))
    assert ask.asked == 1 and no_waiting == []


def test_a_pause_beyond_the_deadline_is_not_begun(no_waiting):
    late = Busy()
    late.response = SimpleNamespace(headers={"retry-after": "60"})
    with pytest.raises(Busy):
        asyncio.run(models.patiently(script(late), Random(1), within_s=5))
    assert no_waiting == []


def test_the_deadline_ends_a_call_that_never_answers():
    with pytest.raises(TimeoutError):
        asyncio.run(models.patiently(lambda: asyncio.sleep(9), Random(1), within_s=0.02))


# streams


class Stream:
    """Chunks of Chat Completions: (text, finish_reason) each."""

    def __init__(self, *chunks):
        self.chunks, self.closed = chunks, False

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.closed = True

    async def __aiter__(self):
        for text, finish in self.chunks:
            choice = SimpleNamespace(delta=SimpleNamespace(content=text), finish_reason=finish)
            yield SimpleNamespace(choices=[choice])


@given(pieces=st.lists(st.text(max_size=5), max_size=6), ends=st.booleans())
def test_a_stream_is_whole_only_if_its_end_was_told(pieces, ends):
    stream = Stream(*[(piece, None) for piece in pieces], (None, "stop" if ends else None))

    async def read():
        return "".join([word async for word in models.words_of(stream)])

    if ends:
        assert asyncio.run(read()) == "".join(pieces)
    else:
        with pytest.raises(models.CutOff):
            asyncio.run(read())
    assert stream.closed


# hedges


def test_a_quick_answer_is_asked_for_once():
    ask = script("first")
    assert asyncio.run(models.hedged(ask, after_s=1)) == "first" and ask.asked == 1


def test_the_faster_of_two_counts_and_the_slower_is_cancelled():
    ended = []

    async def ask(copy):
        try:
            await asyncio.sleep(9 if copy == 0 else 0)
            return copy
        except asyncio.CancelledError:
            ended.append(copy)
            raise

    async def go():
        answer = await models.hedged(ask, after_s=0.01)
        await asyncio.sleep(0)
        return answer

    assert asyncio.run(go()) == 1 and ended == [0]


def test_one_failure_is_forgiven_and_two_are_raised():
    async def ask(copy, other):
        await asyncio.sleep(0.05 if copy == 0 else 0.01)
        if copy or not other:
            raise Busy(copy)
        return "slow but good"

    good = asyncio.run(models.hedged(lambda copy: ask(copy, True), after_s=0.01))
    assert good == "slow but good"
    with pytest.raises(Busy):
        asyncio.run(models.hedged(lambda copy: ask(copy, False), after_s=0.01))


# breakers


@settings(max_examples=60)
@given(steps=st.lists(st.tuples(st.sampled_from(["ok", "busy", "refused"]), st.floats(0, 4)), max_size=30))
def test_a_breaker_behaves_like_its_description(steps):
    now = [0.0]
    breaker = Breaker(most=2, rest_s=5, clock=lambda: now[0])
    failures, opened = 0, None  # the witness: plain counters
    for outcome, gap in steps:
        now[0] += gap
        shut = opened is not None and now[0] < opened + 5
        assert (breaker.state == "open") == shut
        try:
            with breaker.watch():
                assert not shut
                if outcome != "ok":
                    raise Busy if outcome == "busy" else ValueError
            failures, opened = 0, None
        except Open:
            assert shut
        except Busy:
            failures += 1
            opened = now[0] if failures >= 2 else opened
        except ValueError:
            pass  # says nothing about health


def test_half_open_lets_one_call_try_and_a_cancelled_trial_makes_room():
    now = [0.0]
    breaker = Breaker(most=1, rest_s=5, clock=lambda: now[0])
    with pytest.raises(Busy), breaker.watch():
        raise Busy
    now[0] = 6
    with pytest.raises(asyncio.CancelledError), breaker.watch():
        with pytest.raises(Open), breaker.watch():
            pass
        raise asyncio.CancelledError
    assert breaker.state == "half open"
    with breaker.watch():
        pass
    assert breaker.state == "closed"


# budgets and storms


@given(st.lists(st.booleans(), max_size=400))
def test_a_budget_never_allows_more_than_its_share_and_its_reserve(events):
    budget, first, again = Budget(share=0.1, reserve=5), 0, 0
    for retry in events:
        if retry:
            again += budget.allows_retry()
        else:
            budget.first_try()
            first += 1
    assert again <= 5 + 0.1 * first + 1e-6


def test_the_budget_of_the_notebook_calms_the_storm():
    rule = models.RULES["full jitter"]
    calm, wild = storm.storm(rule, Budget(), 0.5), storm.storm(rule, None, 0.5)
    assert storm.aftermath(*calm)["calm from (s)"] < 14 < 59 < storm.aftermath(*wild)["calm from (s)"]


# the manager


def ask_manager(manager, order, **options):
    return asyncio.run(manager.complete(HELLO, order, **options))


def managed(**providers):
    manager = Manager(Random(1), most=2, rest_s=60)
    for name, each in providers.items():
        manager.register(name, each)
    return manager


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["well", "busy", "refused", "none", "blank"]), min_size=1, max_size=5))
def test_the_first_that_is_well_answers_and_all_causes_are_told_otherwise(kinds):
    makes = {
        "well": reply,
        "busy": Busy,
        "refused": ValueError,
        "none": lambda: None,
        "blank": lambda: reply(" "),
    }
    each = {f"{kind}{place}": provider(makes[kind]()) for place, kind in enumerate(kinds)}
    manager = managed(**each)
    if "well" in kinds:
        assert ask_manager(manager, list(each), tries=1) == (f"well{kinds.index('well')}", reply())
        asked = [provider.complete.asked for provider in each.values()]
        assert asked == [1] * (kinds.index("well") + 1) + [0] * (len(kinds) - kinds.index("well") - 1)
        return
    with pytest.raises(ExceptionGroup) as caught:
        ask_manager(manager, list(each), tries=1)
    assert [cause.__notes__ for cause in caught.value.exceptions] == [[f"from {name}"] for name in each]


@pytest.mark.parametrize("order", [["gone"], ["well", "gone"], []])
def test_an_unknown_name_or_none_is_refused_before_anything_is_sent(order):
    well = provider(reply())
    with pytest.raises(ValueError, match="registered: well"):
        ask_manager(managed(well=well), order)
    assert well.complete.asked == 0


def test_a_reply_that_is_a_tool_call_counts_as_an_answer():
    wish = reply("", ("a call",))
    assert ask_manager(managed(well=provider(wish)), ["well"]) == ("well", wish)


def test_an_open_breaker_is_passed_over_and_names_the_last_failure():
    busy = provider(Busy("at noon"))
    manager = managed(busy=busy, well=provider(reply()))
    for _ in range(4):
        assert ask_manager(manager, ["busy", "well"], tries=1)[0] == "well"
    assert busy.complete.asked == 2
    with pytest.raises(ExceptionGroup) as caught:
        ask_manager(manager, ["busy"])
    assert "at noon" in str(caught.value.exceptions[0])


def test_no_provider_gets_more_at_once_than_its_gate_allows():
    inside, most = 0, 0

    async def slow(*_, **__):
        nonlocal inside, most
        inside, most = inside + 1, max(most, inside + 1)
        await asyncio.sleep(0.005)
        inside -= 1
        return reply()

    async def crowd():
        manager = Manager(Random(1))
        manager.register("slow", SimpleNamespace(complete=slow), at_once=3)
        await asyncio.gather(*(manager.complete(HELLO, ["slow"]) for _ in range(12)))

    asyncio.run(crowd())
    assert most == 3


def test_a_user_who_leaves_is_not_a_failure_and_nobody_else_is_asked():
    async def leave():
        manager = managed(slow=SimpleNamespace(complete=lambda *_, **__: asyncio.sleep(9)), well=other)
        task = asyncio.create_task(manager.complete(HELLO, ["slow", "well"]))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled(), manager.breakers["slow"].failures

    other = provider(reply())
    assert asyncio.run(leave()) == (True, 0) and other.complete.asked == 0


def test_the_log_has_the_tokens_and_no_word_of_the_conversation(caplog):
    with caplog.at_level(logging.INFO, logger="providers"):
        ask_manager(managed(well=provider(reply("a private answer"))), ["well"])
    assert caplog.messages == ["well: 1 in, 1 out"]


# the loops


@pytest.mark.parametrize("loop", ["by_chat", "by_responses"])
def test_a_model_that_calls_for_ever_is_left_after_a_few_rounds(loop):
    rehearsal.policy("restless")(lambda request: rehearsal.call("length_km", river="Rhine"))
    rehearsal.log.clear()
    said = asyncio.run(getattr(models, loop)(vendors.rehearsed(), "restless", "How long?", rounds=3))
    assert said is None and len(rehearsal.log) == 3
    assert "1230" in str(rehearsal.log[-1].request)


@pytest.mark.parametrize("loop", ["by_chat", "by_responses"])
def test_arguments_of_a_model_are_not_trusted(loop):
    """A made-up argument reaches no keyword and a made-up river no file."""
    rehearsal.policy("wild")(
        lambda request: (
            rehearsal.say(request.results()[-1])
            if request.results()
            else rehearsal.call("length_km", river="../../etc", __class__="x")
        )
    )
    said = asyncio.run(getattr(models, loop)(vendors.rehearsed(), "wild", "How long?"))
    assert said == "of unknown length"


# the post


def test_the_post_reader_drops_legal_lines_and_ours_are_told_apart():
    legal = ['data:{"a": 1}', 'data: {"b": 2}', "data: [DONE]", 'data: {"c": 3}']
    assert list(models.post_events(legal)) == [{"b": 2}]


def test_the_manager_of_the_post_takes_none_for_an_answer():
    never = provider(reply())
    registered = {"empty": models.Empty(), "well": never}
    assert asyncio.run(models.post_manager(registered, ["empty", "well"], HELLO)) is None
    assert never.complete.asked == 0
