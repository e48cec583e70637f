// A cluster, step by step. Python stored every story; of each step only what changed. A click on a node or a
// link opens the story in which that node crashes or that link is cut.
const SIZE = 340, R = 118, NODE = 27;
const HUES = ["--theory, #6e7781", "--measured, #0072b2", "--fourth, #e69f00", "--second, #009e73", "--third, #cc79a7", "--alarm, #d55e00"];
const hue = (term) => `var(${HUES[term && (term - 1) % (HUES.length - 1) + 1]})`;
const ROLES = { leader: ["leader", "--measured, #0072b2"], follower: ["follower", "--theory, #6e7781"],
  candidate: ["candidate", "--fourth, #e69f00"], asking: ["asking first", "--fourth, #e69f00"], down: ["crashed", "--alarm, #d55e00"] };
const KINDS = ["--third, #cc79a7", "--second, #009e73", "--measured, #0072b2", "--fourth, #e69f00", "--alarm, #d55e00"];
const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** The whole pictures of a story: those of its parent up to where it branches off, then its own. */
export function unfold(stories, which) {
  const { of, at, steps } = stories[which];
  const frames = of < 0 ? [] : unfold(stories, of).slice(0, at + 1);
  for (const change of steps) {
    const before = frames.at(-1) ?? { nodes: {}, cuts: [] }, nodes = { ...before.nodes };
    for (const [name, seen] of Object.entries(change.nodes ?? {})) nodes[name] = { ...nodes[name], ...seen };
    frames.push({ ...before, ...change, nodes });
  }
  return frames;
}

function shape(role, x, y, r) {
  const [, colour] = ROLES[role];
  const corners = (n, wide) => [...Array(n).keys()].map((i) => {
    const a = (2 * Math.PI * i) / n;
    return `${(x + r * wide * Math.cos(a)).toFixed(1)},${(y + r * wide * Math.sin(a)).toFixed(1)}`;
  }).join(" ");
  const paint = `fill="color-mix(in srgb, var(${colour}) ${role === "leader" ? 40 : 15}%, transparent)" stroke="var(${colour})" stroke-width="${role === "leader" ? 3.5 : 2}"`;
  if (role === "leader") return `<polygon points="${corners(6, 1.12)}" ${paint}/>`;
  if (role === "candidate" || role === "asking") return `<polygon points="${corners(4, 1.3)}" ${paint} ${role === "asking" ? 'stroke-dasharray="5 3"' : ""}/>`;
  return `<circle cx="${x}" cy="${y}" r="${r}" ${paint} ${role === "down" ? 'stroke-dasharray="4 3"' : ""}/>`;
}

const roleOf = (node) => (node.alive ? node.role : "down");

