// A figure behind sliders: every still picture is already here, so a page without a kernel moves it too.
function render({ model, el }) {
  const sliders = model.get("sliders"), frames = model.get("frames");
  const at = () => model.get("at");
  const frame = () => frames[at().reduce((k, i, n) => k * sliders[n].labels.length + i, 0)];
  el.classList.add("ck");
  el.innerHTML = `<div class="ck-controls">${sliders.map((s, n) => `<label>${s.name}
    <input type="range" min="0" max="${s.labels.length - 1}" step="1" data-n="${n}"><output></output></label>`).join("")}</div>
    <div class="ck-figure"></div><p class="ck-hidden" aria-live="polite"></p>`;
  for (const one of el.querySelectorAll("input, select, button")) one.dataset.lmSuppressShortcuts = "true"; // in Lab
  const inputs = [...el.querySelectorAll("input")];
  const draw = () => {
    el.querySelector(".ck-figure").innerHTML = frame();
    inputs.forEach((input, n) => {
      input.value = at()[n];
      input.setAttribute("aria-valuetext", sliders[n].labels[at()[n]]);
      input.nextElementSibling.textContent = sliders[n].labels[at()[n]];
    });
  };
  inputs.forEach((input) => input.addEventListener("input", () => {
    model.set("at", inputs.map((one) => Number(one.value)));
    model.save_changes();
    draw();
    const said = el.querySelector(".ck-figure svg").getAttribute("aria-label");
    el.querySelector("[aria-live]").textContent = said.split(". ")[0];
  }));
  model.on("change:at", draw);
  model.on("change:frames", draw);
  draw();
}
export default { render };
