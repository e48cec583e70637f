"""Choosing, counting, keeping and grading: the notebook's definitions and the modules that it teaches."""

import asyncio
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from random import Random
from types import SimpleNamespace

import pytest
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import graders, tape
from coursekit.budget import BudgetExceeded, CostMonitor
from coursekit.history import NOTE, compress, text_of, turns
from coursekit.prices import MODELS, NOW, THEN

book = chapter("05_llm_foundation_models")
offers = st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12)
words = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=8).map(" ".join)


def test_every_row_has_a_source_and_a_date_and_prices_above_zero():
    for one in MODELS.values():
        assert one.source and datetime.fromisoformat(one.date) and one.weights in ("open", "closed")
        assert 0 < one.input <= one.output and one.reach <= one.context


@given(st.sampled_from(sorted(MODELS)), st.integers(0, 90_000), st.integers(0, 4000))
def test_a_short_call_costs_tokens_times_price_exactly(name, prompt, answer):
    one = MODELS[name]
    exact = (Fraction(one.input) * prompt + Fraction(one.output) * answer) / 10**6
    assert Fraction(one.dollars(prompt, answer)) == exact


def test_one_token_above_the_threshold_reprices_the_whole_call():
    haiku = NOW["claude-haiku-5-5"]
    assert haiku.dollars(100_001, 0) / haiku.dollars(100_000, 0) > Decimal("4.9")


@given(st.integers(1, 1_200_000), st.integers(1, 100_000))
def test_what_is_recommended_fits_and_nothing_that_fits_is_cheaper(prompt, answer):
    fits = [one for one in NOW.values() if prompt + answer <= one.reach]
    if not fits:
        with pytest.raises(LookupError, match="nothing holds"):
            book.recommend(NOW, prompt, answer)
        return
    best = book.recommend(NOW, prompt, answer)[0]
    assert best in fits and best.dollars(prompt, answer) == min(m.dollars(prompt, answer) for m in fits)


def test_the_posts_score_picks_a_model_whose_window_is_too_small():
    assert THEN[book.post_pick(context=150_000, task="coding")].context < 150_000


@given(offers)
def test_whatever_is_not_on_the_front_is_dominated_by_something_that_is(some):
    front = book.front(some)
    better = lambda q, p: q != p and all(b <= a for a, b in zip(p, q, strict=True))
    assert not any(better(q, p) for p in front for q in front)
    assert all(p in front or any(better(q, p) for q in front) for p in some)


def test_stubs_left_as_they_are_are_no_solutions():
    untouched = chapter("05_llm_foundation_models", without="solution")
    assert untouched.front([(1, 2)]) is None and untouched.runs_needed(0.5) is None


# A conversation.

count = lambda text: len(text.split())


def talk_of(rng, length):
    messages = [{"role": "system", "content": "rules"}]
    for number in range(length):
        messages.append({"role": "user", "content": " ".join(["word"] * rng.randrange(1, 9)) + f" u{number}"})
        if rng.random() < 0.4:
            call = [{"id": f"c{number}", "function": {"name": "look_up", "arguments": "{}"}}]
            messages.append({"role": "assistant", "content": None, "tool_calls": call})
            messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": "found"})
        messages.append({"role": "assistant", "content": [{"type": "text", "text": f"a{number}"}]})
    return messages


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(10, 200), st.booleans())
def test_a_shortened_conversation_fits_keeps_rules_and_end_and_never_splits_a_call(
    seed, length, budget, noted
):
    messages = talk_of(Random(seed), length)
    try:
        short = compress(messages, budget, count, (lambda talk: "a short note") if noted else None)
    except ValueError:
        return
    assert sum(4 + count(text_of(m)) for m in short) <= budget
    assert short[0] == messages[0] and short[-1] == messages[-1]
    called = [call["id"] for m in short for call in m.get("tool_calls", ())]
    assert called == [m["tool_call_id"] for m in short if m["role"] == "tool"]
    untold = [m for m in short if not text_of(m).startswith(NOTE)]
    assert untold[1:] == messages[len(messages) - len(untold) + 1 :]  # the rest is a run of last messages


def test_a_last_turn_that_is_too_long_and_notes_that_are_too_long_are_errors():
    long = [{"role": "user", "content": "word " * 100}]
    with pytest.raises(ValueError, match="do not hold"):
        compress(long, 50, count)
    many = [{"role": "user", "content": "one two three four"}] * 20
    with pytest.raises(ValueError, match="notes of 900 tokens"):
        compress(many, 60, count, lambda talk: "x " * 900)


def test_turns_put_together_are_the_conversation():
    messages = talk_of(Random(1), 9)
    assert [message for turn in turns(messages) for message in turn] == messages


# A budget.

