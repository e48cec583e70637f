// Hash tables key by key. `simulate` does what the notebook's Python tables do, probe by probe, and keeps a frame of
// every step: to go back is to show an earlier frame, and a page without a kernel takes any key.
const USUAL = { chaining: 1, linear: 0.7, "back-shift": 0.7, "Robin Hood": 0.9, quadratic: 0.7, double: 0.7, cuckoo: 0.45 };
const TITLES = { linear: "linear probing, tombstones", "back-shift": "linear probing, back-shift",
  quadratic: "quadratic probing", double: "double hashing" };
const PATHS = { // where a key looks, number i of its way
  quadratic: (code, i, size) => (code + (i * (i + 1)) / 2) % size,
  double: (code, i, size) => (code + i * (Math.floor(code / size) | 1)) % size,
  cuckoo: (code, i, size) => (i ? Math.floor(code / size) : code) % size,
};
const linear = (code, i, size) => (code + i) % size;
const TOMB = { key: "†", code: -1 };
const KICKS = 100, STASH = 4, MOST_SLOTS = 64, BEAT_MS = 1100;
const isNumber = (key) => /^(0|[1-9]\d{0,8})$/.test(key);

/** The hash of a key: a number is its own; a word gets the 32-bit FNV-1a of its UTF-8 bytes. */
export function hash(key) {
  if (isNumber(key)) return Number(key);
  return new TextEncoder().encode(key).reduce((sum, byte) => Math.imul(sum ^ byte, 16777619) >>> 0, 2166136261);
}

