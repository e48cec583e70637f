"""Search and its scores against naive versions, written from the definitions."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit import retrieval
from coursekit.errors import CourseError

VOCABULARY = ["queue", "leader", "bucket", "probe", "quorum", "latency"]
texts = st.dictionaries(
    st.sampled_from("abcdefgh"), st.lists(st.sampled_from(VOCABULARY), max_size=12).map(" ".join), min_size=1
)
rankings = st.lists(st.sampled_from("abcdef"), unique=True)
grades = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 3), min_size=1)


def naive_bm25(docs: dict[str, str], query: str, k1=1.5, b=0.75) -> dict[str, float]:
    """Straight from the formula, document by document."""
    cut = {key: retrieval.words(text) for key, text in docs.items()}
    mean = max(statistics.fmean(map(len, cut.values())), 1)
    scores = {}
    for key, words in cut.items():
        for word in retrieval.words(query):
            holds = sum(word in other for other in cut.values())
            idf = math.log(1 + (len(docs) - holds + 0.5) / (holds + 0.5))
            tf = words.count(word)
            if tf:
                share = tf * (k1 + 1) / (tf + k1 * (1 - b + b * len(words) / mean))
                scores[key] = scores.get(key, 0) + idf * share
    return scores


@given(texts, st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=4).map(" ".join))
def test_bm25_scores_as_the_formula_says(docs, query):
    found = dict(retrieval.BM25(docs).search(query, k=len(docs)))
    assert found == pytest.approx(naive_bm25(docs, query))


def test_bm25_finds_another_form_of_the_word_and_ignores_small_words():
    index = retrieval.BM25({"a": "The queues are long", "b": "the the the leader"})
    assert [key for key, _ in index.search("the queue")] == ["a"]
    assert index.search("the") == []


def test_dense_search_ranks_by_cosine():
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(50, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"d{number}" for number in range(50)]
    expected = sorted(ids, key=lambda key: -float(vectors[int(key[1:])] @ vectors[3]))[:5]
    assert [key for key, _ in retrieval.Dense(ids, vectors).search(vectors[3], k=5)] == expected


def test_vectors_without_ids_are_refused():
    with pytest.raises(CourseError, match="1 ids came with 2 vectors"):
        retrieval.Dense(["a"], np.eye(2))


def test_an_empty_index_is_refused():
    with pytest.raises(CourseError, match="at least one text"):
        retrieval.BM25({})


@given(st.lists(rankings, max_size=4))
def test_fusion_keeps_every_id_once_and_ranks_by_the_sum_of_reciprocals(lists):
    fused = retrieval.fuse(*lists)
    assert sorted(fused) == sorted({key for ranking in lists for key in ranking})
    score = {key: sum(1 / (61 + r.index(key)) for r in lists if key in r) for key in fused}
    assert all(score[one] >= score[two] - 1e-6 for one, two in itertools.pairwise(fused))


def test_fusing_a_ranking_with_itself_changes_nothing():
    assert retrieval.fuse(["c", "a", "b"], ["c", "a", "b"]) == ["c", "a", "b"]


@given(rankings, grades, st.integers(1, 6))
def test_ndcg_is_one_for_the_best_order_of_all_and_never_more(found, relevant, k):
    orders = itertools.permutations("abcdef", k)
    gains = lambda order: sum((2 ** relevant.get(x, 0) - 1) / math.log2(i + 2) for i, x in enumerate(order))
    best = max(map(gains, orders))
    assert retrieval.ndcg_at(k, found, relevant) == pytest.approx(gains(found[:k]) / best)


@given(rankings, grades)
def test_recall_and_reciprocal_rank_are_what_their_names_say(found, relevant):
    assert retrieval.recall_at(3, found, relevant) == sum(key in found[:3] for key in relevant) / len(
        relevant
    )
    ranks = [found.index(key) + 1 for key in relevant if key in found]
    assert retrieval.reciprocal_rank(found, relevant) == (1 / min(ranks) if ranks else 0)


@pytest.mark.parametrize(
    "score", [lambda r: retrieval.recall_at(3, [], r), lambda r: retrieval.ndcg_at(3, [], r)]
)
def test_a_question_that_nothing_answers_has_no_score(score):
    with pytest.raises(CourseError, match="cannot be scored"):
        score({})


def test_the_interval_of_a_mean_covers_it_as_often_as_promised():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(200):
        low, high = retrieval.interval(rng.normal(5, 2, size=40), rng, draws=500)
        inside += low <= 5 <= high
    assert 180 <= inside <= 199  # 95 % of 200, a little less for a bootstrap


def test_pairs_show_a_small_difference_that_unpaired_means_hide():
    rng = np.random.default_rng(2)
    hard = rng.normal(0, 3, size=60)
    ours, theirs = hard + 0.3 + rng.normal(0, 0.2, 60), hard
    mean, low, high = retrieval.difference(ours, theirs, rng)
    assert 0 < low < mean < high
    one, two = retrieval.interval(ours, rng), retrieval.interval(theirs, rng)
    assert one[0] < two[1], "the intervals of the means overlap"


def test_a_difference_of_unequal_sets_is_refused():
    with pytest.raises(CourseError, match="2 scores came with 1"):
        retrieval.difference([1, 2], [1], np.random.default_rng(0))


def test_maxsim_is_the_mean_of_each_pieces_best_cosine():
    rng = np.random.default_rng(5)
    query, text = rng.normal(size=(4, 6)), rng.normal(size=(9, 6))
    cosine = lambda a, b: sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)
    expected = statistics.fmean(max(cosine(q, t) for t in text) for q in query)
    assert retrieval.maxsim(query, text) == pytest.approx(expected)
    assert retrieval.maxsim(query, 3 * np.vstack([text, query])) == pytest.approx(1)
