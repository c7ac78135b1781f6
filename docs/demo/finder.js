// Finds faces and their 68 points: the detector (BlazeFace, detector.onnx) says where, the landmark network (model.onnx)
// looks at square views. The same rules as src/predict/detector.py, search.py and predictor.py.
import { DOUBTFUL_BELOW, NOTHING_BELOW, RETRY_BELOW, isTurnBetter } from "./rules.js";
import { Cutter, DETECTOR_KIND, SAME, boxOf, distinct, overlap, rollOf, rollOfFace, tiles, viewOfBox, viewOfPoints, wholeView } from "./views.js";

const VIEW_SIZE = 192; // pixels of a cut view
const DETECTOR_SIZE = 256;
const DETECTED_APART = 0.3; // overlap of two detections that are two faces
const FACES_APART = 0.5; // and of two faces, by their points
const [RIGHT_EYE, LEFT_EYE, MOUTH] = [2, 3, 5]; // pairs of a detection's 16 numbers

const ANCHORS = [[16, 2], [8, 6]].flatMap(([cells, count]) =>
  Array.from({ length: cells * cells * count }, (_, i) => {
    const cell = Math.floor(i / count);
    return [((cell % cells) + 0.5) / cells, (Math.floor(cell / cells) + 0.5) / cells];
  }),
);

export class Finder {
  #cutter = new Cutter();

  /** sessions of ONNX Runtime; detector may be null: then boxes are needed. */
  constructor(ort, network, detector) {
    Object.assign(this, { ort, network, detector });
    this.resetTimes();
  }

  /** times: milliseconds that the detector and the landmark network took, and in how many views, since this call. */
  resetTimes() {
    this.times = { detector: 0, points: 0, views: 0 };
  }

