"""Graders that know the answer, for ten prompts in five categories; code is graded by running it.

    category, prompt, grade = SUITE[0]
    grade("It takes 5 minutes.")      # True

Prompts after the blog post and S. Frederick, "Cognitive Reflection and Decision Making", 2005.
Taught in: notebooks/05_llm_foundation_models.ipynb
"""

import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable

# Numbers and formulas.


def last_number(answer: str) -> float | None:
    """The last number of an answer.

    >>> last_number("1,000 or 5.")
    5.0
    """
    found = re.findall(r"-?\d+(?:\.\d+)?", re.sub(r"(?<=\d),(?=\d{3})", "", answer))
    return float(found[-1]) if found else None


def price_of_ball(answer: str) -> bool:
    """Is the amount that follows the last "ball" (or the last of all) five cents?

    >>> price_of_ball("The ball costs 5 cents, the bat $1.05."), price_of_ball("$0.10")
    (True, False)
    """
    amount = r"(?:\$\s?(\d*\.?\d+)|(\d*\.?\d+)\s*(cents?|¢)?)"
    found = re.findall(rf"\bball\b[^.\d$]*{amount}", answer) or re.findall(amount, answer)
    if not found:
        return False
    dollars, number, cents = found[-1]
    return abs(float(dollars or number) / (100 if cents else 1) - 0.05) < 1e-9


def polynomial(text: str) -> dict[int, int]:
    """Coefficients by power.

    >>> polynomial("3x^2 + 4x - 5")
    {2: 3, 1: 4, 0: -5}
    """
    terms = re.findall(r"([+-]?)(\d*)(x?)(?:\^(\d+))?", text.replace(" ", ""))
    found = Counter()
    for sign, number, x, power in terms:
        if number or x:
            found[int(power or 1) if x else 0] += int(f"{sign}{number or 1}")
    return dict(found)


def derivative(answer: str) -> bool:
    """Is the last sum in the answer 3x² + 4x - 5, however it is spelled?"""
    plain = answer.replace("**", "^").replace("²", "^2").replace("−", "-")
    plain = re.sub(r"[*{}]", "", plain)  # as Markdown and LaTeX write it
    term = r"\d*(?:x(?:\^\d+)?)?"
    sums = re.findall(rf"-?\s*{term}(?:\s*[+-]\s*{term})+", plain)
    sums = [each for each in sums if "x" in each]
    return bool(sums) and polynomial(sums[-1]) == {2: 3, 1: 4, 0: -5}


def solution(answer: str) -> bool:
    """Are the last values given to x and y 2 and 1?"""
    number = r"\s*=\s*(-?\d+(?:\.\d+)?)(?![\d\s]*[xy/])"
    last = {name: re.findall(rf"\b{name}{number}", answer) for name in "xy"}
    if re.search(r"\(\s*2\s*,\s*1\s*\)", answer):
        return True
    return all(last.values()) and float(last["x"][-1]) == 2 and float(last["y"][-1]) == 1


# Code.

FENCE = """
import os, sys
try:
    import resource
    for what, most in ((resource.RLIMIT_CPU, 2), (resource.RLIMIT_AS, 512 * 2**20)):
        resource.setrlimit(what, (most, most))
except (ImportError, ValueError, OSError):
    pass  # Windows has no such limits, macOS not all: there the parent's clock is left
WRITES = os.O_WRONLY | os.O_RDWR
def refuse(event, args):
    bad = event.split(".")[0] in ("socket", "subprocess", "shutil", "ctypes", "os")
    if event == "open" and args[2] & WRITES or bad and event not in ("os.listdir", "os.scandir"):
        raise PermissionError(f"not allowed here: {event}")
source = sys.stdin.read()
sys.addaudithook(refuse)
exec(compile(source, "answer", "exec"), {"__name__": "answer"})
"""


def passes(answer: str, tests: str) -> bool:
    """Do the tests hold for the code in the answer (its first fenced block, else all), in a child process?

    It gets 2 s of processor time, 512 MB, an empty folder and no environment; files cannot be written,
    sockets and processes not opened. A fence against accidents; against malice use a container.
    """
    blocks = re.findall(r"```(?:python)?\n(.*?)(?:```|$)", answer, re.S)
    word = secrets.token_hex(8)  # so that an answer which prints "passed" and leaves does not pass
    program = f"{blocks[0] if blocks else answer}\n{tests}\nprint({word!r})"
    with tempfile.TemporaryDirectory() as empty:
        try:
            run = subprocess.run(
                [sys.executable, "-I", "-S", "-X", "utf8", "-c", FENCE],
                input=program,
                cwd=empty,
                capture_output=True,
                encoding="utf-8",
                timeout=10,
                env={"SYSTEMROOT": os.environ.get("SYSTEMROOT", "")},
            )  # Windows needs this one
        except subprocess.TimeoutExpired:
            return False
    return run.stdout.endswith(f"{word}\n")


