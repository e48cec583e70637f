"""Covers of Part II: a question on its way, prices, meanings, a rush."""

from collections.abc import Callable
from math import log10

import numpy as np

from coursekit import corpus, embeddings, prices, retrieval
from coursekit.chapters import chapter
from tools.drawings.canvas import BOLD, HEIGHT, MARGIN, PEN, THIN, WIDTH, Canvas, Point, across


def llm_map() -> Canvas:
    """One question through model, prompt, retrieval and service; asked again, it takes the short way."""
    question = chapter("04_llm_engineering_series").QUESTION
    near = corpus.vectors() @ embeddings.embed(question)
    shown = sorted(np.argsort(near)[-36:])
    canvas = Canvas(
        "A question passes four stations: a model, a form for the answer, a row of passages of which the "
        "nearest stands out, and a service; asked again, it goes straight to the last."
    )
    middle, again, low = 130, 270, near[shown].min() - 0.05
    left, pitch = 500, 11
    comb = [(left + pitch * i, 190 * (near[p] - low) / (near.max() - low)) for i, p in enumerate(shown)]
    best = int(np.argmax([tall for _, tall in comb]))
    bars = [[(x, middle - tall / 2), (x, middle + tall / 2)] for x, tall in comb]
    level = lambda *ends: [[(a, middle), (b, middle)] for a, b in ends]
    canvas.lines("theory", level((60, 170), (250, 340), (430, 480)))
    canvas.lines("second", level((910, 1000), (1080, 1150)))
    canvas.lines("second", [[(60, again), (1040, again), (1040, middle + 56)]])
    canvas.lines("faint", bars[:best] + bars[best + 1 :], width=PEN)
    canvas.lines("second", [bars[best]], width=BOLD)
    canvas.rings("alarm", [(210, middle)], size=80, width=BOLD)
    canvas.frames("measured", [(340, middle - 40, 90, 80)], width=BOLD)
    canvas.rings("second", [(1040, middle)], size=80, width=BOLD)
    canvas.dots("second", [(1040, middle)], size=30)
    canvas.dots("ink", [(54, middle), (54, again)], size=28)
    return canvas


def foundation_models() -> Canvas:
    """What a token costs by the length of the prompt; a line ends where nothing more fits."""
    lengths = [10 ** (3 + i / 12) for i in range(37)]
    canvas = Canvas(
        "A line for each model, high when dear: it falls as prompts grow, steps up where long prompts cost "
        "more, and ends where nothing more fits; the cheapest that fits is blue."
    )

    def at(model: prices.Model, prompt: float) -> Point:
        cost = log10(model.dollars(round(prompt), 500) * 1_000_000 / round(prompt + 500))
        return across(log10(prompt), 3, 6.03), across(cost, -1, 1.4, HEIGHT - MARGIN, MARGIN)

    def line(model: prices.Model) -> list[Point]:
        step = [model.long_above, model.long_above + 1] if model.long_input else []
        fitting = [n for n in lengths if n < model.reach]
        return [at(model, n) for n in sorted([*fitting, *step, model.reach - 500])]

    lines = {name: line(model) for name, model in prices.NOW.items()}
    fits = lambda prompt: (model for model in prices.NOW.values() if prompt + 500 <= model.reach)
    marks = sorted([*lengths, 272_000, 272_001])
    best = [min(fits(n), key=lambda model: model.dollars(round(n), 500)) for n in marks]
    roles = {name: "second" if model.weights == "open" else "theory" for name, model in prices.NOW.items()}
    for role in ("theory", "second"):
        mine = [lines[name] for name in lines if roles[name] == role]
        canvas.lines(role, mine, width=5)
        canvas.dots(role, [line[-1] for line in mine], size=20)
    canvas.lines("measured", [[at(model, n) for model, n in zip(best, marks, strict=True)]], width=12)
    return canvas


def prompting_and_rag() -> Canvas:
    """All passages of the course by meaning, and what two searches find for one question."""
    passages = list(corpus.passages())
    vectors = corpus.vectors()
    question = next(one for one in corpus.golden() if "an average hides the worst" in one.text)
    vector = embeddings.embed(question.text)
    keys = [passage.id for passage in passages]
    words = retrieval.BM25({p.id: p.text for p in passages})
    by_words = [key for key, _ in words.search(question.text, 50)]
    by_meaning = [key for key, _ in retrieval.Dense(keys, vectors).search(vector, 50)]
    fused = retrieval.fuse(by_words, by_meaning)
    centre = vectors.mean(axis=0)
    axes = np.linalg.svd(vectors - centre, full_matrices=False)[2][:2]
    axes = axes * np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, None]
    flat = (np.vstack([vectors, vector]) - centre) @ axes.T
    order = flat.argsort(axis=0).argsort(axis=0) / (len(flat) - 1)
    spread = 0.5 * order + 0.5 * (flat - flat.min(0)) / (flat.max(0) - flat.min(0))
    place = [(across(x, 0, 1), across(y, 0, 1, MARGIN, HEIGHT - MARGIN)) for x, y in spread]
    where = dict(zip(keys, place, strict=False))
    canvas = Canvas(
        "Every passage of the course as a dot, near what means the same. One question finds six by "
        "meaning and six by words; the best of the fused ranking stand out."
    )
    canvas.dots("faint", place[:-1], size=13)
    canvas.lines("fourth", [(place[-1], where[key]) for key in by_words[:6]], width=THIN)
    canvas.lines("measured", [(place[-1], where[key]) for key in by_meaning[:6]], width=THIN)
    canvas.dots("fourth", [where[key] for key in by_words[:6]], size=18)
    canvas.dots("measured", [where[key] for key in by_meaning[:6]], size=18)
    canvas.dots("second", [where[key] for key in fused[:3]], size=30)
    canvas.dots("ink", [place[-1]], size=30)
    return canvas


def llm_production() -> Canvas:
    """An hour with a rush: the pods that were needed, and those that the autoscaler set."""
    live = chapter("07_llm_production")
    needed = live.RUSH * live.JITTER * live.STAY / 4
    pods, _ = live.autoscaled(live.RUSH * live.JITTER, live.STAY, 20, 4)
    canvas = Canvas(
        "An hour of traffic: stacked squares are the servers that an autoscaler set, a line what was "
        "needed each minute; where the line is above the stack, at the dots, somebody waits."
    )
    step, tall = (WIDTH - 2 * MARGIN) / 60, 23
    floor = HEIGHT - MARGIN
    squares, asked, short = [], [], []
    for minute in range(60):
        left, quarters = MARGIN + step * minute, slice(4 * minute, 4 * minute + 4)
        have, most = int(pods[quarters][0]), needed[quarters].max()
        squares += [(left, floor - tall * (k + 1), step - 3, tall - 3) for k in range(have)]
        asked.append((left + step / 2 - 1.5, floor - tall * most))
        short += asked[-1:] if most > have else []
    canvas.boxes("measured", squares)
    canvas.lines("ink", [asked], width=PEN)
    canvas.dots("alarm", short, size=20)
    return canvas


COVERS: dict[str, Callable[[], Canvas]] = {
    "04_llm_engineering_series": llm_map,
    "05_llm_foundation_models": foundation_models,
    "06_llm_prompting_and_rag": prompting_and_rag,
    "07_llm_production": llm_production,
}
