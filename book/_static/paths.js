// Remembers the learning path that a reader follows, and puts its steps first at the foot of a chapter.
// A path is chosen by any link that ends in ?path=NAME. Nothing but this name is kept, and only in this browser.

const KEY = "path";
const kept = { // a browser that keeps nothing is no reason to fail
  read() { try { return localStorage.getItem(KEY); } catch { return null; } },
  write(name) { try { name ? localStorage.setItem(KEY, name) : localStorage.removeItem(KEY); } catch { /* as it was */ } },
};

const address = new URL(location.href);
const named = address.searchParams.get("path");
if (named && document.querySelector(`[data-path="${CSS.escape(named)}"]`)) kept.write(named);
if (named) {
  address.searchParams.delete("path");
  history.replaceState(history.state, "", address);
}

const said = Object.assign(document.createElement("p"), { className: "followed", role: "status" });

function leaveButton(title) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Leave this path" });
  button.addEventListener("click", () => {
    kept.write(null);
    show();
    said.textContent = `You have left “${title}”.`;
    said.tabIndex = -1;
    said.focus();
  });
  return button;
}

/** On a chapter: the chosen path's line first. */
function showAtFoot(list) {
  list.before(said);
  for (const line of list.children) {
    line.classList.toggle("chosen", line.dataset.path === kept.read());
    line.querySelector("button")?.remove();
  }
  const chosen = list.querySelector(".chosen");
  if (!chosen) return;
  chosen.append(" ", leaveButton(chosen.querySelector("a")?.textContent ?? "the path"));
  list.prepend(chosen);
}

/** On the page of all paths: which one is followed. */
function showAmongAll(buttons) {
  for (const button of buttons) {
    const follows = new URL(button.href).searchParams.get("path") === kept.read();
    const section = button.closest("section");
    section.classList.toggle("chosen", follows);
    section.querySelector(".followed")?.remove();
    if (follows) {
      const title = section.querySelector("h2").firstChild.textContent;
      said.replaceChildren("You follow this path. ", leaveButton(title));
      section.querySelector("h2").after(said);
    }
  }
}

function show() {
  said.replaceChildren();
  const list = document.querySelector(".on-paths");
  if (list) showAtFoot(list);
  else showAmongAll(document.querySelectorAll("a.follow"));
}

show();