TOY = {"toy": NOW["gpt-6-luna"]._replace(output=Decimal(250))}


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.lists(st.integers(1, 1000), min_size=1, max_size=30))
def test_threads_together_never_pass_the_budget_and_never_leave_a_reservation(quarters, answers):
    monitor, at_once = CostMonitor(Decimal(quarters) / 4, TOY), threading.Barrier(len(answers))

    def one(answer):
        at_once.wait()
        try:
            with monitor.call("toy", 0, 1000) as book_it:
                book_it("toy", 0, answer)
        except BudgetExceeded:
            pass

    threads = [threading.Thread(target=one, args=(answer,)) for answer in answers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum((use.dollars for use in monitor.ledger), Decimal(0))
    assert total <= monitor.budget and not any(monitor._held.values())
    assert len(monitor.ledger) >= min(quarters, len(answers))  # nobody is refused while there is room


def test_a_failed_call_frees_what_it_reserved():
    monitor = CostMonitor("0.25", TOY)
    for _ in range(3):
        with pytest.raises(ConnectionError), monitor.call("toy", 0, 1000):
            raise ConnectionError
    with monitor.call("toy", 0, 1000) as book_it:
        book_it("toy", 0, 1000)


def test_a_day_ends_at_midnight_in_utc_whatever_zone_the_clock_has():
    east = timezone(timedelta(hours=9))
    now = [datetime(2026, 3, 2, 8, 30, tzinfo=east)]  # still 1 March in UTC
    monitor = CostMonitor("1", TOY, clock=lambda: now[0])
    for _ in range(4):
        with monitor.call("toy", 0, 1000) as book_it:
            book_it("toy", 0, 1000)
    with pytest.raises(BudgetExceeded), monitor.call("toy", 0, 1000):
        pass
    now[0] += timedelta(minutes=30)  # midnight
    with monitor.call("toy", 0, 1000) as book_it:
        book_it("toy", 0, 1000)
    first = datetime(2026, 3, 1, tzinfo=UTC).date()
    assert monitor.spent(first) == 1 and monitor.spent(first + timedelta(days=1)) == Decimal("0.25")
    assert monitor.by_model(1) == {"toy": Decimal("0.25")} and monitor.by_model(2) == {"toy": Decimal("1.25")}


def test_each_threshold_warns_once_a_day():
    monitor = CostMonitor("1", TOY)
    for _ in range(10):
        with monitor.call("toy", 0, 100) as book_it:
            book_it("toy", 0, 400)
            book_it("toy", 0, 400)
        if len(monitor.warned) == 2:
            break
    assert [share for _, share in monitor.warned] == [Decimal("0.8"), 1]


def test_the_model_that_answered_is_booked_a_dated_name_at_its_price_and_an_unknown_one_at_the_most():
    monitor = CostMonitor("1")
    for answered in ("gpt-6-luna", "gpt-6-luna-2026-09-22", "somebody-else"):
        with monitor.call("gpt-6.2-sol", 1000, 500) as book_it:
            book_it(answered, 1000, 100)
    cheap, dated, unknown = [use.dollars for use in monitor.ledger]
    assert cheap == dated == NOW["gpt-6-luna"].dollars(1000, 100)
    assert unknown == NOW["gpt-6.2-sol"].dollars(1000, 500)
    with pytest.raises(LookupError, match="no price"), monitor.call("claude-3-sonnet-20240229", 1, 1):
        pass


def test_a_prompt_too_long_for_the_list_is_booked_at_all_that_was_reserved():
    monitor = CostMonitor("1")
    with monitor.call("gpt-6-luna", 300_000, 500) as book_it:
        book_it("gpt-6.2-sol", 300_000, 500)  # listed, but without a price above its threshold
    assert monitor.ledger[0].dollars == NOW["gpt-6-luna"].dollars(300_000, 500) > 0


def test_the_named_front_is_what_no_other_model_dominates():
    key = lambda one: (one.dollars(8000, 500), -one.reach, one.weights == "closed")
    fits = book.recommend(NOW, 8000, 500)
    better = lambda q, p: q != p and all(b <= a for a, b in zip(p, q, strict=True))
    best = [one.model for one in fits if not any(better(key(other), key(one)) for other in fits)]
    assert book.fronted(8000) == best


def test_models_that_are_alike_are_both_named(monkeypatch):
    luna = NOW["gpt-6-luna"]
    monkeypatch.setattr(book, "NOW", {"gpt-6-luna": luna, "twin": luna._replace(model="twin")})
    assert book.fronted(8000) == ["gpt-6-luna", "twin"]


# Grades.

RIGHT = [
    ("Each machine needs 5 minutes for one, so all need 5 minutes.", "They take 100 minutes for 100."),
    ("The ball costs $0.05 and the bat $1.05.", "The ball costs $0.10."),
    ("```python\ndef longest_palindrome(s):\n    n = len(s)\n"
     "    for size in range(n, 0, -1):\n        for a in range(n - size + 1):\n"
     "            if s[a:a + size] == s[a:a + size][::-1]:\n                return s[a:a + size]\n"
     "    return ''\n```\nIt tries long ones first.",
     "```python\ndef longest_palindrome(s):\n    return s[:1]\n```"),
    ("from collections import OrderedDict\nclass LRUCache:\n    def __init__(self, n):\n"
     "        self.n, self.d = n, OrderedDict()\n    def get(self, k):\n"
     "        if k not in self.d: return -1\n        self.d.move_to_end(k)\n        return self.d[k]\n"
     "    def put(self, k, v):\n        self.d[k] = v\n        self.d.move_to_end(k)\n"
     "        if len(self.d) > self.n: self.d.popitem(last=False)",
     "class LRUCache:\n    def __init__(self, n): self.d = {}\n"
     "    def get(self, k): return self.d.get(k, -1)\n"
     "    def put(self, k, v): self.d[k] = v"),
    ("By the power rule, f'(x) = 3x^{2} + 4x - 5 - done.", "3x^2 + 4x + 5"),
    ("Substitute x = y + 1: 2y + 2 + 3y = 7, so y = 1 and x = 2.", "x = 1, y = 2"),
    ("The night is still young\nI read the same line again\nOne dot was too much", "Bugs hide in the code."),
    ("It is like a puppy: show it many times what you want, and it gets better.",
     "A model is fitted to data."),
    ("Microservices deploy and scale on their own, but the network is slow and they are complex. "
     "A monolith is simple, and one bug can stop it all.", "Both have pros and cons."),
    ("SQL has a schema, transactions and joins, and scales less. NoSQL is flexible.",
     "SQL is older than NoSQL."),
]  # fmt: skip


@pytest.mark.parametrize("number", range(10))
def test_each_grader_passes_a_right_answer_and_fails_a_wrong_and_an_empty_one(number):
    (_, _, grade), answers = graders.SUITE[number], RIGHT[number]
    assert [grade(answers[0]), grade(answers[1]), grade("")] == [True, False, False]


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=4))
def test_a_polynomial_is_read_back_as_it_was_written(coefficients):
    terms = [f"{c:+d}" + {0: "", 1: "x"}.get(power, f"x^{power}") for power, c in enumerate(coefficients)]
    assert graders.polynomial(" ".join(terms)) == dict(enumerate(coefficients))


