"""The calculator: Python's own arithmetic is the witness, and nothing else gets through."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.calculator import reckon

numbers = st.integers(0, 999) | st.floats(0, 1e6, allow_nan=False)
sums = st.recursive(
    numbers.map(repr),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} -{t[2]})"),
    max_leaves=8,
)


@given(sums)
def test_it_agrees_with_python(expression):
    try:
        expected = eval(expression)
    except ZeroDivisionError:
        with pytest.raises(ValueError, match="has no value"):
            reckon(expression)
    else:
        assert math.isclose(reckon(expression), expected)


@pytest.mark.parametrize(
    "wrong",
    [
        "__import__('os').getcwd()",
        "2 ** 9",
        "True + 1",
        "[1]",
        "x",
        "'a' * 9",
        "1 if 1 else 2",
        "1 +",
        "",
        "(" * 300,
    ],
)
def test_what_is_no_sum_of_numbers_is_refused(wrong):
    with pytest.raises(ValueError, match=r"only numbers|has no value"):
        reckon(wrong)


def test_what_no_machine_number_holds_is_refused_in_words():
    with pytest.raises(ValueError, match="has no value"):
        reckon("*".join(["9" * 300] * 9))
