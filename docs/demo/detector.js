// Where faces are: BlazeFace (detector.onnx), decoded as in src/predict/detector.py.
import { distinct, rollOf } from "./views.js";

const SIZE = 256; // pixels that it sees
const NUMBERS = 16; // of a detection: eight places x, y
const [CENTER, EXTENT, RIGHT_EYE, LEFT_EYE, MOUTH] = [0, 1, 2, 3, 5]; // among them
const ANCHORS = [[16, 2], [8, 6]].flatMap(([cells, count]) =>
  Array.from({ length: cells * cells * count }, (_, i) => {
    const cell = Math.floor(i / count);
    return [((cell % cells) + 0.5) / cells, (Math.floor(cell / cells) + 0.5) / cells];
  }),
);

export class Detector {
  /** session: of ONNX Runtime; rules: of the landmark model's file. */
  constructor(ort, session, rules) {
    Object.assign(this, { ort, session, rules });
  }

  /**
   * found: boxes { box, roll, score } of the faces in views of a picture, all of one size and upright (roll 0) or upside
   * down (roll pi). hasTraces: whether something scored a little too low for a face.
   */
  async detect(cutter, picture, views) {
    const { least_detection: inWhole, least_in_tiles: inTiles } = this.rules;
    const least = views[0].side < Math.max(picture.width, picture.height) ? inTiles : inWhole;
    const seen = [];
    for (const view of views) seen.push(...(await this.#detectIn(cutter.cut(picture, view, SIZE), view)));
    const apart = distinct(seen, this.rules.same_detection);
    const found = apart.filter(({ score }) => score >= least);
    return { found, hasTraces: found.length < apart.length };
  }

  async #detectIn(pixels, view) {
    const input = new Float32Array(SIZE * SIZE * 3);
    for (let from = 0, to = 0; from < pixels.length; from += 4)
      for (let channel = 0; channel < 3; channel++) input[to++] = pixels[from + channel] / 127.5 - 1;
    const outputs = Object.values(await this.session.run({ input: new this.ort.Tensor("float32", input, [1, SIZE, SIZE, 3]) }));
    const [raw, logits] = [NUMBERS, 1].map((length) => outputs.find(({ dims }) => dims[2] === length).data);
    const side = view.side * Math.round(Math.cos(view.roll)); // if it is upside down, both axes point back
    const found = [];
    for (let i = 0; i < ANCHORS.length; i++) {
      const score = 1 / (1 + Math.exp(-logits[i]));
      if (score < this.rules.trace) continue;
      const numbers = (k) => [0, 1].map((axis) => raw[NUMBERS * i + 2 * k + axis] / SIZE);
      const inView = (k) => numbers(k).map((value, axis) => value + ANCHORS[i][axis] - 0.5); // from its middle
      const [x, y] = inView(CENTER).map((value, axis) => [view.x, view.y][axis] + side * value);
      const [dx, dy] = numbers(EXTENT).map((value) => (value * view.side) / 2);
      const roll = rollOf(inView(RIGHT_EYE), inView(LEFT_EYE), inView(MOUTH), this.rules.tilted);
      found.push({ box: { left: x - dx, top: y - dy, right: x + dx, bottom: y + dy }, roll: roll + view.roll, score });
    }
    return found;
  }
}
