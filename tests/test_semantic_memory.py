"""Memory that finds by meaning: who finds what, and for how long."""

import pytest

from coursekit.errors import CourseError
from coursekit.semantic_memory import MiniLM, SemanticMemory, open_store


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def people(clock):
    store = open_store("people")
    return [SemanticMemory(store, name, clock=lambda: clock[0]) for name in ("anna", "ben")]


def texts(found):
    return {document.page_content for document in found}


def test_vectors_have_length_one_and_no_texts_give_no_vectors():
    vector = MiniLM().embed_query("Graz")
    assert sum(x * x for x in vector) == pytest.approx(1, abs=1e-5) and MiniLM().embed_documents([]) == []
    assert MiniLM().embed_documents(["Graz"])[0] == pytest.approx(vector, abs=1e-5)


def test_a_turn_is_found_by_its_owner_alone_and_a_fact_by_everybody(people):
    anna, ben = people
    anna.add_turn("My code is 4711.", "Noted.")
    ben.add_fact("Codes have four digits.", "security")
    assert texts(anna.search("code")) == {"Human: My code is 4711.\nAI: Noted.", "Codes have four digits."}
    assert texts(ben.search("code")) == {"Codes have four digits."}
    assert texts(anna.search("code", kind="turn")) == {"Human: My code is 4711.\nAI: Noted."}
    assert ben.search("code")[0].metadata["category"] == "security"


def test_the_nearest_comes_first_and_at_most_k_come(people):
    anna, _ = people
    for text in ("The invoice goes to Graz.", "The cat sleeps.", "It rains."):
        anna.add_fact(text, "any")
    found = anna.search("Where is the invoice sent?", k=2)
    assert len(found) == 2 and found[0].page_content == "The invoice goes to Graz."
    assert anna.context("Where is the invoice sent?", k=1) == "[fact] The invoice goes to Graz."


def test_the_same_turn_twice_is_stored_once_and_that_of_another_user_is_another(people):
    anna, ben = people
    for memory in (anna, anna, ben):
        memory.add_turn("Hello.", "Hello.")
    assert len(anna.search("Hello")) == len(ben.search("Hello")) == 1


@pytest.mark.parametrize("name", ["user", "kind", "stored_at"])
def test_a_caller_may_not_write_what_the_memory_writes(people, name):
    with pytest.raises(CourseError, match=f"'{name}' is written by the memory"):
        people[0].add_fact("a", "b", **{name: "spoofed"})
    assert people[0].context("a") == ""


@pytest.mark.parametrize("user", ["", "*"])
def test_a_memory_needs_an_owner(user):
    with pytest.raises(CourseError, match="needs an owner"):
        SemanticMemory(open_store("nobody"), user)


def test_old_turns_of_one_user_are_forgotten_and_nothing_else(people, clock):
    anna, ben = people
    anna.add_turn("old", "x"), ben.add_turn("old", "x"), anna.add_fact("old fact", "any")
    clock[0] = 100.0
    anna.add_turn("new", "x")
    clock[0] = 120.0
    assert anna.forget(older_than_s=50) == 1 and anna.forget(older_than_s=50) == 0
    assert texts(anna.search("old")) == {"Human: new\nAI: x", "old fact"}
    assert len(ben.search("old", kind="turn")) == 1


def test_a_folder_keeps_what_memory_does_not(tmp_path):
    SemanticMemory(open_store("kept", tmp_path), "anna").add_turn("Hello.", "Hello.")
    assert SemanticMemory(open_store("kept", tmp_path), "anna").context("Hello") != ""
    SemanticMemory(open_store("lost"), "anna").add_turn("Hello.", "Hello.")
    assert SemanticMemory(open_store("lost"), "anna").context("Hello") == ""
