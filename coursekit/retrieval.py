"""Find the passages that answer a question, and score how well that went.

A ranking is a list of ids, best first. `BM25` finds by words, `Dense` by meaning, `fuse` joins rankings;
`recall_at`, `reciprocal_rank` and `ndcg_at` score one question, `interval` and `difference` a set of them.
Taught in: notebooks/06_llm_prompting_and_rag.ipynb
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import snowballstemmer

from coursekit.errors import CourseError

Ranking = list[str]
Hits = list[tuple[str, float]]  # id and score, best first

STOP_WORDS = frozenset(
    """a an and are as at be but by can do does for from had has have how if in into is it its may more most
    no not of on or our so than that the their them then there these they this those to up was we were what
    when where which while who why will with would you your""".split()  # noqa: SIM905
)
_stemmer = snowballstemmer.stemmer("english")


def words(text: str) -> list[str]:
    """The words of `text` that say what it is about: lower case, without stop words, without endings.

    >>> words("The queues are waiting for 2 servers")
    ['queue', 'wait', '2', 'server']
    """
    found = re.findall(r"\w+", text.lower())
    return _stemmer.stemWords([word for word in found if word not in STOP_WORDS])


class BM25:
    """An inverted index that weighs a word by its rarity, its count and the length of the text.

    texts: id -> text.   k1: how soon more of a word stops to count.   b: 1 divides by length, 0 does not.
    Source: Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework"; idf as in Lucene, above 0.

    >>> BM25({"a": "hash tables", "b": "hash functions"}).search("which table")[0][0]
    'a'
    """

    def __init__(self, texts: Mapping[str, str], *, k1: float = 1.5, b: float = 0.75) -> None:
        if not texts:
            raise CourseError("an index needs at least one text, got none")
        self.postings: dict[str, dict[str, float]] = defaultdict(dict)  # word -> id -> weight
        counts = {key: Counter(words(text)) for key, text in texts.items()}
        lengths = {key: count.total() for key, count in counts.items()}
        mean_length = max(sum(lengths.values()) / len(lengths), 1)
        holds = Counter(word for count in counts.values() for word in count)
        for key, count in counts.items():
            norm = k1 * (1 - b + b * lengths[key] / mean_length)
            for word, times in count.items():
                rarity = math.log(1 + (len(texts) - holds[word] + 0.5) / (holds[word] + 0.5))
                self.postings[word][key] = rarity * times * (k1 + 1) / (times + norm)

    def search(self, query: str, k: int = 10) -> Hits:
        """The `k` best texts that share a word with `query`. Cost: the postings of its words."""
        scores: Counter = Counter()
        for word in words(query):
            scores.update(self.postings.get(word, {}))
        return _best(scores, k)


class Dense:
    """Exact search by cosine: every vector is compared. 1,000 vectors take well under a millisecond.

    ids: one for each row of `vectors`, which have length 1 (`coursekit.embeddings.embed`).
    """

    def __init__(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        if len(ids) != len(vectors):
            raise CourseError(f"each vector needs its id: {len(ids)} ids came with {len(vectors)} vectors")
        self.ids, self.vectors = list(ids), vectors

    def search(self, query: np.ndarray, k: int = 10) -> Hits:
        """The `k` nearest ids and their cosines. query: one vector of length 1."""
        return _best(dict(zip(self.ids, map(float, self.vectors @ query), strict=True)), k)


def _best(scores: Mapping[str, float], k: int) -> Hits:
    """Highest first; ties in the order of the ids, so that every machine ranks alike."""
    return sorted(scores.items(), key=lambda hit: (-round(hit[1], 6), hit[0]))[:k]


def fuse(*rankings: Ranking, k: int = 60) -> Ranking:
    """Reciprocal rank fusion: an id earns 1/(k + rank) in each ranking that holds it.

    Source: Cormack, Clarke & Büttcher 2009.

    >>> fuse(["a", "b"], ["b", "c"])
    ['b', 'a', 'c']
    """
    scores: Counter = Counter()
    for ranking in rankings:
        for rank, key in enumerate(dict.fromkeys(ranking), 1):
            scores[key] += 1 / (k + rank)
    return [key for key, _ in _best(scores, len(scores))]


def maxsim(query: np.ndarray, text: np.ndarray) -> float:
    """Late interaction: each piece of the query looks for its nearest piece in the text; the mean cosine.

    query, text: one row a word piece (`coursekit.embeddings.pieces`).
    Source: Khattab & Zaharia 2020, "ColBERT", whose weights were trained for it; MiniLM's were not.

    >>> maxsim(np.eye(2), np.array([[3.0, 0.0]]))
    0.5
    """
    ours, theirs = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (query, text))
    return float((ours @ theirs.T).max(axis=1).mean())


# How good is a ranking? `relevant`: id -> grade, 1 or more; ids that are not in it are not relevant.


def recall_at(k: int, found: Ranking, relevant: Mapping[str, int]) -> float:
    """Share of the relevant ids that stand among the first `k`, 0 to 1. Source: Manning et al. 2008, ch. 8.

    >>> recall_at(2, ["c7", "c1", "c4"], {"c1": 1, "c4": 1})
    0.5
    """
    return len(_graded(relevant).keys() & set(found[:k])) / len(relevant)


def reciprocal_rank(found: Ranking, relevant: Mapping[str, int]) -> float:
    """1 over the rank of the first relevant id, 0 if there is none.

    >>> reciprocal_rank(["c7", "c1"], {"c1": 1})
    0.5
    """
    return next((1 / rank for rank, key in enumerate(found, 1) if key in _graded(relevant)), 0.0)


def ndcg_at(k: int, found: Ranking, relevant: Mapping[str, int]) -> float:
    """Gain of the first `k`, each halved, thirded, … in bits of its rank, over the best possible: 0 to 1.

    Source: Järvelin & Kekäläinen 2002, with gain 2^grade - 1.

    >>> round(ndcg_at(3, ["c7", "c1", "c4"], {"c1": 1, "c4": 1}), 3)
    0.693
    """
    best = sorted(_graded(relevant).values(), reverse=True)[:k]
    return _gain([relevant.get(key, 0) for key in dict.fromkeys(found)][:k]) / _gain(best)


def _gain(grades: Sequence[int]) -> float:
    return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))


def _graded(relevant: Mapping[str, int]) -> Mapping[str, int]:
    if not relevant:
        raise CourseError("a question without a relevant passage cannot be scored; ask whether it is refused")
    return relevant


# How sure is a mean over questions?


def interval(scores: Sequence[float], rng: np.random.Generator, *, draws: int = 2000) -> tuple[float, float]:
    """95 % of the means of samples drawn with replacement lie between these two (percentile bootstrap).

    Source: Efron & Tibshirani 1993, ch. 13.
    """
    if len(scores) < 2:
        raise CourseError(f"an interval needs two scores or more, got {len(scores)}")
    means = rng.choice(np.asarray(scores, dtype=float), (draws, len(scores))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def difference(
    ours: Sequence[float], theirs: Sequence[float], rng: np.random.Generator, *, draws: int = 2000
) -> tuple[float, float, float]:
    """Mean of ours - theirs on the same questions, and its 95 % interval; 0 outside it: a real difference.

    The pairs stay together, so that a question which is hard for both does not widen the interval.
    """
    if len(ours) != len(theirs):
        raise CourseError(f"pairs are needed: {len(ours)} scores came with {len(theirs)}")
    gaps = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    return float(gaps.mean()), *interval(gaps, rng, draws=draws)
