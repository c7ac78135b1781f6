// The frames that a video element shows, a camera's or a file's. Those that pass while another one is looked at are
// skipped. A source of the follower's.

export class Live {
  isPatient = false; // the next frame does not wait
  #turn = 0; // number of the last start or stop
  #before = Infinity; // seconds: the time of the frame before; after a seek there is none
  #untaken = null; // seconds: the time of the frame that the video shows, unless it was taken
  #take = null; // takes it, while one is waited for

  /** skipped: number of frames since the start or a seek that passed while another one was looked at. */
  constructor(video) {
    Object.assign(this, { video, skipped: 0 });
    video.addEventListener("seeking", () => this.#jump());
    for (const rest of ["pause", "seeked"]) video.addEventListener(rest, () => video.paused && this.#offer());
  }

  /** Whether the video rests on the frame that was taken last. */
  get isResting() {
    return this.video.paused && !this.video.seeking && this.isWaiting;
  }

  /** Whether the next frame has not come yet. */
  get isWaiting() {
    return this.#take !== null;
  }

  start() {
    this.#take = null;
    this.#jump();
    this.#watch(++this.#turn);
  }

  stop() {
    this.#turn++;
  }

  /** The next frame { picture, time, before }, once it is shown; at once if the video rests on it. */
  async next() {
    const time = await new Promise((take) => {
      this.#take = take;
      if (this.video.paused) this.#offer();
    });
    const before = this.#before;
    this.#before = time;
    return { picture: await createImageBitmap(this.video), time, before };
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
