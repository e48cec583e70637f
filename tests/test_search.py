"""Search, cards, map and paths in a real browser: what was meant comes first, by mouse and by keyboard."""

import re

import pytest
import test_pages
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from test_pages import NARROW, WIDE

site, tab = test_pages.site, test_pages.tab  # the fixtures
FIRST = 3  # where the page that was meant must be
WANTED = {  # what readers type: the page that was meant, and the section or term where there is one
    "little's law": "notebooks/01_littles_law.html",
    "kingman": "notebooks/01_littles_law.html",
    "p99": "notebooks/01_littles_law.html",
    "throughput": "notebooks/01_littles_law.html",
    "bloom filter": "notebooks/02_hash_tables.html#a-set-and-a-bloom-filter-beside-it",
    "consistent hashing": "notebooks/02_hash_tables.html",
    "robin hood": "notebooks/02_hash_tables.html",
    "tombstone": "notebooks/02_hash_tables.html",
    "leader election": "notebooks/03_consensus.html#step-3-elections",
    "paxos": "notebooks/03_consensus.html",
    "split brain": "notebooks/03_consensus.html",
    "quorum": "notebooks/03_consensus.html",
    "retry": "notebooks/05_llm_foundation_models.html#a-retry-storm",
    "circuit breaker": "notebooks/05_llm_foundation_models.html",
    "hedged request": "notebooks/05_llm_foundation_models.html#hedged-requests",
    "idempotency": "notebooks/05_llm_foundation_models.html",
    "BM25": "notebooks/06_llm_prompting_and_rag.html",
    "hybrid search": "notebooks/06_llm_prompting_and_rag.html",
    "chain of thought": "notebooks/06_llm_prompting_and_rag.html",
    "prompt injection": "notebooks/06_llm_prompting_and_rag.html",
    "jailbreak": "book/glossary.html#term-prompt-injection",
    "semantic cache": "notebooks/07_llm_production.html",
    "rate limit": "notebooks/07_llm_production.html",
    "prometheus": "notebooks/07_llm_production.html",
    "reactive agent": "notebooks/09_agent_architectures.html",
    "blackboard": "notebooks/10_agent_design_patterns.html",
    "contract net": "notebooks/10_agent_design_patterns.html",
    "BDI": "notebooks/10_agent_design_patterns.html",
    "MQTT": "notebooks/11_agent_communication.html",
    "grpc": "notebooks/11_agent_communication.html",
    "spade": "notebooks/12_agent_frameworks.html",
    "auction": "notebooks/13_multi_agent_systems.html",
    "voting": "notebooks/13_multi_agent_systems.html",
    "gossip": "notebooks/14_multi_agent_in_practice.html",
    "root cause": "notebooks/15_incident_agent.html",
    "human approval": "notebooks/15_incident_agent.html",
    "episodic memory": "notebooks/17_agent_components.html",
    "A/B test": "notebooks/18_agent_concept_to_production.html",
    "saga": "notebooks/19_agent_teams.html",
    "runnable": "notebooks/20_langchain.html",
    "checkpoint": "notebooks/21_langgraph.html",
    "time travel": "notebooks/21_langgraph.html",
    "consensu": "notebooks/03_consensus.html",  # not typed to its end
}
FIND = """async ({ asked, root }) => {
  const { find } = await import(new URL("_static/results.js", root));
  const begun = performance.now();
  const chapters = await find(new URL(root), asked);
  const places = chapters.map(({ entries }) => entries.slice(0, 3).map(({ url }) => url.slice(root.length)));
  return { ms: performance.now() - begun, places };
}"""
CHAPTER = "notebooks/02_hash_tables.html"
LIGHT = "book/systems.html"  # where the chapter does not matter: quick to open


@pytest.fixture(scope="module")
def answers(browser: Browser, site: str) -> dict:
    """For each query what was found: for each page the addresses of its best places; and in how many ms."""
    opened = browser.new_page()
    opened.goto(f"{site}book/systems.html")
    opened.evaluate(FIND, {"asked": "warm", "root": site})
    found = {asked: opened.evaluate(FIND, {"asked": asked, "root": site}) for asked in WANTED}
    opened.close()
    return found


