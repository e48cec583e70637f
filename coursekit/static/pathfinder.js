// Questions, and the path that the answers propose; the same rule as PathFinder.path in Python.
const UNANSWERED = -1, UNSURE = -2;

function path(probes, chapters, answers) {
  const fresh = {};
  probes.forEach((probe, i) => {
    if (answers[i] < 0 || probe.options[answers[i]] !== probe.right) (fresh[probe.chapter] ??= []).push(probe.section);
  });
  return chapters.filter((one) => fresh[one.name]).map((one) => ({ ...one, sections: fresh[one.name] }));
}

function element(name, text = "", attributes = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...attributes });
}

function render({ model, el }) {
  const probes = model.get("probes"), chapters = model.get("chapters");
  const inLab = Boolean(document.querySelector(".jp-Notebook"));
  const group = "probe" + Math.random().toString(36).slice(2);
  const result = element("div", "", { ariaLive: "polite", className: "ck-path" });
  el.classList.add("ck");

  const choose = (i, value) => {
    model.set("answers", model.get("answers").with(i, value));
    model.save_changes();
  };
  const question = (probe, i) => {
    const box = element("fieldset");
    box.append(element("legend", `${i + 1}. ${probe.text}`));
    [...probe.options, "I do not know"].forEach((text, j) => {
      const value = j < probe.options.length ? j : UNSURE;
      const label = element("label");
      const input = element("input", "", { type: "radio", name: `${group}-${i}`, checked: model.get("answers")[i] === value });
      input.dataset.lmSuppressShortcuts = "true"; // in Lab
      input.addEventListener("change", () => choose(i, value));
      label.append(input, element("span", text));
      box.append(label);
    });
    return box;
  };
  const draw = () => {
    const answers = model.get("answers");
    const open = answers.filter((answer) => answer === UNANSWERED).length;
    const steps = path(probes, chapters, answers);
    const minutes = steps.reduce((sum, one) => sum + one.minutes, 0);
    const list = element("ol");
    for (const one of steps) {
      const item = element("li");
      item.append(inLab ? element("strong", one.title) : element("a", one.title, { href: one.link }),
        `, ${one.minutes} minutes: begin with ${one.sections.join("; ")}`);
      list.append(item);
    }
    const said = open ? `${open} of ${probes.length} questions to go. Your path so far:`
      : steps.length ? `Your path, about ${minutes} minutes of reading:` : "You know all of this: try the last exercise of each chapter.";
    result.replaceChildren(element("p", said, { className: "ck-said" }), list);
  };
  el.replaceChildren(...probes.map(question), result);
  model.on("change:answers", draw);
  draw();
}
export default { render };
