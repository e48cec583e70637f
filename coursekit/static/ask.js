// Ask the course. The page searches by words itself, as coursekit.retrieval.BM25 does; where a kernel listens,
// it searches by meaning too and its answer replaces the page's.

const EXCEPTIONS = { skis: "ski", skies: "sky", idly: "idl", gently: "gentl", ugly: "ugli", early: "earli", only: "onli", singly: "singl" };
for (const word of ["andes", "atlas", "bias", "cosmos", "howe", "news", "sky"]) EXCEPTIONS[word] = word;
const STEP_2 = { anci: "ance", enci: "ence", bli: "ble", abli: "able", alli: "al", fulli: "ful", lessli: "less", ousli: "ous",
  entli: "ent", aliti: "al", biliti: "ble", iviti: "ive", tional: "tion", ational: "ate", alism: "al", ation: "ate", ization: "ize",
  izer: "ize", ator: "ate", iveness: "ive", fulness: "ful", ousness: "ous", ogist: "og", ogi: "og", li: "" };
const STEP_3 = { icate: "ic", ative: "", alize: "al", iciti: "ic", ical: "ic", tional: "tion", ational: "ate", ful: "", ness: "" };
const STEP_4 = "ic ance ence able ible ate ive ize iti al ism ion er ous ant ent ment ement".split(" ");
const longest = (word, endings) => endings.filter((one) => word.endsWith(one)).sort((a, b) => b.length - a.length)[0];
const isShort = (word) => /[^aeiouy][aeiouy][^aeiouywxY]$|^[aeiouy][^aeiouy]$|past$/u.test(word);

/** The stem of an English word in lower case: Snowball's English stemmer 3.1 (Porter 2001), for words without apostrophes. */
export function stem(word) {
  if (Object.hasOwn(EXCEPTIONS, word)) return EXCEPTIONS[word];
  if ([...word].length < 3) return word;
  let w = word.replace(/^y/, "Y");
  for (let i = 1; i < w.length; i++)
    if (w[i] === "y" && "aeiouy".includes(w[i - 1])) w = w.slice(0, i) + "Y" + w.slice(i + 1);
  const region = (from) => {
    const found = /[aeiouy][aeiouy]*[^aeiouy]/u.exec(w.slice(from));
    return found ? from + found.index + found[0].length : w.length;
  };
  const prefix = /^(?:arsen|commun|emerg|gener|inter|later|organ|past|univers)/.exec(w);
  const r1 = prefix ? prefix[0].length : region(0), r2 = region(r1);
  const without = (ending) => w.slice(0, w.length - ending.length);

  if (w.endsWith("sses")) w = w.slice(0, -2); // 1a
  else if (/ie[ds]$/.test(w)) w = w.length > 4 ? w.slice(0, -2) : w.slice(0, -1);
  else if (/s$/.test(w) && !/[us]s$/.test(w) && /[aeiouy]/.test(w.slice(0, -2))) w = w.slice(0, -1);

  const ending = longest(w, ["eed", "eedly", "ed", "edly", "ing", "ingly"]); // 1b
  if (ending) {
    const rest = without(ending);
    if (ending.startsWith("eed")) {
      if (rest.length >= r1 && !/^(?:succ|proc|exc)$/.test(rest)) w = rest + "ee";
    } else if (ending === "ing" && /^[^aeiouy]y$/u.test(rest)) w = rest.slice(0, -1) + "ie";
    else if (!(ending === "ing" && /^(?:even|cann|inn|earr|herr|out)$/.test(rest)) && /[aeiouy]/.test(rest)) {
      w = rest;
      if (/(?:at|bl|iz)$/.test(w)) w += "e";
      else if (/(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$/.test(w)) w = /^[aeo]..$/.test(w) ? w : w.slice(0, -1);
      else if (w.length === r1 && isShort(w)) w += "e";
    }
  }
  w = w.replace(/^(.+[^aeiouy])[yY]$/u, "$1i"); // 1c

  const second = longest(w, Object.keys(STEP_2));
  if (second && w.length - second.length >= r1) {
    const rest = without(second);
    if (second === "li" ? /[cdeghkmnrt]$/.test(rest) : second !== "ogi" || rest.endsWith("l")) w = rest + STEP_2[second];
  }
  const third = longest(w, Object.keys(STEP_3));
  if (third && w.length - third.length >= (third === "ative" ? Math.max(r1, r2) : r1)) w = without(third) + STEP_3[third];
  const fourth = longest(w, STEP_4);
  if (fourth && w.length - fourth.length >= r2 && (fourth !== "ion" || /[st]$/.test(without("ion")))) w = without(fourth);
  const rest = w.slice(0, -1); // 5
  if (w.endsWith("e") && (rest.length >= r2 || (rest.length >= r1 && !isShort(rest)))) w = rest;
  else if (w.endsWith("ll") && rest.length >= r2) w = rest;
  return w.replaceAll("Y", "y");
}

/** The words of `text` that say what it is about: lower case, without stop words, without endings. */
export function words(text, stop) {
  return (text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []).filter((word) => !stop.has(word)).map(stem);
}

/** A search over texts: query, k -> [[number of the text, score], …], best first; ties in the order of `ids`. */
export function index(ids, texts, stop, k1 = 1.5, b = 0.75) {
  const counts = texts.map((text) => {
    const count = new Map();
    for (const word of words(text, stop)) count.set(word, (count.get(word) ?? 0) + 1);
    return count;
  });
  const lengths = counts.map((count) => [...count.values()].reduce((sum, times) => sum + times, 0));
  const mean = Math.max(lengths.reduce((sum, length) => sum + length, 0) / texts.length, 1);
  const postings = new Map();
  counts.forEach((count, i) => {
    for (const [word, times] of count) {
      if (!postings.has(word)) postings.set(word, []);
      postings.get(word).push([i, times]);
    }
  });
  return (query, k = 10) => {
    const scores = new Map();
    for (const word of words(query, stop)) {
      const found = postings.get(word) ?? [];
      const rarity = Math.log(1 + (texts.length - found.length + 0.5) / (found.length + 0.5));
      for (const [i, times] of found) {
        const norm = k1 * (1 - b + (b * lengths[i]) / mean);
        scores.set(i, (scores.get(i) ?? 0) + (rarity * times * (k1 + 1)) / (times + norm));
      }
    }
    const rounded = (score) => Math.round(score * 1e6);
    return [...scores].sort((x, y) => rounded(y[1]) - rounded(x[1]) || (ids[x[0]] < ids[y[0]] ? -1 : 1)).slice(0, k);
  };
}

function element(name, text = "", attributes = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...attributes });
}

