// The page: pictures, videos and a camera in, faces out. Nothing leaves this computer.
// `make web` puts model.onnx, detector.onnx and vendor/ next to this file.
import { Boxes } from "./boxes.js";
import { Camera } from "./camera.js";
import { Client } from "./client.js";
import { drawFaces, drawPicture } from "./drawing.js";
import { Follower } from "./follower.js";
import { decode, fetchPicture, isAnimated, listen } from "./inputs.js";
import { Player } from "./player.js";
import { asCsv, asJson, described, listFaces, listPoints, offer, speed, summary } from "./results.js";
import { SAME, distinct } from "./views.js";

const part = (id) => document.getElementById(id);
const [status, canvas, list, points, rate] = ["status", "canvas", "faces", "points", "rate"].map(part);
const [cameraButton, cameraChoice, keep, small, add] = ["camera", "cameras", "keep", "small", "add"].map(part);
const bar = part("player");
const controls = Object.fromEntries(["play", "seek", "time", "pace", "every"].map((id) => [id, part(id)]));
const outputs = ["copy", "copyPicture", "json", "csv", "png"].map(part);
const shown = { picture: null, name: "", note: "", faces: [], scale: 1 };
let latest = 0; // number of the picture that is being worked on
let isBusy = true;
let told = ""; // what a video showed last

const client = new Client();
const follower = new Follower(client, { canvas, video: part("video") });
const camera = new Camera(follower, {
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
  shown(faces, speed) {
    keep.hidden = false;
    tell(`Camera: ${summary(faces).toLowerCase()}`, speed);
  },
  muted: () => say("The camera rests: the system or another program has paused it. It goes on by itself."),
  stopped() {
    setCamera(false);
    clear();
    say("The camera is off.");
  },
  failed(error) {
    clear();
    fail("The camera does not work", error);
  },
});
const player = new Player(follower, controls, {
  started() {
    setPlayer(true);
    say(`The video is open.${shown.note}`);
  },
  shown(faces, speed) {
    const { recording } = player;
    const more = follower.live.skipped && !recording.isComplete ? "; played slower, it gives more" : "";
    const over = ` It is over: Save JSON keeps the points of ${recording.length} frames${more}.`;
    const what = speed.share === null ? "Video" : "Every frame";
    tell(`${what}: ${summary(faces).toLowerCase()}.${player.isOver ? over : ""}${shown.note}`, speed);
    setOutputs(true);
  },
  visiting: () => say("Every frame is looked at, from the first one on."),
  visited({ isComplete, missed }) {
    const { recording } = player;
    const words = isComplete ? `Every frame was looked at: ${recording.summary()}` : "Stopped";
    const passed = missed ? `, but this browser has passed at least ${missed} more` : "";
    tell(`${words}${passed}. Save JSON keeps the points of ${recording.length} frames.`);
  },
  unvisited: (error) => fail("Every frame cannot be looked at", error),
  stopped() {
    setPlayer(false);
    clear();
  },
  failed: (error) => fail(`${player.name} cannot be shown`, error),
  broken(place) {
    bar.hidden = true;
    fail(`${player.name} is damaged after ${place}`, "this browser plays no further. Save JSON keeps the points so far.");
  },
});
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

/** Says what a video shows, unless it was said: it is read aloud when it changes. */
function tell(words, { share = null, framesPerSecond, times, left } = {}) {
  const parts = share === null ? [] : [`${Math.floor(100 * share)} %`];
  if (framesPerSecond) parts.push(`${framesPerSecond.toFixed(0)} frames per second`);
  if (left) parts.push(`small faces are looked for, ${left} places left`);
  else if (times) parts.push(speed(times));
  rate.textContent = parts.join(", ");
  const isOld = left !== undefined && words === told; // a closer look has found nothing
  told = words;
  if (status.textContent === words || isOld) return;
  say(words);
  canvas.setAttribute("aria-label", words);
}

/** The shown picture, to be copied or saved. */
function still() {
  return { ...shown, asJson: () => asJson(shown), asCsv: () => asCsv(shown.name, [{ faces: described(shown.faces) }]) };
}

/** Shows nothing; a failed picture must not leave the one before it. */
function clear() {
  shown.picture?.close();
  Object.assign(shown, { picture: null, faces: [], name: "", note: "" });
  canvas.width = canvas.height = 0;
  rate.textContent = points.value = "";
  canvas.setAttribute("aria-label", "No picture");
  list.replaceChildren();
  setBusy(true);
  document.body.classList.remove("full");
}

function setBusy(value) {
  isBusy = value;
  for (const button of [small, add]) button.disabled = isBusy;
  setOutputs(!isBusy);
}

function setOutputs(isOn) {
  for (const button of outputs) button.disabled = !isOn;
}

function setCamera(isOn) {
  cameraButton.textContent = isOn ? "Stop the camera" : "Use the camera";
  cameraButton.setAttribute("aria-pressed", isOn);
  keep.hidden = true; // until a frame is shown
  for (const state of ["full", "live"]) document.body.classList.toggle(state, isOn);
}

function setPlayer(isOn) {
  bar.hidden = !isOn;
  for (const state of ["full", "film"]) document.body.classList.toggle(state, isOn);
}

/** Ends what is shown. Gives the number of what comes next. */
function leave() {
  camera.stop();
  player.stop();
  boxes.leave();
  clear();
  say("Loading the networks.");
  return ++latest;
}

function play(file, name, note) {
  leave();
  shown.note = note;
  player.open(file, name);
}

/** Shows a picture with its faces. open: gives a blob or a bitmap; note: what else to say. */
async function show(open, name, note = "") {
  const turn = leave();
  try {
    const { result: state } = await client.ready;
    if (turn !== latest) return; // another picture came meanwhile
    say("Working.");
    const source = await open();
    const picture = await decode(source);
    const { faces, duration } = await find(picture);
    if (turn !== latest) return picture.close();
    Object.assign(shown, { picture, name, faces });
    document.body.classList.add("full");
    update();
    const hint = faces.length ? "" : " Small ones can be searched for, or a box drawn around one.";
    const limit = state.hasDetector ? "" : " Without detector.onnx a picture counts as a crop around one face.";
    const others = (await isAnimated(source)) ? " Only its first frame is looked at." : "";
    say(`${summary(faces)} ${duration}.${hint}${limit}${others}${note}`);
  } catch (error) {
    if (turn !== latest) return;
    clear();
    fail(`${name} cannot be shown`, error);
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

/** Shows the first picture or video of the files that came by a way, such as "dropped". */
function showFiles(files, way) {
  const first = [...files].find(({ type }) => /^(image|video)\//.test(type)) ?? files[0];
  if (!first) return fail(`Nothing was ${way} that can be shown`, "expected a picture or a video file");
  const note = files.length > 1 ? ` Only ${first === files[0] ? "the first" : first.name} of ${files.length} files is shown.` : "";
  const name = first.name || way;
  if (first.type.startsWith("video/")) play(first, name, note);
  else show(() => first, name, note);
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

offer(outputs, () => (player.isOn ? player : still()), { say, fail });
cameraButton.addEventListener("click", () => {
  if (camera.isOn) return camera.stop();
  player.stop();
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
listen(part("file"), document.querySelectorAll("#samples button"), {
  files: showFiles,
  sample: (path) => show(() => fetchPicture(path), path),
});

clear();
say("Loading the networks.");
client.ready.then(
  () => latest || say("Ready."),
  (error) => fail("The networks did not load (run make web first)", error),
);
