"""Retrieval and its evaluation: the notebook's definitions against naive versions, theory and sabotage."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
from chapters import chapter
from hypothesis import given
from hypothesis import strategies as st

from coursekit import chunks, corpus, retrieval
from coursekit.corpus import Document

rag = chapter("06_llm_prompting_and_rag")

scores = st.dictionaries(st.sampled_from("abcdef"), st.floats(-5, 50, allow_nan=False))
flags = st.lists(st.booleans(), min_size=2, max_size=20)
ORDINARY = st.text(alphabet="abc ?'-.0123456789)", min_size=1, max_size=30)


def words_kept(text: str, cut: list[str]) -> bool:
    return " ".join(cut).split() == text.split()


def test_the_posts_chunker_loses_the_document_and_ours_refuses_the_overlap():
    text = "word " * 500
    assert rag.post_chunks(text, 100, 300) == []
    assert "CourseError" in rag.tried(chunks.fixed, Document("d", "", "", text), 100, overlap=300)
    assert words_kept(text, [piece.text for piece in chunks.fixed(Document("d", "", "", text), 100)])


def test_the_posts_semantic_chunker_compares_with_the_first_sentences():
    vectors = rag.by_hand(["cat", "car", "car"])
    assert rag.post_semantic(["cat", "car one", "car two"], vectors) == [["cat"], ["car one"], ["car two"]]
    assert rag.post_semantic(["car", "car one", "car two"], rag.by_hand(["car"] * 3))[0][2] == "car two"


@given(scores)
def test_min_max_keeps_the_order_and_ends_at_0_and_1(given_scores):
    spread = rag.spread(list(given_scores.items()))
    assert all(0 <= value <= 1 for value in spread.values())
    for a, b in [(a, b) for a in given_scores for b in given_scores if given_scores[a] > given_scores[b]]:
        assert spread[a] >= spread[b]
    if len(set(given_scores.values())) > 1:
        assert {0.0, 1.0} <= set(spread.values())


def test_the_ends_of_the_weight_are_the_two_searches():
    for query in ("How does a hash table grow?", "leader election", "token bucket"):
        assert rag.weighted(query, α=1)[:10] == rag.by_meaning(query)[:10]
        above_the_worst = rag.by_words(query)[:-1][:10]  # the worst has 0, as all have that were not found
        assert rag.weighted(query, α=0)[: len(above_the_worst)] == above_the_worst


def test_a_query_without_known_words_is_still_answered_by_meaning():
    assert rag.by_words("zzz qqq") == []
    assert rag.hybrid("zzz qqq")[:5] == rag.by_meaning("zzz qqq")[:5] == rag.weighted("zzz qqq")[:5]


def test_mmr_is_plain_search_at_weight_1_and_more_diverse_below():
    def likeness(ranking):
        rows = rag.NEAR.vectors[[rag.ROW[key] for key in ranking]]
        return float((rows @ rows.T)[np.triu_indices(len(rows), 1)].mean())

    for query in ("How does a hash table grow?", "Why does a leader need a majority?"):
        assert rag.diverse(query, weight=1) == rag.by_meaning(query, 10)
        assert likeness(rag.diverse(query, weight=0.5)) < likeness(rag.by_meaning(query, 10))
        assert len(set(rag.diverse(query, weight=0.5))) == 10


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("1. how a\n2. how b\n3. how c\n4. how d", ["how a", "how b", "how c"]),
        ("Here are 3 variations:\n1) how a\n- how b\n* how c", ["how a", "how b", "how c"]),
        ('"how a?"\n**how b?**\n\nhow a?', ["how a?", "how b?"]),
        ("3.5 or 4: which is cheaper?", ["3.5 or 4: which is cheaper?"]),
        ("", []),
    ],
)
def test_variants_are_read_however_they_are_listed(reply, expected):
    assert rag.variants_in(reply) == expected


@given(st.lists(ORDINARY.filter(lambda s: re.fullmatch(r"[a-c][a-c ?]*[a-c?]", s)), max_size=3, unique=True))
def test_numbered_variants_come_back_as_they_were(questions):
    assert rag.variants_in("\n".join(f"{n}. {q}" for n, q in enumerate(questions, 1))) == questions


def test_a_question_stands_alone_unless_it_points_back():
    history = [{"role": "user", "content": "What is a quorum?"}, {"role": "assistant", "content": "Most."}]
    assert rag.stand_alone("Why is it needed?", history) == "What is a quorum? Why is it needed?"
    for question in ("How do nodes vote?", "Transit of a message", "Whither butterflies"):
        assert rag.stand_alone(question, history) == question
    assert rag.stand_alone("Why is it needed?", []) == "Why is it needed?"


@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
def test_the_area_is_the_share_of_pairs_in_the_right_order(positive, negative):
    ranks = sorted([*positive, *negative])
    rank = lambda value: (ranks.index(value) + 1 + len(ranks) - ranks[::-1].index(value)) / 2
    u = sum(map(rank, positive)) - len(positive) * (len(positive) + 1) / 2  # Mann and Whitney
    assert rag.area(positive, negative) == pytest.approx(u / len(positive) / len(negative))


def test_citations_are_found_false_when_word_number_or_text_is_wrong():
    texts = ["A commit takes\n66 ms.", "Other."]
    answer = '"a commit  takes 66 ms" [1] "66 ms" [2] "66 ms" [3] "67 ms" [1] "66" [0]'
    assert [row["stands there"] for row in rag.citations(answer, texts)] == [True, False, False, False, False]
    assert list(rag.citations("no quote at all [1]", texts)) == []


@given(st.lists(st.sampled_from(["a", "bb", "ccc"])), st.lists(st.sampled_from(["a", "bb", "ccc"])))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(said, wanted):
    both = sum(min(said.count(word), wanted.count(word)) for word in {*said})
    expected = 0.0
    if both:
        precision, recall = both / len(said), both / len(wanted)
        expected = 2 * precision * recall / (precision + recall)
    assert rag.f1(" ".join(said), " ".join(wanted)) == pytest.approx(expected)


def test_faithful_is_the_share_of_sentences_that_the_texts_hold():
    texts = ["The leader writes entries to its log."]
    assert rag.faithful("The leader writes its log.", texts) == 1
    assert rag.faithful("The leader writes entries. Purple elephants dance wildly.", texts) == 0.5
    assert rag.faithful("", texts) == 0


@given(flags)
def test_context_precision_is_average_precision_over_what_was_found(hits):
    found = [f"r{i}" if hit else f"x{i}" for i, hit in enumerate(hits)]
    relevant = {key: 1 for key in found if key.startswith("r")}
    places = [i for i, hit in enumerate(hits, 1) if hit]
    expected = sum(n / place for n, place in enumerate(places, 1)) / len(places) if places else 0
    assert rag.context_precision(found, relevant) == pytest.approx(expected)


@given(flags.flatmap(lambda ours: st.tuples(st.just(ours), st.permutations(ours))))
def test_kappa_agrees_with_its_definition_from_the_four_counts(pair):
    ours, theirs = pair
    n = len(ours)
    observed = sum(a == b for a, b in zip(ours, theirs, strict=True)) / n
    expected = sum((ours.count(v) / n) * (theirs.count(v) / n) for v in (True, False))
    wanted = (observed - expected) / (1 - expected) if expected < 1 else 0
    assert rag.kappa(ours, theirs) == pytest.approx(wanted)


def test_a_calibrated_judge_is_measured_on_pairs_that_it_did_not_see():
    rng = np.random.default_rng(3)
    truth = rng.random(400) < 0.4
    assert rag.calibrated(truth + rng.normal(0, 0.1, 400), truth) > 0.9
    assert abs(rag.calibrated(rng.random(400), truth)) < 0.25


def test_the_padded_answer_differs_by_politeness_only():
    assert "66 ms" in rag.PADDING.format(answer="66 ms")
    assert retrieval.words(rag.PADDING.format(answer=""))[:3] == ["veri", "good", "question"]


def test_an_index_that_holds_the_questions_ranks_their_passages_first():
    question = rag.ANSWERABLE[0]
    assert rag.with_questions([question])(question.text)[0] in rag.GRADES[question.id]


def test_links_that_lead_away_are_found_and_our_own_are_not():
    answer = "See https://abstract-algorithms.github.io/live/x and http://evil.example/?q=66."
    assert rag.outside_links(answer) == ["http://evil.example/?q=66."]


@pytest.mark.parametrize(
    "link",
    [
        "http://evil.example/?abstract-algorithms.github.io",
        "https://abstract-algorithms.github.io.evil.example/",
        "https://abstract-algorithms.github.io@evil.example/",
        "![x](//evil.example/66)",
        "ftp://evil.example/",
        "HTTPS://EVIL.example",
    ],
)
def test_a_link_that_only_holds_our_name_leads_away(link):
    assert len(rag.outside_links(f"See {link} now")) == 1


def test_a_safe_answer_is_withheld_when_poisoned_and_given_when_true(monkeypatch):
    said = {"content": '"at least 66 ms" [1]', "tool_calls": None}

    class Reply:
        def __init__(self):
            message = type("Message", (), said)
            self.choices = [type("Choice", (), {"message": message})]

    monkeypatch.setattr(rag, "ask_with", lambda *_, **__: Reply())
    assert rag.safe_answer([rag.READ], rag.ASKED, "any") == said["content"]
    said["content"] = "http://evil.example"
    assert rag.safe_answer([rag.READ], rag.ASKED, "any").startswith("withheld: it links")
    said["content"] = '"at least 67 ms" [1]'
    assert rag.safe_answer([rag.READ], rag.ASKED, "any").startswith("withheld: it quotes what")
    said["content"] = "66 ms, take my word"
    assert rag.safe_answer([rag.READ], rag.ASKED, "any") == "withheld: it quotes nothing"


def test_a_poisoned_passage_moves_the_gullible_model_and_finds_no_tool_in_the_safe_way(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "COURSE_MODEL"):
        monkeypatch.delenv(name, raising=False)
    asked = rag.ask_with([rag.POISON], rag.ASKED, "gullible", tools=[rag.MAIL]).choices[0].message
    assert asked.tool_calls[0].function.name == "send_mail"
    assert rag.safe_answer([rag.READ, rag.POISON], rag.ASKED, "gullible").startswith("withheld")


def test_solutions_solve_and_wrong_answers_do_not():
    rng_cases = [(rag.fuse_weighted, rag.fuse_slowly, rag.any_rankings, lambda r, w: retrieval.fuse(*r))]
    rng_cases += [(rag.pack, rag.pack_by_hand, rag.any_shelf, lambda lengths, budget: [*range(len(lengths))])]
    for solution, witness, draw, wrong in rng_cases:
        assert rag.check.same("x", solution, witness, draw)
        assert not rag.check.same("x", wrong, witness, draw)
        assert not rag.check.same("x", lambda *_: ..., witness, draw)


def test_hybrid_search_by_hand_agrees_with_reciprocal_ranks_added_up():
    for question in rag.ANSWERABLE[:10]:
        lists = rag.by_words(question.text), rag.by_meaning(question.text)
        earned = lambda key, lists=lists: sum(1 / (61 + one.index(key)) for one in lists if key in one)
        gains = [earned(key) for key in rag.hybrid(question.text)]
        assert all(a >= b - 1e-6 for a, b in pairwise(gains))


def test_every_golden_question_has_something_to_find():
    assert all(rag.GRADES[question.id] for question in rag.ANSWERABLE)
    assert len(rag.PASSAGES) == len(corpus.passages()) == len(rag.NEAR.vectors)
    assert math.isclose(float(np.linalg.norm(rag.vector("a text"))), 1, abs_tol=1e-5)
