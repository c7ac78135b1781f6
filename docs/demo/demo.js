// The page: pictures, videos and a camera in, faces out. Nothing leaves this computer.
// `make web` puts model.onnx, detector.onnx and vendor/ next to this file.
import { Camera } from "./camera.js";
import { Client } from "./client.js";
import { Follower } from "./follower.js";
import { fetchPicture, listen } from "./inputs.js";
import { Player } from "./player.js";
import { offer, summary } from "./results.js";
import { fail, say, tell } from "./status.js";
import { Still } from "./still.js";

const part = (id) => document.getElementById(id);
const [cameraButton, cameraChoice, keep, bar] = ["camera", "cameras", "keep", "player"].map(part);
const controls = Object.fromEntries(["play", "seek", "time", "pace", "every"].map((id) => [id, part(id)]));
const outputs = ["copy", "copyPicture", "json", "csv", "png"].map(part);
const [canvas, list, points, small, add] = ["canvas", "faces", "points", "small", "add"].map(part);
let note = ""; // what else to say of a video

const client = new Client();
const still = new Still(client, { canvas, list, points, small, add, outputs });
const follower = new Follower(client, { canvas, video: part("video") });
const camera = new Camera(follower, {
  started() {
    still.clear();
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
    still.clear();
    say("The camera is off.");
  },
  failed(error) {
    still.clear();
    fail("The camera does not work", error);
  },
});
const player = new Player(follower, controls, {
  started() {
    setPlayer(true);
    say(`The video is open.${note}`);
  },
  shown(faces, speed) {
    const { recording } = player;
    const more = follower.live.skipped && !recording.isComplete ? "; played slower, it gives more" : "";
    const over = ` It is over: Save JSON keeps the points of ${recording.length} frames${more}.`;
    const what = speed.share === null ? "Video" : "Every frame";
    tell(`${what}: ${summary(faces).toLowerCase()}.${player.isOver ? over : ""}${note}`, speed);
    for (const button of outputs) button.disabled = false;
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
    still.clear();
  },
  failed: (error) => fail(`${player.name} cannot be shown`, error),
  broken(place) {
    bar.hidden = true;
    fail(`${player.name} is damaged after ${place}`, "this browser plays no further. Save JSON keeps the points so far.");
  },
});

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

/** Ends what is shown. */
function leave() {
  camera.stop();
  player.stop();
  still.leave();
  say("Loading the networks.");
}

function play(file, name, more) {
  leave();
  note = more;
  player.open(file, name);
}

function show(open, name, more = "") {
  leave();
  still.show(open, name, more);
}

/** Shows the first picture or video of the files that came by a way, such as "dropped". */
function showFiles(files, way) {
  const first = [...files].find(({ type }) => /^(image|video)\//.test(type)) ?? files[0];
  if (!first) return fail(`Nothing was ${way} that can be shown`, "expected a picture or a video file");
  const more = files.length > 1 ? ` Only ${first === files[0] ? "the first" : first.name} of ${files.length} files is shown.` : "";
  const name = first.name || way;
  if (first.type.startsWith("video/")) play(first, name, more);
  else show(() => first, name, more);
}

offer(outputs, () => (player.isOn ? player : still), { say, fail });
cameraButton.addEventListener("click", () => {
  if (camera.isOn) return camera.stop();
  player.stop();
  still.forget();
  camera.start(cameraChoice.value);
});
cameraChoice.addEventListener("change", () => camera.isOn && camera.start(cameraChoice.value));
keep.addEventListener("click", async () => {
  const frame = await camera.keep();
  show(() => frame, "camera");
});
listen(part("file"), document.querySelectorAll("#samples button"), {
  files: showFiles,
  sample: (path) => show(() => fetchPicture(path), path),
});

still.clear();
say("Loading the networks.");
client.ready.then(
  () => still.isUntouched && say("Ready."),
  (error) => fail("The networks did not load (run make web first)", error),
);
