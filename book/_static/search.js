// Opens the search from anywhere: the box in the sidebar, the button on a phone, `/`, Ctrl+K or Cmd+K.
// What it opens, and all that it searches, is loaded the first time somebody asks.

const root = new URL("..", import.meta.url); // of the book, also from its 404 page
let dialog; // a promise of it, once somebody asked

async function open(words = "") {
  dialog ??= import("./results.js").then(({ makeDialog }) => makeDialog(root));
  (await dialog).ask(words);
}

/** Is the reader writing somewhere, so that a `/` is just a `/`? */
const writes = (element) => element.isContentEditable || /^(input|textarea|select)$/i.test(element.tagName);

addEventListener("keydown", (event) => {
  const slash = event.key === "/" && !writes(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey;
  const k = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
  if (!slash && !k) return;
  event.preventDefault();
  open();
});

const box = document.querySelector(".sidebar-search");
box?.addEventListener("click", () => open(box.value));
box?.addEventListener("input", () => { // a reader who came by keyboard has begun to type
  open(box.value);
  box.value = "";
});
for (const link of document.querySelectorAll("a[data-search]")) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
}
