// Shows the anywidgets of a stored notebook with no kernel behind them: the page carries each widget's state,
// and the state carries the widget's own code. Buttons move what is already there; nothing is computed elsewhere.

const STATE = "application/vnd.jupyter.widget-state+json";
const VIEW = "application/vnd.jupyter.widget-view+json";
const readAll = (type) => [...document.querySelectorAll(`script[type="${type}"]`)];

const states = Object.assign({}, ...readAll(STATE).map((script) => JSON.parse(script.textContent).state));

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

const loaded = new Map(); // one model and one module per widget, however many views show it

function load(id) {
  if (!loaded.has(id)) loaded.set(id, start(states[id].state));
  return loaded.get(id);
}

const worn = new Set();

function dress(css) {
  if (worn.has(css)) return;
  worn.add(css);
  document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
}

async function start(state) {
  const code = URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" }));
  const module = await import(code);
  URL.revokeObjectURL(code);
  if (state._css) dress(state._css);
  const model = new Model(state);
  const widget = typeof module.default === "function" ? await module.default() : module.default ?? module;
  await widget.initialize?.({ model });
  return { model, widget };
}

async function show(script) {
  const meanwhile = script.nextElementSibling; // a sentence for readers without JavaScript
  try {
    const { model, widget } = await load(JSON.parse(script.textContent).model_id);
    const el = document.createElement("div");
    meanwhile.replaceWith(el);
    await widget.render({ model, el });
  } catch (error) {
    script.parentElement.lastElementChild.textContent = `This figure could not be drawn here (${error.message}); it works in the notebook.`;
  }
}

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    show(target.querySelector(`script[type="${VIEW}"]`));
  }
}, { rootMargin: "600px" });

for (const script of readAll(VIEW)) near.observe(script.parentElement);
