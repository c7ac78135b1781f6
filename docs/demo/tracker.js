// Follows the faces of a video, each from its own last points. The detector runs now and then, and if a face was lost or
// became doubtful: such a face stays only if the detector sees it, too. While it searches, it looks at tiles in turn.
// After a cut every face gets a new number, unless it is in its place and looks as before; a frame of another size is a
// cut, too, and keeps no face's number: src/demo/tracking.py's rules.
import { SAME_PERSON, appearance, likeness } from "./appearance.js";
import { CloserLook } from "./closer.js";
import { OneEuroFilter } from "./smoothing.js";
import { Cutter, SAME, overlap, rollOfFace, wholeView } from "./views.js";

const CUT = 0.15; // of the brightness range: the mean change of a small copy of the frame between two shots
const SMALL = 32; // pixels: the longer side of that copy
const DETECT_EVERY = 12; // frames, and in as many after a face was lost; an even number: those frames are seen whole
const TRUSTED = 0.7; // minimum of the higher of a new face's scores, the detector's and its own: most false ones lack it
const CLOSER_EVERY = 2 * DETECT_EVERY; // frames, if the next one can wait

export class Tracker {
  #faces = []; // as the network saw them
  #shown = []; // the same, smoothed
  #filters = new Map(); // by the number of a face
  #frame = 0;
  #searching = 0; // frames in which the detector still runs
  #cutter = new Cutter();
  #small = null; // the copy of the frame before
  #size = ""; // of the frame before
  #least = 1; // number of a face of this shot
  #closer = null; // what looks closer at the frame

  constructor(finder) {
    this.finder = finder;
  }

  /**
   * { faces, isCloserDue }: the faces { number, points, score, box, roll } of the next frame, and whether to look closer
   * at it, unless the next one is pressing. seconds: since the one before; Infinity if a person has sought another one,
   * which is a cut.
   */
  async next(picture, seconds) {
    const isResized = this.#isResized(picture);
    if (isResized) this.#faces = []; // their places are elsewhere in this frame
    const seen = await this.finder.follow(picture, this.#faces);
    const isCut = this.#isCut(picture, seen) || isResized || seconds === Infinity;
    const followed = isCut ? this.#endShot(seen) : seen;
    const sure = followed.filter(({ isDoubtful }) => !isDoubtful);
    if (isCut || sure.length < this.#faces.length || sure.length === 0) this.#searching = DETECT_EVERY;
    const turn = this.#frame++;
    const isDue = turn % DETECT_EVERY === 0 || this.#searching-- > 0;
    const isWhole = isCut || followed.length > sure.length; // a tile may not show a new or a doubtful face
    const found = isDue ? await this.finder.findNew(picture, sure, isWhole ? 0 : turn) : [];
    const fresh = found.filter((face) => isTrusted(face) || followed.some(({ box }) => overlap(box, face.box) > SAME));
    if (fresh.length) this.#searching = 0;
    this.#number(fresh, sure, followed);
    this.#faces = inOrder([...sure, ...fresh]);
    for (const face of this.#faces) face.roll = this.#rollOf(face);
    this.#shown = this.#faces.map((face) => this.#smooth(face, seconds));
    this.#closer = null;
    return { faces: this.#shown, isCloserDue: isCut || turn % CLOSER_EVERY === 0 };
  }

  /** { faces, left }: the faces of the same frame after one more closer look, and how many of these are left. */
  async lookCloser(picture, options) {
    this.#closer ??= new CloserLook(this.finder, picture, options);
    const fresh = (await this.#closer.step(picture, this.#faces)).filter(isTrusted);
    this.#number(fresh, this.#faces, []);
    for (const face of fresh) face.roll = this.#rollOf(face);
    this.#faces = inOrder([...this.#faces, ...fresh]);
    this.#shown = inOrder([...this.#shown, ...fresh.map((face) => this.#smooth(face, Infinity))]);
    return { faces: this.#shown, left: this.#closer.left };
  }

  /** Whether the frame has another size than the one before, as of a telephone that is turned. */
  #isResized({ width, height }) {
    const before = this.#size;
    this.#size = `${width} x ${height}`;
    return this.#size !== before;
  }

  /** Whether another shot begins: the whole frame has changed, or all followed faces have become other people's. */
  #isCut(picture, seen) {
    for (const face of seen) {
      const { left, top, right, bottom } = face.box;
      const isWhole = left >= 0 && top >= 0 && right <= picture.width && bottom <= picture.height;
      const before = face.looks; // none in the frame after it was found
      face.looks = isWhole ? appearance(this.#cutter, picture, face.points, this.finder.headRoll(face)) : null;
      face.likeness = likeness(before, face.looks);
    }
    const areOthers = seen.length > 0 && seen.every((face) => !face.isDoubtful && face.likeness < SAME_PERSON);
    return this.#change(picture) > CUT || areOthers;
  }

  /** Mean change of the frame since the one before, as a share of the brightness range. */
  #change(picture) {
    const view = wholeView(picture);
    const [before, small] = [this.#small, this.#cutter.cut(picture, view, SMALL)];
    this.#small = small;
    const sum = before?.reduce((total, value, i) => total + Math.abs(value - small[i]), 0) ?? 0;
    const share = (picture.width * picture.height) / view.side ** 2; // of the copy; the rest is black
    return sum / (255 * 3 * SMALL ** 2 * share);
  }

  /** The faces that are surely the same; others will get numbers that none has had. */
  #endShot(seen) {
    this.#least = Math.max(0, ...this.#filters.keys()) + 1;
    return seen.filter((face) => !face.isDoubtful && face.likeness >= SAME_PERSON);
  }

  /** Gives new faces the number of a followed one in the same place, or the lowest that is free. */
  #number(fresh, sure, followed) {
    const used = new Set(sure.map(({ number }) => number));
    for (const face of fresh) {
      face.number = followed.find(({ box, number }) => !used.has(number) && overlap(box, face.box) > SAME)?.number ?? this.#least;
      while (used.has(face.number)) face.number++;
      used.add(face.number);
      this.#filters.set(face.number, new OneEuroFilter());
    }
  }

  #rollOf({ points }) {
    return rollOfFace(points, this.finder.rules.tilted);
  }

  #smooth(face, seconds) {
    const { left, top, right, bottom } = face.box;
    const size = Math.sqrt((right - left) * (bottom - top));
    return { ...face, points: this.#filters.get(face.number).next(face.points, seconds, size) };
  }
}

/** Whether the detector, if there is one, or the landmark network is sure enough of a new face. */
function isTrusted({ score, detected = 1 }) {
  return Math.max(score, detected) >= TRUSTED;
}

function inOrder(faces) {
  return faces.sort((a, b) => a.number - b.number);
}
