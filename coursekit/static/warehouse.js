// A warehouse, turn by turn. Python stored what happened, of each turn only what changed; the page replays it.
const CELL = 40, R = 14;
const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** The whole picture of every turn: each turn's changes laid over the turn before. */
export function unfold(changes) {
  const frames = [];
  for (const change of changes) {
    const before = frames.at(-1) ?? { robots: {}, people: {}, waiting: {}, delivered: 0 };
    const frame = { ...before, told: change.told ?? [], delivered: change.delivered ?? before.delivered };
    for (const kind of ["robots", "people", "waiting"]) {
      const all = { ...before[kind], ...change[kind] };
      frame[kind] = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
    }
    frames.push(frame);
  }
  return frames;
}

const place = ([row, column]) => `translate(${(column + 0.5) * CELL}px, ${(row + 0.5) * CELL}px)`;
const doing = { north: "goes north", east: "goes east", south: "goes south", west: "goes west", wait: "waits",
  pick: "picks", drop: "drops", charge: "charges" };

function describe(name, [row, column, battery, load, action], still) {
  const now = still ? "" : `, ${doing[action]}`;
  return `${name} at row ${row + 1}, column ${column + 1}${now}, battery ${battery}` + (load ? `, carries order ${load}` : "");
}

function floor(rows) {
  const cells = rows.flatMap((row, r) => [...row].map((sign, c) => {
    const kind = { "#": "shelf", D: "dock", C: "charger" }[sign] ?? "cell";
    const letter = "DC".includes(sign) ? `<text x="${(c + 0.5) * CELL}" y="${(r + 0.5) * CELL}">${sign === "D" ? "dock" : "power"}</text>` : "";
    return `<rect class="${kind}" x="${c * CELL + 1}" y="${r * CELL + 1}" width="${CELL - 2}" height="${CELL - 2}" rx="3"/>${letter}`;
  }));
  return cells.join("");
}