function render({ model, el }) {
  const passages = model.get("passages"), stop = new Set(model.get("stop_words"));
  const search = index(passages.map((one) => one.id), passages.map((one) => one.text), stop);
  const inLab = Boolean(document.querySelector(".jp-Notebook"));
  el.classList.add("ck");
  el.innerHTML = `<form class="ck-controls" role="search"><label>Ask the course <input name="query" maxlength="200"
    autocomplete="off"></label><button>Ask</button></form><p class="ck-said" aria-live="polite"></p><ol class="ck-hits"></ol>`;
  for (const one of el.querySelectorAll("input, button")) one.dataset.lmSuppressShortcuts = "true"; // in Lab
  const input = el.querySelector("input"), said = el.querySelector(".ck-said"), list = el.querySelector("ol");

  const plain = (text) => text.replace(/^\|[-:| ]+\|$\n?/gm, "").replace(/^(?:\| )+| \|$/gm, "").replace(/ \| /g, " · ")
    .replace(/\*\*|`/g, "").replace(/(^|[\s(])\*(?=\S)([^*\n]*\S)\*/gm, "$1$2").replace(/\n\s*\n/g, "\n")
    .replace(/\$(?=\S)([^$\n]*\S)\$(?!\d)/g, (_, formula) => formula.replace(/\\(\w+)/g, "$1"));
  const marked = (text, asked) => {
    const paragraph = element("p");
    for (const part of plain(text).split(/([\p{L}\p{N}_]+)/u)) {
      const word = part.toLowerCase();
      paragraph.append(!stop.has(word) && asked.has(stem(word)) ? element("mark", part) : part);
    }
    return paragraph;
  };
  const draw = () => {
    const query = model.get("query"), found = model.get("found");
    const kernel = found.query === query;
    const hits = kernel ? found.hits : search(query, model.get("most")).map(([i]) => i);
    const asked = new Set(words(query, stop));
    input.value = query;
    const how = kernel ? "by words and by meaning, in the kernel" : "by words, in this page";
    const doubt = kernel && found.doubt ? " None of them is close: the course may not answer this." : "";
    said.textContent = !query.trim() ? "" : hits.length
      ? `${hits.length} passage${hits.length === 1 ? "" : "s"}, found ${how}.${doubt}`
      : "No passage shares a word with this question; ask in other words.";
    list.replaceChildren(...hits.map((i) => {
      const { where, link, text } = passages[i];
      const item = element("li");
      item.append(link && !inLab ? element("a", where, { href: link }) : element("strong", where), marked(text, asked));
      return item;
    }));
  };
  el.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    model.set("query", input.value.trim());
    model.save_changes();
    draw();
  });
  model.on("change:query", draw);
  model.on("change:found", draw);
  draw();
}
export default { render };
