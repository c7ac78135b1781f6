// The page: pictures and a camera in, faces out. Nothing leaves this computer.
// `make web` puts model.onnx, detector.onnx and vendor/ next to this file.
import { Boxes } from "./boxes.js";
import { Camera } from "./camera.js";
import { Client } from "./client.js";
import { drawFaces, drawPicture } from "./drawing.js";
import { asJson, asPng, download, listFaces, listPoints, speed, summary } from "./results.js";
import { SAME, distinct } from "./views.js";

const part = (id) => document.getElementById(id);
const [file, status, canvas, list, points, rate] = ["file", "status", "canvas", "faces", "points", "rate"].map(part);
const [cameraButton, cameraChoice, keep, small, add] = ["camera", "cameras", "keep", "small", "add"].map(part);
const outputs = ["copy", "copyPicture", "json", "png"].map(part);
const shown = { picture: null, name: "", faces: [], scale: 1 };
let latest = 0; // number of the picture that is being worked on
let isBusy = true;

const client = new Client();
const camera = new Camera(client, { canvas, video: part("video"), callbacks: {
  started() {
    clear();
    setCamera(true);
    say("The camera is on.");
  },
  listed(cameras, id = cameraChoice.value) {
    const option = ({ deviceId, label }, i) => new Option(label || `Camera ${i + 1}`, deviceId, false, deviceId === id);
    cameraChoice.replaceChildren(...cameras.map(option));
    cameraChoice.hidden = cameras.length < 2;
  },
  shown(faces, { framesPerSecond, times }) {
    keep.hidden = false;
    rate.textContent = `${framesPerSecond.toFixed(0)} frames per second, ${speed(times)}`;
    const words = `Camera: ${summary(faces).toLowerCase()}`;
    if (status.textContent === words) return; // it is read aloud when it changes
    say(words);
    canvas.setAttribute("aria-label", words);
  },
  stopped() {
    setCamera(false);
    clear();
    say("The camera is off.");
  },
  failed(error) {
    clear();
    fail("The camera does not work", error);
  },
} });
const boxes = new Boxes(canvas, {
  isReady: () => shown.picture !== null && !isBusy,
  redraw,
  drawn: addFace,
  asked: () => say("Drag around a face, or move the box by arrow keys, size it by Shift and arrows. Enter adds, Escape leaves."),
  left: () => say(`${summary(shown.faces)}.`),
});

function say(text, { isError = false } = {}) {
  status.textContent = text;
  status.className = isError ? "error" : "";
}

function fail(what, error) {
  say(`${what}: ${error.message ?? error}`, { isError: true });
}

/** Shows nothing; a failed picture must not leave the one before it. */
function clear() {
  shown.picture?.close();
  Object.assign(shown, { picture: null, faces: [], name: "" });
  canvas.width = canvas.height = 0;
  rate.textContent = points.value = "";
  canvas.setAttribute("aria-label", "No picture");
  list.replaceChildren();
  setBusy(true);
  document.body.classList.remove("full");
}

function setBusy(value) {
  isBusy = value;
  for (const button of [...outputs, small, add]) button.disabled = isBusy;
}

function setCamera(isOn) {
  cameraButton.textContent = isOn ? "Stop the camera" : "Use the camera";
  cameraButton.setAttribute("aria-pressed", isOn);
  keep.hidden = true; // until a frame is shown
  for (const state of ["full", "live"]) document.body.classList.toggle(state, isOn);
}

/** Shows a picture with its faces. open: gives a blob or a bitmap; note: what else to say. */
async function show(open, name, note = "") {
  const turn = ++latest;
  camera.stop();
  boxes.leave();
  clear();
  say("Loading the networks.");
  try {
    const { result: state } = await client.ready;
    if (turn !== latest) return; // another picture came meanwhile
    say("Working.");
    const picture = await decode(await open());
    const { faces, duration } = await find(picture);
    if (turn !== latest) return picture.close();
    Object.assign(shown, { picture, name, faces });
    document.body.classList.add("full");
    update();
    const hint = faces.length ? "" : " Small ones can be searched for, or a box drawn around one.";
    const limit = state.hasDetector ? "" : " Without detector.onnx a picture counts as a crop around one face.";
    say(`${summary(faces)} ${duration}.${hint}${limit}${note}`);
  } catch (error) {
    if (turn !== latest) return;
    clear();
    fail(`${name} cannot be shown`, error);
  }
}

async function decode(source) {
  try {
    return await createImageBitmap(source);
  } catch {
    throw new Error("this browser cannot read it as a picture; JPEG, PNG and WebP files work");
  }
}

