// One document and its chunks. All ways of cutting are already here; the page chooses one and walks through it.
function render({ model, el }) {
  const text = model.get("text"), methods = model.get("methods"), sizes = model.get("sizes");
  el.classList.add("ck");
  el.innerHTML = `<div class="ck-controls"><label>cut by <select data-n="method"></select></label>
    <label>at most <select data-n="size"></select></label>
    <button type="button" data-step="-1" aria-label="previous chunk">‹</button>
    <button type="button" data-step="1" aria-label="next chunk">›</button></div>
    <p class="ck-said" aria-live="polite"></p>
    <div class="ck-chunks" role="group" tabindex="0"></div>`;
  for (const one of el.querySelectorAll("select, button, .ck-chunks")) one.dataset.lmSuppressShortcuts = "true"; // in Lab
  const [method, size] = el.querySelectorAll("select");
  methods.forEach((name) => method.add(new Option(name)));
  sizes.forEach((words) => size.add(new Option(`${words} words`)));
  const box = el.querySelector(".ck-chunks"), said = el.querySelector(".ck-said");
  box.setAttribute("aria-label", `${model.get("title")}, with its chunks marked; arrow keys go from chunk to chunk`);
  const chunks = () => model.get("frames")[model.get("method")][model.get("size")];
  const count = (piece) => (piece.match(/\S+/g) || []).length;

  function tell() {
    const all = chunks(), at = model.get("at"), [start, end, words, pieces] = all[at];
    const shared = at + 1 < all.length && all[at + 1][0] < end ? count(text.slice(all[at + 1][0], end)) : 0;
    const limit = model.get("limit");
    said.textContent = `Chunk ${at + 1} of ${all.length}: ${words} word${words === 1 ? "" : "s"}, ${pieces} pieces`
      + (pieces > limit ? `, of which the encoder reads ${limit}` : "")
      + (shared ? `; its last ${shared} words are in the next chunk too` : "") + ".";
    for (const part of box.querySelectorAll("span")) part.classList.toggle("now", part.dataset.of.split(" ").includes(`${at}`));
  }
  function draw() {
    method.selectedIndex = model.get("method");
    size.selectedIndex = model.get("size");
    const all = chunks();
    const edges = [...new Set([0, text.length, ...all.flatMap(([start, end]) => [start, end])])].sort((a, b) => a - b);
    box.replaceChildren();
    edges.slice(0, -1).forEach((from, i) => {
      const of = all.map(([start, end], n) => (start <= from && from < end ? n : -1)).filter((n) => n >= 0);
      for (const n of of.filter((one) => all[one][0] === from)) {
        const tag = document.createElement("b");
        tag.textContent = n + 1;
        tag.addEventListener("click", () => go(n));
        box.append(tag);
      }
      const part = document.createElement("span");
      part.textContent = text.slice(from, edges[i + 1]);
      part.dataset.of = of.join(" ");
      if (of.length) part.className = of.length > 1 ? "both" : of[0] % 2 ? "odd" : "even";
      box.append(part);
    });
    tell();
  }
  function put(changes) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  }
  function go(n) {
    put({ at: Math.max(0, Math.min(chunks().length - 1, n)) });
    tell();
    const first = box.querySelector(".now");
    if (first) box.scrollTop = first.offsetTop - box.offsetTop - 40;
  }
  method.addEventListener("change", () => { put({ method: method.selectedIndex, at: 0 }); draw(); box.scrollTop = 0; });
  size.addEventListener("change", () => { put({ size: size.selectedIndex, at: 0 }); draw(); box.scrollTop = 0; });
  for (const button of el.querySelectorAll("button"))
    button.addEventListener("click", () => go(model.get("at") + Number(button.dataset.step)));
  box.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    go(model.get("at") + steps[event.key]);
  });
  model.on("change:method", draw);
  model.on("change:size", draw);
  model.on("change:at", tell);
  draw();
}
export default { render };
