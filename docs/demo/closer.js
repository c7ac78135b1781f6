// Closer looks at one frame of a video, for small faces: one view per step, so that another frame need not wait for all.
// The views are those of still pictures: the whole, its tiles, and theirs.
import { tiles, wholeView } from "./views.js";

export class CloserLook {
  #levels; // views that follow, by their size
  #views = []; // all of one size
  #seen = 0; // number of these that were looked at
  #detected; // in these

  /** isThorough: look at all of them; else, as at a still picture, while `needsCloserLook`. */
  constructor(finder, picture, { isThorough = false } = {}) {
    Object.assign(this, { finder, isThorough });
    this.#levels = finder.detector ? [[wholeView(picture)], ...tiles(picture, finder.rules)] : [];
    this.#begin();
  }

  /** Number of views that will follow; more, if smaller ones must. */
  get left() {
    return this.#views.length - this.#seen;
  }

  /** New faces in the next view of the picture, besides the known ones. */
  async step(picture, known) {
    if (this.left === 0) return [];
    const { faces, detected } = await this.finder.findInView(picture, known, this.#views[this.#seen++]);
    this.#detected.found.push(...detected.found);
    this.#detected.hasTraces ||= detected.hasTraces;
    const isOver = () => !this.isThorough && !this.finder.needsCloserLook(this.#detected, this.#views, [...known, ...faces]);
    if (this.left === 0 && !isOver()) this.#begin();
    return faces;
  }

  #begin() {
    this.#views = this.#levels.shift() ?? [];
    this.#seen = 0;
    this.#detected = { found: [], hasTraces: false };
  }
}
