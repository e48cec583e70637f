"""A tape of what SmolLM2 said: hundreds of replies that a table needs, without minutes of waiting.

    tape = Tape("rag_tape")
    tape.say("Answer in a few words: …")             # from the tape; if it is not on it, asked now
    tape.chance("… Answer yes or no.", "yes", "no")  # the probability of yes, against no

Replies are kept by what was asked, to the letter, at temperature 0 or with a seed. So a changed prompt is
asked anew and never gets an old answer. `python -m tools.bench_rag --record` makes the tape of notebook 06.
"""

import functools
import hashlib
import json
import math
import os
from pathlib import Path

from coursekit import llm
from coursekit.errors import CourseError
from coursekit.weights import SMOLLM2

DATA = Path(__file__).parent / "data"


class Tape:
    """Replies of SmolLM2, the one model; whatever COURSE_MODEL says, a tape never asks another.

    name: the file `coursekit/data/<name>.json`.   asked: how many replies were not on the tape.
    With COURSE_RECORD=<file>, every reply that is used, old or new, goes there as well.
    """

    def __init__(self, name: str, folder: Path = DATA) -> None:
        self.path, self.asked = folder / f"{name}.json", 0
        stored = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        self.model, self.replies = stored.get("model", SMOLLM2.file), stored.get("replies", {})
        self._used: dict[str, str | float] = {}

    def say(self, prompt: str, *, most: int = 40) -> str:
        """The model's answer to one message, at most so many tokens."""
        return self._reply(f"say {most}\n{prompt}", lambda: _ask(prompt, most).choices[0].message.content)

    def sample(self, prompt: str, seed: int, *, most: int = 40, temperature: float = 0.7) -> str:
        """One of the answers it might give: drawn by chance, the same again for the same `seed`."""
        chance = {"seed": seed, "temperature": temperature}
        ask = lambda: _ask(prompt, most, **chance).choices[0].message.content
        return self._reply(f"sample {seed} {temperature} {most}\n{prompt}", ask)

    def chance(self, prompt: str, word: str, other: str) -> float:
        """The probability that the answer begins with `word`, among the two: 0.5 if it favours neither."""
        return self._reply(f"chance {word} {other}\n{prompt}", lambda: _chance(prompt, word, other))

    def _reply(self, asked: str, ask) -> str | float:
        digest = hashlib.sha256(asked.encode()).hexdigest()[:16]
        if digest not in self.replies:
            self.asked += 1
            self.replies[digest] = ask()
        if (new := os.environ.get("COURSE_RECORD")) and digest not in self._used:
            self._used[digest] = self.replies[digest]
            kept = {"model": self.model, "replies": dict(sorted(self._used.items()))}
            Path(new).write_text(json.dumps(kept, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
        return self.replies[digest]

    def __repr__(self) -> str:
        return f"{len(self.replies)} replies of {self.model}"


@functools.cache
def _client():
    import openai  # half a second of work, for those who ask

    with llm._loading:
        url, key, _ = llm._local_server()
    return openai.OpenAI(base_url=url, api_key=key, http_client=openai.DefaultHttpxClient(trust_env=False))


def _ask(prompt: str, most: int, **more):
    messages = [{"role": "user", "content": prompt}]
    asking = _client().chat.completions
    return asking.create(model=llm.LOCAL, messages=messages, max_tokens=most, **({"temperature": 0} | more))


def _chance(prompt: str, word: str, other: str) -> float:
    """By the logarithms of the first token; a word that is not among the best 20 counts as none."""
    first = _ask(prompt, 1, logprobs=True, top_logprobs=20).choices[0].logprobs.content[0]
    sums = {word: 0.0, other: 0.0}
    for each in first.top_logprobs:
        if (text := each.token.strip().lower()) in sums:
            sums[text] += math.exp(each.logprob)
    if not sum(sums.values()):
        raise CourseError(f"the model says neither {word!r} nor {other!r} but {first.token!r}; ask otherwise")
    return round(sums[word] / sum(sums.values()), 4)