/** All frames of a history, a list of [operation, key]; frame.op says which operation it belongs to. */
export function simulate(scheme, smallest, limit, history) {
  const most = limit || USUAL[scheme], chained = scheme === "chaining", cuckoo = scheme === "cuckoo";
  const robin = scheme === "Robin Hood", shifts = robin || scheme === "back-shift";
  const frames = [];
  let size, slots, stash, tombs, count = 0, probes = 0, moves = 0, silent = false, op = -1, hand = "", seen = [];
  const way = (entry, i) => (PATHS[scheme] ?? linear)(entry.code, i, size);
  const longest = () => (cuckoo ? 2 : size);
  const away = (slot) => (slots[slot].length ? (slot - (slots[slot][0].code % size) + size) % size : -1);
  const layOut = (to) => { size = to; slots = Array.from({ length: to }, () => []); stash = []; tombs = 0; };
  function say(text, marks = {}) {
    if (silent) return;
    frames.push({ text, marks, op, hand, size, count, probes, moves, seen: [...seen], stash: [...stash],
      slots: slots.map((slot) => slot.map((entry) => ({ ...entry, far: far(entry, slot) }))) });
  }
  function far(entry, slot) { // steps from home, along the key's own way
    if (chained || entry.code < 0) return 0;
    let i = 0;
    while (slots[way(entry, i)] !== slot && i < longest()) i++;
    return i;
  }

  function find(entry) {
    const { key } = entry, absent = `${key} is not in the table.`;
    const found = (list, i, slot) => {
      say(`${slot < 0 ? "The stash" : `Slot ${slot}`} holds ${key}: found.`, { [slot]: "found" });
      return { list, i, slot };
    };
    if (chained) {
      const slot = entry.code % size, list = slots[slot];
      for (let i = 0; i < list.length; i++) {
        probes++;
        seen.push(slot);
        if (list[i].key === key) return found(list, i, slot);
        say(`Slot ${slot}: ${list[i].key} is not ${key}, so follow the chain.`, { [slot]: "probe" });
      }
      return say(`The chain of slot ${slot} ends here: ${absent}`, { [slot]: "probe" });
    }
    for (let i = 0; i < longest(); i++) {
      const slot = way(entry, i), there = slots[slot][0], mark = { [slot]: "probe" };
      probes++;
      seen.push(slot);
      if (there?.key === key && there !== TOMB) return found(slots[slot], 0, slot);
      if (!there && !cuckoo) return say(`Slot ${slot} is empty: ${absent}`, mark);
      if (robin && away(slot) < i) {
        return say(`Slot ${slot} holds ${there.key}, ${away(slot)} from home. ${key}, by now ${i} away, would have taken it: ${absent}`, mark);
      }
      say(!there ? `Slot ${slot} is empty.` : there === TOMB ? `Slot ${slot}: a tombstone. Somebody left, so look further.`
        : `Slot ${slot} holds ${there.key}, not ${key}.`, mark);
    }
    for (const [i, other] of stash.entries()) {
      probes++;
      if (other.key === key) return found(stash, i, -1);
      say(`In the stash: ${other.key}, not ${key}.`);
    }
    return say(cuckoo ? `It is nowhere else: ${absent}` : `All ${size} slots seen: ${absent}`);
  }

  function add(entry) {
    const put = (slot, how = "") => say(`${entry.key} goes into slot ${slot}${how}.`, { [slot]: "found" });
    const swap = (slot) => {
      const out = slots[slot][0];
      slots[slot] = [entry];
      if (out) moves++;
      return out;
    };
    hand = entry.key;
    if (chained) {
      slots[entry.code % size].unshift(entry);
      put(entry.code % size, ", in front of the chain");
    } else if (cuckoo) {
      for (let kick = 0, slot = way(entry, 0); kick < KICKS; kick++) {
        const out = swap(slot);
        if (!out) return put(slot);
        say(`${entry.key} takes slot ${slot} and kicks out ${out.key}, which has to go to its other place.`, { [slot]: "moved" });
        [entry, hand] = [out, out.key];
        slot = way(entry, slot === way(entry, 0) ? 1 : 0);
      }
      stash.push(entry);
      say(`After ${KICKS} kicks ${hand} has no place: into the stash.`);
    } else if (robin) {
      for (let slot = entry.code % size, from = 0; ; slot = (slot + 1) % size, from++) {
        const resident = away(slot);
        if (resident >= from) continue;
        const out = swap(slot);
        if (!out) return put(slot);
        say(`${entry.key} is ${from} from home, ${out.key} only ${resident}: ${entry.key} takes slot ${slot}, ${out.key} walks on.`,
          { [slot]: "moved" });
        [entry, hand, from] = [out, out.key, resident];
      }
    } else {
      let i = 0;
      while (slots[way(entry, i)].length && slots[way(entry, i)][0] !== TOMB) i++;
      const slot = way(entry, i), grave = slots[slot].length;
      tombs -= grave;
      slots[slot] = [entry];
      put(slot, grave ? ", in place of the first tombstone on its way" : "");
    }
  }

  function rebuild(to, why) {
    const entries = [...slots.flat().filter((entry) => entry !== TOMB), ...stash];
    layOut(to);
    seen = [];
    say(`${why}: ${to} fresh slots, and every key is put in anew.`);
    for (const entry of entries) {
      silent = true;
      add(entry);
      silent = false;
      say(`${entry.key}: ${entry.code} mod ${to} = ${entry.code % to}.`, { [slots.findIndex((list) => list.includes(entry))]: "found" });
    }
    moves += entries.length;
  }

  function makeRoom() {
    const taken = count + tombs, room = most * size;
    if (taken + 1 > room) {
      const sweep = count + 1 <= room / 2;
      rebuild(sweep ? size : 2 * size, sweep ? "Mostly tombstones" : `${taken} taken and one more is above ${most} × ${size}`);
    }
    if (stash.length > STASH && count > size / 8) rebuild(2 * size, "The stash is full");
  }

  function remove({ list, i, slot }) {
    const { key } = list[i];
    if (chained || cuckoo) {
      list.splice(i, 1);
      return say(`${key} is taken out.`, { [slot]: "gone" });
    }
    if (!shifts) {
      slots[slot] = [TOMB];
      tombs++;
      return say(`${key} is taken out. A tombstone stays in slot ${slot}: without it, searches would stop here.`, { [slot]: "gone" });
    }
    slots[slot] = [];
    say(`${key} is taken out and leaves a hole. May somebody move back?`, { [slot]: "gone" });
    for (let n = 1, hole = slot; n < size; n++) {
      const next = (slot + n) % size, later = slots[next][0];
      if (!later) return say(`Slot ${next} is empty: done.`, { [next]: "probe" });
      if (away(next) < (next - hole + size) % size) {
        say(`${later.key} in slot ${next} stays: its home lies after the hole.`, { [next]: "probe" });
        continue;
      }
      [slots[hole], slots[next]] = [[later], []];
      moves++;
      say(`${later.key} moves back from slot ${next} to slot ${hole}.`, { [hole]: "moved", [next]: "gone" });
      hole = next;
    }
  }

  layOut(smallest);
  say("An empty table.");
  for (const [what, key] of history) {
    const entry = { key, code: hash(key) }, home = entry.code % size;
    [op, hand, seen] = [op + 1, key, []];
    say(`${what} ${key}: ${isNumber(key) ? "" : `its hash is ${entry.code}; `}${entry.code} mod ${size} = ${home}, so its home is slot ${home}`
      + `${cuckoo ? ` and its other place slot ${way(entry, 1)}` : ""}.`, { [home]: "home" });
    const place = find(entry);
    if (what === "insert" && place) say(`${key} was there: its value is replaced, nothing else changes.`, { [place.slot]: "found" });
    else if (what === "insert") {
      makeRoom();
      add(entry);
      count++;
      frames.at(-1).count = count;
    } else if (what === "delete" && place) {
      remove(place);
      count--;
      frames.at(-1).count = count;
      if (size > smallest && count < (most * size) / 8) rebuild(size / 2, "Few keys need few slots");
    }
    Object.assign(frames.at(-1), { moves, last: true });
  }
  return frames;
}