async function find(picture, options) {
  const start = performance.now();
  const { result: faces, times } = await client.find(picture, options);
  return { faces, duration: `in ${(performance.now() - start).toFixed(0)} ms (${speed(times)})` };
}

/** Changes the faces of the shown picture by a task, which gives { faces, words }, one at a time. */
async function change(what, task) {
  const [turn, before] = [latest, document.activeElement];
  boxes.leave();
  setBusy(true);
  say("Working.");
  try {
    const { faces, words } = await task();
    if (turn !== latest) return;
    shown.faces = faces;
    update();
    say(words);
  } catch (error) {
    if (turn !== latest) return;
    setBusy(false);
    fail(what, error);
  }
  if (document.activeElement === document.body) before.focus(); // a button loses it when it is disabled
}

function findSmall() {
  return change("Small faces cannot be searched for", async () => {
    const { faces, duration } = await find(shown.picture, { isThorough: true });
    const all = [...faces, ...shown.faces.filter(({ isByHand }) => isByHand)];
    const kept = distinct(all, SAME);
    const inOrder = all.filter((face) => kept.includes(face));
    return { faces: inOrder, words: `${summary(inOrder)} ${duration}.` };
  });
}

function addFace(box) {
  return change("The box cannot be looked at", async () => {
    const inPicture = Object.fromEntries(Object.entries(box).map(([side, value]) => [side, value / shown.scale]));
    const { result: face, times } = await client.findIn(shown.picture, inPicture);
    const faces = [...shown.faces, { ...face, isByHand: true }];
    return { faces, words: `${summary(faces)}, the last one from your box (${speed(times)}).` };
  });
}

/** Shows the first of the files that came by a way, such as "dropped". */
function showFiles(files, way) {
  const [first, ...others] = files;
  if (!first) return fail(`Nothing was ${way} that can be shown`, "expected a picture file");
  show(() => first, first.name || way, others.length ? ` Only the first of ${files.length} files is shown.` : "");
}

async function fetchPicture(path) {
  const answer = await fetch(path).catch(() => {
    throw new Error("the page's server does not answer");
  });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.blob();
}

function redraw() {
  const frame = drawPicture(canvas, shown.picture);
  shown.scale = frame.scale;
  drawFaces(canvas, shown.faces, frame);
}

function update() {
  redraw();
  canvas.setAttribute("aria-label", `${shown.name}: ${summary(shown.faces)}`);
  points.value = listPoints(shown.faces);
  listFaces(list, shown.faces, (i) => {
    boxes.leave();
    shown.faces.splice(i, 1);
    update();
    say(shown.faces.length ? `${summary(shown.faces)}.` : "No face is left.");
    add.focus();
  });
  setBusy(false);
}

/** Downloads what was made of the shown picture, under its name. */
function save(blob, ending) {
  const name = `${shown.name.split("/").at(-1).replace(/\.[^.]*$/, "")}-faces.${ending}`;
  download(blob, name);
  return `Saved as ${name}.`;
}

const actions = {
  async copy() {
    await navigator.clipboard.writeText(asJson(shown));
    return "Copied as JSON.";
  },
  async copyPicture() {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": asPng(shown) })]);
    return "Copied as a picture.";
  },
  json: () => save(new Blob([asJson(shown)], { type: "application/json" }), "json"),
  png: async () => save(await asPng(shown), "png"),
};
for (const button of outputs)
  button.addEventListener("click", async () => {
    try {
      say(await actions[button.id]());
    } catch (error) {
      fail("That does not work in this browser", error);
    }
  });

cameraButton.addEventListener("click", () => {
  if (camera.isOn) return camera.stop();
  ++latest; // a picture that is being worked on comes too late
  camera.start(cameraChoice.value);
});
cameraChoice.addEventListener("change", () => camera.isOn && camera.start(cameraChoice.value));
keep.addEventListener("click", async () => {
  const frame = await camera.keep();
  show(() => frame, "camera");
});
small.addEventListener("click", findSmall);
add.addEventListener("click", () => (boxes.isAsked ? boxes.leave() : boxes.ask()));
file.addEventListener("change", () => {
  if (file.files.length) showFiles(file.files, "chosen");
  file.value = ""; // so that the same file can be chosen again
});
for (const sample of document.querySelectorAll("#samples button"))
  sample.addEventListener("click", () => show(() => fetchPicture(sample.dataset.picture), sample.dataset.picture));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  showFiles(event.dataTransfer.files, "dropped");
});
document.addEventListener("paste", (event) => showFiles(event.clipboardData.files, "pasted"));

clear();
say("Loading the networks.");
client.ready.then(
  () => latest || say("Ready."),
  (error) => fail("The networks did not load (run make web first)", error),
);
