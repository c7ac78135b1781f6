// Follows the faces of a video, each from its own last points. The detector runs now and then, and if a face was lost or
// became doubtful: such a face stays only if the detector sees it, too. While it searches, it looks at tiles in turn.
import { OneEuroFilter } from "./smoothing.js";
import { SAME, overlap, rollOfFace } from "./views.js";

const DETECT_EVERY = 12; // frames, and in as many after a face was lost; an even number: those frames are seen whole

export class Tracker {
  #faces = []; // as the network saw them; what is shown is smoothed
  #filters = new Map(); // by the number of a face
  #frame = 0;
  #searching = 0; // frames in which the detector still runs

  constructor(finder) {
    this.finder = finder;
  }

  /** The faces { number, points, score, box, roll } of the next frame. seconds: since the one before. */
  async next(picture, seconds) {
    const followed = await this.finder.follow(picture, this.#faces);
    const sure = followed.filter(({ isDoubtful }) => !isDoubtful);
    if (sure.length < this.#faces.length || sure.length === 0) this.#searching = DETECT_EVERY;
    const turn = this.#frame++;
    const isDue = turn % DETECT_EVERY === 0 || this.#searching-- > 0;
    const isDoubted = followed.length > sure.length; // a tile may not show that face
    const fresh = isDue ? await this.finder.findNew(picture, sure, isDoubted ? 0 : turn) : [];
    if (fresh.length) this.#searching = 0;
    this.#number(fresh, sure, followed);
    this.#faces = [...sure, ...fresh].sort((a, b) => a.number - b.number);
    for (const face of this.#faces) face.roll = rollOfFace(face.points, this.finder.rules.tilted);
    return this.#faces.map((face) => this.#smooth(face, seconds));
  }

  /** Gives new faces the number of a followed one in the same place, or the lowest that is free. */
  #number(fresh, sure, followed) {
    const used = new Set(sure.map(({ number }) => number));
    for (const face of fresh) {
      face.number = followed.find(({ box, number }) => !used.has(number) && overlap(box, face.box) > SAME)?.number ?? 1;
      while (used.has(face.number)) face.number++;
      used.add(face.number);
      this.#filters.set(face.number, new OneEuroFilter());
    }
  }

  #smooth(face, seconds) {
    const { left, top, right, bottom } = face.box;
    const size = Math.sqrt((right - left) * (bottom - top));
    return { ...face, points: this.#filters.get(face.number).next(face.points, seconds, size) };
  }
}
