// A still picture and its faces: those that are found, and those that a person adds and takes out.
import { Boxes } from "./boxes.js";
import { drawFaces, drawPicture } from "./drawing.js";
import { decode, isAnimated } from "./inputs.js";
import { asCsv, asJson, described, listFaces, listPoints, speed, summary } from "./results.js";
import { fail, say, setRate } from "./status.js";
import { SAME, distinct } from "./views.js";

export class Still {
  #turn = 0; // number of the picture that is being worked on
  #isBusy = true;
  #scale = 1; // pixels of the canvas per pixel of the picture

  /** parts: elements { canvas, list, points, small, add } and outputs, the buttons that take away what is shown. */
  constructor(client, parts) {
    Object.assign(this, { client, parts, picture: null, name: "", faces: [] });
    this.boxes = new Boxes(parts.canvas, {
      isReady: () => this.picture !== null && !this.#isBusy,
      redraw: () => this.#redraw(),
      drawn: (box) => this.#addFace(box),
      asked: () => say("Drag around a face, or move the box by arrow keys, size it by Shift and arrows. Enter adds, Escape leaves."),
      left: () => say(`${summary(this.faces)}.`),
    });
    parts.small.addEventListener("click", () => this.#findSmall());
    parts.add.addEventListener("click", () => (this.boxes.isAsked ? this.boxes.leave() : this.boxes.ask()));
  }

  /** Whether nothing was opened yet. */
  get isUntouched() {
    return this.#turn === 0;
  }

  asJson() {
    return asJson(this);
  }

  asCsv() {
    return asCsv(this.name, [{ faces: described(this.faces) }]);
  }

  /** Shows a picture with its faces. open: gives a blob or a bitmap; note: what else to say. */
  async show(open, name, note) {
    const turn = this.#turn;
    try {
      const { result: state } = await this.client.ready;
      if (turn !== this.#turn) return; // another picture came meanwhile
      say("Working.");
      const source = await open();
      const picture = await decode(source);
      const { faces, duration } = await this.#find(picture);
      if (turn !== this.#turn) return picture.close();
      Object.assign(this, { picture, name, faces });
      document.body.classList.add("full");
      this.#update();
      const hint = faces.length ? "" : " Small ones can be searched for, or a box drawn around one.";
      const limit = state.hasDetector ? "" : " Without detector.onnx a picture counts as a crop around one face.";
      const others = (await isAnimated(source)) ? " Only its first frame is looked at." : "";
      say(`${summary(faces)} ${duration}.${hint}${limit}${others}${note}`);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.clear();
      fail(`${name} cannot be shown`, error);
    }
  }

  /** Makes room for what comes next. */
  leave() {
    this.boxes.leave();
    this.clear();
    this.forget();
  }

  /** A picture that is being worked on comes too late. */
  forget() {
    this.#turn++;
  }

  /** Shows nothing; a failed picture must not leave the one before it. */
  clear() {
    this.picture?.close();
    Object.assign(this, { picture: null, faces: [], name: "" });
    const { canvas, list, points } = this.parts;
    canvas.width = canvas.height = 0;
    canvas.setAttribute("aria-label", "No picture");
    points.value = "";
    list.replaceChildren();
    setRate("");
    this.#setBusy(true);
    document.body.classList.remove("full");
  }

  #setBusy(value) {
    this.#isBusy = value;
    const { small, add, outputs } = this.parts;
    for (const button of [small, add, ...outputs]) button.disabled = value;
  }

  async #find(picture, options) {
    const start = performance.now();
    const { result: faces, times } = await this.client.find(picture, options);
    return { faces, duration: `in ${(performance.now() - start).toFixed(0)} ms (${speed(times)})` };
  }

  /** Changes the faces by a task, which gives { faces, words }, one at a time. */
  async #change(what, task) {
    const [turn, before] = [this.#turn, document.activeElement];
    this.boxes.leave();
    this.#setBusy(true);
    say("Working.");
    try {
      const { faces, words } = await task();
      if (turn !== this.#turn) return;
      this.faces = faces;
      this.#update();
      say(words);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#setBusy(false);
      fail(what, error);
    }
    if (document.activeElement === document.body) before.focus(); // a button loses it when it is disabled
  }

  #findSmall() {
    return this.#change("Small faces cannot be searched for", async () => {
      const { faces, duration } = await this.#find(this.picture, { isThorough: true });
      const all = [...faces, ...this.faces.filter(({ isByHand }) => isByHand)];
      const kept = distinct(all, SAME);
      const inOrder = all.filter((face) => kept.includes(face));
      return { faces: inOrder, words: `${summary(inOrder)} ${duration}.` };
    });
  }

  #addFace(box) {
    return this.#change("The box cannot be looked at", async () => {
      const inPicture = Object.fromEntries(Object.entries(box).map(([side, value]) => [side, value / this.#scale]));
      const { result: face, times } = await this.client.findIn(this.picture, inPicture);
      const faces = [...this.faces, { ...face, isByHand: true }];
      return { faces, words: `${summary(faces)}, the last one from your box (${speed(times)}).` };
    });
  }

  #removeFace(i) {
    this.boxes.leave();
    this.faces.splice(i, 1);
    this.#update();
    say(this.faces.length ? `${summary(this.faces)}.` : "No face is left.");
    this.parts.add.focus();
  }

  #redraw() {
    const frame = drawPicture(this.parts.canvas, this.picture);
    this.#scale = frame.scale;
    drawFaces(this.parts.canvas, this.faces, frame);
  }

  #update() {
    const { canvas, list, points } = this.parts;
    this.#redraw();
    canvas.setAttribute("aria-label", `${this.name}: ${summary(this.faces)}`);
    points.value = listPoints(this.faces);
    listFaces(list, this.faces, (i) => this.#removeFace(i));
    this.#setBusy(false);
  }
}
