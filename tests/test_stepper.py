"""The stepper against the notebook's own tables, and in the hands of a reader."""

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from random import Random

import pytest
from chapters import chapter
from playwright.sync_api import Browser, Page, expect

from coursekit import stepper
from coursekit.stepper import SCHEMES, TableStepper

tables = chapter("02_hash_tables")

WORDS = [*stepper.FRUIT, "a", "Ω", "grüße", "日本", "<b>&", "0", "7", "007", "-3", "²"]
SHOW = """async ([code, css, values]) => {
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  const listeners = [];
  const model = {
    get: (name) => values[name],
    set: (changes) => { Object.assign(values, changes); },
    save_changes: () => {},
    on: (_, tell) => { listeners.push(tell); },
  };
  document.body.innerHTML = `<style>${css}</style><main><div></div></main>`;
  widget.render({ model, el: document.querySelector("main div") });
  window.values = values;
  window.told = (changes) => { Object.assign(values, changes); listeners.forEach((tell) => tell()); };
}"""
LOAD = """async (code) => {
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const { simulate, hash } = await import(url);
  window.hash = hash;
  window.last = (...history) => simulate(...history).filter(({ last }) => last).map((frame) => ({
    slots: frame.slots.map((slot) => slot.map(({ key }) => key)), stash: frame.stash.map(({ key }) => key),
    probes: frame.probes, moves: frame.moves, count: frame.count,
  }));
  window.frames = simulate;
}"""


@pytest.fixture(scope="module")
def script(browser: Browser) -> Iterator[Page]:
    """A page with the stepper's functions `hash`, `frames` and `last`, the state after each operation."""
    page = browser.new_page()
    page.evaluate(LOAD, TableStepper._esm)
    yield page
    page.close()


@pytest.fixture
def show(browser: Browser) -> Iterator:
    """Draws a stepper in a page that does not want motion, where each operation is shown at its end."""
    context = browser.new_context(viewport={"width": 800, "height": 700}, reduced_motion="reduce")
    context.set_default_timeout(5000)
    page = context.new_page()

    def draw(widget: TableStepper, page: Page = page) -> Page:
        state = widget.get_state()
        values = {name: state[name] for name in ("scheme", "size", "limit", "sample", "start", "ops", "at")}
        page.evaluate(SHOW, [widget._esm, widget._css, values])
        return page

    yield draw
    context.close()


def key_hash(key: str | int) -> int:
    """FNV-1a, 32 bits, from its definition; a number is its own hash."""
    if isinstance(key, int):
        return key
    value = 0x811C9DC5
    for byte in key.encode():
        value = (value ^ byte) * 0x01000193 % 2**32
    return value


def python_key(text: str) -> str | int:
    """What is written as Python writes a whole number is one; 007 is a word."""
    return int(text) if text in map(str, range(100)) or text[:1] in "123456789" else text


def in_python(scheme: str, size: int, limit: float | None, history: list) -> Iterator[dict]:
    """What the notebook's table looks like after each operation."""
    table = tables.SCHEMES[scheme](size=size, hash_function=key_hash, fullest=limit)
    for what, key in history:
        key = python_key(key)
        if what == "insert":
            table[key] = "value"
        elif what == "find":
            table.get(key)
        else:
            with suppress(KeyError):
                del table[key]
        chains = isinstance(table, tables.ChainedTable)
        slots = [list(table.chain(i)) if chains else [table.slots[i]] for i in range(table.size)]
        yield {
            "slots": [[str(entry.key) for entry in slot if entry] for slot in slots],
            "stash": [str(entry.key) for entry in getattr(table, "stash", [])],
            "probes": table.probes,
            "moves": table.moves,
            "count": len(table),
        }


