// Follows the faces in the frames of a source: Live, of a camera or a file that plays, or a Stepper. A frame is drawn
// together with its faces, while the next one is looked at.
import { drawFaces, drawPicture } from "./drawing.js";
import { Live } from "./live.js";

const AVERAGED = 0.9; // of the old time between frames in the new one
const SAID_EVERY = 500; // milliseconds

export class Follower {
  #turn = 0; // number of the last start or stop
  #frame = null; // the one that is drawn
  #source = null;

  constructor(client, { canvas, video }) {
    Object.assign(this, { client, canvas, video, live: new Live(video) });
  }

  /** The frame that is drawn; it is closed when the next one is. */
  get frame() {
    return this.#frame;
  }

  /**
   * Follows a source until its end, stop() or another run(), and throws what fails. isFirst: of another video. drawn(faces,
   * time, before) is called with every frame, and again with more faces of it; before: the time of the one before it,
   * Infinity after a seek. shown(faces, { framesPerSecond, times, left }) is called now and then; left: after a closer look,
   * the number of views in which small faces are still looked for.
   */
  async run({ source = this.live, isFirst = true, isMirrored = false, drawn = () => {}, shown }) {
    const turn = this.#leave();
    const isOn = () => turn === this.#turn;
    this.#source = source;
    source.start();
    let [between, last, said] = [0, 0, 0];
    let coming = this.#next(turn, isFirst);
    for (;;) {
      const frame = await coming;
      if (!isOn()) return frame?.picture.close();
      if (frame === null) return;
      const { picture, time, before, times } = frame;
      let { faces } = frame;
      if (source.isPatient && frame.isCloserDue) for await (const more of this.#lookCloser(picture, isOn)) ({ faces } = more);
      if (!isOn()) return picture.close();
      coming = this.#next(turn, false);
      coming.catch(() => {}); // is thrown above, unless this has stopped
      this.#draw(picture, faces, isMirrored);
      drawn(faces, time, before);
      const now = performance.now();
      if (last) between = between ? AVERAGED * between + (1 - AVERAGED) * (now - last) : now - last;
      last = source.isResting ? 0 : now;
      if ((between && now - said > SAID_EVERY) || source.isResting) {
        said = now;
        shown(faces, { framesPerSecond: between && 1000 / between, times });
      }
      const rests = () => isOn() && source.isResting;
      for await (const more of this.#lookCloser(picture, rests, { isThorough: true })) {
        this.#draw(picture, more.faces, isMirrored);
        drawn(more.faces, time, before);
        shown(more.faces, { framesPerSecond: 0, times: more.times, left: more.left });
      }
    }
  }

  stop() {
    this.#leave();
    this.#frame?.close();
    this.#frame = null;
  }

  #leave() {
    this.#source?.stop();
    return ++this.#turn;
  }

  /** Looks at the source's next frame. */
  async #next(turn, isFirst) {
    const frame = await this.#source.next();
    if (turn !== this.#turn || frame === null) return frame;
    const { picture, time, before } = frame;
    const { result, times, picture: seen } = await this.client.follow(picture, time > before ? time - before : Infinity, isFirst);
    return { ...result, times, picture: seen, time, before };
  }

  /** { faces, left, times } of a frame after each closer look, as long as it is wanted. */
  async *#lookCloser(picture, isWanted, options) {
    let left = 1;
    while (left > 0 && isWanted()) {
      const { result, times } = await this.client.lookCloser(picture, options);
      left = result.left;
      if (isWanted()) yield { ...result, times };
    }
  }

  #draw(picture, faces, isMirrored) {
    if (picture !== this.#frame) this.#frame?.close();
    this.#frame = picture;
    drawFaces(this.canvas, faces, drawPicture(this.canvas, picture, { isMirrored }));
  }
}
