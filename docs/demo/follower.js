// Follows the faces in what a video element shows: a camera or a file. A frame is drawn together with its faces, while
// the next one is looked at.
import { drawFaces, drawPicture } from "./drawing.js";

const AVERAGED = 0.9; // of the old time between frames in the new one
const SAID_EVERY = 500; // milliseconds

export class Follower {
  #turn = 0; // number of the last start or stop
  #frame = null; // the one that is drawn
  #before = Infinity; // seconds: the time of the frame before; after a seek there is none
  #untaken = null; // seconds: the time of the frame that the video shows, unless it was looked at
  #take = null; // takes it, while one is waited for

  /** skipped: number of frames since the start or a seek that passed while another one was looked at. */
  constructor(client, { canvas, video }) {
    Object.assign(this, { client, canvas, video, skipped: 0 });
    video.addEventListener("seeking", () => this.#jump());
    for (const rest of ["pause", "seeked"]) video.addEventListener(rest, () => video.paused && this.#offer());
  }

  /** The frame that is drawn; it is closed when the next one is. */
  get frame() {
    return this.#frame;
  }

  /** Whether it waits for the next frame. */
  get isIdle() {
    return this.#take !== null;
  }

  /**
   * Follows until stop(), and throws what fails. drawn(faces, time, before) is called with every frame, before: the time
   * of the one before it, Infinity after a seek; shown(faces, { framesPerSecond, times }) now and then.
   */
  async run({ isMirrored = false, drawn = () => {}, shown }) {
    const turn = ++this.#turn;
    this.#take = null;
    this.#jump();
    this.#watch(turn);
    let [between, last, said] = [0, 0, 0];
    let coming = this.#next(turn, true);
    for (;;) {
      const { result: faces, times, picture, time, before } = await coming;
      if (turn !== this.#turn) return picture?.close();
      coming = this.#next(turn, false);
      coming.catch(() => {}); // is thrown above, unless this has stopped
      this.#frame?.close();
      this.#frame = picture;
      drawFaces(this.canvas, faces, drawPicture(this.canvas, picture, { isMirrored }));
      drawn(faces, time, before);
      const now = performance.now();
      if (last) between = between ? AVERAGED * between + (1 - AVERAGED) * (now - last) : now - last;
      last = this.video.paused ? 0 : now;
      if ((between && now - said > SAID_EVERY) || this.video.paused) {
        said = now;
        shown(faces, { framesPerSecond: between && 1000 / between, times });
      }
    }
  }

  stop() {
    this.#turn++;
    this.#frame?.close();
    this.#frame = null;
  }

  /** Looks at the next frame that the video shows; at once if the video rests. */
  async #next(turn, isFirst) {
    const time = await new Promise((take) => {
      this.#take = take;
      if (this.video.paused) this.#offer();
    });
    const before = this.#before;
    this.#before = time;
    const picture = await createImageBitmap(this.video);
    if (turn !== this.#turn) return { picture };
    const seconds = time > before ? time - before : Infinity;
    return { ...(await this.client.follow(picture, seconds, isFirst)), time, before };
  }

  /** Notes every frame that the video shows, and its time. */
  #watch(turn) {
    const note = (now, { mediaTime }) => {
      if (turn !== this.#turn) return;
      const time = this.video.srcObject ? now / 1000 : mediaTime; // not every browser knows a camera's
      if (this.#untaken !== null) this.skipped++;
      if (time !== this.#before) this.#untaken = time;
      this.#offer();
      wait();
    };
    const wait = () => {
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(note);
      else requestAnimationFrame((now) => note(now, { mediaTime: this.video.currentTime }));
    };
    wait();
  }

  #jump() {
    this.#before = Infinity;
    this.#untaken = null;
    this.skipped = 0;
  }

  #offer() {
    if (!this.#take || this.#untaken === null || this.video.seeking) return;
    this.#take(this.#untaken);
    this.#take = this.#untaken = null;
  }
}
