// Every frame of a video file, in turn, however busy the machine is. A source of the follower's. Browsers have no step to
// the next frame, and a seek does not reach every frame if they last differently. So the video is played slowly, rests
// while a frame is looked at, and goes back if the browser's counters say that it has passed one; and once if the frame
// before it seems to have lasted long, since a browser that is busy does not count all.

const SLOWEST = 1 / 16; // of the video's own speed: what browsers can do
const SLOWER = 1 / 2; // after a frame was passed
const FASTER = 1.1; // after one was not
const BACK = 0.1; // seconds before a frame, if a seek to it goes beyond
const TRIES = 10; // to reach a frame without passing one
const LONG = 1.5; // times as long as the shortest so far
const SAME = 0.002; // seconds by which browsers round a frame's time
const PATIENCE = 1000; // milliseconds in which a browser tells of a frame that it shows
const UNTOLD = "this browser does not tell which frame it shows; Chrome and Edge do. Played slower, a video gives most frames";

export class Stepper {
  isPatient = true; // every frame is looked at as long as need be
  isResting = false;
  isComplete = false; // whether the last frame was given
  missed = 0; // number of frames, at least, that were passed in all tries
  #isOn = true;
  #time = -Infinity; // seconds: of the last frame that was given
  #shortest = 0; // seconds between two frames
  #speed = 1; // of playing, in the video's own
  #presented = 0; // number of frames that the browser had shown when it last told of one
  #dropped = 0; // number of those that came too late to be shown
  #coming = null; // the next frame, which is sought while the last one is looked at

  constructor(video) {
    this.video = video;
  }

  start() {
    this.#coming = this.#step();
    this.#coming.catch(() => {}); // next() throws it
  }

  /** Ends it: there is no next frame. */
  stop() {
    this.#isOn = false;
    this.#coming?.then((frame) => frame?.picture.close(), () => {});
    this.#coming = null;
  }

  /** The next frame { picture, time, before }; null after the last one. Throws an Error if the browser cannot tell. */
  async next() {
    const frame = await this.#coming;
    if (!this.#isOn) return null;
    this.isComplete = frame === null;
    this.#coming = frame && this.#step();
    this.#coming?.catch(() => {});
    return frame;
  }

  async #step() {
    const { video } = this;
    if (!video.requestVideoFrameCallback || !("VideoFrame" in self)) throw new Error(UNTOLD);
    const isFirst = this.#time < 0;
    let place = isFirst ? 0 : null; // where to go, if not on
    let [back, seen] = [0, null]; // seen: the time of the next frame in the try before
    for (let tries = 1; this.#isOn; ) {
      const [went, told] = [place !== null, place === null ? await this.#play() : await this.#goTo(place)];
      place = null;
      const { frame, time, ...since } = this.#look(told);
      const passed = went ? 0 : since.passed;
      const isOld = time < this.#time + SAME;
      const isNext = !isOld && !went && passed === 0 && (time - this.#time < LONG * this.#shortest || time === seen);
      if (!isOld && (isFirst || isNext || tries >= TRIES)) {
        this.missed += passed;
        return frame && this.#take(frame, time);
      }
      frame?.close();
      if (isOld && passed === 0) continue;
      if (tries >= 2 * TRIES) throw new Error(UNTOLD); // no new frame: Firefox gives every one a time near 0
      if (went) back += BACK;
      else if (passed > 0) this.#speed = Math.max(SLOWEST, SLOWER * this.#speed);
      else seen = time;
      place = Math.max(0, this.#time - back);
      tries++;
    }
    return null;
  }

  /** The frame that is shown, its time, and how many were passed since the one before; told: of it. At the end, null. */
  #look(told) {
    const dropped = this.video.getVideoPlaybackQuality().droppedVideoFrames;
    const frame = told && new VideoFrame(this.video);
    const time = frame ? frame.timestamp / 1e6 : Infinity;
    let passed = dropped - this.#dropped;
    if (told) passed += told.presentedFrames - this.#presented - 1;
    if (told && Math.abs(told.mediaTime - time) > SAME) passed++; // another one is shown by now
    this.#dropped = dropped;
    this.#presented = told?.presentedFrames ?? this.#presented;
    return { passed, frame, time };
  }

  async #take(frame, time) {
    const before = this.#time < 0 ? Infinity : this.#time;
    if (before < Infinity) this.#shortest = Math.min(time - before, this.#shortest || Infinity);
    this.#time = time;
    this.#speed = Math.min(1, FASTER * this.#speed);
    const picture = await createImageBitmap(frame);
    frame.close();
    return { picture, time, before };
  }

  /** Plays until the next frame is shown. Gives what the browser tells of it, or null at the end. */
  async #play() {
    const { video } = this;
    video.playbackRate = this.#speed;
    const isEnd = new AbortController();
    const told = await new Promise((resolve) => {
      const end = () => setTimeout(resolve, PATIENCE, null);
      video.requestVideoFrameCallback((_, frame) => resolve(frame));
      video.addEventListener("ended", end, { signal: isEnd.signal });
      if (video.ended) end(); // to play it would begin anew
      else video.play().catch(() => {});
    });
    isEnd.abort();
    video.pause();
    return told;
  }

  /** Goes to a place. Gives what the browser tells of the frame there. */
  async #goTo(place) {
    const { video } = this;
    for (let tries = 0; ; tries++) {
      const shown = this.#shownFrom(performance.now());
      const found = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
      video.currentTime = place + tries * 1e-5; // a seek to where it is shows nothing
      await found;
      const told = await Promise.race([shown, new Promise((resolve) => setTimeout(resolve, PATIENCE, null))]);
      if (told) return told;
    }
  }

  /** What the browser tells of the frame that it shows first from a moment on; it may still tell of an earlier one. */
  #shownFrom(moment) {
    return new Promise((resolve) => {
      const note = (_, told) => (told.presentationTime < moment ? wait() : resolve(told));
      const wait = () => this.video.requestVideoFrameCallback(note);
      wait();
    });
  }
}