function ring(names, frame, clicks, kinds) {
  const at = Object.fromEntries(names.map((name, i) => {
    const a = (2 * Math.PI * i) / names.length - Math.PI / 2;
    return [name, [SIZE / 2 + R * Math.cos(a), SIZE / 2 + 6 + R * Math.sin(a)]];
  }));
  const button = (key, said, body) => clicks.has(key)
    ? `<g data-click="${key}" role="button" tabindex="0" aria-label="${said}">${body}</g>` : `<g>${body}</g>`;
  const links = names.flatMap((a, i) => names.slice(i + 1).map((b) => {
    const [x1, y1, x2, y2] = [...at[a], ...at[b]], short = (NODE + 4) / Math.hypot(x2 - x1, y2 - y1), key = `${a}-${b}`;
    const between = (from, to) => [from + (to - from) * short, to - (to - from) * short].map((one) => one.toFixed(1));
    const [[xa, xb], [ya, yb]] = [between(x1, x2), between(y1, y2)], ends = `x1="${xa}" y1="${ya}" x2="${xb}" y2="${yb}"`;
    const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
    if (frame.cuts.includes(key)) return `<line ${ends} stroke="var(--alarm, #d55e00)" stroke-width="1.5" stroke-dasharray="3 6"/>
      <path d="M${mx - 5} ${my - 5}l10 10m0 -10l-10 10" stroke="var(--alarm, #d55e00)" stroke-width="2.5"/>`;
    return button(key, `cut the link between ${a} and ${b}`, `<line ${ends} stroke="currentColor" stroke-opacity=".16" stroke-width="1.5"/>
      ${clicks.has(key) ? `<line class="hint" ${ends}/><line class="grip" ${ends}/>` : ""}`);
  }));
  const many = {};
  const arrows = frame.messages.map(([from, to, kind]) => {
    const [x1, y1] = at[from], [x2, y2] = at[to], length = Math.hypot(x2 - x1, y2 - y1);
    const order = (many[from + to] = (many[from + to] ?? -1) + 1);
    const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length], far = NODE + 13 + 21 * order;
    const [x, y] = [x1 + ux * far - uy * 6, y1 + uy * far + ux * 6]; // two that pass each other keep apart
    const turn = (Math.atan2(uy, ux) * 180) / Math.PI;
    return `<path transform="translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${turn.toFixed(0)})" d="M-9 0H2" stroke="var(${kinds(kind)})" stroke-width="2.5"/>
      <path transform="translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${turn.toFixed(0)})" d="M0 -5.5L10 0L0 5.5Z" fill="var(${kinds(kind)})"/>`;
  });
  const dots = names.map((name) => {
    const [x, y] = at[name], node = frame.nodes[name], role = roleOf(node);
    return button(name, `crash ${name}`, `${clicks.has(name) ? `<circle class="hint" cx="${x}" cy="${y}" r="${NODE + 8}" style="pointer-events:all"/>` : ""}
      ${shape(role, x, y, NODE)}<text x="${x}" y="${y - 6}" font-weight="600">${name}</text>
      <text class="small" x="${x}" y="${y + 9}">${role === "down" ? "✕" : `term ${node.term}`}</text>`);
  });
  const said = names.map((name) => `${name} ${ROLES[roleOf(frame.nodes[name])][0]}`).join(", ");
  return `<svg viewBox="0 0 ${SIZE} ${SIZE - 20}" width="${SIZE}" role="group" aria-label="${said}">${links.join("")}${arrows.join("")}${dots.join("")}</svg>`;
}