function render({ model, el }) {
  const rows = model.get("rows"), frames = unfold(model.get("changes")), last = frames.length - 1;
  const width = rows[0].length * CELL, height = rows.length * CELL;
  const full = Math.max(1, ...frames.flatMap((frame) => Object.values(frame.robots).map((robot) => robot[2])));
  let playing = 0;
  el.classList.add("ck", "ck-warehouse");
  el.innerHTML = `<div class="ck-floor" tabindex="0" role="group" aria-label="warehouse; arrow keys step, space plays">
      <svg viewBox="0 0 ${width} ${height}" width="${width}" role="img">${floor(rows)}<g class="orders"></g><g class="bodies"></g></svg></div>
    <p class="ck-key">Circles are robots (bar: battery; small square: what they carry), diamonds are people, numbers wait on shelves,
      a dashed ring is a collision.</p>
    <div class="ck-controls"><button type="button" name="back">back</button><button type="button" name="on">step</button>
      <button type="button" name="play">play</button>
      <label>speed <select name="speed">${[1, 2, 4, 8].map((n) => `<option value="${n}">${n}/s</option>`).join("")}</select></label>
      <label class="ck-at"><span class="ck-hidden">turn</span><input type="range" name="at" min="0" max="${last}" step="1"><output></output></label></div>
    <ul class="ck-robots"></ul><p class="ck-said" aria-live="polite"></p>`;
  const field = (name) => el.querySelector(`[name=${name}]`), said = el.querySelector(".ck-said");
  for (const one of el.querySelectorAll("input, select, button, [tabindex]")) one.dataset.lmSuppressShortcuts = "true"; // in Lab
  el.querySelector(".bodies").innerHTML = [
    ...Object.keys(frames[0].people).map((name) => `<g class="body" data-body="${name}"><path class="person" d="M0 -${R}L${R} 0L0 ${R}L-${R} 0Z"/><text>${name}</text></g>`),
    ...Object.keys(frames[0].robots).map((name) => `<g class="body" data-body="${name}"><circle class="hit" r="${R + 4}"/><circle class="robot" r="${R}"/>
      <text y="-1">${name}</text><rect class="power" x="-9" y="6" height="3"/><g class="load"><rect class="order" x="5" y="-18" width="15" height="14" rx="2"/><text class="number" x="12.5" y="-11"></text></g></g>`),
  ].join("");
  const body = Object.fromEntries([...el.querySelectorAll("[data-body]")].map((one) => [one.dataset.body, one]));

  function draw() {
    const at = Math.max(0, Math.min(last, model.get("turn"))), frame = frames[at];
    const crashes = frame.told.filter(([kind]) => kind === "collision").flatMap(([, words]) => words.split(" "));
    for (const [name, cell] of Object.entries(frame.people)) body[name].style.transform = place(cell);
    for (const [name, robot] of Object.entries(frame.robots)) {
      const one = body[name], power = one.querySelector(".power"), share = robot[2] / full;
      one.style.transform = place(robot);
      one.querySelector(".hit").classList.toggle("none", !crashes.includes(name));
      one.querySelector(".load").classList.toggle("none", !robot[3]);
      one.querySelector(".number").textContent = robot[3];
      power.setAttribute("width", (18 * share).toFixed(1));
      power.classList.toggle("low", share < 0.2);
    }
    const stacks = {};
    el.querySelector(".orders").innerHTML = Object.entries(frame.waiting).map(([number, [row, column]]) => {
      const shift = (stacks[`${row},${column}`] = (stacks[`${row},${column}`] ?? -1) + 1) * 5;
      return `<rect class="order" x="${column * CELL + 9 + shift}" y="${row * CELL + 11 - shift}" width="20" height="18" rx="3"/>
        <text class="number" x="${column * CELL + 19 + shift}" y="${row * CELL + 20 - shift}">${number}</text>`;
    }).join("");
    const robots = Object.entries(frame.robots).map(([name, robot]) => describe(name, robot, !at));
    const waits = Object.keys(frame.waiting).length, open = `${waits} order${waits === 1 ? " waits" : "s wait"}, ${frame.delivered} delivered`;
    el.querySelector("svg").setAttribute("aria-label", `Turn ${at}: ${robots.join("; ")}; ${open}`);
    el.querySelector(".ck-robots").innerHTML = robots.map((line) => `<li>${escape(line)}</li>`).join("");
    said.setAttribute("aria-live", playing ? "off" : "polite");
    said.innerHTML = `<b>turn ${at}</b> ${escape(frame.told.map(([, words]) => words).join("; ") || "nothing but steps")} · ${open}`;
    field("at").value = at;
    field("at").setAttribute("aria-valuetext", `turn ${at} of ${last}`);
    field("at").nextElementSibling.textContent = `${at}/${last}`;
    field("back").disabled = at === 0;
    field("on").disabled = at === last;
    field("play").textContent = playing ? "pause" : "play";
    field("speed").value = model.get("speed");
    el.style.setProperty("--ck-pace", `${Math.min(0.25, 0.6 / model.get("speed"))}s`);
  }
  function go(turn) {
    model.set("turn", Math.max(0, Math.min(last, turn)));
    model.save_changes();
    draw();
  }
  function stop() {
    clearInterval(playing);
    playing = 0;
  }
  function play() {
    stop();
    if (model.get("turn") >= last) go(0);
    playing = setInterval(() => {
      if (!el.isConnected || model.get("turn") + 1 >= last) stop();
      go(model.get("turn") + 1);
    }, 1000 / model.get("speed"));
    draw();
  }
  const toggle = () => { if (playing) { stop(); draw(); } else play(); };
  const move = (turn) => { stop(); go(turn); };
  field("back").addEventListener("click", () => move(model.get("turn") - 1));
  field("on").addEventListener("click", () => move(model.get("turn") + 1));
  field("at").addEventListener("input", () => move(Number(field("at").value)));
  field("play").addEventListener("click", toggle);
  field("speed").addEventListener("change", () => {
    model.set("speed", Number(field("speed").value));
    model.save_changes();
    if (playing) play(); else draw();
  });
  el.querySelector(".ck-floor").addEventListener("keydown", (event) => {
    const turns = { ArrowRight: model.get("turn") + 1, ArrowLeft: model.get("turn") - 1, Home: 0, End: last };
    if (event.key === " ") toggle();
    else if (event.key in turns) move(turns[event.key]);
    else return;
    event.preventDefault();
  });
  model.on("change:turn", draw);
  model.on("change:speed", draw);
  draw();
  return stop;
}
export default { render };
