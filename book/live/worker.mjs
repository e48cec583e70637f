// Python in a worker of its own: the page stays awake whatever a cell does, and Stop ends it for good.

let python; // Pyodide
let kernel; // inpage.kernel.Kernel

const ENVIRONMENT = { // as for stored outputs
  HOME: "/home/pyodide", COLUMNS: "80", MPLBACKEND: "module://matplotlib_inline.backend_inline", PYTHONHASHSEED: "0", TZ: "UTC",
};

const say = (kind, what = {}) => postMessage({ kind, ...what });

/** Packages that the book does not carry come from Pyodide's network, when a cell asks for them. */
async function fetchPackage(root) {
  say("fetching", { root });
  let failure = "";
  const loaded = await python.loadPackage(root, {
    messageCallback() {}, errorCallback: (text) => { failure = text; }, checkIntegrity: true,
  }).catch((error) => { failure = error.message; return []; });
  const came = loaded.some(({ name }) => name === root);
  say("fetched", { root, came, failure });
  return came;
}

async function start({ base, engine, course, absent, fetched, host }) {
  const { loadPyodide } = await import(`${base}${engine}pyodide.mjs`);
  const archive = fetch(`${base}${course}`).then((answer) => answer.arrayBuffer());
  python = await loadPyodide({ indexURL: `${base}${engine}`, env: ENVIRONMENT });
  python.unpackArchive(new Uint8Array(await archive), "zip", { extractDir: "/home/pyodide" });
  const inpage = python.pyimport("inpage.boot");
  kernel = inpage.boot((message) => postMessage(JSON.parse(message)), fetchPackage, JSON.stringify({ absent, fetched, host }));
  say("ready");
}

let queue = Promise.resolve();

addEventListener("message", ({ data }) => {
  queue = queue.then(async () => {
    try {
      if (data.kind === "start") await start(data);
      else await kernel.run(data.targets, JSON.stringify(data.cells));
    } catch (error) {
      say("broken", { text: String(error.message ?? error).trim().split("\n").at(-1) });
    }
    if (data.kind === "run") say("idle");
  });
});
