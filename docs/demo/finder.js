// Finds faces and their 68 points: the detector (BlazeFace, detector.onnx) says where, the landmark network (model.onnx)
// looks at square views. Frames: a point is [x, y] in pixels of the picture; a view is { x, y, side, roll }, a square
// around (x, y) in which a head that is turned counterclockwise by roll (radians) stands upright.
// The same rules as src/predict/detector.py, turns.py and search.py.

const VIEW_SIZE = 192; // pixels of a cut view
const DETECTOR_SIZE = 256;
const DETECTOR_KIND = { share: 0.556, center: [0.5, 0.541] }; // where a box lies in the view that the network knows
const POINTS_KIND = { share: 0.52, center: [0.5, 0.58] };
const TILTED = Math.PI / 6; // smaller rolls are the network's own business
const RETRY_BELOW = 0.7; // score: other quarter turns are tried
const TURN_ABOVE = 0.2; // score of a turned view that wins
const NOTHING_BELOW = 0.1; // score of no face
export const DOUBTFUL_BELOW = 0.5;

const ANCHORS = [[16, 2], [8, 6]].flatMap(([cells, count]) =>
  Array.from({ length: cells * cells * count }, (_, i) => {
    const cell = Math.floor(i / count);
    return [((cell % cells) + 0.5) / cells, (Math.floor(cell / cells) + 0.5) / cells];
  }),
);

const logit = (score) => Math.log(score / (1 - score));
const isTurnBetter = (turned, score) => turned > TURN_ABOVE && logit(turned) > logit(Math.max(score, 1e-9)) + 1;

/** The view of a box { left, top, right, bottom } of a kind, at a roll. */
export function viewOfBox({ left, top, right, bottom }, kind = POINTS_KIND, roll = 0) {
  const side = Math.sqrt((right - left) * (bottom - top)) / kind.share;
  const [dx, dy] = [side * (0.5 - kind.center[0]), side * (0.5 - kind.center[1])];
  const [cos, sin] = [Math.cos(roll), Math.sin(roll)];
  return { x: (left + right) / 2 + cos * dx + sin * dy, y: (top + bottom) / 2 - sin * dx + cos * dy, side, roll };
}

/** The view around the points of a face, by the box that they fill where it stands upright. */
export function viewOfPoints(points, roll = 0) {
  const [cos, sin] = [Math.cos(roll), Math.sin(roll)];
  const upright = boxOf(points.map(([x, y]) => [cos * x - sin * y, sin * x + cos * y]));
  const [x, y] = [(upright.left + upright.right) / 2, (upright.top + upright.bottom) / 2];
  const [width, height] = [(upright.right - upright.left) / 2, (upright.bottom - upright.top) / 2];
  const [middleX, middleY] = [cos * x + sin * y, -sin * x + cos * y];
  const box = { left: middleX - width, right: middleX + width, top: middleY - height, bottom: middleY + height };
  return viewOfBox(box, POINTS_KIND, roll);
}

export function boxOf(points) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

/** Intersection over union of two boxes. */
export function overlap(a, b) {
  const width = Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left));
  const height = Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
  const area = ({ left, top, right, bottom }) => (right - left) * (bottom - top);
  return (width * height) / Math.max(1e-9, area(a) + area(b) - width * height);
}

/** Items with a box and a score, the best first, without those that overlap a better one by more than `most`. */
function distinct(items, most) {
  const kept = [];
  for (const item of [...items].sort((a, b) => b.score - a.score))
    if (kept.every((other) => overlap(other.box, item.box) <= most)) kept.push(item);
  return kept;
}

export class Finder {
  /** sessions of ONNX Runtime; detector may be null: then boxes are needed. */
  constructor(ort, network, detector) {
    Object.assign(this, { ort, network, detector });
    this.canvas = document.createElement("canvas");
  }

  /**
   * Faces { points, score, box, roll } of a picture (anything that a canvas draws) beside those that are known, from the
   * left to the right.
   */
  async find(picture, known = []) {
    const { width, height } = picture;
    if (!this.detector) {
      const whole = (roll) => ({ x: width / 2, y: height / 2, side: Math.max(width, height), roll });
      return known.length ? [] : [await this.look(picture, whole, { refine: false })];
    }
    const faces = [];
    for (const { box, roll } of await this.detect(picture)) {
      if (known.some((face) => overlap(face.box, box) > 0.4)) continue;
      faces.push(await this.look(picture, (turn) => viewOfBox(box, DETECTOR_KIND, roll + turn)));
    }
    const sure = faces.filter(({ score }) => score >= NOTHING_BELOW);
    return distinct(sure, 0.5).sort((a, b) => a.box.left - b.box.left);
  }

  /** The face of a box that a person drew. */
  async findIn(picture, box) {
    return this.look(picture, (turn) => viewOfBox(box, DETECTOR_KIND, turn));
  }

