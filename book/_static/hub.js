// Opens the chapter's notebook in the reader's own JupyterHub, by a link that nbgitpuller understands.

const box = document.querySelector("details.hub");
const form = box?.querySelector("form");
const KEY = "hub";

function stored() {
  try { return localStorage.getItem(KEY) ?? ""; } catch { return ""; }
}

/** The address under which this hub opens this notebook. */
function link(hub) {
  const { repository, branch, notebook } = box.dataset;
  const folder = repository.split("/").at(-1);
  const query = new URLSearchParams({ repo: repository, branch, urlpath: `lab/tree/${folder}/${notebook}` });
  const { origin, pathname } = new URL(hub); // some hubs live in a folder of their host
  return `${origin}${pathname.replace(/\/(hub(\/.*)?)?$/, "")}/hub/user-redirect/git-pull?${query}`;
}

/** With an address known, one click opens the notebook; the form stays for another hub. */
function offer(hub) {
  const there = document.querySelector(".launch a.hub-link") ?? Object.assign(document.createElement("a"), { className: "hub-link", textContent: "Open in your hub" });
  there.href = link(hub);
  if (there.isConnected) return;
  const item = document.createElement("li");
  item.append(there);
  box.parentElement.before(item);
  box.querySelector("summary").textContent = "Change hub";
}

if (form) {
  const field = form.querySelector("input");
  field.value = stored();
  if (field.value) offer(field.value);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    try { localStorage.setItem(KEY, field.value); } catch { /* no storage here: it lasts as long as the page */ }
    offer(field.value);
    location.assign(link(field.value));
  });
}
