// One question, one choice; every option answers for itself.
function render({ model, el }) {
  const options = model.get("options");
  const name = "quiz" + Math.random().toString(36).slice(2);
  el.classList.add("ck");
  el.innerHTML = `<fieldset><legend></legend>${options.map((_, i) =>
    `<label><input type="radio" name="${name}" value="${i}"><span></span></label>`).join("")}
    <p class="ck-said" aria-live="polite"></p></fieldset>`;
  el.querySelector("legend").textContent = model.get("question");
  el.querySelectorAll("label span").forEach((span, i) => { span.textContent = options[i].text; });
  for (const one of el.querySelectorAll("input, select, button")) one.dataset.lmSuppressShortcuts = "true"; // in Lab
  const said = el.querySelector("[aria-live]");
  const answer = () => {
    const choice = model.get("choice");
    if (choice < 0) return;
    el.querySelectorAll("input")[choice].checked = true;
    said.textContent = `${options[choice].right ? "✓" : "○"} ${options[choice].why}`;
  };
  el.addEventListener("change", (event) => {
    model.set("choice", Number(event.target.value));
    model.save_changes();
    answer();
  });
  answer();
}
export default { render };
