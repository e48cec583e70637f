"""A tape plays what was said, asks what was not, and is kept only when that is wanted."""

import json
import math
from types import SimpleNamespace

import pytest

from coursekit import corpus, tape
from coursekit.errors import CourseError
from coursekit.tape import Tape


@pytest.fixture
def model(monkeypatch):
    """A model that counts how often it is asked, and answers with the last word it heard."""
    asked = []

    def ask(prompt, most, **more):
        asked.append(prompt)
        top = [SimpleNamespace(token=token, logprob=math.log(p)) for token, p in more.get("tokens", TOKENS)]
        said = SimpleNamespace(content=prompt.split()[-1])
        first = SimpleNamespace(top_logprobs=top, token=top[0].token)
        choice = SimpleNamespace(message=said, logprobs=SimpleNamespace(content=[first]))
        return SimpleNamespace(choices=[choice])

    monkeypatch.setattr(tape, "_ask", ask)
    monkeypatch.delenv("COURSE_RECORD", raising=False)
    return asked


TOKENS = [("Yes", 0.3), (" yes", 0.3), ("No", 0.2), ("Maybe", 0.2)]


def test_a_reply_is_asked_once_and_then_played(model, tmp_path):
    ours = Tape("t", tmp_path)
    assert [ours.say("one two"), ours.say("one two"), ours.say("one two", most=9)] == ["two"] * 3
    assert (len(model), ours.asked) == (2, 2)  # another length is another question
    assert not (tmp_path / "t.json").exists()


def test_each_seed_is_a_question_of_its_own(model, tmp_path):
    ours = Tape("t", tmp_path)
    assert [ours.sample("one two", seed) for seed in (1, 2, 1)] == ["two"] * 3
    assert len(model) == 2


def test_a_chance_is_shared_between_the_two_words_only(model, tmp_path):
    assert Tape("t", tmp_path).chance("?", "yes", "no") == pytest.approx(0.75)
    with pytest.raises(CourseError, match="neither 'a' nor 'b' but 'Yes'"):
        Tape("t", tmp_path).chance("?", "a", "b")


def test_a_recording_keeps_what_was_used_and_forgets_the_rest(model, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RECORD", str(tmp_path / "t.json"))
    Tape("t", tmp_path).say("an old one")
    ours = Tape("t", tmp_path)
    ours.say("a new two")
    assert list(json.loads((tmp_path / "t.json").read_text())["replies"].values()) == ["two"]
    monkeypatch.delenv("COURSE_RECORD")
    played = Tape("t", tmp_path)
    assert played.say("a new two") == "two" and played.asked == 0


def test_the_tape_of_the_course_holds_replies_and_says_whose():
    ours = Tape("rag_tape")
    assert "SmolLM2" in ours.model and len(ours.replies) > 100
    assert all(0 <= said <= 1 for said in ours.replies.values() if isinstance(said, float))
    assert (corpus.DATA / "rag_tape.json").stat().st_size < 400_000
