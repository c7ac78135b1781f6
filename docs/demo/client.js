// The page's side of worker.js: every task is a promise.

export class Client {
  #waiting = new Map(); // by the number of a task
  #count = 0;
  #broken = null; // why the worker cannot answer

  constructor() {
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.worker.addEventListener("message", ({ data }) => this.#settle(data));
    this.worker.addEventListener("error", (event) => this.#fail(event.message || "a script did not load"));
    this.ready = this.#ask("load");
  }

  /** { result: faces, times } of a still picture, which stays with the caller. isThorough: small faces, too. */
  find(picture, { isThorough = false } = {}) {
    return this.#ask("find", { picture, isThorough });
  }

  /** { result: face, times } in a box of a still picture. */
  findIn(picture, box) {
    return this.#ask("findIn", { picture, box });
  }

  /**
   * { result: { faces, isCloserDue }, times, picture } of the next frame of a video; the frame is handed over and comes
   * back. seconds: since the one before, as the Tracker takes them; isFirst: of another video.
   */
  follow(picture, seconds, isFirst) {
    return this.#ask("follow", { picture, seconds, isFirst }, [picture]);
  }

  /** { result: { faces, left }, times } of the same frame, which stays with the caller, after one more closer look. */
  lookCloser(picture, { isThorough = false } = {}) {
    return this.#ask("lookCloser", { picture, isThorough });
  }

  #ask(task, rest = {}, transfer = []) {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      if (this.#broken) throw this.#broken;
      this.#waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, task, ...rest }, transfer);
    });
  }

  #settle({ id, error, ...answer }) {
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) resolve(answer);
    else reject(new Error(error));
  }

  #fail(message) {
    this.#broken = new Error(message);
    for (const { reject } of this.#waiting.values()) reject(this.#broken);
    this.#waiting.clear();
  }
}
