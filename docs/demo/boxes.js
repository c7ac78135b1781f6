// Boxes that a person draws around a face: by mouse at any time; by finger or by keyboard once it was asked for.
import { drawBox } from "./drawing.js";

const SMALLEST = 12; // pixels of the canvas: a shorter drag is a click
const STEP = 0.02; // of the canvas's longer side, per key
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Boxes {
  #corner = null; // where a drag began
  #box = null; // what the keys move

  /** callbacks: functions { isReady(), redraw(), drawn(box), asked(), left() }; boxes are in the canvas's pixels. */
  constructor(canvas, callbacks) {
    Object.assign(this, { canvas, callbacks });
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#corner && this.#show(this.#boxTo(event)));
    canvas.addEventListener("pointerup", (event) => this.#corner && this.#finish(this.#boxTo(event)));
    canvas.addEventListener("pointercancel", () => this.leave());
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  get isAsked() {
    return this.#box !== null;
  }

  /** Takes a finger's or the keyboard's box: puts one in the middle. */
  ask() {
    const { width, height } = this.canvas;
    const half = Math.min(width, height) / 4;
    this.#box = { left: width / 2 - half, top: height / 2 - half, right: width / 2 + half, bottom: height / 2 + half };
    this.canvas.classList.add("asked");
    this.canvas.focus();
    this.#show(this.#box);
    this.callbacks.asked();
  }

  leave() {
    const wasAsked = this.isAsked;
    this.#corner = this.#box = null;
    this.canvas.classList.remove("asked");
    if (this.callbacks.isReady()) this.callbacks.redraw();
    if (wasAsked) this.callbacks.left();
  }

  #press(event) {
    if (!event.isPrimary || event.button !== 0 || !this.callbacks.isReady()) return;
    if (event.pointerType === "touch" && !this.isAsked) return;
    this.#corner = this.#place(event);
    this.canvas.setPointerCapture(event.pointerId);
  }

  #key(event) {
    if (this.#corner && event.key === "Escape") return this.leave();
    if (!this.isAsked) return;
    const { left, top, right, bottom } = this.#box;
    const step = STEP * Math.max(this.canvas.width, this.canvas.height);
    if (event.key in KEYS) {
      const [dx, dy] = KEYS[event.key].map((way) => way * step);
      const moved = event.shiftKey ? { left, top } : { left: left + dx, top: top + dy };
      this.#box = { ...moved, right: Math.max(right + dx, moved.left + step), bottom: Math.max(bottom + dy, moved.top + step) };
      this.#show(this.#box);
    } else if (event.key === "Enter") this.#finish(this.#box);
    else if (event.key === "Escape") this.leave();
    else return;
    event.preventDefault();
  }

  #show(box) {
    this.callbacks.redraw();
    drawBox(this.canvas, box);
  }

  #finish(box) {
    this.leave();
    if (Math.min(box.right - box.left, box.bottom - box.top) >= SMALLEST) this.callbacks.drawn(box);
  }

  #place({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [((clientX - left) * this.canvas.width) / width, ((clientY - top) * this.canvas.height) / height];
  }

  #boxTo(event) {
    const [[x, y], [fromX, fromY]] = [this.#place(event), this.#corner];
    return { left: Math.min(fromX, x), top: Math.min(fromY, y), right: Math.max(fromX, x), bottom: Math.max(fromY, y) };
  }
}
