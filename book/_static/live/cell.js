// One cell of the page: its code as published or as edited, its stored output and its live one.

import { dropNote, edition, noteOf, takeNote } from "./notes.js";
import * as output from "./output.js";

const KEYS = "live-keys"; // the sentence that says how to leave the editor

export class Cell {
  ok = null; // how it ended last
  first = 0; // cells that ran before it because it needs them
  live = null; // the box of the live output
  #editor = null;
  #pending = null;

  /** page: what the page does on a cell's wish: `edit` gets the editor; `run`, `next` run it; `changed`. */
  constructor(el, page) {
    Object.assign(this, { el, page, id: el.id.replace("cell-", "") });
    this.tools = el.querySelector(".tools");
    this.pre = el.querySelector(".cell_input pre");
    this.stored = el.querySelector(".cell_output");
    this.published = this.pre.textContent.replace(/\n$/, "");
    this.code = this.published;
  }

  get folded() { return this.tools.closest("details:not([open])") !== null; }

  get edited() { return this.code !== this.published; }

  // Editing

  /** What the reader changed on an earlier visit; if the cell is another one now, it is offered. */
  recall() {
    const note = noteOf(this.id);
    if (!note) return;
    if (note.of === edition(this.published)) this.#write(note.code);
    else this.#button("earlier-edit", "Show my earlier edit");
  }

  takeEarlier() {
    const { code } = noteOf(this.id);
    this.tools.querySelector(".earlier-edit").remove();
    this.#write(code);
    takeNote(this.id, code, edition(this.published));
    this.focus();
  }

  async edit(point) {
    this.show();
    if (!this.#editor) {
      this.#pending ??= this.page.edit();
      const { edit } = await this.#pending;
      if (!this.#editor) this.#editor = this.#open(edit);
    }
    this.#editor.focus(point);
  }

  #open(edit) {
    this.pre.hidden = true;
    this.el.classList.add("editing");
    const then = (deed) => () => { deed(); return true; };
    return edit(this.pre.parentElement, {
      code: this.code,
      label: "Code of this cell",
      description: KEYS,
      keys: [
        { key: "Shift-Enter", run: then(() => this.page.next(this)) },
        { key: "Ctrl-Enter", mac: "Cmd-Enter", run: then(() => this.page.run(this)) },
        { key: "Escape", run: then(() => this.tools.querySelector(".run-cell").focus()) },
      ],
      changed: (code) => this.#changed(code),
    });
  }

  #changed(code) {
    this.code = code;
    this.pre.textContent = `${code}\n`; // what Copy takes
    if (this.edited) takeNote(this.id, code, edition(this.published));
    else dropNote(this.id);
    this.#mark();
  }

  #write(code) {
    if (this.#editor) this.#editor.code = code;
    else {
      this.original ??= [...this.pre.childNodes];
      this.code = code;
      if (this.edited) this.pre.textContent = `${code}\n`;
      else this.pre.replaceChildren(...this.original);
    }
    this.#mark();
  }

  restore() {
    this.#write(this.published);
    dropNote(this.id);
    this.tools.querySelector(".run-cell").focus();
  }

  #mark() {
    this.el.classList.toggle("edited", this.edited);
    const there = this.tools.querySelector(".restore-cell");
    if (this.edited && !there) this.#button("restore-cell", "Restore", "edited");
    if (!this.edited && there) there.parentElement.remove();
    this.page.changed();
  }

  #button(name, text, before = "") {
    const box = document.createElement("span");
    box.append(before ? `${before} ` : "", Object.assign(document.createElement("button"), { type: "button", className: name, textContent: text }));
    this.tools.append(box);
  }

  /** Open the folds that this cell stands in. */
  show() {
    for (let fold = this.pre.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  }

  focus() {
    if (this.#editor) this.#editor.focus();
    else this.tools.querySelector(".run-cell").focus();
  }

  // Running

  /** Whoever runs a cell has seen its output: a guess that waits for it is over. */
  reveal() { this.stored?.closest("details.reveal")?.setAttribute("open", ""); }

  wait() { this.el.classList.add("waiting"); }
  rest() { this.el.classList.remove("waiting", "running"); }

  begin() {
    this.el.classList.add("running");
    this.live ??= this.#box();
    this.clear();
    this.ok = null;
    this.#label("Running …");
  }

  #box() {
    const box = document.createElement("div");
    box.className = "cell_output live";
    const head = Object.assign(document.createElement("p"), { className: "live-label" });
    head.append(document.createElement("span"));
    if (this.stored) head.append(Object.assign(document.createElement("button"), { type: "button", className: "which-output", textContent: "Show stored output" }));
    this.body = document.createElement("div");
    box.append(head, this.body);
    (this.stored ?? this.tools).after(box);
    return box;
  }

  #label(text) { this.live.querySelector(".live-label span").textContent = text; }

  #only(which) { // "live" or "stored"
    if (!this.stored) return;
    this.stored.hidden = which === "live";
    this.body.hidden = which === "stored";
    this.live.querySelector(".which-output").textContent = which === "live" ? "Show stored output" : "Show live output";
  }

  toggle() { this.#only(this.stored.hidden ? "stored" : "live"); }

  clear() { this.body.replaceChildren(); }

  #draw(name, what) {
    this.#only("live");
    output[name](this.body, what);
  }

  stream(what) { this.#draw("stream", what); }
  display(what) { this.#draw("display", what); }

  error(what) {
    if (what.name !== "NotInPage") return this.#draw("error", what);
    this.#draw("note", what);
    if (this.stored) this.stored.hidden = false; // better than nothing
  }

  end({ ok, seconds }) {
    this.ok = ok;
    this.el.classList.remove("running", "waiting");
    if (ok && this.stored) this.#only("live");
    const took = seconds < 0.01 ? "under 0.01 s" : `${seconds.toPrecision(2)} s`;
    this.#label(`${ok ? "Live" : "Live, ended with an error"}: ran in ${took}${ok && !this.body.childNodes.length ? ", no output" : ""}`);
  }

  blocked(by) {
    this.live ??= this.#box();
    this.clear();
    this.rest();
    this.ok = false;
    this.#label("Did not run");
    const first = by.code.split("\n").find((line) => line.trim()) ?? "";
    this.#draw("note", { text: `It needs the cell that begins “${first.slice(0, 40)}”, and that one ended with an error.` });
    if (this.stored) this.stored.hidden = false;
  }

  stopped() {
    if (this.el.classList.contains("running")) this.#label("Stopped");
    this.rest();
  }

  /** The output in a few words, to be read aloud. */
  told() {
    const text = this.body.innerText?.trim().replace(/\s+/g, " ") ?? "";
    return text ? `Output: ${text.length > 120 ? `${text.slice(0, 120)} …` : text}` : "";
  }

  reset() {
    this.#write(this.published);
    dropNote(this.id);
    this.live?.remove();
    this.live = this.ok = null;
    if (this.stored) this.stored.hidden = false;
    this.rest();
  }
}
