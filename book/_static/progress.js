// Where a reader stands: ticks in the sidebar, a line on the map, and the table of the page "Your progress".

(() => {
  const { parts } = memory;
  const nameOf = (link) => link.pathname.match(/notebooks\/(\d\d_\w+)\.html$/)?.[1];
  const finished = (name) => Boolean(memory.of(name).finished);
  const made = (tag, properties) => Object.assign(document.createElement(tag), properties);

  /** The links to all chapters in their order: the sidebar stands before the page's own text. */
  const chapters = () => [...document.querySelectorAll(".sidebar-tree a")].filter(nameOf);

  function tick() {
    for (const link of chapters()) {
      link.querySelector(".tick")?.remove();
      if (!finished(nameOf(link))) continue;
      const mark = made("span", { className: "tick", textContent: "✓", role: "img", ariaLabel: "finished" });
      link.append(mark);
    }
  }

  /** The chapter to go on with: the last one read, or the next one that is not finished. */
  function next(links) {
    const last = Math.max(0, links.findIndex((link) => nameOf(link) === memory.all().last));
    return [...links.slice(last), ...links.slice(0, last)].find((link) => !finished(nameOf(link)));
  }

  parts.line = (line) => {
    const show = () => {
      const links = chapters();
      const count = links.filter((link) => finished(nameOf(link))).length;
      const goal = next(links);
      const title = goal?.firstChild.textContent;
      const words = goal ? [memory.all().last ? "; go on with " : "; start with ", made("a", { href: goal.href, textContent: title }), "."] : ["."];
      line.querySelector("progress").value = count;
      line.querySelector("span").replaceChildren(`${count} of ${links.length} finished`, ...words);
    };
    show();
    addEventListener("progress", show);
  };

  const share = (row, kind, done) => {
    const all = Number(row.dataset[kind]);
    row.querySelector(`.${kind}`).textContent = all ? `${Math.min(done, all)} of ${all}` : "–";
    return [Math.min(done, all), all];
  };

  function fill(table) {
    const sums = { guesses: [0, 0], quiz: [0, 0], exercises: [0, 0] };
    for (const row of table.querySelectorAll("[data-chapter]")) {
      const it = memory.of(row.dataset.chapter);
      const done = { guesses: Object.keys(it.guesses).length, quiz: it.right.length, exercises: it.done.length };
      for (const kind of Object.keys(sums)) share(row, kind, done[kind]).forEach((n, i) => { sums[kind][i] += n; });
      row.querySelector(".read").textContent = it.read ? memory.inWords(it.read) : "–";
      row.querySelector(".finished").textContent = it.finished ? "✓ finished" : "";
    }
    for (const [kind, [done, all]] of Object.entries(sums)) table.querySelector(`tfoot .${kind}`).textContent = `${done} of ${all}`;
  }

  function save() {
    const text = JSON.stringify(memory.all(), null, 1);
    const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    made("a", { href, download: `course-progress-${memory.today()}.json` }).click();
    URL.revokeObjectURL(href);
  }

  parts.table = (box) => {
    const [table, dialog, file] = ["table", "dialog", "input[type=file]"].map((what) => box.querySelector(what));
    const on = (what, act) => { Object.assign(box.querySelector(what), { onclick: act, disabled: false }); };
    const say = (words) => { box.querySelector("[role=status]").textContent = words; };
    fill(table);
    addEventListener("progress", () => fill(table));
    if (!memory.isKept()) say("This browser keeps nothing for this site, so your progress ends with the page.");
    on(".export", save);
    on(".import", () => file.click());
    on(".clear", () => dialog.showModal());
    file.onchange = async () => {
      const other = memory.parse(await file.files[0].text());
      if (other) memory.merge(other);
      const count = Object.keys(other?.chapters ?? {}).length;
      say(other ? `Added what the file knows of ${count} chapter${count === 1 ? "" : "s"}; nothing was taken away.` : "This is no file that was exported here. Nothing has changed.");
      file.value = "";
    };
    dialog.onclose = () => {
      if (dialog.returnValue !== "clear") return;
      dialog.returnValue = "";
      memory.clear();
      say("All is forgotten.");
    };
  };

  addEventListener("DOMContentLoaded", tick);
  addEventListener("progress", tick);
})();
