// What a reader did, kept in this browser and sent nowhere. Read before a page is drawn: its parts get back what
// is remembered of them while they are parsed, so nothing moves later. Each part ends in a <course-recall>.

globalThis.memory = (() => {
  const KEY = "course-progress";
  const VERSION = 1;
  const NAME = /^\d\d_\w{1,60}$/;
  const DAY = /^\d{4}-\d\d-\d\d$/;
  const MARK = /^[0-9a-f]{8}$/;
  const NUMBER = /^\d{1,2}$/;
  let here = null; // in place of a storage that is blocked, for as long as the page is open

  const empty = () => ({ version: VERSION, last: "", chapters: {} });
  const unread = () => ({ read: "", seen: "", finished: "", guesses: {}, right: [], done: [] });
  const day = (value) => (DAY.test(value) ? String(value) : "");
  const list = (values, like) => [...new Set(Array.isArray(values) ? values.map(String) : [])].filter((one) => like.test(one));

  /** Only what has our shape; null where there is none of it, as in a file of something else. */
  function clean(found) {
    if (found?.version !== VERSION || typeof found.chapters !== "object" || !found.chapters) return null;
    const all = empty();
    if (NAME.test(found.last)) all.last = found.last;
    for (const [name, it] of Object.entries(found.chapters)) {
      if (!NAME.test(name) || typeof it !== "object" || !it) continue;
      const guesses = Object.entries(it.guesses ?? {}).filter(([key, n]) => MARK.test(key) && NUMBER.test(n));
      all.chapters[name] = {
        read: day(it.read), seen: day(it.seen), finished: day(it.finished),
        guesses: Object.fromEntries(guesses), right: list(it.right, MARK), done: list(it.done, NUMBER),
      };
    }
    return all;
  }

  const parse = (text) => { try { return clean(JSON.parse(text)); } catch { return null; } };

  /** Is what is stored by a later version of this script? Then it is not ours to change. */
  const isLater = (text) => { try { return JSON.parse(text).version > VERSION; } catch { return false; } };

  function load() {
    if (here) return here;
    try {
      const text = localStorage.getItem(KEY);
      if (isLater(text)) here = empty();
      return here ?? parse(text) ?? empty();
    } catch { return empty(); }
  }

  function save(all) {
    try {
      if (!here) localStorage.setItem(KEY, JSON.stringify(all));
    } catch { here = all; }
    dispatchEvent(new Event("progress"));
  }

  const of = (name) => load().chapters[name] ?? unread();

  function change(name, edit) {
    const all = load();
    edit(all.chapters[name] ??= unread(), all);
    save(all);
  }

  /** What is there stays; what only the other has comes in; of two days the better one counts. */
  function merge(other) {
    const all = load();
    const earlier = (a, b) => [a, b].filter(Boolean).sort()[0] ?? "";
    const later = (a, b) => (a > b ? a : b);
    for (const [name, its] of Object.entries(other.chapters)) {
      const mine = all.chapters[name] ?? unread();
      all.chapters[name] = {
        read: later(mine.read, its.read), seen: later(mine.seen, its.seen), finished: earlier(mine.finished, its.finished),
        guesses: { ...its.guesses, ...mine.guesses },
        right: [...new Set([...mine.right, ...its.right])], done: [...new Set([...mine.done, ...its.done])],
      };
    }
    all.last ||= other.last;
    save(all);
  }

  const today = () => new Date().toLocaleDateString("sv"); // the reader's own day, as 2026-11-29
  const inWords = (date) => new Date(`${date}T12:00`).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
  const parts = {}; // what to do with each kind of part, by its data-part

  addEventListener("storage", ({ key }) => { if (key === KEY) dispatchEvent(new Event("progress")); }); // another tab
  document.documentElement.classList.add("learning");
  customElements.define("course-recall", class extends HTMLElement {
    connectedCallback() {
      const part = this.parentElement;
      this.remove(); // once is enough
      parts[part.dataset.part]?.(part);
    }
  });

  const clear = () => save(empty());
  const isKept = () => { save(load()); return !here; };
  return { of, all: load, change, merge, clear, isKept, parse, parts, today, inWords };
})();
