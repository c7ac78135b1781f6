// Draws the 68 points that model.onnx finds in a picture. The file maps uint8 pixels to points, so nothing but
// decoding the picture happens here. `make web` puts model.onnx and vendor/ beside this file.
import * as ort from "./vendor/ort.wasm.min.mjs";

const LARGEST_SIDE = 1024; // pixels: the network sees 112 of them, and more only cost time

ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;
ort.env.wasm.numThreads = 1; // several need headers that a static host does not send
const session = ort.InferenceSession.create("model.onnx");

const [drop, file, status, canvas, list] = ["drop", "file", "status", "canvas", "points"].map((id) =>
  document.getElementById(id),
);

/** RGBA pixels of an ImageData -> points [[x, y], ...] in its pixels, and the probability that they are good. */
async function predict({ data, width, height }) {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    rgb[to++] = data[from];
    rgb[to++] = data[from + 1];
    rgb[to++] = data[from + 2];
  }
  const pictures = new ort.Tensor("uint8", rgb, [1, height, width, 3]);
  const { points_image: found, score } = await (await session).run({ pictures });
  const points = Array.from({ length: found.dims[1] }, (_, i) => [found.data[2 * i], found.data[2 * i + 1]]);
  return { points, score: score.data[0] };
}

/** Draws a picture file on black, as the network's training saw transparent ones. Returns its pixels. */
async function draw(picture) {
  const bitmap = await createImageBitmap(picture);
  const scale = Math.min(1, LARGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const context = canvas.getContext("2d", { alpha: false });
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function mark(points) {
  const context = canvas.getContext("2d");
  const radius = Math.max(1.5, Math.max(canvas.width, canvas.height) / 200);
  context.fillStyle = "#50ff78";
  for (const [x, y] of points) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }
}

function say(text, { failed = false } = {}) {
  status.textContent = text;
  status.className = failed ? "error" : "";
}

async function show(picture) {
  list.value = "";
  try {
    await session; // which says "Ready."
    say("Working.");
    const pixels = await draw(picture);
    const start = performance.now();
    const { points, score } = await predict(pixels);
    const milliseconds = performance.now() - start;
    mark(points);
    list.value = points.map(([x, y]) => `${x.toFixed(3)} ${y.toFixed(3)}`).join("\n");
    say(`${points.length} points in ${milliseconds.toFixed(0)} ms, score ${score.toFixed(2)}.`);
  } catch (error) {
    say(`This picture does not work: ${error.message ?? error}`, { failed: true });
  }
}

file.addEventListener("change", () => file.files.length && show(file.files[0]));
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer.files.length) show(event.dataTransfer.files[0]);
});
session.then(
  () => say("Ready."),
  (error) => say(`The network did not load (run make web first): ${error.message ?? error}`, { failed: true }),
);