@pytest.mark.parametrize("asked", WANTED)
def test_what_was_meant_is_among_the_first_three(answers, asked):
    page, _, place = WANTED[asked].partition("#")
    first = answers[asked]["places"][:FIRST]
    chosen = next((places for places in first if places[0].split("#")[0] == page), None)
    assert chosen, first
    assert not place or WANTED[asked] in chosen


def test_the_mean_reciprocal_rank_is_above_seven_tenths(answers):
    """1 for a page that comes first, 1/2 for the second; the glossary's answer takes a place of its own."""
    ranks = []
    for asked, wanted in WANTED.items():
        pages = [places[0].split("#")[0] for places in answers[asked]["places"]]
        page = wanted.split("#")[0]
        ranks.append(1 / (pages.index(page) + 1) if page in pages else 0)
    assert sum(ranks) / len(ranks) > 0.7


def test_an_answer_takes_less_than_300_ms(answers):
    times = sorted(found["ms"] for found in answers.values())
    assert times[len(times) // 2] < 300


def ask(tab: Page, words: str) -> None:
    """Open the search as a reader does, type, and wait for the answer."""
    tab.keyboard.press("/")
    tab.locator("dialog[open] input[name=q]").wait_for(timeout=20_000)
    tab.keyboard.type(words)
    tab.locator(f'.search-view[data-answered="{words}"]').wait_for(timeout=20_000)


def test_a_page_asks_for_nothing_of_the_search_before_somebody_searches(tab, site):
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{site}{LIGHT}", wait_until="networkidle")
    assert not [url for url in asked if "pagefind" in url or "results.js" in url or "search.css" in url]
    ask(tab, "bloom")
    assert [url for url in asked if "pagefind" in url]


def test_arrows_and_enter_lead_from_the_box_to_the_place(tab, site):
    tab.goto(f"{site}{LIGHT}")
    ask(tab, "bloom filter")
    expect(tab.locator(".search-found mark").first).to_have_text(re.compile("Bloom", re.IGNORECASE))
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowUp")
    wanted = tab.locator(".search-found a").first.get_attribute("href")
    expect(tab.locator(".search-found a").first).to_be_focused()
    tab.keyboard.press("ArrowUp")
    expect(tab.locator("dialog input[name=q]")).to_be_focused()
    tab.keyboard.press("Enter")
    tab.wait_for_url(wanted)


@pytest.mark.parametrize("keys", ["/", "Control+k", "Meta+k"])
def test_a_key_opens_the_search_and_escape_gives_the_focus_back(tab, site, keys):
    tab.goto(f"{site}{LIGHT}")
    link = tab.locator(".chapters a").first
    link.focus()
    tab.keyboard.press(keys)
    expect(tab.locator("dialog input[name=q]")).to_be_focused()
    tab.keyboard.type("hash")
    tab.keyboard.press("Escape")
    expect(tab.locator("dialog")).to_be_hidden()
    expect(link).to_be_focused()


def test_a_slash_in_a_box_is_a_slash(tab, site):
    tab.goto(f"{site}{LIGHT}")
    ask(tab, "a/b")
    expect(tab.locator("dialog input[name=q]")).to_have_value("a/b")


def test_typing_into_the_box_of_the_sidebar_goes_on_in_the_dialog(tab, site):
    tab.goto(f"{site}{LIGHT}")
    tab.locator(".sidebar-search").focus()
    expect(tab.locator("dialog")).to_have_count(0)  # to be there is not yet to ask
    tab.keyboard.type("q")
    tab.locator("dialog[open]").wait_for()
    tab.keyboard.type("uorum")
    expect(tab.locator("dialog input[name=q]")).to_have_value("quorum")
    expect(tab.locator(".search-found a", has_text="quorum").first).to_be_visible()


def test_a_part_narrows_what_is_found_and_the_number_is_announced(tab, site):
    tab.goto(f"{site}{LIGHT}")
    ask(tab, "circuit breaker")
    expect(tab.get_by_role("status").filter(has_text="places in")).to_be_visible()
    tab.get_by_role("radio", name="Glossary").check()
    expect(tab.locator(".search-found h3")).to_have_text(["Glossary"])
    assert all(
        "glossary.html#term-" in link.get_attribute("href") for link in tab.locator(".search-found a").all()
    )


def test_what_is_not_there_is_not_found_and_this_is_said(tab, site):
    tab.goto(f"{site}search.html?q=xyzzyplugh")
    expect(tab.locator(".search-said")).to_have_text("Nothing here matches “xyzzyplugh”.")
    expect(tab.locator(".search-found a")).to_have_count(0)


def test_on_a_phone_the_search_is_one_tap_away_and_fits(browser, site):
    tab = browser.new_page(viewport=NARROW, has_touch=True)
    tab.goto(f"{site}{LIGHT}")
    tab.locator(".search-open").tap()
    tab.locator("dialog[open] input[name=q]").fill("leader")
    tab.locator(".search-found a").first.wait_for()
    assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    small = "(all) => all.map((one) => one.getBoundingClientRect().height).filter((height) => height < 24)"
    assert tab.locator("dialog :is(a, button, label)").evaluate_all(small) == []
    tab.get_by_role("button", name="Close").tap()
    expect(tab.locator("dialog")).to_be_hidden()
    tab.close()


def test_the_search_page_keeps_the_words_in_its_address(tab, site):
    tab.goto(f"{site}search.html?q=quorum")
    tab.locator(".search-found a").first.wait_for()
    tab.get_by_role("searchbox", name="Search the course").fill("paxos")
    tab.wait_for_url("**/search.html?q=paxos")


def test_a_lost_reader_can_search_from_the_404_page(tab, site):
    tab.goto(f"{site}notebooks/deep/nowhere.html")
    ask(tab, "quorum")
    expect(tab.locator(".search-found a").first).to_have_attribute("href", re.compile(re.escape(site)))


def test_without_javascript_the_form_leads_to_a_page_that_says_what_is_needed(browser, site):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{site}{LIGHT}")
    tab.locator(".sidebar-search").fill("quorum")
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("needs JavaScript")).to_be_visible()
    tab.locator(".search-concepts a", has_text="quorum").click()
    assert tab.url.endswith("glossary.html#term-quorum")
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_open_dialog_has_no_grave_accessibility_finding(browser, site, theme):
    tab = browser.new_page(viewport=WIDE, color_scheme=theme)
    tab.goto(f"{site}book/systems.html")
    ask(tab, "quorum")
    tab.locator(".search-found a").first.wait_for()
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
    found = Axe().run(tab, context="dialog", options=options).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
    tab.close()


