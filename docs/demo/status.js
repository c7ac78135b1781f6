// What the page says: one line, which is read aloud when it changes, and in the picture's corner how fast it goes.
import { speed } from "./results.js";

const [status, rate, canvas] = ["status", "rate", "canvas"].map((id) => document.getElementById(id));
let told = ""; // what moving pictures showed last

export function say(text, { isError = false } = {}) {
  status.textContent = text;
  status.className = isError ? "error" : "";
}

export function fail(what, error) {
  say(`${what}: ${error.message ?? error}`, { isError: true });
}

/** Says what moving pictures show, unless it was said. */
export function tell(words, { share = null, framesPerSecond, times, left } = {}) {
  const parts = share === null ? [] : [`${Math.floor(100 * share)} %`];
  if (framesPerSecond) parts.push(`${framesPerSecond.toFixed(0)} frames per second`);
  if (left) parts.push(`small faces are looked for, ${left} places left`);
  else if (times) parts.push(speed(times));
  setRate(parts.join(", "));
  const isOld = left !== undefined && words === told; // a closer look has found nothing
  told = words;
  if (status.textContent === words || isOld) return;
  say(words);
  canvas.setAttribute("aria-label", words);
}

export function setRate(words) {
  rate.textContent = words;
}
