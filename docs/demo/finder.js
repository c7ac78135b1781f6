// Finds faces and their 68 points: the detector says where, the landmark network looks at square views. The same rules
// as src/predict/predictor.py and search.py, by the same numbers, which the model's file carries.
import { Cutter, SAME, boxOf, distinct, overlap, tiles } from "./views.js";
import { viewOfBox, viewOfPoints, wholeView, withoutImagined } from "./views.js";

const LOOKS = 3; // at a picture's face
const LOOKS_LIVE = 2; // at a video's, whose next frame is another chance
const HALF = Math.PI;

export class Finder {
  #cutter = new Cutter();

  /** looks: a Looks; detector: a Detector, or null, then boxes are needed. */
  constructor(looks, detector) {
    Object.assign(this, { looks, detector, rules: looks.rules });
    this.resetTimes();
  }

  /** times: milliseconds that the detector and the landmark network took, and in how many looks, since this call. */
  resetTimes() {
    this.times = { detector: 0, points: 0, looks: 0 };
    this.looks.count = 0;
  }

  /**
   * Faces { points, score, isDoubtful, box, roll } of a picture (anything that a canvas draws), from the left to the
   * right. isThorough: look for small ones even if there seem to be none.
   */
  async find(picture, { isThorough = false } = {}) {
    if (!this.detector) return this.#search(picture, [(roll) => ({ ...wholeView(picture), roll })]);
    let faces = await this.#facesOf(picture, 0, isThorough);
    if (faces.every(({ isDoubtful }) => isDoubtful) || faces.some((face) => this.#isUpsideDown(face))) {
      const upsideDown = await this.#facesOf(picture, HALF, isThorough); // the detector knows none
      faces = this.#distinct([...faces, ...upsideDown.filter((face) => this.#isUpsideDown(face))]);
    }
    return faces.sort((a, b) => a.box.left - b.box.left);
  }

  /** The face of a box that a person drew, from forehead to chin. */
  async findIn(picture, box) {
    const [face] = await this.#search(picture, [(turn) => viewOfBox(box, this.rules.kinds.detector, turn)]);
    return face;
  }

  /** Faces other than those that are known: for a video. Every second turn looks at one of the tiles alone. */
  async findNew(picture, known, turn) {
    if (!this.detector) return known.length ? [] : this.find(picture);
    const closer = tiles(picture, this.rules).flat();
    const isCloser = turn % 2 === 1 && closer.length > 0;
    const view = isCloser ? closer[((turn - 1) / 2) % closer.length] : wholeView(picture);
    return (await this.findInView(picture, known, view)).faces;
  }

  /**
   * { faces, detected } in one view: faces other than those that are known, each with its detection's score as `detected`,
   * and all that the detector found.
   */
  async findInView(picture, known, view) {
    const isNew = ({ box }) => known.every((face) => overlap(face.box, box) <= SAME);
    const detected = await this.#detect(picture, [view]);
    const found = detected.found.filter(isNew);
    const views = found.map(({ box, roll }) => this.#viewOfDetection(box, roll));
    const seen = await this.#see(picture, views, LOOKS_LIVE);
    const faces = seen.map((face, i) => ({ ...face, detected: found[i].score }));
    return { detected, faces: this.#distinct(faces.filter(isNew)) };
  }

  /** Whether smaller views may show more: a detected face is small, none is sure, or all of a large picture has traces. */
  needsCloserLook({ found, hasTraces }, views, faces) {
    if (views.length === 1 && views[0].side >= this.rules.large_picture && hasTraces) return true;
    const least = this.rules.small_face * views[0].side;
    const isSmall = ({ box }) => Math.max(box.right - box.left, box.bottom - box.top) < least;
    const isSure = faces.length > 0 && faces.every(({ score }) => score >= this.rules.retry_below);
    const isDetected = found.some(({ score }) => score >= this.rules.sure_detection);
    return found.some(isSmall) || !(isSure || isDetected);
  }

  /** The same faces in the next frame; those that are lost are left out. */
  async follow(picture, faces) {
    const views = faces.map(({ points, roll }) => viewOfPoints(points, this.rules.kinds.landmarks, roll));
    const found = await this.#see(picture, views, LOOKS_LIVE);
    const numbered = found.map((face, i) => ({ ...faces[i], ...face }));
    return distinct(numbered.filter(({ score }) => score >= this.rules.nothing_below), SAME);
  }

  /** How far a head is turned, in radians. */
  headRoll({ points, roll }) {
    const [cos, sin] = [Math.cos(roll), Math.sin(roll)];
    return roll + this.looks.roll(points.map(([x, y]) => [cos * x - sin * y, sin * x + cos * y]));
  }

  /**
   * The faces that are upright or, with a roll of HALF, upside down. Closer looks follow while `needsCloserLook`; at
   * upside-down faces only if thorough.
   */
  async #facesOf(picture, roll, isThorough) {
    let faces = [];
    for (const views of [[wholeView(picture)], ...tiles(picture, this.rules)]) {
      const detected = await this.#detect(picture, views.map((view) => ({ ...view, roll })));
      const known = faces.filter(({ score }) => score >= this.rules.retry_below);
      const fresh = detected.found.filter(({ box }) => known.every((face) => overlap(face.box, box) <= this.rules.same_detection));
      const places = fresh.map((detection) => (turn) => this.#viewOfDetection(detection.box, detection.roll + turn));
      faces = this.#distinct([...faces, ...(await this.#search(picture, places))]);
      if (!isThorough && (roll !== 0 || !this.needsCloserLook(detected, views, faces))) break;
    }
    return faces;
  }

  async #detect(picture, views) {
    const start = performance.now();
    const detected = await this.detector.detect(this.#cutter, picture, views);
    this.times.detector += performance.now() - start;
    return detected;
  }

  #viewOfDetection(box, roll) {
    return viewOfBox(box, this.rules.kinds.blazeface, roll);
  }

  /** Faces that are any, each once. */
  #distinct(faces) {
    const { nothing_below: least, upside_down_score: leastUpsideDown, same_face: same, same_head: inHead } = this.rules;
    const isAny = (face) => face.score >= (this.#isUpsideDown(face) ? leastUpsideDown : least);
    return withoutImagined(distinct(faces.filter(isAny), same), (face) => this.#isUpsideDown(face), inHead);
  }

  #isUpsideDown(face) {
    return Math.cos(this.headRoll(face)) < Math.cos((this.rules.upside_down_above / 180) * Math.PI);
  }

  /** The faces of places, functions from a turn to a view; if its looks disagree, in the least doubtful quarter turn. */
  async #search(picture, places) {
    const faces = await this.#see(picture, places.map((at) => at(0)), LOOKS);
    for (const [i, { score, seen }] of faces.entries()) {
      if (score >= this.rules.retry_below) continue;
      const [first] = await this.#disagreements([seen]);
      if (first <= this.rules.retry_above) continue;
      if (first <= this.rules.nearly_agree) {
        const [opposite] = await this.#see(picture, [places[i](HALF)], LOOKS);
        if (opposite.score <= score) continue;
      }
      const turned = await this.#see(picture, [1, 2, 3].map((quarters) => places[i]((quarters * HALF) / 2)), LOOKS);
      const views = [faces[i], ...turned];
      const disagreements = [first, ...(await this.#disagreements(turned.map((face) => face.seen)))];
      const doubts = this.looks.doubts(disagreements, views.map(({ points }) => points), places[i](0).side);
      const best = this.looks.bestQuarter(doubts);
      faces[i] = this.#scored(views[best], this.looks.score(doubts[best], LOOKS));
    }
    return faces;
  }

  /** The faces in views, with what was seen of them for #disagreements. */
  async #see(picture, views, looks) {
    const squares = views.map((view) => this.#cutter.cut(picture, view, this.looks.size));
    const seen = views.length ? await this.#timed(() => this.looks.look(squares, looks)) : [];
    return views.map((view, i) => {
      const [cos, sin] = [Math.cos(view.roll), Math.sin(view.roll)];
      const points = seen[i].points.map((point) => {
        const [u, v] = point.map((value) => (value - 0.5) * view.side);
        return [view.x + cos * u + sin * v, view.y - sin * u + cos * v];
      });
      return this.#scored({ points, box: boxOf(points), roll: view.roll, seen: seen[i] }, seen[i].score);
    });
  }

  #scored(face, score) {
    return { ...face, score, isDoubtful: score < this.rules.doubtful_below };
  }

  #disagreements(seen) {
    return this.#timed(() => this.looks.tiltedDisagreements(seen));
  }

  async #timed(task) {
    const start = performance.now();
    const result = await task();
    this.times.points += performance.now() - start;
    this.times.looks = this.looks.count;
    return result;
  }
}
