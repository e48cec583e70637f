"""Vectors that mean what they say: alike texts lie close, and no run differs from another."""

import numpy as np
import pytest

from coursekit import embeddings, shelf
from coursekit.errors import CourseError

TEXTS = ["A cat sat on the mat.", "A kitten was sitting on a rug.", "Raft elects one leader in each term."]


def test_a_vector_has_384_numbers_and_length_one():
    vectors = embeddings.embed(TEXTS)
    assert vectors.shape == (3, embeddings.DIMENSIONS) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_texts_that_mean_alike_lie_closer_than_texts_that_do_not():
    cat, kitten, raft = embeddings.embed(TEXTS)
    assert cat @ kitten > 0.6 > 0.2 > cat @ raft


def test_a_text_has_the_same_vector_alone_in_a_crowd_and_in_any_order():
    crowd = [*TEXTS, "word " * 300, "x"] * 4
    together, reverse = embeddings.embed(crowd), embeddings.embed(crowd[::-1])[::-1]
    assert np.allclose(together, reverse, atol=1e-6)
    assert np.allclose(together[0], embeddings.embed(crowd[0]), atol=1e-5)


def test_what_comes_after_256_pieces_is_not_read():
    long = "queue " * 400
    assert embeddings.count_pieces(long) == 402
    assert np.array_equal(embeddings.embed(long), embeddings.embed(long + "an elephant in the room"))


def test_an_empty_text_is_refused_by_its_number():
    with pytest.raises(CourseError, match=r"text 1 of 2 is empty"):
        embeddings.embed(["something", "  "])


def test_no_texts_give_no_vectors():
    assert embeddings.embed([]).shape == (0, embeddings.DIMENSIONS)


def test_chroma_searches_with_it_and_asks_nobody_for_a_model():
    client = shelf.in_memory()
    collection = client.get_or_create_collection("cats", embedding_function=embeddings.ChromaEmbedding())
    collection.upsert(ids=["cat", "raft"], documents=[TEXTS[0], TEXTS[2]])
    found = collection.query(query_texts=[TEXTS[1]])
    assert found["ids"] == [["cat", "raft"]]
    cosine = float(embeddings.embed(TEXTS[0]) @ embeddings.embed(TEXTS[1]))
    assert found["distances"][0][0] == pytest.approx(1 - cosine, abs=1e-4)


def test_the_mean_of_the_pieces_points_where_the_text_does():
    texts = ["A leader is elected by a majority.", "Probe."]
    for rows, text in zip(embeddings.pieces(texts), texts, strict=True):
        assert rows.shape == (embeddings.count_pieces(text), embeddings.DIMENSIONS)
        mean = rows.mean(axis=0)
        assert mean @ embeddings.embed(text) / np.linalg.norm(mean) > 0.999