  /** The same faces in the next frame; those that are lost are left out. */
  async follow(picture, faces) {
    const found = await this.run(picture, faces.map(({ points, roll }) => viewOfPoints(points, roll)));
    return distinct(found.filter(({ score }) => score >= NOTHING_BELOW), 0.4);
  }

  /** Boxes { box, roll, score } of a picture's faces. */
  async detect(picture) {
    const side = Math.max(picture.width, picture.height);
    const view = { x: picture.width / 2, y: picture.height / 2, side, roll: 0 };
    const { data } = this.cut(picture, view, DETECTOR_SIZE);
    const input = new Float32Array(DETECTOR_SIZE * DETECTOR_SIZE * 3);
    for (let from = 0, to = 0; from < data.length; from += 4)
      for (let channel = 0; channel < 3; channel++) input[to++] = data[from + channel] / 127.5 - 1;
    const shape = [1, DETECTOR_SIZE, DETECTOR_SIZE, 3];
    const outputs = Object.values(await this.detector.run({ input: new this.ort.Tensor("float32", input, shape) }));
    const [raw, logits] = [16, 1].map((length) => outputs.find(({ dims }) => dims[2] === length).data);
    const at = (i, k) => [0, 1].map((axis) => (raw[16 * i + 2 * k + axis] / DETECTOR_SIZE + ANCHORS[i][axis]) * side);
    const found = [];
    const [offsetX, offsetY] = [view.x - side / 2, view.y - side / 2];
    for (let i = 0; i < ANCHORS.length; i++) {
      if (logits[i] < 0) continue; // a probability below one half
      const [x, y] = at(i, 0);
      const [width, height] = [2, 3].map((k) => (raw[16 * i + k] / DETECTOR_SIZE) * side);
      const [left, top] = [x - width / 2 + offsetX, y - height / 2 + offsetY];
      const [rightEye, leftEye, mouth] = [at(i, 2), at(i, 3), at(i, 5)];
      const roll = Math.atan2(mouth[0] - (rightEye[0] + leftEye[0]) / 2, mouth[1] - (rightEye[1] + leftEye[1]) / 2);
      const box = { left, top, right: left + width, bottom: top + height };
      found.push({ box, roll: Math.abs(roll) < TILTED ? 0 : roll, score: 1 / (1 + Math.exp(-logits[i])) });
    }
    return distinct(found, 0.3);
  }

  /** The face in the view at(0), and where its score is low, of the best one of the other quarter turns. */
  async look(picture, at, { refine = true } = {}) {
    const first = await this.lookOnce(picture, at(0), refine);
    if (first.score >= RETRY_BELOW) return first;
    const turned = [];
    for (const quarters of [1, 2, 3]) turned.push(await this.lookOnce(picture, at((quarters * Math.PI) / 2), refine));
    const best = turned.reduce((a, b) => (b.score > a.score ? b : a));
    return isTurnBetter(best.score, first.score) ? best : first;
  }

  async lookOnce(picture, view, refine) {
    let [face] = await this.run(picture, [view]);
    if (refine) [face] = await this.run(picture, [viewOfPoints(face.points, face.roll)]);
    return face;
  }

  /** What the landmark network finds in views. */
  async run(picture, views) {
    if (views.length === 0) return [];
    const length = VIEW_SIZE * VIEW_SIZE * 3;
    const pixels = new Uint8Array(views.length * length);
    views.forEach((view, i) => {
      const { data } = this.cut(picture, view, VIEW_SIZE);
      for (let from = 0, to = i * length; from < data.length; from += 4)
        for (let channel = 0; channel < 3; channel++) pixels[to++] = data[from + channel];
    });
    const pictures = new this.ort.Tensor("uint8", pixels, [views.length, VIEW_SIZE, VIEW_SIZE, 3]);
    const { points_image: found, score } = await this.network.run({ pictures });
    const count = found.dims[1];
    return views.map((view, i) => {
      const [cos, sin] = [Math.cos(view.roll), Math.sin(view.roll)];
      const points = Array.from({ length: count }, (_, k) => {
        const [u, v] = [0, 1].map((axis) => (found.data[2 * (i * count + k) + axis] / VIEW_SIZE - 0.5) * view.side);
        return [view.x + cos * u + sin * v, view.y - sin * u + cos * v];
      });
      return { points, score: score.data[i], box: boxOf(points), roll: view.roll };
    });
  }

  /** The pixels of a view on black, as the network's training saw transparency and what lies beside a picture. */
  cut(picture, { x, y, side, roll }, size) {
    this.canvas.width = this.canvas.height = size;
    const context = this.canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    const [cos, sin] = [(Math.cos(roll) * size) / side, (Math.sin(roll) * size) / side];
    context.imageSmoothingQuality = "high";
    context.setTransform(cos, sin, -sin, cos, size / 2 - cos * x + sin * y, size / 2 - sin * x - cos * y);
    context.drawImage(picture, 0, 0);
    return context.getImageData(0, 0, size, size);
  }
}
