"""Texts as vectors: all-MiniLM-L6-v2 with 8-bit weights, in this process, the same on every run.

The model reads at most 256 word pieces; what comes after them is not in the vector. 384 numbers, length 1, so
that the dot product of two vectors is their cosine. Against 32-bit weights the cosine is 0.999 or more.
Source: Reimers & Gurevych 2019, "Sentence-BERT"; Wang et al. 2020, "MiniLM". Both files are Apache-2.0.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from coursekit import weights
from coursekit.display import progress
from coursekit.errors import CourseError

DIMENSIONS = 384
LONGEST = 256  # word pieces that the model reads, [CLS] and [SEP] included
BATCH = 8  # texts; more takes more memory and no less time
TOKENIZER = Path(__file__).parent / "data" / "minilm_tokenizer.json"


def embed(texts: str | Sequence[str], *, visible: bool = False) -> np.ndarray:
    """The vectors of `texts`, one row each; of a single text, its vector. About 10 ms a sentence on one core.

    visible: show a progress bar.   Returns: float32, (len(texts), 384) or (384,), each row of length 1.
    Raises: CourseError if a text is empty, or the weights are not installed.
    """
    if isinstance(texts, str):
        return embed([texts])[0]
    empty = [number for number, text in enumerate(texts) if not text.strip()]
    if empty:
        raise CourseError(f"text {empty[0]} of {len(texts)} is empty and has no direction; leave it out")
    pieces = [tokenizer().encode(text) for text in texts]
    order = sorted(range(len(texts)), key=lambda i: len(pieces[i].ids))  # alike lengths share a batch
    vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
    with progress(len(texts), "text", visible=visible) as bar:
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            vectors[batch] = _forward([pieces[i].ids for i in batch])
            bar.update(len(batch))
    return vectors


def count_pieces(text: str) -> int:
    """How many word pieces `text` has for the model, [CLS] and [SEP] included, however many it would read."""
    return len(_tokenizer(None).encode(text).ids)


@functools.cache
def _tokenizer(longest: int | None) -> Tokenizer:
    made = Tokenizer.from_file(str(TOKENIZER))
    made.no_padding()
    made.enable_truncation(longest) if longest else made.no_truncation()
    return made


def tokenizer() -> Tokenizer:
    """The model's own WordPiece tokenizer, cut at 256 pieces."""
    return _tokenizer(LONGEST)


@functools.cache
def _session() -> onnxruntime.InferenceSession:
    path = weights.MINILM.path()
    if path is None:
        raise CourseError("the weights of MiniLM are not here; run `python -m coursekit.weights` first")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # more would spin where other work runs beside it
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def pieces(texts: Sequence[str]) -> list[np.ndarray]:
    """What the last layer says of each word piece of each text, (pieces, 384); the mean of the rows points
    where `embed` does. For comparisons piece by piece: 100 times the memory of one vector a text.
    """
    return [_layer([tokenizer().encode(text).ids])[0][0] for text in texts]


def _layer(ids: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The last layer, (texts, pieces, 384), and which pieces are real."""
    width = max(map(len, ids))
    padded = np.array([row + [0] * (width - len(row)) for row in ids], dtype=np.int64)
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in ids], dtype=np.int64)
    inputs = {"input_ids": padded, "attention_mask": mask, "token_type_ids": np.zeros_like(padded)}
    (layer,) = _session().run(None, inputs)
    return layer, mask


def _forward(ids: list[list[int]]) -> np.ndarray:
    """Mean of the last layer over the real pieces, scaled to length 1."""
    layer, mask = _layer(ids)
    mean = (layer * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


class ChromaEmbedding:
    """MiniLM as Chroma wants it: pass it to every collection, since Chroma's default would download."""

    def __call__(self, input: Sequence[str]) -> list[np.ndarray]:
        return list(embed(list(input)))

    def embed_query(self, input: Sequence[str]) -> list[np.ndarray]:
        return self(input)

    @staticmethod
    def name() -> str:
        return "minilm-int8"

    def is_legacy(self) -> bool:
        return False

    def default_space(self) -> str:
        return "cosine"

    def supported_spaces(self) -> list[str]:
        return ["cosine", "l2", "ip"]

    def get_config(self) -> dict:
        return {}

    @staticmethod
    def build_from_config(config: dict) -> "ChromaEmbedding":
        return ChromaEmbedding()
