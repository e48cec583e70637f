// Shows the anywidgets of a stored notebook with no kernel behind them: the page carries each widget's state,
// and the state carries the widget's own code. Buttons move what is already there; nothing is computed elsewhere.

import { start } from "./widget.js";

const STATE = "application/vnd.jupyter.widget-state+json";
const VIEW = "application/vnd.jupyter.widget-view+json";
const readAll = (type) => [...document.querySelectorAll(`script[type="${type}"]`)];

const states = Object.assign({}, ...readAll(STATE).map((script) => JSON.parse(script.textContent).state));

const loaded = new Map(); // one model and one module per widget, however many views show it

function load(id) {
  if (!loaded.has(id)) loaded.set(id, start(states[id].state));
  return loaded.get(id);
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
