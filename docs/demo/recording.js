// The faces of every frame of a video that was followed, by the frames' times.
import { described, rounded } from "./results.js";

const SAME_STEP = 0.0025; // seconds by which containers round the frames' times

export class Recording {
  isComplete = false; // whether every frame is in it
  #size = null; // { width, height } of the first frame that was taken
  #frames = []; // { time, text, count of faces }, in the order of time; texts take a tenth of the memory

  /** Number of frames. */
  get length() {
    return this.#frames.length;
  }

  /**
   * Takes a frame at a time in seconds. What was followed earlier since the one before (Infinity: none) gives way. The
   * first frame's size is the video's; a frame of another one, in whose pixels its faces are, tells its own.
   */
  add(faces, time, before, { width, height }) {
    this.#size ??= { width, height };
    const own = width === this.#size.width && height === this.#size.height ? {} : { width, height };
    const kept = this.#frames.filter((other) => other.time !== time && !(before < other.time && other.time < time));
    const text = JSON.stringify({ seconds: rounded(time), ...own, faces: described(faces) });
    this.#frames = [...kept, { time, text, count: faces.length }].sort((a, b) => a.time - b.time);
  }

  /** "80 frames, 20 per second, 79 of them with faces", of a recording of every frame. */
  summary() {
    const steps = this.#frames.slice(1).map(({ time }, i) => time - this.#frames[i].time);
    const [shortest, longest] = [Math.min(...steps), Math.max(...steps)];
    const rate = (seconds) => Number((1 / seconds).toFixed(1));
    const mean = steps.reduce((sum, step) => sum + step, 0) / steps.length;
    const rates = longest - shortest > SAME_STEP ? `${rate(longest)} to ${rate(shortest)}` : rate(mean);
    const withFaces = this.#frames.filter(({ count }) => count > 0).length;
    return `${this.length} frames, ${steps.length ? `${rates} per second, ` : ""}${withFaces} of them with faces`;
  }

  /** The frames { seconds, faces } as JSON has them. */
  get frames() {
    return this.#frames.map(({ text }) => JSON.parse(text));
  }

  asJson(name) {
    const about = JSON.stringify({ video: name, ...this.#size, every_frame: this.isComplete });
    return `${about.slice(0, -1)},"frames":[\n${this.#frames.map(({ text }) => text).join(",\n")}\n]}`;
  }
}