const SIGNS = { home: "⌂", probe: "?", found: "✓", moved: "⇄", gone: "✕" };
const safe = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt()};`);

function drawSlots({ slots, marks, seen, stash }) {
  const entry = ({ key, far, code }) => `<b${code < 0 ? ' class="ck-tomb"' : ""} style="--far:${Math.min(far, 6)}">${safe(key)}${
    far ? `<small>+${far}</small>` : ""}</b>`;
  return `<ol class="ck-slots">${slots.map((list, slot) => {
    const order = seen.flatMap((at, n) => (at === slot ? [n + 1] : [])).join(" ");
    return `<li class="${marks[slot] ?? ""}"><i>${slot}<em>${SIGNS[marks[slot]] ?? order}</em></i>${
      list.map(entry).join("") || '<b class="ck-none"><span class="ck-hidden">empty</span></b>'}</li>`;
  }).join("")}</ol>${stash.length ? `<p>stash: ${stash.map(({ key }) => safe(key)).join(", ")}</p>` : ""}`;
}

function render({ model, el }) {
  const get = (name) => model.get(name), set = (changes) => { model.set(changes); model.save_changes(); };
  const options = (pairs) => pairs.map(([value, title]) => `<option value="${value}">${title}</option>`).join("");
  el.classList.add("ck");
  el.innerHTML = `<div class="ck-controls">
      <label>scheme <select name="scheme">${options(Object.keys(USUAL).map((name) => [name, TITLES[name] ?? name]))}</select></label>
      <label>doubles above load <select name="limit">${options([[0, "usual"], ...[0.5, 0.7, 0.9, 1].map((x) => [x, x])])}</select></label>
      <label>start with <input type="range" name="start" min="0" max="${get("sample").length}"><output></output></label>
    </div><form class="ck-controls">
      <label>key <input name="key" maxlength="8" autocomplete="off" spellcheck="false"></label>
      ${["insert", "find", "delete"].map((what) => `<button value="${what}">${what}</button>`).join("")}
    </form><div class="ck-controls">
      ${["back", "play", "step", "reset"].map((name) => `<button type="button" name="${name}">${name}</button>`).join("")}
      <span class="ck-count"></span></div>
    <p class="ck-said" aria-live="polite"></p>
    <div class="ck-figure" tabindex="0" role="group" aria-label="the slots; arrow keys step, space plays"></div>
    <p class="ck-sum"></p>`;
  el.dataset.lmSuppressShortcuts = "true"; // in Lab
  const field = (name) => el.querySelector(`[name="${name}"]`), show = (name, text) => { el.querySelector(name).textContent = text; };
  let known, frames, timer;

  function trace(ops = get("ops")) {
    const history = [...get("sample").slice(0, get("start")).map((key) => ["insert", key]), ...ops];
    return simulate(get("scheme"), get("size"), get("limit"), history);
  }
  const at = () => (get("at") < 0 ? frames.length - 1 : Math.min(get("at"), frames.length - 1));
  function draw() {
    const asked = JSON.stringify(["scheme", "limit", "start", "ops"].map(get));
    if (asked !== known) [known, frames] = [asked, trace()];
    const frame = frames[at()], mine = frames.filter(({ op }) => op === frame.op), { count, size, probes, moves } = frame;
    for (const name of ["scheme", "limit", "start"]) field(name).value = get(name);
    field("limit").options[0].text = `usual (${USUAL[get("scheme")]})`;
    field("start").nextElementSibling.textContent = `${get("start")} keys`;
    field("start").setAttribute("aria-valuetext", `${get("start")} keys`);
    el.querySelector(".ck-figure").innerHTML = drawSlots(frame);
    show(".ck-said", frame.text);
    const lies = [...frame.slots.flat(), ...frame.stash].some(({ key }) => key === frame.hand);
    show(".ck-count", `step ${mine.indexOf(frame) + 1} of ${mine.length}${lies || !frame.hand ? "" : ` · in hand: ${frame.hand}`}`);
    show(".ck-sum", `${count} keys in ${size} slots: load ${(count / size).toFixed(2)} · ${frame.seen.length} probes now, ${probes
    } in all · ${moves} moves · +n: n steps from home`);
    field("back").ariaDisabled = at() === 0;
    field("step").ariaDisabled = at() === frames.length - 1;
    field("play").textContent = timer ? "pause" : "play";
  }
  function pause() { clearInterval(timer); timer = undefined; }
  function go(to) { set({ at: Math.max(0, Math.min(frames.length - 1, to)) }); draw(); }
  function play() {
    const begin = frames.findIndex(({ op }) => op === frames[at()].op);
    timer = setInterval(() => {
      if (at() >= frames.length - 2) pause();
      go(at() + 1);
    }, BEAT_MS);
    go(at() === frames.length - 1 ? begin : at());
  }
  const actions = {
    back: () => { pause(); go(at() - 1); },
    step: () => { pause(); go(at() + 1); },
    play: () => { if (timer) { pause(); draw(); } else play(); },
    reset: () => { pause(); set({ ops: [], at: -1 }); draw(); },
  };
  for (const [name, action] of Object.entries(actions)) field(name).addEventListener("click", action);
  el.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    pause();
    const key = field("key").value.trim(), ops = [...get("ops"), [event.submitter.value, key]], before = frames.length;
    if (!key) show(".ck-said", "Type a key first: a word or a number.");
    else if (trace(ops).at(-1).size > MOST_SLOTS) show(".ck-said", `More than ${MOST_SLOTS} slots are too many to see: reset first.`);
    else {
      set({ ops, at: matchMedia("(prefers-reduced-motion: reduce)").matches ? -1 : before });
      draw();
      if (get("at") >= 0) play();
    }
    field("key").select();
  });
  field("key").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // JupyterLab lets nobody submit a form by Enter
    event.target.form.requestSubmit(el.querySelector("[value=insert]"));
  });
  for (const name of ["scheme", "limit", "start"]) {
    field(name).addEventListener("input", ({ target }) => {
      pause();
      set({ [name]: name === "scheme" ? target.value : Number(target.value), at: -1, ...(name === "start" && { ops: [] }) });
      draw();
    });
  }
  el.addEventListener("keydown", (event) => {
    const name = { ArrowLeft: "back", ArrowRight: "step", " ": "play" }[event.key];
    if (!name || /INPUT|SELECT/.test(event.target.tagName) || (name === "play" && event.target.tagName === "BUTTON")) return;
    event.preventDefault();
    actions[name]();
  });
  model.on("change:scheme change:limit change:start change:ops change:at", draw);
  draw();
  return pause;
}
export default { render };