# Cards


def term_link(tab: Page):
    return tab.locator('article p a[href*="glossary.html#term-collision"]').first


def test_a_card_comes_on_hover_stays_under_the_pointer_and_goes_with_escape(tab, site):
    tab.goto(f"{site}{CHAPTER}")
    link, card = term_link(tab), tab.locator("#term-card")
    link.scroll_into_view_if_needed()
    before = link.bounding_box()
    link.hover()
    expect(card).to_contain_text("Two keys whose hash leads to the same slot.")
    expect(card).to_contain_text("Chapter 2: Hash tables")
    assert link.bounding_box() == before  # nothing moved
    card.hover()
    tab.wait_for_timeout(400)
    expect(card).to_be_visible()
    tab.keyboard.press("Escape")
    expect(card).to_have_count(0)


def test_a_card_comes_on_focus_and_describes_its_link(tab, site):
    tab.goto(f"{site}{CHAPTER}")
    link = term_link(tab)
    link.focus()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Shift+Tab")
    expect(link).to_be_focused()
    expect(link).to_have_attribute("aria-describedby", "term-card")
    expect(tab.get_by_role("tooltip")).to_be_visible()
    tab.keyboard.press("Tab")
    expect(tab.locator("#term-card", has_text="Two keys whose hash")).to_have_count(0)


