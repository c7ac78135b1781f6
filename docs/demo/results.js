// What was found, as words, as a list, and to take away as JSON or as a picture.
import { SAVED_SIDE, drawFaces, drawPicture } from "./drawing.js";

/** "2 faces, 1 of them doubtful" */
export function summary(faces) {
  if (faces.length === 0) return "No face found";
  const doubtful = faces.filter(({ isDoubtful }) => isDoubtful).length;
  if (faces.length === 1) return doubtful ? "1 face, doubtful" : "1 face";
  return `${faces.length} faces${doubtful ? `, ${doubtful} of them doubtful` : ""}`;
}

/** "detector 31 ms, points 12 ms per look" */
export function speed({ detector, points, looks }) {
  const parts = detector ? [`detector ${detector.toFixed(0)} ms`] : [];
  if (looks) parts.push(`points ${(points / looks).toFixed(0)} ms per look`);
  return parts.join(", ");
}

/** Fills the list; removed(i) is called when a person takes a face out. */
export function listFaces(list, faces, removed) {
  list.replaceChildren(
    ...faces.map((face, i) => {
      const item = document.createElement("li");
      item.className = face.isDoubtful ? "doubtful" : "sure";
      const meter = Object.assign(document.createElement("meter"), { min: 0, max: 1, value: face.score });
      meter.setAttribute("aria-label", `Score of face ${i + 1}`);
      const words = document.createElement("span");
      words.textContent = `Face ${i + 1}: ${face.score.toFixed(2)}, ${face.isDoubtful ? "doubtful" : "sure"}`;
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
      button.setAttribute("aria-label", `Remove face ${i + 1}`);
      button.addEventListener("click", () => removed(i));
      item.append(words, meter, button);
      return item;
    }),
  );
}

/** One "x y" per line. */
export function listPoints(faces) {
  const lines = ({ points }) => points.map(([x, y]) => `${x.toFixed(3)} ${y.toFixed(3)}`).join("\n");
  return faces.map((face, i) => `# face ${i + 1}, score ${face.score.toFixed(3)}\n${lines(face)}`).join("\n");
}

export const rounded = (value) => Math.round(1000 * value) / 1000;

/** Faces as JSON has them; those of a video have numbers. */
export function described(faces) {
  return faces.map((face) => ({
    face: face.number, // left out if there is none
    score: rounded(face.score),
    doubtful: face.isDoubtful,
    box: ["left", "top", "right", "bottom"].map((side) => rounded(face.box[side])),
    points: face.points.map((point) => point.map(rounded)),
  }));
}

export function asJson({ picture, name, faces }) {
  return JSON.stringify({ picture: name, width: picture.width, height: picture.height, faces: described(faces) });
}

/**
 * The faces of a picture, a frame without a time, or of a video's frames { seconds, faces } as JSON has them: a row per
 * face, in those columns of src/demo/records.py's faces.csv that the page knows. Faces are counted from 1, as drawn.
 */
export function asCsv(name, frames) {
  const places = frames.flatMap(({ faces }) => faces)[0]?.points ?? [];
  const axes = places.flatMap((_, i) => [`x${i + 1}`, `y${i + 1}`]);
  const header = ["picture", "frame", "face", "score", "left", "top", "right", "bottom", ...axes, "seconds"];
  const quoted = /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
  const rows = frames.flatMap(({ seconds, faces }, frame) =>
    faces.map(({ face, score, box, points }, i) => {
      const numbers = [score, ...box, ...points.flat()].map((value) => value.toFixed(3));
      const isStill = seconds === undefined;
      return [quoted, isStill ? "" : frame, face ?? i + 1, ...numbers, isStill ? "" : seconds.toFixed(3)];
    }),
  );
  return [header, ...rows].map((row) => `${row.join(",")}\r\n`).join("");
}

/** The picture with its faces as PNG, in its own size unless that is too small for labels or too large for a canvas. */
function asPng({ picture, faces }) {
  const canvas = document.createElement("canvas");
  drawFaces(canvas, faces, drawPicture(canvas, picture, { largest: SAVED_SIDE }));
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser made no PNG of it"))), "image/png"),
  );
}

/**
 * Lets buttons, whose ids are the names of `actions` below, copy and save what `source` gives: { picture, name, faces,
 * asJson, asCsv }. say(words), fail(words, error): what became of it.
 */
export function offer(buttons, source, { say, fail }) {
  for (const button of buttons)
    button.addEventListener("click", async () => {
      try {
        say(await actions[button.id](source()));
      } catch (error) {
        fail("That does not work in this browser", error);
      }
    });
}

const actions = {
  async copy(shown) {
    await navigator.clipboard.writeText(shown.asJson());
    return "Copied as JSON.";
  },
  async copyPicture(shown) {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": asPng(shown) })]);
    return "Copied as a picture.";
  },
  json: (shown) => save(shown, new Blob([shown.asJson()], { type: "application/json" }), "json"),
  csv: (shown) => save(shown, new Blob([shown.asCsv()], { type: "text/csv" }), "csv"),
  png: async (shown) => save(shown, await asPng(shown), "png"),
};

/** Downloads what was made of a picture or video, under its name. */
function save({ name }, blob, ending) {
  const download = `${name.split("/").at(-1).replace(/\.[^.]*$/, "")}-faces.${ending}`;
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  return `Saved as ${download}.`;
}
