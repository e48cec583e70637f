// A thread of a graph, checkpoint by checkpoint. Python stored every frame; the page only chooses which to show.
const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const X = 30, Y = 26, R = 7;

/** Where each checkpoint stands: along by its place in time, down by its lane. */
export function unfold(frames) {
  return frames.map(({ lane, parent }, i) => ({ x: 16 + i * X, y: 16 + lane * Y, parent }));
}

function timeline(frames) {
  const spots = unfold(frames), high = Math.max(...spots.map(({ y }) => y)) + 16, wide = spots.at(-1).x + 16;
  const lines = spots.filter(({ parent }) => parent !== null).map(({ x, y, parent }) => {
    const from = spots[parent];
    return `<path d="M${from.x} ${from.y}C${from.x + X} ${from.y} ${x - X} ${y} ${x} ${y}"/>`;
  });
  const dots = spots.map(({ x, y }, i) => `<circle data-frame="${i}" cx="${x}" cy="${y}" r="${R}"/>`);
  return `<svg class="ck-time" viewBox="0 0 ${wide} ${high}" width="${wide}" role="img" aria-label="${frames.length} checkpoints">${lines.join("")}${dots.join("")}</svg>`;
}

function render({ model, el }) {
  const frames = model.get("frames"), last = frames.length - 1;
  el.classList.add("ck", "ck-trace");
  el.innerHTML = `<div class="ck-graph" role="group" tabindex="0" aria-label="the graph at this checkpoint">${model.get("picture")}</div>
    <div class="ck-line" tabindex="0" role="group" aria-label="checkpoints; arrow keys step">${timeline(frames)}</div>
    <div class="ck-controls"><button type="button" name="back">back</button><button type="button" name="on">step</button>
      <label><span class="ck-hidden">checkpoint</span><input type="range" name="at" min="0" max="${last}" step="1"><output></output></label></div>
    <p class="ck-said" aria-live="polite"></p><table><tbody></tbody></table>`;
  const field = (name) => el.querySelector(`[name=${name}]`);
  for (const one of el.querySelectorAll("input, button, [tabindex]")) one.dataset.lmSuppressShortcuts = "true"; // in Lab
  const how = ({ source, ran }) => (source === "loop" ? `${ran.join(", ") || "start"} ran` : { input: "the input came", update: "the state was edited", fork: "a fork began" }[source] ?? source);

  function draw() {
    const at = Math.max(0, Math.min(last, model.get("at"))), frame = frames[at];
    for (const node of el.querySelectorAll("[data-node]")) {
      node.classList.toggle("ran", frame.ran.includes(node.dataset.node));
      node.classList.toggle("next", frame.next.includes(node.dataset.node));
    }
    const box = el.querySelector(".ck-graph"), here = box.querySelector(".next, .ran"); // where the picture is wider than the page
    if (here) box.scrollLeft += here.getBoundingClientRect().left - box.getBoundingClientRect().left - box.clientWidth / 3;
    const line = new Set();
    for (let i = at; i !== null; i = frames[i].parent) line.add(i);
    for (const dot of el.querySelectorAll("[data-frame]")) {
      dot.classList.toggle("on", Number(dot.dataset.frame) === at);
      dot.classList.toggle("before", line.has(Number(dot.dataset.frame)));
    }
    const next = frame.next.length ? `next: ${frame.next.join(", ")}` : "nothing is left to do";
    const asks = frame.asks.length ? ` · it asks: ${frame.asks.join(" ")}` : "";
    el.querySelector(".ck-said").innerHTML = `<b>checkpoint ${at}, step ${frame.step}</b> ${escape(`${how(frame)}; ${next}${asks}`)}`;
    el.querySelector("tbody").innerHTML = Object.entries(frame.values).map(([key, value]) => {
      const is = frame.changed.includes(key);
      return `<tr class="${is ? "new" : ""}"><th scope="row">${escape(key)}${is ? '<span class="ck-hidden"> changed</span>' : ""}</th><td><code>${escape(value)}</code></td></tr>`;
    }).join("");
    field("at").value = at;
    field("at").setAttribute("aria-valuetext", `checkpoint ${at} of ${last}`);
    field("at").nextElementSibling.textContent = `${at}/${last}`;
    field("back").disabled = at === 0;
    field("on").disabled = at === last;
  }
  function go(at) {
    model.set("at", Math.max(0, Math.min(last, at)));
    model.save_changes();
    draw();
  }
  field("back").addEventListener("click", () => go(model.get("at") - 1));
  field("on").addEventListener("click", () => go(model.get("at") + 1));
  field("at").addEventListener("input", () => go(Number(field("at").value)));
  el.querySelectorAll("[data-frame]").forEach((dot) => dot.addEventListener("click", () => go(Number(dot.dataset.frame))));
  el.querySelector(".ck-line").addEventListener("keydown", (event) => {
    const to = { ArrowRight: model.get("at") + 1, ArrowLeft: model.get("at") - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  });
  model.on("change:at", draw);
  draw();
}
export default { render };