PALINDROME = """
for text, best in {"babad": 3, "cbbd": 2, "": 0, "racecar": 7, "abc": 1}.items():
    found = longest_palindrome(text)
    assert found == found[::-1] and found in text and len(found) == best
"""
CACHE = """
cache = LRUCache(2)
cache.put(1, 1); cache.put(2, 2)
assert cache.get(1) == 1
cache.put(3, 3)  # 2 was used least recently
assert (cache.get(2), cache.get(3)) == (-1, 3)
cache.put(1, 10)
assert cache.get(1) == 10
"""

# Form.


def syllables(word: str) -> int:
    """By a rule of thumb: groups of vowels, without a silent e. Wrong for about one word in six.

    >>> syllables("machine"), syllables("code")
    (2, 1)
    """
    word = re.sub(r"[^a-z]", "", word.lower())
    word = re.sub(r"(?<=[^aeiouyl])e$|(?<=[aeiouy]l)e$|(?<=[^td])ed$|(?<![sxzcg])es$", "", word)
    return max(1, len(re.findall(r"[aeiouy]+", word)))


def haiku(answer: str) -> bool:
    """Three lines of 5, 7 and 5 syllables, give or take one, as the counter may be wrong by one."""
    lines = [line.split() for line in answer.strip().splitlines() if line.strip()]
    off = [abs(sum(map(syllables, words)) - n) for words, n in zip(lines, (5, 7, 5), strict=False)]
    return len(lines) == 3 and max(off) <= 1


JARGON = {"algorithm", "algorithms", "data", "dataset", "model", "neural", "network", "statistics"}


def metaphor(answer: str) -> bool:
    """Form only: short, compares with something, no word of the trade."""
    said = re.findall(r"[a-z]+", answer.lower())
    return len(said) <= 60 and bool({"like", "imagine"} & set(said)) and not JARGON & set(said)


def names(answer: str, both: str, points: str, least: int = 4) -> bool:
    """Both sides, and at least so many points of a rubric (stems, alternatives by |)."""
    text = answer.lower()
    found = sum(bool(re.search(point, text)) for point in points.split())
    return all(side in text for side in both.split()) and found >= least


# The prompts.

SERVICES = "deploy scal network|latency complex simpl|eas team|independen fault|fail debug|test"
STORES = "schema scal transaction|acid consisten join|relation flexib quer unstructured|document"
SUITE: list[tuple[str, str, Callable[[str], bool]]] = [  # category, prompt, grader
    (
        "reasoning",
        "Five machines make five widgets in five minutes. How many minutes do 100 "
        "machines need for 100 widgets?",
        lambda said: last_number(said) == 5,
    ),
    (
        "reasoning",
        "A bat and a ball cost $1.10 together. The bat costs $1.00 more than the ball. "
        "What does the ball cost?",
        price_of_ball,
    ),
    (
        "coding",
        "Write a Python function longest_palindrome(text) that returns the longest "
        "palindrome inside text. Reply with code only.",
        lambda said: passes(said, PALINDROME),
    ),
    (
        "coding",
        "Write a Python class LRUCache(capacity) with get(key), which returns -1 if the key "
        "is missing, and put(key, value). Reply with code only.",
        lambda said: passes(said, CACHE),
    ),
    ("math", "What is the derivative of x^3 + 2x^2 - 5x + 3?", derivative),
    ("math", "Solve the system 2x + 3y = 7, x - y = 1.", solution),
    ("creativity", "Write a haiku about debugging code. Reply with its three lines only.", haiku),
    (
        "creativity",
        "Explain machine learning to a five-year-old with one metaphor, in at most 60 words.",
        metaphor,
    ),
    (
        "analysis",
        "Name advantages and disadvantages of microservices and of a monolith.",
        lambda said: names(said, "microservice monolith", SERVICES),
    ),
    (
        "analysis",
        "Compare SQL and NoSQL databases: what does each give up?",
        lambda said: names(said, "sql nosql", STORES),
    ),
]
