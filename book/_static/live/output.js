// Draws what a cell sends: text, tables, pictures, widgets, errors; the same shapes as the stored outputs have.

import { start } from "../widget.js";

const VIEW = "application/vnd.jupyter.widget-view+json";
const BEST = [VIEW, "text/html", "image/svg+xml", "image/png", "image/jpeg", "text/plain"];
const named = new Map(); // display id -> its box
let pictures = 0;

const make = (tag, className, ...children) => {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
};

function textBox(text, kind) {
  const pre = make("pre", "", text);
  return make("div", `output ${kind}`, make("div", "highlight", pre));
}

/** Elements of a text that a cell made. It may style and draw; it may not run scripts. */
function parsed(text, type) {
  const root = new DOMParser().parseFromString(text, type).documentElement;
  for (const element of [...root.querySelectorAll("script, iframe, object, embed")]) element.remove();
  for (const element of [root, ...root.querySelectorAll("*")]) {
    for (const { name, value } of [...element.attributes]) {
      if (name.startsWith("on") || /^\s*javascript:/i.test(value)) element.removeAttribute(name);
    }
  }
  return root;
}

/** A figure in the page's ink; its ids are its own, as the stored one beside it has the same. */
function picture(text) {
  const prefix = `live${pictures += 1}-`;
  const ids = new Set([...text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
  const own = text.replace(/(\sid="|href="#|url\(#)([\w.-]+)/g, (all, before, id) => (ids.has(id) ? before + prefix + id : all));
  const svg = parsed(own, "image/svg+xml");
  svg.removeAttribute("style");
  return make("figure", "", document.importNode(svg, true));
}

function widget(state) {
  const el = make("div", "widget");
  start(state).then(({ widget: it, model }) => it.render({ model, el })).catch((error) => {
    el.textContent = `This figure could not be drawn here (${error.message}).`;
  });
  return el;
}

function box({ data, metadata, state }) {
  const type = BEST.find((known) => data[known] !== undefined);
  const content = data[type];
  if (type === VIEW) return widget(state);
  if (type === "text/html") return make("div", "output text_html", ...document.importNode(parsed(content, "text/html"), true).querySelector("body").childNodes);
  if (type === "image/svg+xml") return picture(content);
  if (type?.startsWith("image/")) return make("figure", "", Object.assign(new Image(), { src: `data:${type};base64,${content.trim()}`, alt: metadata[type]?.alt ?? data["text/plain"] ?? "" }));
  return textBox(content ?? Object.keys(data).join(", "), "text_plain");
}

export function display(body, what) {
  const there = what.update && named.get(what.name);
  const element = box(what);
  if (there) there.replaceWith(element);
  else body.append(element);
  if (what.name) named.set(what.name, element);
}

export function stream(body, { name, text }) {
  const last = body.lastElementChild;
  if (last?.classList.contains(name)) last.querySelector("pre").append(text);
  else body.append(textBox(text, `stream ${name}`));
}

export function error(body, { text }) {
  body.append(textBox(text, "stderr traceback"));
}

export function note(body, { text }) {
  body.append(make("p", "not-here", text));
}