  /**
   * Faces { points, score, box, roll } of a picture (anything that a canvas draws), from the left to the right.
   * isThorough: small ones, too.
   */
  async find(picture, { isThorough = false } = {}) {
    const whole = wholeView(picture);
    if (!this.detector) return [await this.#look(picture, (roll) => ({ ...whole, roll }), { refine: false })];
    const views = isThorough ? [whole, ...tiles(picture)] : [whole];
    let faces = distinct(await this.#lookAll(picture, await this.#detect(picture, views)), FACES_APART);
    const hangs = ({ points }) => Math.abs(rollOfFace(points)) > Math.PI / 2;
    if (faces.every(({ score }) => score < DOUBTFUL_BELOW) || faces.some(hangs)) {
      const turned = views.map((view) => ({ ...view, roll: Math.PI })); // the detector knows no face upside down
      const hanging = await this.#lookAll(picture, await this.#detect(picture, turned));
      faces = distinct([...faces, ...hanging], FACES_APART);
    }
    return faces.sort((a, b) => a.box.left - b.box.left);
  }

  /** The face of a box that a person drew. */
  async findIn(picture, box) {
    return this.#look(picture, (turn) => viewOfBox(box, DETECTOR_KIND, turn));
  }

  /** Faces beside those that are known, by one look each: for a video, whose next frame looks again. */
  async findNew(picture, known) {
    if (!this.detector) return known.length ? [] : this.find(picture);
    const detected = await this.#detect(picture, [wholeView(picture)]);
    const fresh = detected.filter(({ box }) => known.every((face) => overlap(face.box, box) <= SAME));
    const faces = await this.#run(picture, fresh.map(({ box, roll }) => viewOfBox(box, DETECTOR_KIND, roll)));
    const sure = faces.filter(({ score }) => score >= NOTHING_BELOW);
    const apart = sure.filter(({ box }) => known.every((face) => overlap(face.box, box) <= SAME));
    return distinct(apart, FACES_APART);
  }

  /** The same faces in the next frame, one look each; those that are lost are left out. */
  async follow(picture, faces) {
    const found = await this.#run(picture, faces.map(({ points, roll }) => viewOfPoints(points, roll)));
    const numbered = found.map((face, i) => ({ ...faces[i], ...face }));
    return distinct(numbered.filter(({ score }) => score >= NOTHING_BELOW), SAME);
  }

  /** Boxes { box, roll, score } of the faces in views of a picture. */
  async #detect(picture, views) {
    const start = performance.now();
    const found = [];
    for (const view of views) found.push(...(await this.#detectIn(picture, view)));
    this.times.detector += performance.now() - start;
    return distinct(found, DETECTED_APART);
  }

  /** The same in one view, which stands (roll 0) or hangs (roll pi). */
  async #detectIn(picture, view) {
    const pixels = this.#cutter.cut(picture, view, DETECTOR_SIZE);
    const input = new Float32Array(DETECTOR_SIZE * DETECTOR_SIZE * 3);
    for (let from = 0, to = 0; from < pixels.length; from += 4)
      for (let channel = 0; channel < 3; channel++) input[to++] = pixels[from + channel] / 127.5 - 1;
    const shape = [1, DETECTOR_SIZE, DETECTOR_SIZE, 3];
    const outputs = Object.values(await this.detector.run({ input: new this.ort.Tensor("float32", input, shape) }));
    const [raw, logits] = [16, 1].map((length) => outputs.find(({ dims }) => dims[2] === length).data);
    const side = view.side * Math.round(Math.cos(view.roll)); // turned to hang, both axes point back
    const found = [];
    for (let i = 0; i < ANCHORS.length; i++) {
      if (logits[i] < 0) continue; // a probability below one half
      const place = (k, axis) => raw[16 * i + 2 * k + axis] / DETECTOR_SIZE + ANCHORS[i][axis] - 0.5;
      const at = (k) => [view.x + side * place(k, 0), view.y + side * place(k, 1)];
      const [x, y] = at(0);
      const [dx, dy] = [2, 3].map((k) => ((raw[16 * i + k] / DETECTOR_SIZE) * view.side) / 2);
      const box = { left: x - dx, top: y - dy, right: x + dx, bottom: y + dy };
      found.push({ box, roll: rollOf(at(RIGHT_EYE), at(LEFT_EYE), at(MOUTH)), score: 1 / (1 + Math.exp(-logits[i])) });
    }
    return found;
  }

  /** The faces of detections that are any. */
  async #lookAll(picture, detections) {
    const faces = [];
    for (const { box, roll } of detections)
      faces.push(await this.#look(picture, (turn) => viewOfBox(box, DETECTOR_KIND, roll + turn)));
    return faces.filter(({ score }) => score >= NOTHING_BELOW);
  }

  /** The face in the view at(0), and where its score is low, of the best one of the other quarter turns. */
  async #look(picture, at, { refine = true } = {}) {
    const first = await this.#lookOnce(picture, at(0), refine);
    if (first.score >= RETRY_BELOW) return first;
    const turned = [];
    for (const quarters of [1, 2, 3]) turned.push(await this.#lookOnce(picture, at((quarters * Math.PI) / 2), refine));
    const best = turned.reduce((a, b) => (b.score > a.score ? b : a));
    return isTurnBetter(best.score, first.score) ? best : first;
  }

  async #lookOnce(picture, view, refine) {
    let [face] = await this.#run(picture, [view]);
    if (refine) [face] = await this.#run(picture, [viewOfPoints(face.points, face.roll)]);
    return face;
  }

  /** What the landmark network finds in views. */
  async #run(picture, views) {
    if (views.length === 0) return [];
    const start = performance.now();
    const length = VIEW_SIZE * VIEW_SIZE * 3;
    const pixels = new Uint8Array(views.length * length);
    views.forEach((view, i) => {
      const data = this.#cutter.cut(picture, view, VIEW_SIZE);
      for (let from = 0, to = i * length; from < data.length; from += 4)
        for (let channel = 0; channel < 3; channel++) pixels[to++] = data[from + channel];
    });
    const pictures = new this.ort.Tensor("uint8", pixels, [views.length, VIEW_SIZE, VIEW_SIZE, 3]);
    const { points_image: found, score } = await this.network.run({ pictures });
    const count = found.dims[1];
    const faces = views.map((view, i) => {
      const [cos, sin] = [Math.cos(view.roll), Math.sin(view.roll)];
      const points = Array.from({ length: count }, (_, k) => {
        const [u, v] = [0, 1].map((axis) => (found.data[2 * (i * count + k) + axis] / VIEW_SIZE - 0.5) * view.side);
        return [view.x + cos * u + sin * v, view.y - sin * u + cos * v];
      });
      return { points, score: score.data[i], box: boxOf(points), roll: view.roll };
    });
    this.times.points += performance.now() - start;
    this.times.views += views.length;
    return faces;
  }
}
