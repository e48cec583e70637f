// Lights, on the map of the course, what a chapter needs and what it leads to; arrow keys go from box to box.

const map = document.querySelector(".route-map svg");
const said = document.querySelector(".route-said");
const boxes = [...map.querySelectorAll("a[data-chapter]")];
const arrows = [...map.querySelectorAll("path[data-from]")];

/** Everything on the way from `name`, by steps from one end of an arrow to the other. */
function reach(name, from, to) {
  const found = new Set();
  const todo = [name];
  while (todo.length) {
    const here = todo.pop();
    for (const arrow of arrows.filter((one) => one.dataset[from] === here)) {
      found.add(arrow);
      todo.push(arrow.dataset[to]);
    }
  }
  return found;
}

function light(box) {
  const name = box.dataset.chapter;
  const needs = reach(name, "to", "from"), leads = reach(name, "from", "to");
  map.classList.add("lit");
  for (const arrow of arrows) {
    arrow.classList.toggle("needs", needs.has(arrow));
    arrow.classList.toggle("leads", leads.has(arrow));
  }
  const needed = new Set([...needs].map((arrow) => arrow.dataset.from));
  const led = new Set([...leads].map((arrow) => arrow.dataset.to));
  for (const one of boxes) {
    one.classList.toggle("here", one === box);
    one.classList.toggle("needs", needed.has(one.dataset.chapter));
    one.classList.toggle("leads", led.has(one.dataset.chapter));
  }
  said.textContent = box.getAttribute("aria-label");
}

function unlight() {
  if (map.contains(document.activeElement)) return light(document.activeElement);
  map.classList.remove("lit");
  for (const one of [...boxes, ...arrows]) one.classList.remove("here", "needs", "leads");
  said.textContent = "";
}

const place = (box) => [Number(box.dataset.column), Number(box.dataset.row)];

/** The nearest box in this direction, or the same one where there is none. */
function next(box, right, down) {
  const [column, row] = place(box);
  const ahead = boxes.filter((one) => {
    const [x, y] = place(one);
    return right ? x === column + right : x === column && (y - row) * down > 0;
  });
  return ahead.sort((one, other) => Math.abs(place(one)[1] - row) - Math.abs(place(other)[1] - row))[0] ?? box;
}

const STEPS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

for (const box of boxes) {
  box.addEventListener("pointerenter", () => light(box));
  box.addEventListener("pointerleave", unlight);
  box.addEventListener("focus", () => light(box));
  box.addEventListener("blur", unlight);
}
map.addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  const box = event.target.closest("a[data-chapter]");
  if (!step || !box) return;
  event.preventDefault();
  next(box, ...step).focus();
});
