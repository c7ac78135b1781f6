// The page: pictures and a camera in, faces out. Nothing leaves this computer.
// `make web` puts model.onnx, detector.onnx and vendor/ beside this file.
import * as ort from "./vendor/ort.wasm.min.mjs";
import { drawBox, drawFaces, drawPicture } from "./drawing.js";
import { DOUBTFUL_BELOW, Finder } from "./finder.js";
import { Camera } from "./camera.js";

const SMALLEST_BOX = 12; // pixels of the canvas: a shorter drag is a click

ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;
ort.env.wasm.numThreads = 1; // several need headers that a static host does not send

const part = (id) => document.getElementById(id);
const [drop, file, status, canvas, list] = ["drop", "file", "status", "canvas", "points"].map(part);
const outputs = ["copy", "json", "png"].map(part);
const shown = { picture: null, name: "", faces: [], scale: 1 };
let latest = 0; // number of the picture that is being worked on

const ready = load();
const camera = new Camera(ready, { canvas, video: part("video"), button: part("camera"), say, stopped: clear });

async function load() {
  const detector = ort.InferenceSession.create("detector.onnx").catch(() => null);
  const network = await ort.InferenceSession.create("model.onnx");
  return new Finder(ort, network, await detector);
}

function say(text, { failed = false } = {}) {
  status.textContent = text;
  status.className = failed ? "error" : "";
}

/** Shows nothing; a failed picture must not leave the one before it. */
function clear() {
  Object.assign(shown, { picture: null, faces: [], name: "" });
  canvas.width = canvas.height = 0;
  canvas.setAttribute("aria-label", "No picture");
  list.value = "";
  outputs.forEach((button) => (button.disabled = true));
}

async function show(blob, name) {
  const turn = ++latest;
  camera.stop();
  clear();
  try {
    const finder = await ready;
    say("Working.");
    const picture = await createImageBitmap(blob);
    const start = performance.now();
    const faces = await finder.find(picture);
    const milliseconds = performance.now() - start;
    if (turn !== latest) return; // another picture came meanwhile
    Object.assign(shown, { picture, name, faces });
    redraw();
    const limit = finder.detector ? "" : " Without detector.onnx a picture counts as a crop around one face.";
    say(`${summary(faces)} in ${milliseconds.toFixed(0)} ms.${limit}`);
  } catch (error) {
    if (turn !== latest) return;
    clear();
    say(`This picture does not work: ${error.message ?? error}`, { failed: true });
  }
}

function summary(faces) {
  if (faces.length === 0) return "No face found: draw a box around one";
  const doubtful = faces.filter(({ score }) => score < DOUBTFUL_BELOW).length;
  const scores = faces.map(({ score }) => score.toFixed(2)).join(", ");
  return `${faces.length} ${faces.length === 1 ? "face" : "faces"}, ${doubtful} doubtful, score ${scores},`;
}

function redraw() {
  shown.scale = drawPicture(canvas, shown.picture);
  drawFaces(canvas, shown.faces, shown.scale);
  canvas.setAttribute("aria-label", `${shown.name}: ${summary(shown.faces)}`);
  const block = ({ points, score }, i) =>
    `# face ${i + 1}, score ${score.toFixed(3)}\n${points.map(([x, y]) => `${x.toFixed(3)} ${y.toFixed(3)}`).join("\n")}`;
  list.value = shown.faces.map(block).join("\n");
  outputs.forEach((button) => (button.disabled = false));
}

const asJson = () =>
  JSON.stringify({
    picture: shown.name,
    width: shown.picture.width,
    height: shown.picture.height,
    faces: shown.faces.map(({ points, score, box }) => ({ score, doubtful: score < DOUBTFUL_BELOW, box, points })),
  });

function download(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

part("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(asJson());
  say("Copied as JSON.");
});
part("json").addEventListener("click", () => download(new Blob([asJson()], { type: "application/json" }), "faces.json"));
part("png").addEventListener("click", () => canvas.toBlob((blob) => download(blob, "faces.png")));

file.addEventListener("change", () => file.files.length && show(file.files[0], file.files[0].name));
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const [first] = event.dataTransfer.files;
  if (first) show(first, first.name);
});
document.addEventListener("paste", (event) => {
  const [first] = event.clipboardData.files;
  if (first) show(first, first.name || "pasted");
});
for (const sample of document.querySelectorAll("#samples button"))
  sample.addEventListener("click", async () => {
    const answer = await fetch(sample.dataset.picture);
    show(await answer.blob(), sample.dataset.picture);
  });

/** A box drawn on the canvas adds the face in it. */
let corner = null;
const place = ({ clientX, clientY }) => {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  return [((clientX - left) * canvas.width) / width, ((clientY - top) * canvas.height) / height];
};
const boxTo = ([x, y]) => ({
  left: Math.min(corner[0], x),
  top: Math.min(corner[1], y),
  right: Math.max(corner[0], x),
  bottom: Math.max(corner[1], y),
});
canvas.addEventListener("pointerdown", (event) => {
  if (!shown.picture) return;
  corner = place(event);
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  if (!corner) return;
  redraw();
  drawBox(canvas, boxTo(place(event)));
});
canvas.addEventListener("pointerup", async (event) => {
  if (!corner) return;
  const box = boxTo(place(event));
  corner = null;
  redraw();
  if (Math.min(box.right - box.left, box.bottom - box.top) < SMALLEST_BOX) return;
  const scaled = Object.fromEntries(Object.entries(box).map(([side, value]) => [side, value / shown.scale]));
  shown.faces.push(await (await ready).findIn(shown.picture, scaled));
  redraw();
  say(`${summary(shown.faces)} one of them in your box.`);
});

canvas.addEventListener("pointercancel", () => {
  corner = null;
  if (shown.picture) redraw();
});

clear();
ready.then(
  () => say("Ready."),
  (error) => say(`The network did not load (run make web first): ${error.message ?? error}`, { failed: true }),
);