def any_history(rng: Random, keys: list[str], length: int) -> list[list[str]]:
    """Mostly inserts, then as many deletes, then mostly deletes: the table grows, is swept and shrinks."""
    wishes = [["insert"] * a + ["find"] * 2 + ["delete"] * b for a, b in ((6, 2), (4, 4), (2, 6))]
    return [[rng.choice(wishes[3 * step // length]), rng.choice(keys)] for step in range(length)]


@pytest.mark.parametrize("limit", [None, 0.5, 1.0])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_after_each_step_the_page_has_the_slots_probes_and_moves_of_the_python_table(script, scheme, limit):
    rng = Random(f"{scheme} {limit}")
    spread = [str(rng.randrange(10**9)) for _ in range(40)]
    crowd = [str(16 * rng.randrange(1000) + rng.randrange(3)) for _ in range(20)]  # three homes for all
    for size, keys in ((8, spread), (16, spread), (16, crowd), (8, [*map(str, range(20))])):
        history = any_history(rng, list(dict.fromkeys(keys)), 120)
        shown = script.evaluate("(asked) => last(...asked)", [scheme, size, limit or 0, history])
        for step, (here, there) in enumerate(
            zip(shown, in_python(scheme, size, limit, history), strict=True)
        ):
            assert here == there, f"after {history[: step + 1]}"


def test_words_hash_and_move_in_the_page_as_in_python(script):
    for word in WORDS:
        assert script.evaluate("(word) => hash(word)", word) == key_hash(python_key(word))
    for scheme in SCHEMES:
        history = any_history(Random(scheme), WORDS, 100)
        shown = script.evaluate("(asked) => last(...asked)", [scheme, 8, 0, history])
        assert shown == list(in_python(scheme, 8, None, history))


def test_the_hash_of_words_is_fnv_1a_as_published():
    vectors = {"": 0x811C9DC5, "a": 0xE40C292C, "foobar": 0xBF9CF968}  # Noll's test suite
    assert {word: key_hash(word) for word in vectors} == vectors


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_look_at_a_slot_has_a_frame_of_its_own_and_says_what_it_found(script, scheme):
    history = any_history(Random(1), [*stepper.FRUIT], 60)
    frames = script.evaluate("(asked) => frames(...asked)", [scheme, 16, 0, history])
    assert all(frame["text"] for frame in frames)
    for before, after in pairwise(frames):
        assert after["probes"] - before["probes"] <= 1
        assert any(after[what] != before[what] for what in ("op", "probes", "text"))


def test_a_key_typed_by_the_reader_is_put_in_found_and_taken_out(show):
    page = show(TableStepper(["3", "14"], size=8, scheme="linear"))
    page.get_by_label("key", exact=True).fill("<i>")
    page.keyboard.press("Enter")
    expect(page.locator(".ck-said")).to_contain_text("<i> goes into slot")
    expect(page.locator(".ck-slots b", has_text="<i>")).to_have_count(1)
    page.get_by_role("button", name="find").click()
    expect(page.locator(".ck-said")).to_contain_text("holds <i>: found")
    page.get_by_role("button", name="delete").click()
    expect(page.locator(".ck-slots .ck-tomb")).to_have_count(1)
    assert page.evaluate("values.ops") == [["insert", "<i>"], ["find", "<i>"], ["delete", "<i>"]]


def test_back_and_step_walk_through_all_frames_by_button_and_by_key(show):
    page = show(TableStepper(["1", "9", "17"], size=8))
    said = page.locator(".ck-said")
    texts = [said.text_content()]
    while page.get_by_role("button", name="back").get_attribute("aria-disabled") != "true":
        page.get_by_role("button", name="back").click()
        texts.append(said.text_content())
    assert texts[-1] == "An empty table." and texts[0] == "17 goes into slot 3." and len(texts) == 13
    page.locator(".ck-figure").focus()
    for text in reversed(texts[:-1]):
        page.keyboard.press("ArrowRight")
        expect(said).to_have_text(text)
    page.keyboard.press("ArrowRight")
    expect(said).to_have_text(texts[0])


def test_play_starts_by_itself_and_pauses_by_the_space_key(browser, show):
    page = browser.new_page()
    page.clock.install()
    show(TableStepper(["1", "9"], size=8), page)
    page.get_by_label("key", exact=True).fill("17")
    page.get_by_role("button", name="insert").click()
    seen = [page.locator(".ck-said").text_content()]
    for _ in range(2):
        page.clock.run_for(1100)
        seen.append(page.locator(".ck-said").text_content())
    assert [text.split(":")[0] for text in seen] == [
        "insert 17",
        "Slot 1 holds 1, not 17.",
        "Slot 2 holds 9, not 17.",
    ]
    page.locator(".ck-figure").focus()
    page.keyboard.press(" ")
    page.clock.run_for(5000)
    expect(page.locator(".ck-said")).to_have_text(seen[-1])
    page.close()


def test_another_scheme_lives_through_the_same_history(show):
    history = [("delete", "9"), ("find", "17")]
    page = show(TableStepper(["1", "9", "17"], size=8, ops=history))
    expect(page.locator(".ck-tomb")).to_have_count(1)
    page.get_by_label("scheme").select_option("back-shift")
    expect(page.locator(".ck-tomb")).to_have_count(0)
    expect(page.locator(".ck-said")).to_have_text("Slot 2 holds 17: found.")
    expect(page.get_by_label("doubles above load").locator("option").first).to_have_text("usual (0.7)")


def test_the_slider_fills_the_table_key_by_key_and_the_slots_double_at_the_limit(show):
    page = show(TableStepper(size=16, start=0))
    slider = page.get_by_label("start with")
    for count, slots in ((1, 16), (11, 16), (12, 32), (16, 32)):
        slider.fill(str(count))
        expect(page.locator(".ck-slots b:not(.ck-none)")).to_have_count(count)
        expect(page.locator(".ck-slots li")).to_have_count(slots)
    expect(page.locator(".ck-sum")).to_contain_text("16 keys in 32 slots: load 0.50")


def test_no_key_and_too_many_keys_are_answered_in_words_and_change_nothing(show):
    page = show(TableStepper([], ops=[("insert", key) for key in range(44)]))
    page.get_by_role("button", name="insert").click()
    expect(page.locator(".ck-said")).to_have_text("Type a key first: a word or a number.")
    page.get_by_label("key", exact=True).fill("44")
    page.get_by_role("button", name="insert").click()
    expect(page.locator(".ck-said")).to_contain_text("reset first")
    assert len(page.evaluate("values.ops")) == 44
    page.get_by_role("button", name="reset").click()
    expect(page.locator(".ck-slots li")).to_have_count(16)


def test_a_second_view_follows_the_first(show):
    page = show(TableStepper(["1"], size=8))
    page.evaluate("told({ ops: [['insert', '2']] })")
    expect(page.locator(".ck-slots b:not(.ck-none)")).to_have_count(2)


def test_the_page_offers_every_scheme_and_no_other(show):
    page = show(TableStepper())
    offered = page.locator("select[name=scheme] option").evaluate_all("(all) => all.map((one) => one.value)")
    assert sorted(offered) == sorted(SCHEMES) and set(SCHEMES) < set(tables.SCHEMES)


def test_keys_and_shortcuts_of_jupyterlab_stay_out_of_it(show):
    page = show(TableStepper())
    controls = page.locator("input, select, button, .ck-figure").evaluate_all(
        "(all) => all.map((one) => Boolean(one.closest('[data-lm-suppress-shortcuts]')))"
    )
    assert len(controls) == 12 and all(controls)


def test_all_that_a_page_needs_travels_in_the_synced_state():
    state = TableStepper(["a"], ops=[("find", "a")]).get_state()
    assert {"_esm", "_css", "scheme", "size", "limit", "sample", "start", "ops", "at"} <= set(state)
    json.dumps({key: value for key, value in state.items() if key != "layout"})


def test_the_plain_text_of_a_stepper_is_the_same_every_time():
    text = "A hash table to step through: linear, 16 slots, 16 keys at first"
    assert repr(TableStepper()) == repr(TableStepper()) == text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"scheme": "luck"}, "no scheme 'luck'; there is chaining, linear"),
        ({"size": 12}, "8, 16 or 32 slots, got 12"),
        ({"limit": 2}, "limit must be a load from 1/8 to 1, got 2"),
        ({"keys": ["a", "a"]}, "each once; got a, a"),
        ({"keys": ["ninety nine"]}, "1 to 8 signs, got 'ninety nine'"),
        ({"start": 17}, "start must be from 0 to 16 keys, got 17"),
        ({"ops": [("drop", 3)]}, "insert, find or delete; got 'drop' for 3"),
    ],
)
def test_what_there_is_not_is_named(wrong, says):
    with pytest.raises(ValueError, match=says):
        TableStepper(**wrong)
