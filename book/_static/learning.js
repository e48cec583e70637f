// Guesses, questions, exercises and the end of a chapter: judged here, remembered by memory.js.

(() => {
  const { chapter: name, newest } = document.currentScript.dataset;
  const { parts, of, change, today, inWords } = memory;
  const copy = (node) => [...node.cloneNode(true).childNodes];
  const strong = (text) => Object.assign(document.createElement("strong"), { textContent: text });
  const say = (box, ...words) => box.querySelector(".said").replaceChildren(...words);

  const before = of(name);
  const known = before.seen || before.read || newest; // who was never here has missed nothing
  change(name, (it, all) => {
    it.read = today();
    it.seen = known;
    all.last = name;
  });

  parts.since = (note) => {
    const old = [...note.querySelectorAll("li")].filter((item) => item.dataset.date <= known);
    for (const item of old) item.remove();
    note.hidden = !note.querySelector("li");
    note.querySelector("button").onclick = () => {
      change(name, (it) => { it.seen = newest; });
      note.remove();
      document.querySelector("h1").setAttribute("tabindex", "-1");
      document.querySelector("h1").focus();
    };
  };

  parts.guess = (box) => {
    const { key, right } = box.dataset;
    const buttons = [...box.querySelectorAll(".options button")];
    const show = (chosen) => {
      const hit = chosen === Number(right);
      buttons.forEach((button, i) => {
        button.setAttribute("aria-pressed", i + 1 === chosen);
        button.ariaDisabled = "true";
        button.classList.toggle("right", i + 1 === Number(right));
      });
      const [answer, why] = box.querySelector(".because").children;
      const aside = Object.assign(document.createElement("span"), { className: "visually-hidden", textContent: " What came out stands below." });
      say(box, strong(hit ? "Right." : "Not so."), " ", ...(hit ? [] : [...copy(answer), " "]), ...copy(why), aside);
      box.classList.add("guessed", hit ? "hit" : "miss");
      box.querySelector("details").open = true;
    };
    buttons.forEach((button, i) => {
      button.disabled = false;
      button.onclick = () => {
        if (box.classList.contains("guessed")) return;
        change(name, (it) => { it.guesses[key] = i + 1; });
        show(i + 1);
      };
    });
    const chosen = Number(of(name).guesses[key]);
    if (chosen) show(chosen);
  };

  function judge(form, right) {
    const field = form.querySelector("input[type=number]");
    if (field) {
      const [number, tolerance] = right.map(Number);
      return field.value === "" ? null : Math.abs(field.valueAsNumber - number) <= tolerance * Math.abs(number);
    }
    const chosen = [...form.querySelectorAll("input:checked")].map((input) => input.value);
    return chosen.length ? chosen.join() === right.join() : null;
  }

  parts.question = (form) => {
    const right = form.dataset.right.split(" ");
    const inputs = [...form.querySelectorAll("input")];
    const because = () => copy(form.querySelector(".because"));
    let misses = 0;
    const solved = () => {
      form.classList.add("hit");
      say(form, strong("Right."), " ", ...because());
    };
    if (of(name).right.includes(form.dataset.key)) {
      for (const input of inputs) {
        if (input.type === "number") input.value = right[0];
        else input.checked = right.includes(input.value);
      }
      solved();
    }
    form.querySelector("button").disabled = false;
    form.oninput = () => { // another answer: the verdict on the last one goes
      form.classList.remove("hit", "miss");
      say(form);
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      const verdict = judge(form, right);
      if (verdict === null) return say(form, "Choose or write an answer first.");
      if (verdict) {
        change(name, (it) => { if (!it.right.includes(form.dataset.key)) it.right.push(form.dataset.key); });
        return solved();
      }
      misses += 1;
      form.classList.add("miss");
      const why = misses > 1 ? [" ", ...because()] : [];
      say(form, strong("Not yet."), ...why, " ", ...copy(form.querySelector(".again")));
    };
  };

  parts.score = (line) => {
    const keys = [...document.querySelectorAll("form.question")].map((form) => form.dataset.key);
    const count = () => {
      const right = of(name).right;
      line.textContent = `${keys.filter((key) => right.includes(key)).length} of ${keys.length} answered right`;
    };
    count();
    addEventListener("progress", count);
  };

  parts.done = (line) => {
    const box = line.querySelector("input");
    const { number } = line.dataset;
    box.disabled = false;
    box.checked = of(name).done.includes(number);
    box.onchange = () => change(name, (it) => {
      it.done = it.done.filter((one) => one !== number);
      if (box.checked) it.done.push(number);
    });
  };

  parts.finish = (line) => {
    const [button, said] = [line.querySelector("button"), line.querySelector("[role=status]")];
    const show = () => {
      const day = of(name).finished;
      button.textContent = day ? "Not finished after all" : "Mark this chapter as finished";
      line.classList.toggle("hit", Boolean(day));
      said.textContent = day ? `Finished on ${inWords(day)}.` : "";
    };
    button.disabled = false;
    button.onclick = () => {
      change(name, (it) => { it.finished = it.finished ? "" : today(); });
      show();
    };
    show();
  };

  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll(".reveal, .hint, .answer")) fold.open = true;
  });
})();
