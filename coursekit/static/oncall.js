// An incident to solve: each look costs a little, each wrong action a lot. All texts were computed beforehand.
function render({ model, el }) {
  const looks = model.get("looks"), acts = model.get("acts"), [start, look, wrong] = model.get("costs");
  const cure = acts.find(([, right]) => right)[0];
  const buttons = (kind, names) => names.map(([name], i) => `<button type="button" data-${kind}="${i}"></button>`).join("");
  el.classList.add("ck", "ck-oncall");
  el.innerHTML = `<p class="ck-story"></p>
    <div class="ck-controls" role="group" aria-label="look, ${look} points each"><b>Look:</b>${buttons("look", looks)}</div>
    <div class="ck-shown" aria-live="polite"></div>
    <div class="ck-controls" role="group" aria-label="act, ${wrong} points if wrong"><b>Act:</b>${buttons("act", acts)}</div>
    <p class="ck-said" aria-live="polite"></p><button type="button" class="ck-again">start again</button>`;
  el.querySelector(".ck-story").textContent = model.get("story");
  for (const one of el.querySelectorAll("button")) one.dataset.lmSuppressShortcuts = "true"; // in Lab
  const each = (kind, names, call) => el.querySelectorAll(`[data-${kind}]`).forEach((button, i) => {
    button.textContent = names[i][0];
    button.addEventListener("click", () => call(names[i][0]));
  });
  const add = (list, name) => {
    if (model.get(list).includes(name)) return;
    model.set(list, [...model.get(list), name]);
    model.save_changes();
    draw(list === "seen" ? name : null);
  };

  function draw(latest) {
    const seen = model.get("seen"), done = model.get("done"), over = done.includes(cure);
    const faults = done.filter((name) => name !== cure).length;
    const score = Math.max(0, start - look * seen.length - wrong * faults);
    if (latest !== null) {
      const found = looks.find(([name]) => name === latest);
      el.querySelector(".ck-shown").innerHTML = found ? "<pre></pre>" : "";
      if (found) el.querySelector("pre").textContent = found[1];
    }
    const last = acts.find(([name]) => name === done.at(-1));
    el.querySelector(".ck-said").textContent = (last ? `${over ? "✓" : "○"} ${last[2]} ` : "") + `${score} points.`;
    el.querySelectorAll("[data-look]").forEach((button, i) => button.setAttribute("aria-pressed", seen.includes(looks[i][0])));
    el.querySelectorAll("[data-act]").forEach((button, i) => { button.disabled = over || done.includes(acts[i][0]); });
  }
  each("look", looks, (name) => { add("seen", name); draw(name); });
  each("act", acts, (name) => add("done", name));
  el.querySelector(".ck-again").addEventListener("click", () => {
    model.set("seen", []);
    model.set("done", []);
    model.save_changes();
    draw("");
  });
  draw(model.get("seen").at(-1) ?? "");
}
export default { render };
