"""The search box: the page ranks as Python does, and shows what the kernel found when there is one."""

import gzip
import json
import re
from collections.abc import Iterator

import pytest
import snowballstemmer
from playwright.sync_api import Browser, Page, expect

from coursekit import corpus, retrieval
from coursekit.ask import AskTheCourse
from coursekit.corpus import Document, Passage

SHOW = """async ([code, css, values]) => {
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const module = await import(url);
  const listeners = [];
  const model = {
    get: (name) => values[name], set: (name, value) => { values[name] = value; },
    save_changes: () => {}, on: (_, tell) => { listeners.push(tell); },
  };
  document.body.innerHTML = `<style>${css}</style><main><div></div></main>`;
  module.default.render({ model, el: document.querySelector("main div") });
  window.module = module;
  window.values = values;
  window.told = (changes) => { Object.assign(values, changes); listeners.forEach((tell) => tell()); };
}"""
SUFFIXES = """s es ies ied sses us ss ed eed ing edly eedly ingly ying y li bli abli alli ogi ogist ational
tional ization izer ator iveness fulness ousness aliti biliti iviti icate ative alize iciti ical ful ness
ance ence able ible ate ive ize iti al ism ion sion tion er ous ant ent ment ement e l ll ation alism enci
anci entli ousli lessli fulli""".split()  # noqa: SIM905
ROOTS = """past inter gener commun arsen later organ univers emerg succ proc exc inn out cann herr earr even
d ly t hop hopp add egg off control fall cosm atlas news sky bias relat rat bl conflat tro siz hiss fizz
fail fil happ say by cr enjoy youth yy ayy queue queu probab vacu aeiou xyz b ab abc troubl 2pc x_y größ
naïv""".split()  # noqa: SIM905


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 390, "height": 700})
    page.set_default_timeout(5000)
    state = AskTheCourse("When is a leader elected?").get_state()
    names = ("passages", "stop_words", "most", "query", "found")
    page.evaluate(SHOW, [AskTheCourse._esm, AskTheCourse._css, {name: state[name] for name in names}])
    yield page
    page.close()


def queries() -> list[str]:
    """Golden questions, titles, and what nobody would ask."""
    asked = [question.text for question in corpus.golden()] if (corpus.DATA / "golden.json").exists() else []
    odd = ["", "the", "?!", "λ = L / W", "O(1) vs O(log n)", "İstanbul ΣΑΣ straße", "queue " * 30, "x_y 2pc"]
    return [*asked, *[document.title for document in corpus.course()], *odd]


def test_the_page_stems_every_word_as_snowball_does(page):
    words = set(re.findall(r"\w+", " ".join(one.text for one in corpus.course()).lower()))
    words |= set(re.findall(r"\w+", " ".join(one.text for one in corpus.constitution()).lower()))
    words |= {root + suffix for root in [*ROOTS, *sorted(words)[::40]] for suffix in ["", *SUFFIXES]}
    ours = sorted(words)
    theirs = snowballstemmer.stemmer("english").stemWords(ours)
    shown = page.evaluate("(words) => words.map(module.stem)", ours)
    assert [row for row in zip(ours, shown, theirs, strict=True) if row[1] != row[2]] == []


def test_the_page_ranks_and_scores_as_bm25_in_python(page):
    passages = corpus.passages()
    witness = retrieval.BM25({one.id: one.text for one in passages})
    search = """(queries) => {
      const all = values.passages, stop = new Set(values.stop_words);
      const search = module.index(all.map((one) => one.id), all.map((one) => one.text), stop);
      return queries.map((query) => search(query, 10).map(([i, score]) => [all[i].id, score]));
    }"""
    asked = queries()
    for query, shown in zip(asked, page.evaluate(search, asked), strict=True):
        expected = witness.search(query, 10)
        assert [key for key, _ in shown] == [key for key, _ in expected], query
        assert [score for _, score in shown] == pytest.approx([score for _, score in expected])


def test_a_reader_without_a_kernel_gets_passages_with_links_to_their_sections(page):
    page.get_by_label("Ask the course").fill("token bucket rate limiter")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".ck-said")).to_have_text("4 passages, found by words, in this page.")
    best = retrieval.BM25({one.id: one.text for one in corpus.passages()}).search(
        "token bucket rate limiter", 1
    )
    document = next(one.document for one in corpus.passages() if one.id == best[0][0])
    expect(page.locator(".ck-hits a").first).to_have_attribute("href", document.link)
    expect(page.locator("mark", has_text="bucket").first).to_be_visible()


def test_a_question_that_shares_no_word_says_so_and_html_in_it_stays_text(page):
    page.get_by_label("Ask the course").fill("<xq>zzz</xq>")
    page.keyboard.press("Enter")
    expect(page.locator(".ck-said")).to_contain_text("No passage shares a word")
    expect(page.locator(".ck-hits li")).to_have_count(0)


def test_what_the_kernel_found_replaces_what_the_page_found(page):
    page.evaluate("told({ query: 'x', found: { query: 'x', hits: [3, 1], doubt: true } })")
    expect(page.locator(".ck-said")).to_have_text(
        "2 passages, found by words and by meaning, in the kernel. "
        "None of them is close: the course may not answer this."
    )
    page.evaluate("told({ query: 'leader election' })")  # the answer to an older question is not shown
    expect(page.locator(".ck-said")).to_contain_text("in this page")


def test_marks_of_tables_and_formulas_are_not_shown(page):
    text = "| | in words |\n|---|---|\n| $\\alpha = n/m$ | load, $5 and $10 |"
    page.evaluate(
        "(text) => { values.kept = values.passages[0].text; values.passages[0].text = text; }", text
    )
    page.evaluate("told({ query: 'x', found: { query: 'x', hits: [0], doubt: false } })")
    expect(page.locator(".ck-hits p")).to_have_text("in words\nalpha = n/m · load, $5 and $10")
    page.evaluate("values.passages[0].text = values.kept")


def test_nothing_is_wider_than_a_phone(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_kernel_answers_a_new_question_by_words_and_by_meaning():
    box = AskTheCourse(cutoff=0.2)
    box.query = "When is a new leader elected?"
    assert box.found["query"] == box.query and not box.found["doubt"]
    chapters = {box.searched[number].document.id.partition("#")[0] for number in box.found["hits"]}
    assert chapters == {"03_consensus"}
    box.query = "sourdough bread with olives"
    assert box.found["doubt"]


def test_any_passages_can_be_searched():
    document = Document("d#x", "D", "X", "cats purr and dogs bark")
    box = AskTheCourse(passages=[Passage(document, 0, 9), Passage(document, 14, 23)])
    assert [one.text for one in box.ask("which animal barks")[0]] == ["dogs bark", "cats purr"]


def test_the_page_stays_light():
    state = AskTheCourse().get_state()
    payload = json.dumps({name: state[name] for name in ("passages", "stop_words", "_esm", "_css")})
    assert len(gzip.compress(payload.encode())) < 150_000
