"""Memory in layers: nothing is lost, nothing said twice, and no layer outgrows its limit."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.memory_layers import LayeredMemory, Turn


class Shelf:
    """A long-term layer that finds everything, newest first: so that only the layers are under test."""

    def __init__(self):
        self.texts = []

    def add_turn(self, said, answered):
        self.texts.append(str(Turn(said, answered)))

    def search(self, question, k):
        return [SimpleNamespace(page_content=text) for text in self.texts[::-1]][:k]


def count(text):
    return len(text.split())


def made(**limits):
    folded = []

    def summarise(notes, turns):
        folded.append(turns)
        return f"{len(folded)} notes"

    return LayeredMemory(Shelf(), summarise, count, **limits), folded


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 5), st.integers(20, 60), st.integers(0, 30))
def test_each_turn_is_in_exactly_one_of_working_session_and_notes(turns, tokens, said):
    memory, folded = made(turns=turns, tokens=tokens)
    all_turns = [Turn(f"question {n}", f"answer {n}") for n in range(said)]
    for turn in all_turns:
        memory.add(*turn)
        session = "\n".join(map(str, memory.session))
        assert count(memory.summary) + count(session) <= tokens
    noted = "\n".join(folded).split("\n") if folded else []
    kept = "\n".join(map(str, [*memory.session, *memory.working])).split("\n") if said else []
    assert noted + kept == ("\n".join(map(str, all_turns)).split("\n") if said else [])
    assert list(memory.working) == all_turns[-turns:]


def test_sources_are_those_that_took_part():
    memory, _ = made(turns=1, tokens=20)
    assert memory.context("?") == ("", [])
    memory.add("a", "b")
    assert memory.context("?").sources == ["working"]
    memory.add("c", "d")
    assert memory.context("?").sources == ["session", "working"]
    for n in range(9):
        memory.add(f"q{n}", f"a{n}")
    assert memory.context("?", k=99).sources == ["summary", "long-term", "session", "working"]


def test_nothing_is_said_twice_and_dots_stand_only_where_something_is_gone():
    memory, _ = made(turns=1, tokens=20, excerpt=30)
    for n in range(9):
        memory.add(f"q{n}", f"a{n}")
    text = memory.context("?", k=99).text
    assert all(text.count(f"q{n}") <= 1 for n in range(9)) and "…" in text
    memory.excerpt = 10_000
    assert "…" not in memory.context("?", k=99).text


def test_the_end_of_a_session_leaves_the_long_term_layer():
    memory, _ = made()
    memory.add("a", "b")
    memory.end_session()
    assert memory.context("?").sources == ["long-term"]


def test_a_summary_that_does_not_fit_is_an_error_with_its_size():
    memory = LayeredMemory(Shelf(), lambda notes, turns: "word " * 30, count, turns=1, tokens=10)
    with pytest.raises(ValueError, match="30 tokens does not fit into 10"):
        for n in range(9):
            memory.add(f"q{n}", f"a{n}")


def test_while_the_model_is_down_no_turn_is_lost_and_afterwards_all_are_noted():
    noted = []

    def summarise(notes, turns):
        if down:
            raise TimeoutError
        noted.append(turns)
        return "notes"

    down, memory = True, LayeredMemory(Shelf(), summarise, count, turns=1, tokens=10)
    for n in range(4):
        try:
            memory.add(f"q{n}", f"a{n}")
        except TimeoutError:
            assert n > 2
    assert [turn.said for turn in [*memory.session, *memory.working]] == ["q0", "q1", "q2", "q3"]
    assert len(memory.long_term.texts) == 4 and memory.summary == ""
    down = False
    memory.add("q4", "a4")
    assert "q0" in noted[0] and "q3" in f"{noted}{memory.session}"
