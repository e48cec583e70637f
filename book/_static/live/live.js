// Cells that run in this page. Loaded with the page: buttons, keys, the reader's edits. Python, the editor and what
// draws outputs come at the first click.

import { Cell } from "./cell.js";

const bar = document.querySelector(".run-bar");
const [startButton, allButton, stopButton, resetButton] = bar.querySelectorAll("button");
const status = bar.querySelector("[role=status]");
const base = new URL("./", import.meta.url).href;

const about = () => (about.answer ??= fetch(`${base}live.json`, { cache: "no-cache" }).then((answer) => answer.json()));
const say = (text) => { status.textContent = text; };
const plural = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;

const cells = [...document.querySelectorAll(".cell.runs")].map((el) => new Cell(el, {
  edit: async () => import(base + (await about()).editor),
  run: (cell) => run([cell]),
  next: (cell) => runAndGoOn(cell),
  changed: () => showState(),
}));
const byElement = new Map(cells.map((cell) => [cell.el, cell]));
const byId = new Map(cells.map((cell) => [cell.id, cell]));

let session = null; // a Session once Python was asked for
let runs = 0; // requests that have not come to their end
let progress = { done: 0, of: 0 };

function showState() {
  const state = session?.state ?? "asleep";
  startButton.disabled = state !== "asleep";
  startButton.textContent = { asleep: "Run in this page", loading: "Loading …" }[state] ?? "Python is ready";
  allButton.disabled = runs > 0;
  stopButton.disabled = !session || (state === "ready" && !runs);
  resetButton.disabled = !session && !cells.some((cell) => cell.edited || cell.live);
}

/** The worker that runs Python; started at the first wish, and anew after Stop. */
async function awake() {
  if (session) return session;
  const { Session } = await import("./session.js");
  session ??= new Session(base, await about(), hear);
  showState();
  return session;
}

async function wake() {
  say("Python is loading …");
  try {
    await (await awake()).ready;
    if (!runs) say("Python is ready.");
  } catch (error) {
    session?.stop();
    session = null;
    say(`Python could not be loaded here: ${error.message}. The stored outputs are all there.`);
    throw error;
  } finally {
    showState();
  }
}

async function run(targets) {
  runs += 1;
  progress = { done: 0, of: targets.length };
  for (const cell of targets) {
    cell.wait();
    cell.reveal();
  }
  showState();
  let mine;
  try {
    if (session?.state !== "ready") await wake();
    mine = session;
    await mine?.run(targets.map((cell) => cell.id), cells.map((cell) => [cell.id, cell.code]));
  } catch { /* it was said in the bar */ } finally {
    runs -= 1;
    for (const cell of targets) cell.rest();
    if (targets.length > 1 && mine === session) say(`All is run: ${plural(cells.filter((it) => it.ok).length, "cell")} without an error.`);
    showState();
  }
}

function runAndGoOn(cell) {
  run([cell]);
  const below = cells.slice(cells.indexOf(cell) + 1);
  below.find((it) => !it.folded)?.focus(); // a solution stays folded
}

const hearing = {
  plan({ target, cells: plan }) {
    progress.done += 1;
    const before = plan.length - 1;
    const which = progress.of > 1 ? `cell ${progress.done} of ${progress.of}` : "the cell";
    say(before ? `Running ${plural(before, "cell")} that this one needs, then ${which} …` : `Running ${which} …`);
    byId.get(target).first = before;
  },
  begin: ({ cell }) => byId.get(cell).begin(),
  stream: (what, cell) => cell.stream(what),
  display: (what, cell) => cell.display(what),
  clear: (what, cell) => cell.clear(),
  error: (what, cell) => cell.error(what),
  end(what, cell) {
    cell.end(what);
    if (progress.of < 2) say(`${what.ok ? "Done" : "It ended with an error"}. ${cell.told()}`);
  },
  blocked({ cell, by }) {
    byId.get(cell).blocked(byId.get(by));
    say("A cell that this one needs ended with an error; it is marked in the page.");
    byId.get(by).show();
  },
  fetching: ({ root }) => say(`Fetching ${root} from cdn.jsdelivr.net …`),
  fetched: ({ root, came }) => say(came ? `${root} is here.` : `${root} could not be fetched: cells that need it keep their stored output.`),
};

let current = null;

function hear(what) {
  if (what.kind === "begin") current = byId.get(what.cell);
  hearing[what.kind]?.(what, current);
}

async function stop() {
  const waiting = runs > 0;
  session?.stop();
  session = null;
  say("Stopped. Python starts anew, and its variables are gone: cells run again what they need.");
  if (waiting) for (const cell of cells) cell.stopped();
  await awake();
  session.ready.catch(() => {}).then(showState);
}

function reset() {
  const edited = cells.filter((cell) => cell.edited).length;
  if (edited && !confirm(`This takes back your changes to ${plural(edited, "cell")}. Go on?`)) return;
  session?.stop();
  session = null;
  for (const cell of cells) cell.reset();
  say("Code and outputs are as published.");
  showState();
}

startButton.addEventListener("click", () => wake().catch(() => {}));
allButton.addEventListener("click", () => run(cells));
stopButton.addEventListener("click", stop);
resetButton.addEventListener("click", reset);

document.addEventListener("click", (event) => {
  const cell = byElement.get(event.target.closest(".cell.runs"));
  if (!cell) return;
  if (event.target.closest(".run-cell")) run([cell]);
  else if (event.target.closest(".edit-cell")) cell.edit();
  else if (event.target.closest(".restore-cell")) cell.restore();
  else if (event.target.closest(".earlier-edit")) cell.takeEarlier();
  else if (event.target.closest(".which-output")) cell.toggle();
  else if (event.target.closest(".cell_input pre") && getSelection().isCollapsed) cell.edit({ x: event.clientX, y: event.clientY });
});

document.addEventListener("keydown", (event) => {
  const cell = byElement.get(event.target.closest(".cell.runs"));
  if (!cell || event.defaultPrevented || event.key !== "Enter" || !(event.shiftKey || event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  if (event.shiftKey) runAndGoOn(cell);
  else run([cell]);
});

for (const cell of cells) cell.recall();
showState();
