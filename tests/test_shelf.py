"""A shelf against a dictionary, and what happens to what does not belong on it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import shelf
from coursekit.corpus import Document
from coursekit.errors import CourseError

SENTENCES = ["Cats purr.", "Dogs bark.", "Raft elects a leader.", "A table probes its slots."]
STEPS = st.lists(
    st.tuples(st.sampled_from("abc"), st.lists(st.sampled_from(SENTENCES), max_size=3, unique=True)),
    max_size=8,
)
names = iter(range(10_000))


@pytest.fixture(scope="module")
def client():
    return shelf.in_memory()


def fresh(client) -> shelf.Shelf:
    return shelf.Shelf(client, f"test-{next(names)}")


def note(key: str, sentences: list[str]) -> Document:
    """Each sentence is long enough to be a passage of its own."""
    return Document(key, "", f"Note {key}", "\n\n".join(f"{one} {'So it is. ' * 35}" for one in sentences))


@settings(max_examples=8, deadline=None)
@given(STEPS)
def test_it_holds_what_a_dictionary_of_documents_would_hold(client, steps):
    ours, witness = fresh(client), {}
    for key, sentences in steps:
        if sentences:
            ours.put(note(key, sentences))
            witness[key] = sentences
        else:
            ours.drop(key)
            witness.pop(key, None)
        kept = ours.collection.get()
        stored = sorted((about["document"], text.split(" So")[0]) for about, text in
                        zip(kept["metadatas"], kept["documents"], strict=True))  # fmt: skip
        assert stored == sorted((key, one) for key, all_of_it in witness.items() for one in all_of_it)


def test_a_document_that_comes_again_is_not_new_but_its_metadata_are(client):
    ours = fresh(client)
    assert ours.put(note("a", SENTENCES), year=1) == 4
    assert ours.put(note("a", SENTENCES), year=2) == 0
    assert {about["year"] for about in ours.collection.get()["metadatas"]} == {2}


def test_the_nearest_is_found_and_a_filter_keeps_others_out(client):
    ours = fresh(client)
    for key, sentence in zip("abcd", SENTENCES, strict=True):
        ours.put(Document(key, "", key, sentence), first=key == "a")
    assert ours.search("Which animal purrs?", 1)[0][1:] == ("a", "Cats purr.")
    assert ours.search("Which animal purrs?", 3, where={"first": False})[0][2] == "Dogs bark."
    assert ours.search("x", 10)[0][0] <= 1


@pytest.mark.parametrize(
    ("document", "about", "message"),
    [
        (Document("d", "", "", " \n"), {}, "d has no text"),
        (Document("d", "", "", "x" * 1_000_001), {}, "d has 1 million signs, at most 1 million fit"),
        (Document("d", "", "", "x"), {"by": None}, "by=None cannot be filtered by"),
        (Document("d", "", "", "x"), {"by": {"a": 1}}, "by=.* cannot be filtered by"),
        (Document("d", "", "", "x"), {"title": "t"}, "'title' is set by the shelf itself"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_anything_is_written(client, document, about, message):
    ours = fresh(client)
    ours.put(Document("d", "", "", "It stays."))
    with pytest.raises(CourseError, match=message):
        ours.put(document, **about)
    assert ours.collection.get()["documents"] == ["It stays."]


def test_a_folder_keeps_its_shelves(tmp_path):
    shelf.Shelf(shelf.in_folder(tmp_path), "kept").put(note("a", SENTENCES))
    assert shelf.Shelf(shelf.in_folder(tmp_path), "kept").collection.count() == 4


def test_an_empty_shelf_finds_nothing(client):
    assert fresh(client).search("anything") == []


def test_a_server_is_used_while_it_lives_and_named_when_it_is_dead(monkeypatch):
    monkeypatch.delenv("CHROMA_URL", raising=False)
    url, server = shelf.start_server()
    with server:
        shelf.Shelf(shelf.on_server(url), "shared").put(note("a", SENTENCES))
        assert shelf.Shelf(shelf.on_server(url), "shared").collection.count() == 4
    with pytest.raises(CourseError, match=r"no Chroma answers at http://127\.0\.0\.1"):
        shelf.on_server(url)
    monkeypatch.setenv("CHROMA_URL", "http://elsewhere:9000")
    assert shelf.start_server() == ("http://elsewhere:9000", None)
