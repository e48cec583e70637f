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

const said = Object.assign(document.createElement("span"), { className: "followed", role: "status" });

function leaveButton(title) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Leave this path" });
  button.addEventListener("click", () => {
    kept.write(null);
    const link = button.parentElement.querySelector("a.follow");
    if (link) said.dataset.left = link.href;
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

/** On the page of all paths: the one that is followed says so, and can be left. */
function showAmongAll(links) {
  for (const link of links) {
    const follows = new URL(link.href).searchParams.get("path") === kept.read();
    link.dataset.follow ??= link.textContent;
    link.textContent = follows ? link.dataset.follow.replace("Follow", "You follow") : link.dataset.follow;
    link.parentElement.querySelector("button")?.remove();
    if (follows) link.after(leaveButton(link.dataset.follow.match(/“(.*)”/)[1]));
    if (said.dataset.left === link.href) link.after(said);
  }
}

function show() {
  const list = document.querySelector(".on-paths");
  if (list) showAtFoot(list);
  else showAmongAll(document.querySelectorAll("a.follow"));
}

show();
