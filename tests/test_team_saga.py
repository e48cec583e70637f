"""A saga leaves everything done or nothing, wherever it fails, and names what it could not undo."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.team_saga import Executor, Step


def plan(n, fails, when, stubborn, state, calls):
    """n steps on a set; step `fails` breaks before or after its effect; undos in `stubborn` fail so often."""

    def do(i):
        if i == fails and when == "before":
            raise OSError("broken")
        state.add(i)
        if i == fails:
            raise OSError("broken")

    def undo(i):
        calls.append(i)
        if stubborn.get(i, 0) > 0:
            stubborn[i] -= 1
            raise OSError("not now")
        state.discard(i)

    return [Step(f"s{i}", lambda i=i: do(i), lambda i=i: undo(i)) for i in range(n)]


@given(st.integers(1, 6), st.integers(0, 6), st.sampled_from(["before", "after"]),
       st.dictionaries(st.integers(0, 5), st.integers(0, 5)))  # fmt: skip
def test_all_or_nothing_or_a_list_of_what_is_left(n, fails, when, stubborn):
    state, calls = set(), []
    report = Executor("e").execute(plan(n, fails, when, dict(stubborn), state, calls))
    if fails >= n:
        assert report["status"] == "completed" and state == set(range(n)) and calls == []
        return
    stuck = [f"s{i}" for i in range(fails, -1, -1) if stubborn.get(i, 0) >= 3]
    assert report["by_hand"] == stuck and report["status"] == ("stuck" if stuck else "rolled back")
    assert state <= {int(name[1]) for name in stuck}
    assert list(dict.fromkeys(calls)) == list(range(fails, -1, -1))  # last first, all of them
    assert report["done"] == [f"s{i}" for i in range(fails)] and report["error"] == f"s{fails}: broken"
    assert sorted(report["undone"] + stuck) == [f"s{i}" for i in range(fails + 1)]


def test_a_plan_without_steps_is_refused():
    with pytest.raises(ValueError, match="at least one step"):
        Executor("e").execute([])