def test_a_tap_follows_the_link_as_ever(browser, site):
    tab = browser.new_page(viewport=NARROW, has_touch=True)
    tab.goto(f"{site}{CHAPTER}")
    term_link(tab).tap()
    tab.wait_for_url("**/glossary.html#term-collision")
    tab.close()


def test_meanings_are_asked_for_once_and_only_when_a_card_is_wanted(tab, site):
    asked = []
    tab.on("request", lambda request: "glossary.json" in request.url and asked.append(request.url))
    tab.goto(f"{site}{CHAPTER}", wait_until="networkidle")
    assert asked == []
    links = tab.locator('article p a[href*="glossary.html#term-"]')
    for number in (0, 1):
        links.nth(number).hover()
        tab.locator("#term-card").wait_for()
        tab.keyboard.press("Escape")
    assert len(asked) == 1


# Map and paths


def test_the_map_lights_what_a_chapter_needs_and_leads_to(tab, site):
    tab.goto(f"{site}book/map.html")
    tab.locator("a[data-chapter^='07_']").hover()
    lit = tab.locator(".route-map a.needs").evaluate_all(
        "(all) => all.map((one) => one.dataset.chapter.slice(0, 2))"
    )
    assert lit == ["01", "04", "05", "06"]
    leads = tab.locator(".route-map a.leads").evaluate_all(
        "(all) => all.map((one) => one.dataset.chapter.slice(0, 2))"
    )
    assert leads == ["18"]
    expect(tab.locator(".route-said")).to_contain_text("builds on Little's Law, Prompting and retrieval")


def test_arrow_keys_walk_the_map_and_enter_opens_a_chapter(tab, site):
    tab.goto(f"{site}book/map.html")
    tab.locator("a[data-chapter^='01_']").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowLeft", "ArrowUp", "ArrowRight"):
        tab.keyboard.press(key)
    expect(tab.locator("a[data-chapter^='04_']")).to_be_focused()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/04_llm_engineering_series.html")


def test_a_chosen_path_is_remembered_stands_first_and_can_be_left(tab, site):
    tab.goto(f"{site}book/paths.html")
    tab.get_by_role("link", name="Follow “LLM engineer”").click()
    tab.wait_for_url("**/01_littles_law.html")  # the name of the path has left the address
    first = tab.locator(".on-paths > li").first
    expect(first).to_have_class(re.compile("chosen"))
    first.get_by_role("link", name="LLM engineering: the map").click()
    expect(tab.locator(".on-paths > li").first).to_have_attribute("data-path", "llm")
    tab.get_by_role("button", name="Leave this path").click()
    expect(tab.locator(".on-paths .chosen")).to_have_count(0)
    expect(tab.get_by_role("status").filter(has_text="You have left")).to_be_focused()
    tab.reload()
    expect(tab.locator(".on-paths .chosen")).to_have_count(0)


def test_the_page_of_paths_says_which_one_is_followed_and_nothing_moves(browser, site):
    context = browser.new_context(viewport=NARROW)
    context.add_init_script(test_pages.SHIFTS)
    tab = context.new_page()
    tab.goto(f"{site}notebooks/04_llm_engineering_series.html?path=llm")
    tab.goto(f"{site}book/paths.html")
    link = tab.get_by_role("link", name="You follow “LLM engineer”")
    link.wait_for()
    assert tab.evaluate("window.shifted ?? 0") < 0.02
    tab.get_by_role("button", name="Leave this path").click()
    expect(tab.get_by_role("status").filter(has_text="You have left “LLM engineer”")).to_be_focused()
    expect(link).to_have_count(0)
    context.close()


def test_without_javascript_all_paths_of_a_chapter_are_listed(browser, site):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{site}notebooks/06_llm_prompting_and_rag.html")
    expect(tab.locator(".on-paths > li")).to_have_count(2)
    expect(tab.locator(".on-paths > li").first).to_be_visible()
    context.close()


def test_an_old_address_leads_a_browser_to_the_chapter(tab, site):
    tab.goto(f"{site}posts/little's-law/")
    tab.wait_for_url("**/notebooks/01_littles_law.html")
