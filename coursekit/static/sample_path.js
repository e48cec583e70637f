// One area, counted two ways. Each visit is a row; cut all rows at every arrival and departure, and let the
// pieces fall: they land on the staircase N(t). No piece is lost, so both areas are equal, for any visits.
const COLOURS = ["--measured, #0072b2", "--fourth, #e69f00", "--second, #009e73", "--third, #cc79a7", "--alarm, #d55e00"];
const WIDTH = 640, LEFT = 34, ROW = 26, TOP = 10, FOOT = 34;

function pieces(visits, until) {
  const cuts = [...new Set(visits.flat().concat(until))].filter((t) => t <= until).sort((a, b) => a - b);
  return cuts.slice(1).flatMap((end, k) => visits
    .map(([from, to], row) => ({ row, from: cuts[k], end, there: from <= cuts[k] && to >= end }))
    .filter((piece) => piece.there)
    .map((piece, height) => ({ ...piece, height })));
}

function render({ model, el }) {
  const horizon = model.get("horizon"), unit = model.get("unit");
  let visits = model.get("visits").map((visit) => [...visit]);
  el.classList.add("ck");
  el.innerHTML = `<div class="ck-controls">
      <label>time <input type="range" name="until" min="0" max="${horizon}" step="0.5" value="${horizon}"><output></output></label>
      <label>let the pieces fall <input type="range" name="fall" min="0" max="1" step="0.05" value="0"></label>
    </div><div class="ck-controls">
      <label>visitor <select name="who">${visits.map((_, i) => `<option value="${i}">${i + 1}</option>`).join("")}</select></label>
      <label>stays <input type="range" name="stay" min="0.5" step="0.5"><output></output></label>
      <button type="button">start again</button>
    </div><div class="ck-figure"></div><p class="ck-said" aria-live="polite"></p>`;
  for (const one of el.querySelectorAll("input, select, button")) one.dataset.lmSuppressShortcuts = "true"; // in Lab
  const field = (name) => el.querySelector(`[name=${name}]`);
  const show = (x) => String(Math.round(x * 100) / 100);

  function draw() {
    const until = Number(field("until").value), fall = Number(field("fall").value), who = Number(field("who").value);
    const rows = visits.length, height = TOP + rows * ROW + FOOT;
    const x = (t) => LEFT + (t / horizon) * (WIDTH - LEFT - 10), y = (row) => height - FOOT - (row + 1) * ROW;
    const parts = pieces(visits, until);
    const boxes = parts.map(({ row, from, end, height: place }) => {
      const top = y((rows - 1 - row) * (1 - fall) + place * fall);
      return `<rect x="${x(from)}" y="${top + 1}" width="${x(end) - x(from)}" height="${ROW - 2}"
        fill="var(${COLOURS[row % COLOURS.length]})" ${row === who ? 'stroke="currentColor" stroke-width="1.5"' : ""}/>`;
    });
    const names = visits.map((_, row) => `<text x="${LEFT - 8}" y="${y(rows - 1 - row) + 18}" text-anchor="end"
      opacity="${1 - fall}">${row + 1}</text>`).concat([...Array(rows + 1).keys()].map((n) =>
      `<text x="${LEFT - 8}" y="${height - FOOT - n * ROW + 4}" text-anchor="end" opacity="${fall}">${n}</text>`));
    const ticks = [...Array(horizon + 1).keys()].filter((t) => t % Math.ceil(horizon / 12) === 0).map((t) =>
      `<text x="${x(t)}" y="${height - FOOT + 16}" text-anchor="middle">${t}</text>`);
    const area = parts.reduce((sum, piece) => sum + piece.end - piece.from, 0);
    const rowsArea = visits.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(to, until) - from), 0);
    const come = visits.filter(([from]) => from < until).length;
    const label = fall < 0.5 ? "each row is one visit" : "the height is N(t), the number inside";
    el.querySelector(".ck-figure").innerHTML = `<svg role="img" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}"
      font-size="12" fill="currentColor" aria-label="${visits.length} visits up to time ${until}: ${label}. Area ${show(area)}.">
      ${boxes.join("")}${names.join("")}${ticks.join("")}
      <path d="M${LEFT} ${height - FOOT}H${WIDTH - 10}" stroke="currentColor"/>
      <path d="M${x(until)} ${TOP}V${height - FOOT}" stroke="currentColor" stroke-dasharray="3 3"/>
      <text x="${WIDTH - 10}" y="${height - 3}" text-anchor="end">time (${unit})</text>
      <text x="${LEFT}" y="${height - 3}">${label}</text></svg>`;
    const said = come && until ? `row by row: <b>${show(rowsArea)}</b> · under N(t): <b>${show(area)}</b> ·
      L = ${show(area)}/${show(until)} = <b>${show(area / until)}</b> · λ = ${come}/${show(until)} = <b>${show(come / until)}</b> per ${unit} ·
      W = ${show(area)}/${come} = <b>${show(area / come)}</b> ${unit}` : "nobody has come yet";
    el.querySelector(".ck-said").innerHTML = said;
    const stay = field("stay");
    stay.max = horizon - visits[who][0];
    stay.value = visits[who][1] - visits[who][0];
    stay.nextElementSibling.textContent = stay.value;
    field("until").nextElementSibling.textContent = until;
  }
  field("stay").addEventListener("input", () => {
    const who = Number(field("who").value);
    visits[who][1] = visits[who][0] + Number(field("stay").value);
    model.set("visits", visits.map((visit) => [...visit]));
    model.save_changes();
  });
  el.querySelector("button").addEventListener("click", () => {
    visits = model.get("original").map((visit) => [...visit]);
    model.set("visits", visits.map((visit) => [...visit]));
    model.save_changes();
    field("until").value = horizon;
    field("fall").value = 0;
    draw();
  });
  el.addEventListener("input", draw);
  model.on("change:visits", () => { visits = model.get("visits").map((visit) => [...visit]); draw(); });
  draw();
}
export default { render };
