from random import Random

import pytest

from coursekit import check


@pytest.fixture(autouse=True)
def no_earlier_tries():
    check._tries.clear()


def numbers(rng: Random):
    return ([rng.random() for _ in range(rng.randrange(1, 9))],)


def mean(xs):
    return sum(xs) / len(xs)


def test_an_untouched_stub_is_open_and_gets_no_hint():
    def stub(xs): ...

    for verdict in (
        check.same("E", stub, mean, numbers, hints=["first"]),
        check.close("E", ..., 2.0, hints=["first"]),
    ):
        assert (
            not verdict and repr(verdict) == "○ E: not solved yet. Replace the `...` and run this cell again."
        )


def test_a_right_answer_passes_whatever_way_it_is_computed():
    assert check.same("E", lambda xs: sum(x / len(xs) for x in xs), mean, numbers)


def test_a_hard_coded_answer_does_not_pass():
    case = numbers(Random(1))
    assert not check.same("E", lambda xs: mean(*case), mean, numbers)


@pytest.mark.parametrize(
    "wrong", [lambda xs: mean(xs) + 1e-6, lambda xs: str(mean(xs)), max, lambda xs: float("nan")]
)
def test_a_nearly_right_answer_does_not_pass(wrong):
    assert not check.same("E", wrong, lambda xs: mean(xs) + (len(xs) == 1), numbers)


def test_a_wrong_answer_shows_the_case_that_tells():
    verdict = check.same("E", len, mean, lambda rng: ([5, 5],))
    assert repr(verdict).startswith("○ E: not yet. len([5, 5]) gave 2, expected 5.0.")


def test_each_try_gives_one_hint_more_and_the_last_points_to_the_solution():
    said = [repr(check.close("E", 1, 2, hints=["think", "divide"])) for _ in range(3)]
    assert [("think" in text, "divide" in text, "solution" in text) for text in said] == [
        (True, False, False), (True, True, True), (True, True, True)]  # fmt: skip


def test_an_exception_of_the_learner_is_an_answer_not_a_traceback():
    verdict = check.same("E", lambda xs: 1 / 0, mean, numbers)
    assert not verdict and "raised ZeroDivisionError: division by zero" in repr(verdict)


def test_a_guess_is_told_whether_it_is_above_or_below():
    assert "3 is above it" in repr(check.close("E", 3, 2)) and "1 is below it" in repr(check.close("E", 1, 2))
    assert check.close("E", 2.001, 2) and not check.close("E", 2.1, 2)


def test_words_where_a_number_is_wanted_are_said_back():
    assert "'two' came" in repr(check.close("E", "two", 2))


def test_lists_are_compared_number_by_number():
    double = lambda xs: [2 * x for x in xs]
    assert check.same("E", lambda xs: [x + x for x in xs], double, numbers)
    assert not check.same("E", lambda xs: double(xs)[:-1], double, numbers)


def test_what_a_learner_returns_cannot_inject_html():
    class Sly:
        def __repr__(self):
            return "<script>"

    assert "<script>" not in check.same("E", lambda xs: Sly(), mean, numbers)._repr_html_()


def test_none_is_an_answer_where_the_witness_gives_none_too():
    first_even = lambda numbers: next((n for n in numbers if n % 2 == 0), None)
    draw = lambda rng: ([rng.randint(0, 9) for _ in range(rng.randint(0, 3))],)
    assert check.same("Exercise", first_even, first_even, draw)
    stub = check.same("Exercise", lambda numbers: None, first_even, lambda rng: ([2],))
    assert not stub and "not solved yet" in repr(stub)
