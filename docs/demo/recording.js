// The faces of every frame of a video that was followed, by the frames' times.
import { described, rounded } from "./results.js";

export class Recording {
  #frames = []; // { time, text }, in the order of time; texts take a tenth of the memory

  /** Number of frames. */
  get length() {
    return this.#frames.length;
  }

  /** Takes a frame at a time in seconds. What was followed earlier since the one before (Infinity: none) gives way. */
  add(faces, time, before) {
    const kept = this.#frames.filter((other) => other.time !== time && !(before < other.time && other.time < time));
    const text = JSON.stringify({ seconds: rounded(time), faces: described(faces) });
    this.#frames = [...kept, { time, text }].sort((a, b) => a.time - b.time);
  }

  asJson({ name, width, height }) {
    const about = JSON.stringify({ video: name, width, height });
    return `${about.slice(0, -1)},"frames":[\n${this.#frames.map(({ text }) => text).join(",\n")}\n]}`;
  }
}
