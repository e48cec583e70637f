// Python in a worker: start it, give it cells to run, end it.

export class Session {
  state = "loading"; // then "ready"
  #worker;
  #idle = []; // who waits for a run to end
  #start = {};

  /** hear: takes each message about cells. */
  constructor(base, about, hear) {
    this.hear = hear;
    this.ready = new Promise((resolve, reject) => { this.#start = { resolve, reject }; });
    this.#worker = new Worker(base + about.worker, { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#take(data);
    this.#worker.onerror = (event) => this.#start.reject(new Error(event.message || "the worker did not start"));
    this.#worker.postMessage({ kind: "start", base, ...about });
  }

  #take(what) {
    if (what.kind === "ready") {
      this.state = "ready";
      this.#start.resolve();
    } else if (what.kind === "broken" && this.state === "loading") {
      this.#start.reject(new Error(what.text));
    } else if (what.kind === "idle") {
      this.#idle.shift()?.();
    } else {
      this.hear(what);
    }
  }

  /** Run these cells, each after what it needs; resolves when all is over.   cells: all, as [id, source]. */
  run(targets, cells) {
    this.#worker.postMessage({ kind: "run", targets, cells });
    return new Promise((resolve) => { this.#idle.push(resolve); });
  }

  stop() {
    this.#worker.terminate();
    this.#start.reject(new Error("it was stopped"));
    for (const go of this.#idle.splice(0)) go();
  }
}
