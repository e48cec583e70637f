// Asks Pagefind's index and shows what it found: sections and terms, under their chapters, best first.
// One view, used twice: in the dialog that search.js opens, and on search.html.

const PARTS = ["Systems", "LLM engineering", "Agents", "Agent development", "Glossary"];
const LOADED = 24; // entries that are read of what was found, best first
const FURTHEST = 240; // looked through for one part
const MORE = 8; // that are read for a term which goes by another name than the one that was typed
const CHAPTERS = 8, SECTIONS = 3; // that are shown, and sections of each
const PAUSE = 60; // ms after a key
const HOME = 3; // how much more the chapter counts that builds the term asked for
const ASIDE = 0.3; // how much less a page counts that is no chapter: how to teach, run a hub, find a path
const RANKING = { termSimilarity: 6, pageLength: 0.5, termFrequency: 0.8, metaWeights: { title: 6, also: 6, at: 0, page: 0, part: 0, kind: 0, home: 0 } };

const make = (tag, props = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
};

let engine; // a promise of Pagefind, once somebody asked

function load(root) {
  engine ??= import(new URL("pagefind/pagefind.js", root)).then(async (pagefind) => {
    await pagefind.options({ baseUrl: root.pathname, excerptLength: 24, ranking: RANKING });
    await pagefind.init();
    return pagefind;
  });
  engine.catch(() => { engine = undefined; });
  return engine;
}

