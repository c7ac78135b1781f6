// Runs the networks in a thread of their own. Takes { id, task, picture, ... } of `tasks`, answers { id, result,
// times, picture } or { id, error }.
import * as ort from "./vendor/ort.wasm.min.mjs";
import { Detector } from "./detector.js";
import { Finder } from "./finder.js";
import { Looks } from "./looks.js";
import { fetchModel } from "./model_file.js";
import { Tracker } from "./tracker.js";

ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;
ort.env.wasm.numThreads = 1; // several need headers that a static host does not send

let tracker = null;
const tasks = {
  load: ({ detector }) => ({ hasDetector: detector !== null }),
  find: (finder, { picture, isThorough }) => finder.find(picture, { isThorough }),
  findIn: (finder, { picture, box }) => finder.findIn(picture, box),
  follow: (finder, { picture, seconds, isFirst }) => {
    if (isFirst) tracker = new Tracker(finder);
    return tracker.next(picture, seconds);
  },
  lookCloser: (finder, { picture, isThorough }) => tracker.lookCloser(picture, { isThorough }),
};

const ready = load();
ready.catch(() => {}); // every task says so

async function load() {
  const detector = ort.InferenceSession.create("detector.onnx").catch(() => null);
  const model = await fetchModel("model.onnx");
  const looks = new Looks(ort, await ort.InferenceSession.create(model.bytes), model);
  const found = await detector;
  return new Finder(looks, found && new Detector(ort, found, model.rules));
}

let last = Promise.resolve(); // tasks run one after another
self.addEventListener("message", ({ data: order }) => (last = last.then(() => answer(order))));

async function answer({ id, task, ...rest }) {
  try {
    const finder = await ready;
    finder.resetTimes();
    const result = await tasks[task](finder, rest);
    // A video's frame goes back, to be drawn together with its faces; a still picture was a copy.
    const picture = task === "follow" ? rest.picture : undefined;
    if (!picture) rest.picture?.close();
    self.postMessage({ id, result, times: finder.times, picture }, picture ? [picture] : []);
  } catch (error) {
    self.postMessage({ id, error: String(error.message ?? error) });
  }
}