@pytest.mark.parametrize(
    "code",
    ["open('x', 'w')", "import os; os.system('true')", "import os; os.remove('x')",
     "import urllib.request as u; u.urlopen('http://127.0.0.1:9')", "x = 1 / 0", "def"],
)  # fmt: skip
def test_the_fence_refuses(code):
    assert not graders.passes(code, "")


def test_the_fence_hands_on_no_secret(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a-secret")
    assert graders.passes("import os", "assert 'OPENAI_API_KEY' not in os.environ")


@given(words, words)
def test_similarity_is_symmetric_and_one_exactly_for_the_same_words(a, b):
    same = Counter(a.split()) == Counter(b.split())
    assert book.similarity(a, b) == book.similarity(b, a)
    assert (book.similarity(a, b) == 1) == same


@given(st.integers(1, 200), st.data())
def test_a_wilson_interval_holds_the_rates_that_do_not_make_the_count_surprising(n, data):
    k = data.draw(st.integers(0, n))
    low, high = book.wilson(k, n)
    assert low <= k / n + 1e-12 and k / n <= high + 1e-12
    for edge in (low, high):
        if 1e-9 < edge < 1 - 1e-9:  # where the distance is z standard errors of the *true* rate
            assert abs(k / n - edge) / (edge * (1 - edge) / n) ** 0.5 == pytest.approx(1.96, rel=1e-6)


@given(st.floats(0.05, 0.95))
def test_as_many_runs_as_needed_and_not_one_less(width):
    n = book.runs_needed(width)
    wide = lambda m: book.wilson(m / 2, m)[1] - book.wilson(m / 2, m)[0]
    assert wide(n) <= width and (n == 1 or wide(n - 1) > width)


async def _spent():
    return await book.check_then_act(budget=1.0, price=0.25, callers=8)


def test_looking_first_and_booking_afterwards_overspends():
    assert asyncio.run(_spent()) == 2.0


def test_another_seed_is_another_question_to_the_tape_and_the_same_seed_is_not(monkeypatch, tmp_path):
    drawn = []

    def ask(prompt, most, **chance):
        drawn.append(chance)
        said = SimpleNamespace(message=SimpleNamespace(content=str(chance["seed"])))
        return SimpleNamespace(choices=[said])

    monkeypatch.setattr(tape, "_ask", ask)
    ours = tape.Tape("t", tmp_path)
    assert [ours.sample("q", seed) for seed in (1, 2, 1)] == ["1", "2", "1"]
    assert drawn == [{"seed": 1, "temperature": 0.7}, {"seed": 2, "temperature": 0.7}]


def test_the_recording_holds_every_answer_that_the_notebook_grades(monkeypatch):
    monkeypatch.setattr(tape, "_ask", lambda *_, **__: pytest.fail("not on the tape"))
    for _, prompt, _ in graders.SUITE:
        assert all(book.TAPE.sample(prompt, seed, most=200) for seed in range(8))