const wordsOf = (text) => text.toLowerCase().normalize().replaceAll("’", "'").split(/[^\p{L}\p{N}']+/u).filter(Boolean);

/** Entries by id with their scores: those with all words, and when there are few, those with some of them. */
async function search(pagefind, asked) {
  const found = new Map((await pagefind.search(asked)).results.map((it) => [it.id, it]));
  const words = wordsOf(asked).filter((word) => word.length > 2);
  if (found.size >= 3 || words.length < 2) return [...found.values()];
  const partly = new Map();
  for (const word of words) {
    for (const it of (await pagefind.search(word)).results) {
      if (found.has(it.id)) continue;
      const known = partly.get(it.id) ?? { data: it.data, score: 0, words: 0 };
      partly.set(it.id, { data: it.data, score: known.score + Math.log1p(it.score), words: known.words + 1 });
    }
  }
  const some = [...partly.values()].sort((one, other) => other.words - one.words || other.score - one.score);
  return [...found.values(), ...some];
}

/** Words by which an entry may be called: its title, and what else a term goes by. */
const called = (entry) => wordsOf(`${entry.meta.title} ${entry.meta.also ?? ""}`);

/** Pagefind answers an unknown word with what begins like it: is more than the beginning the same? */
function answers(entry, asked) {
  const marked = [...entry.excerpt.matchAll(/<mark>(.*?)<\/mark>/g)].flatMap(([, text]) => wordsOf(text));
  const known = [...marked, ...called(entry)];
  return wordsOf(asked).some((word) => {
    const start = word.slice(0, Math.max(3, Math.ceil(word.length * 0.7)));
    return known.some((other) => other.startsWith(start));
  });
}

/** Is this the term that was asked for? Then the chapter that builds it comes first. */
const isTerm = (entry, asked) => entry.meta.kind === "term"
  && wordsOf(asked).every((word) => called(entry).some((other) => other.startsWith(word.slice(0, 5))));

/** A chapter is worth its best section and a part of its next ones; the glossary is worth its best term. */
function worth(chapter, homes) {
  const [first, second = 0, third = 0] = chapter.entries.map((entry) => entry.score);
  if (chapter.entries[0].kind === "term") return first;
  const favour = homes.has(chapter.title) ? HOME : chapter.part === "Reference" ? ASIDE : 1;
  return (first + 0.4 * second + 0.2 * third) * favour;
}

/** The best entries of what was found, read: the first `most` of this part, or of all. A part is no filter of
 *  Pagefind's: those are written in another order at each build, and the book is the same whenever it is built. */
async function readBest(found, part, most = LOADED) {
  const fitting = [];
  for (let at = 0; at < found.length && at < FURTHEST && fitting.length < most; at += most) {
    const some = found.slice(at, at + most).map(async (it) => ({ ...await it.data(), score: it.score }));
    fitting.push(...(await Promise.all(some)).filter((entry) => !part || entry.meta.part === part));
  }
  return fitting.slice(0, most);
}

const sameWords = (one, other) => wordsOf(one).join() === wordsOf(other).join();

/** What was found for these words, as chapters with their sections. */
export async function find(root, asked, part = "") {
  const pagefind = await load(root);
  const fitting = (await readBest(await search(pagefind, asked), part)).filter((entry) => answers(entry, asked));
  const terms = fitting.filter((entry) => isTerm(entry, asked));
  for (const name of new Set(terms.map((term) => term.meta.title).filter((title) => !sameWords(title, asked)))) {
    const more = (await readBest(await search(pagefind, name), part, MORE)).filter((entry) => answers(entry, name));
    const known = new Set(fitting.map((entry) => entry.meta.at));
    fitting.push(...more.filter((entry) => !known.has(entry.meta.at)).map((entry) => ({ ...entry, score: entry.score / 2 })));
  }
  fitting.sort((one, other) => other.score - one.score);
  const homes = new Set(terms.map((term) => term.meta.home));
  const chapters = new Map();
  for (const { excerpt, score, meta } of fitting) {
    const chapter = chapters.get(meta.page) ?? { title: meta.page, part: meta.part, entries: [] };
    chapter.entries.push({ url: new URL(meta.at, root).href, title: meta.title, kind: meta.kind, excerpt, score });
    chapters.set(meta.page, chapter);
  }
  const all = [...chapters.values()].sort((one, other) => worth(other, homes) - worth(one, homes));
  return all.slice(0, CHAPTERS);
}

const plain = (html) => new DOMParser().parseFromString(`<i>${html}</i>`, "text/html").body.textContent; // with its spaces

/** An excerpt with its `<mark>`s, made of text. */
const marked = (excerpt) => excerpt.split(/<\/?mark>/).map((piece, i) => (i % 2 ? make("mark", {}, plain(piece)) : plain(piece)));

function drawChapter(chapter, level) {
  const items = chapter.entries.slice(0, SECTIONS).map((entry) => {
    const named = entry.kind === "page" ? "From the beginning" : entry.title;
    const link = make("a", { href: entry.url }, make("strong", {}, named), make("span", {}, ...marked(entry.excerpt)));
    return make("li", {}, link);
  });
  const head = make(`h${level}`, {}, chapter.title);
  if (chapter.part !== chapter.title) head.append(" ", make("small", {}, chapter.part));
  return make("section", {}, head, make("ul", {}, ...items));
}

const many = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

function summary(chapters, words, part) {
  if (!chapters.length) return `Nothing ${part ? `in “${part}”` : "here"} matches “${words}”.`;
  const places = chapters.reduce((sum, chapter) => sum + Math.min(SECTIONS, chapter.entries.length), 0);
  return `${many(places, "place")} in ${many(chapters.length, "page")}`;
}

let views = 0;

/** The search as one element: a box to type in, the parts to choose from, what was found, and a word on it. */
export function makeView(root, { level = 3 } = {}) {
  const name = `part-${views++}`;
  const box = make("input", { type: "text", role: "searchbox", inputMode: "search", name: "q", autocomplete: "off", spellcheck: false, placeholder: "Little's Law, p99, retry …", ariaLabel: "Search the course" });
  const chips = ["", ...PARTS].map((part) => make("label", {}, make("input", { type: "radio", name, value: part, checked: !part }), make("span", {}, part || "Everything")));
  const choice = make("fieldset", { className: "search-parts" }, make("legend", { className: "search-unseen" }, "Where to search"), ...chips);
  const said = make("p", { className: "search-said", role: "status" });
  const shown = make("div", { className: "search-found" });
  const view = make("search", { className: "search-view" }, make("div", { className: "search-box" }, box), choice, said, shown);
  let asked = 0, timer;

  async function answer() {
    const words = box.value.trim();
    const part = choice.querySelector(":checked").value;
    const mine = ++asked;
    if (!words) return show([], "");
    try {
      const chapters = await find(root, words, part);
      if (mine !== asked) return; // the reader has typed on
      show(chapters, summary(chapters, words, part));
    } catch {
      if (mine === asked) show([], "The search could not be loaded. The concepts, letter by letter, are in the menu.");
    }
    view.dataset.answered = words;
    view.dispatchEvent(new CustomEvent("answered", { detail: words }));
  }

  function show(chapters, text) {
    const held = shown.contains(document.activeElement); // what replaces a link that has the focus takes it over
    said.textContent = text;
    shown.replaceChildren(...chapters.map((chapter) => drawChapter(chapter, level)));
    if (held) (shown.querySelector("a") ?? box).focus();
  }

  function walk(event) {
    const links = [...shown.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    const onBox = event.target === box;
    if (event.key === "ArrowDown" && (onBox || at >= 0)) (links[at + 1] ?? links.at(-1))?.focus();
    else if (event.key === "ArrowUp" && at >= 0) (links[at - 1] ?? box).focus();
    else if (event.key === "Enter" && onBox) links[0]?.click();
    else return;
    event.preventDefault();
  }

  box.addEventListener("focus", () => load(root).catch(() => {}), { once: true });
  box.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(answer, PAUSE); });
  choice.addEventListener("change", answer);
  view.addEventListener("keydown", walk);
  return Object.assign(view, { box, answer });
}

function wearSheet() {
  if (document.querySelector("link[href*='search.css']")) return Promise.resolve();
  return new Promise((done) => {
    document.head.append(make("link", { rel: "stylesheet", href: new URL("search.css", import.meta.url).href, onload: done, onerror: done }));
  });
}

/** The dialog over a page. `ask(words)` shows it. */
export async function makeDialog(root) {
  await wearSheet();
  const view = makeView(root);
  const close = make("button", { type: "button", className: "search-close", onclick: () => dialog.close() }, "Close");
  const keys = make("p", { className: "search-keys" });
  keys.append(make("kbd", {}, "↓"), make("kbd", {}, "↑"), " move, ", make("kbd", {}, "Enter"), " opens, ", make("kbd", {}, "Esc"), " closes");
  view.querySelector(".search-box").append(close);
  const dialog = make("dialog", { className: "search-dialog", ariaLabel: "Search the course" }, view, keys);
  dialog.addEventListener("click", (event) => { if (event.target === dialog || event.target.closest("a")) dialog.close(); });
  document.body.append(dialog);
  return {
    ask(words) {
      if (!dialog.open) dialog.showModal();
      view.box.focus();
      if (words && words !== view.box.value) {
        view.box.value = words;
        view.answer();
      } else if (!words) view.box.select();
    },
  };
}

/** search.html: the view stands in the page, the words are part of the address. */
const home = document.getElementById("search-home");
if (home) {
  const root = new URL("..", import.meta.url);
  const view = makeView(root, { level: 2 });
  view.addEventListener("answered", ({ detail }) => history.replaceState(null, "", `?q=${encodeURIComponent(detail)}`));
  view.box.value = new URLSearchParams(location.search).get("q") ?? "";
  home.replaceChildren(view);
  document.querySelector(".without-script")?.remove();
  view.box.focus();
  view.answer();
}