function logs(names, frame) {
  const entry = (node) => ([term, command], i) => {
    const index = node.start + i + 1, sure = index <= node.commit_index;
    return `<span class="ck-entry ${sure ? "sure" : ""}" style="--hue:${hue(term)}" role="img"
      aria-label="entry ${index}: ${escape(command)}, term ${term}, ${sure ? "committed" : "not committed"}">${escape(command)}<small>${term}</small></span>`;
  };
  const rows = names.map((name) => {
    const node = frame.nodes[name], role = roleOf(node);
    const gone = node.start ? `<span class="ck-entry sure" style="--hue:${hue(0)}">…${node.start}</span>` : "";
    return `<tr class="${node.alive ? "" : "dead"}"><th scope="row">${name}</th><td>${ROLES[role][0]}</td><td>${node.term}</td>
      <td>${gone}${node.log.map(entry(node)).join("") || (gone ? "" : "<span role='img' aria-label='empty'>–</span>")}</td></tr>`;
  });
  return `<table><thead><tr><th scope="col">node</th><th scope="col">role</th><th scope="col">term</th><th scope="col">log (small: term of the entry)</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function render({ model, el }) {
  const names = model.get("nodes"), stories = model.get("stories");
  const roots = stories.map((story, i) => [story, i]).filter(([story]) => story.of < 0);
  const unfolded = stories.map((_, i) => unfold(stories, i));
  const used = [...new Set(unfolded.flat().flatMap((frame) => frame.messages.map((m) => m[2])))];
  const kinds = (kind) => KINDS[used.indexOf(kind) % KINDS.length];
  let playing = 0;
  el.classList.add("ck", "ck-cluster");
  el.innerHTML = `<div class="ck-controls"><label>story <select name="story">${roots.map(([story, i]) =>
      `<option value="${i}">${escape(story.name)}</option>`).join("")}</select></label>
      <button type="button" name="undo">take the click back</button></div>
    <p class="ck-said ck-about"></p>
    <div class="ck-scene"><div class="ck-ring"></div><div class="ck-logs"></div></div>
    <ul class="ck-key" aria-label="messages on their way"></ul>
    <div class="ck-controls"><button type="button" name="back">back</button><button type="button" name="on">step</button>
      <button type="button" name="play">play</button>
      <label class="ck-at"><span class="ck-hidden">step</span><input type="range" name="at" min="0" step="1"><output></output></label></div>
    <p class="ck-said" aria-live="polite"></p>`;
  const suppress = () => { for (const one of el.querySelectorAll("input, select, button, [tabindex]")) one.dataset.lmSuppressShortcuts = "true"; }; // in Lab
  const field = (name) => el.querySelector(`[name=${name}]`);
  const root = (i) => (stories[i].of < 0 ? i : root(stories[i].of));

  function go(story, step) {
    model.set("story", story);
    model.set("step", Math.max(0, Math.min(step, unfolded[story].length - 1)));
    model.save_changes();
    draw();
  }

  function draw() {
    const story = model.get("story"), frames = unfolded[story], step = Math.min(model.get("step"), frames.length - 1);
    const frame = frames[step], branches = stories.map((one, i) => [one, i]).filter(([one]) => one.of === story);
    const clicks = new Map();
    for (const [one, i] of branches) if (!clicks.has(one.click) || step <= one.at) clicks.set(one.click, i);
    const focused = el.contains(document.activeElement) && document.activeElement.dataset.click;
    el.querySelector(".ck-ring").innerHTML = ring(names, frame, clicks, kinds);
    el.querySelector(".ck-logs").innerHTML = logs(names, frame);
    const flying = [...new Set(frame.messages.map((m) => m[2]))];
    el.querySelector(".ck-key").innerHTML = flying.map((kind) => `<li><svg width="20" height="11" viewBox="-9 -5.5 20 11" aria-hidden="true">
      <path d="M-9 0H2" stroke="var(${kinds(kind)})" stroke-width="2.5"/><path d="M0 -5.5L10 0L0 5.5Z" fill="var(${kinds(kind)})"/></svg>${escape(kind)} × ${frame.messages.filter((m) => m[2] === kind).length}</li>`).join("")
      || "<li>no message on its way</li>";
    const hint = clicks.size ? " Click a dashed ring to crash that node, a dashed link to cut it." : "";
    el.querySelector(".ck-about").textContent = stories[story].about + hint;
    field("story").value = root(story);
    field("undo").hidden = stories[story].of < 0;
    field("at").max = frames.length - 1;
    field("at").value = step;
    field("at").setAttribute("aria-valuetext", `step ${step + 1} of ${frames.length}`);
    field("at").nextElementSibling.textContent = `${step + 1}/${frames.length}`;
    field("back").disabled = step === 0;
    field("on").disabled = step === frames.length - 1;
    field("play").textContent = playing ? "pause" : "play";
    el.querySelector("[aria-live]").innerHTML = `<b>${frame.time} ms</b> ${escape(frame.what)}`;
    for (const one of el.querySelectorAll("[data-click]")) {
      const choose = () => { const next = clicks.get(one.dataset.click); stop(); go(next, stories[next].at + 1); field("on").focus(); };
      one.addEventListener("click", choose);
      one.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        choose();
      });
    }
    suppress();
    if (focused) el.querySelector(`[data-click="${focused}"]`)?.focus();
  }

  function stop() {
    clearInterval(playing);
    playing = 0;
  }
  const move = (by) => { stop(); go(model.get("story"), model.get("step") + by); };
  field("back").addEventListener("click", () => move(-1));
  field("on").addEventListener("click", () => move(1));
  field("at").addEventListener("input", () => { stop(); go(model.get("story"), Number(field("at").value)); });
  field("story").addEventListener("change", () => { stop(); go(Number(field("story").value), 0); });
  field("undo").addEventListener("click", () => { const { of, at } = stories[model.get("story")]; stop(); go(of, at); });
  field("play").addEventListener("click", () => {
    if (playing) { stop(); draw(); return; }
    const last = () => unfolded[model.get("story")].length - 1;
    if (model.get("step") >= last()) go(model.get("story"), 0);
    playing = setInterval(() => {
      if (!el.isConnected || model.get("step") >= last()) stop();
      go(model.get("story"), model.get("step") + (playing ? 1 : 0));
    }, 1100);
    draw();
  });
  model.on("change:story", draw);
  model.on("change:step", draw);
  draw();
  return stop;
}
export default { render };
