// A paused graph and its answers. What comes of every path of answers was computed beforehand.
function render({ model, el }) {
  const options = model.get("options"), frames = model.get("frames");
  el.classList.add("ck", "ck-approval");
  el.innerHTML = `<p class="ck-said" aria-live="polite"></p>
    <div class="ck-controls" role="group" aria-label="answers">${options.map((_, i) => `<button type="button" data-option="${i}"></button>`).join("")}</div>
    <ol class="ck-path"></ol><button type="button" class="ck-again">start again</button>`;
  for (const one of el.querySelectorAll("button")) one.dataset.lmSuppressShortcuts = "true"; // in Lab
  const words = (option) => option.replaceAll("_", " ");
  function draw() {
    const path = model.get("path"), [open, said] = frames[JSON.stringify(path)];
    el.querySelector(".ck-said").textContent = `${open ? "?" : "■"} ${said}`;
    el.querySelector(".ck-path").replaceChildren(...path.map((answer) => {
      const item = document.createElement("li");
      item.textContent = words(answer);
      return item;
    }));
    for (const button of el.querySelectorAll("[data-option]")) button.disabled = !open;
  }
  function go(path) {
    model.set("path", path);
    model.save_changes();
    draw();
  }
  el.querySelectorAll("[data-option]").forEach((button, i) => {
    button.textContent = words(options[i]);
    button.addEventListener("click", () => go([...model.get("path"), options[i]]));
  });
  el.querySelector(".ck-again").addEventListener("click", () => go([]));
  model.on("change:path", draw);
  draw();
}
export default { render };
