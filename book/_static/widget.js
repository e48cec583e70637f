// An anywidget with no kernel behind it: its state carries its own code. Used for stored widgets and for live ones.

/** What a widget sees in place of Jupyter's model: the same values and events, but nobody at the other end. */
class Model {
  #listeners = [];
  #values;
  constructor(values) { this.#values = { ...values }; }

  get(name) { return this.#values[name]; }

  set(name, value) {
    const changes = typeof name === "object" ? name : { [name]: value };
    const changed = Object.keys(changes).filter((key) => this.#values[key] !== changes[key]);
    Object.assign(this.#values, changes);
    for (const key of changed) this.#tell(`change:${key}`, changes[key]);
    if (changed.length) this.#tell("change");
  }

  on(events, callback) {
    for (const event of events.split(" ")) this.#listeners.push({ event, callback });
  }

  off(event, callback) {
    const goes = (it) => (event == null || it.event === event) && (callback == null || it.callback === callback);
    this.#listeners = this.#listeners.filter((it) => !goes(it));
  }

  save_changes() { /* there is no kernel to tell */ }
  send() { /* there is no kernel to ask */ }

  #tell(event, value) {
    for (const it of [...this.#listeners]) if (it.event === event) it.callback(this, value);
  }
}

const worn = new Set();

function dress(css) {
  if (worn.has(css)) return;
  worn.add(css);
  document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
}

/** The widget and its model, ready to be shown: `widget.render({ model, el })`. */
export async function start(state) {
  const code = URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" }));
  const module = await import(code);
  URL.revokeObjectURL(code);
  if (state._css) dress(state._css);
  const model = new Model(state);
  const widget = typeof module.default === "function" ? await module.default() : module.default ?? module;
  await widget.initialize?.({ model });
  return { model, widget };
}
