// A link to the glossary shows what its term means, on hover and on focus. A first tap follows the link as ever.
// The card stays while the pointer is on it, and Escape puts it away (WCAG 1.4.13). The meanings come from one
// small file, asked for when the first card is about to show.

const LINK = 'a[href*="glossary.html#term-"]';
const PAUSE = 150; // ms: who only passes over a link sees no card; who moves to the card keeps it

const card = document.createElement("div");
Object.assign(card, { id: "term-card", className: "term-card", role: "tooltip", popover: "manual" });

let meanings; // a promise, once somebody asked
let shownFor = null;
let timer;

async function meaningOf(link) {
  meanings ??= fetch(new URL("glossary.json", import.meta.url)).then((answer) => answer.json());
  try {
    return (await meanings)[decodeURIComponent(link.hash.slice(1))];
  } catch {
    meanings = undefined; // off the network: the link itself still leads there
  }
}

/** The parts of a meaning, words and formulas, as the build wrote them. */
const drawn = (html) => [...new DOMParser().parseFromString(html, "text/html").body.childNodes];

function place(link) {
  const [box, own] = [link.getClientRects()[0], card.getBoundingClientRect()];
  const left = Math.min(Math.max(8, box.left), document.documentElement.clientWidth - own.width - 8);
  const below = box.bottom + 6;
  const fits = below + own.height < innerHeight || box.top - own.height - 6 < 0;
  Object.assign(card.style, { left: `${left}px`, top: `${fits ? below : box.top - own.height - 6}px` });
}

async function show(link) {
  if (shownFor === link) return;
  const wanted = (show.wanted = link);
  const said = await meaningOf(link);
  if (!said || show.wanted !== wanted) return;
  hide();
  const title = Object.assign(document.createElement("strong"), { textContent: said.term });
  const built = Object.assign(document.createElement("p"), { textContent: said.built, className: "built" });
  card.replaceChildren(title, ...drawn(said.means), built);
  document.body.append(card);
  card.showPopover();
  place(link);
  link.setAttribute("aria-describedby", card.id);
  shownFor = link;
}

function hide() {
  shownFor?.removeAttribute("aria-describedby");
  shownFor = null;
  if (card.isConnected) card.remove();
}

function soon(does) {
  clearTimeout(timer);
  timer = setTimeout(does, PAUSE);
}

function leave() {
  show.wanted = null;
  soon(() => { if (document.activeElement !== shownFor) hide(); });
}

for (const link of document.querySelectorAll(LINK)) {
  link.addEventListener("pointerenter", (event) => { if (event.pointerType !== "touch") soon(() => show(link)); });
  link.addEventListener("pointerleave", leave);
  link.addEventListener("focus", () => { if (link.matches(":focus-visible")) show(link); });
  link.addEventListener("blur", () => { show.wanted = null; hide(); });
}
card.addEventListener("pointerenter", () => clearTimeout(timer));
card.addEventListener("pointerleave", leave);
addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
addEventListener("scroll", () => { if (document.activeElement !== shownFor) hide(); else if (shownFor) place(shownFor); }, { passive: true });
