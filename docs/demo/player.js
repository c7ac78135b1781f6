// Plays a video file, whose faces the follower follows, and keeps their points. Its controls are the browser's own kinds.
import { Recording } from "./recording.js";
import { asCsv } from "./results.js";
import { Stepper } from "./stepper.js";

const UNREADABLE = "this browser cannot play it; MP4 files with H.264 and WebM files work in most";
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export class Player {
  #address = null; // of the file, while it is open
  #turn = 0; // number of the last opening or stop
  #wanted = null; // seconds: where to go once the browser has found the place before
  #speed = null; // of the frame that is drawn
  #isHeld = false; // while the page is hidden, where browsers show no frames
  #stepper = null; // while every frame is visited
  #time = 0; // seconds: of the frame that it has drawn

  /**
   * controls: elements { play, seek, time, pace, every }; callbacks: functions { started(), shown(faces, speed),
   * visiting(), visited({ isComplete, missed }), unvisited(error), stopped(), failed(error), broken(place) }; visiting: every
   * frame, until that ends or turns out to be impossible; meanwhile shown's speed has a share, of the video that is done;
   * broken: the video plays no further, but what was followed until there is kept.
   */
  constructor(follower, controls, callbacks) {
    Object.assign(this, { follower, controls, callbacks, video: follower.video });
    const { video } = this;
    for (const change of ["play", "pause", "timeupdate", "durationchange", "seeked"])
      video.addEventListener(change, () => this.isOn && this.#update());
    video.addEventListener("seeked", () => this.#wanted !== null && this.#seek());
    video.addEventListener("ended", () => this.isOver && this.#speed && callbacks.shown(this.faces, this.#speed));
    controls.play.addEventListener("click", () => (video.paused ? this.#play() : video.pause()));
    controls.pace.addEventListener("change", () => this.#pace());
    controls.every.addEventListener("click", () => (this.#stepper ? this.#stepper.stop() : this.#visit()));
    controls.seek.addEventListener("input", () => {
      this.#wanted = Number(controls.seek.value);
      if (!video.seeking) this.#seek();
    });
    document.addEventListener("visibilitychange", () => this.#hold(document.hidden));
  }

  get isOn() {
    return this.#address !== null;
  }

  /** Whether it is at its end and the last frame is drawn. */
  get isOver() {
    return this.isOn && this.video.ended && !this.#stepper && this.follower.live.isWaiting;
  }

  get picture() {
    return this.follower.frame;
  }

  asJson() {
    return this.recording.asJson(this.name);
  }

  asCsv() {
    return asCsv(this.name, this.recording.frames);
  }

  async open(file, name) {
    const turn = ++this.#turn;
    const { video } = this;
    Object.assign(this, { name, faces: [], recording: new Recording() });
    this.#speed = null;
    try {
      await this.follower.client.ready;
      if (turn !== this.#turn) return;
      this.#address = URL.createObjectURL(file);
      await orBroken(video, this.#load());
      if (turn !== this.#turn) return;
      this.callbacks.started();
      this.#pace();
      this.#play();
      this.#live(turn, true);
    } catch (error) {
      this.#fail(turn, error);
    }
  }

  stop() {
    this.#turn++;
    if (!this.isOn) return;
    if (this.#stepper) this.#leaveVisit();
    this.follower.stop();
    this.video.removeAttribute("src");
    this.video.load(); // lets go of the file
    URL.revokeObjectURL(this.#address);
    this.#address = this.#wanted = null;
    this.callbacks.stopped();
  }

  async #follow(options) {
    await orBroken(this.video, this.follower.run({
      ...options,
      drawn: (faces, time, before) => {
        this.faces = faces;
        if (this.#stepper || !this.recording.isComplete) this.recording.add(faces, time, before, this.picture);
        this.#time = time;
        if (this.#stepper) this.#update();
      },
      shown: (faces, speed) => {
        this.#speed = { ...speed, share: this.#stepper && this.#time / this.video.duration };
        if (!this.video.error) this.callbacks.shown(faces, this.#speed);
      },
    }));
  }

  async #live(turn, isFirst) {
    try {
      await this.#follow({ isFirst });
    } catch (error) {
      this.#fail(turn, error);
    }
  }

  /** Visits every frame, from the first one to the last, or until a person stops it. */
  async #visit() {
    const [turn, stepper, before] = [this.#turn, new Stepper(this.video), this.recording];
    this.video.pause();
    this.#stepper = stepper;
    this.recording = new Recording();
    this.#setVisiting(true);
    this.callbacks.visiting();
    try {
      await this.#follow({ source: stepper, isFirst: true });
      if (turn !== this.#turn) return;
      this.recording.isComplete = stepper.isComplete && stepper.missed === 0;
      this.callbacks.visited(stepper);
    } catch (error) {
      if (turn !== this.#turn) return;
      if (this.video.error) this.#fail(turn, error);
      else {
        this.recording = before;
        this.callbacks.unvisited(error);
      }
    }
    if (turn !== this.#turn) return;
    if (this.recording.length === 0) this.recording = before;
    this.#leaveVisit();
    this.#live(turn, false);
  }

  #leaveVisit() {
    this.#stepper = null;
    this.video.pause();
    this.#setVisiting(false);
    this.#pace();
  }

  #setVisiting(isOn) {
    const { play, seek, pace, every } = this.controls;
    for (const control of [play, seek, pace]) control.disabled = isOn;
    every.textContent = isOn ? "Stop" : "Every frame";
    this.#update();
  }

  #fail(turn, error) {
    if (turn !== this.#turn) return;
    if (this.recording.length) return this.callbacks.broken(clock(this.video.currentTime));
    this.stop();
    this.callbacks.failed(error);
  }

  async #load() {
    const { video } = this;
    video.src = this.#address;
    await happened(video, "loadedmetadata");
    if (video.videoWidth === 0) throw new Error(UNREADABLE); // it plays the sound alone
    if (video.duration < Infinity) return;
    for (const place of [Number.MAX_SAFE_INTEGER, 0]) { // a recording of a browser does not tell how long it is
      video.currentTime = place;
      await happened(video, "seeked");
    }
  }

  #play() {
    this.video.play().catch(() => {}); // some browsers want a person to press Play
  }

  #pace() {
    this.video.playbackRate = Number(this.controls.pace.value);
  }

  #seek() {
    this.video.currentTime = this.#wanted;
    this.#wanted = null;
  }

  #hold(isHidden) {
    const { video } = this;
    if (isHidden) {
      this.#isHeld = this.isOn && !video.paused;
      if (this.#isHeld) video.pause();
    } else if (this.isOn && this.#isHeld) this.#play();
  }

  #update() {
    const { play, seek, time } = this.controls;
    const { duration, paused } = this.video;
    const currentTime = this.#stepper ? this.#time : this.video.currentTime; // it goes to and fro meanwhile
    play.textContent = paused || this.#stepper ? "Play" : "Pause";
    seek.max = duration;
    if (this.#wanted === null) seek.value = currentTime;
    time.textContent = `${clock(currentTime)} / ${clock(duration)}`;
    seek.setAttribute("aria-valuetext", `${clock(currentTime)} of ${clock(duration)}`);
  }
}

function happened(element, name) {
  return new Promise((resolve) => element.addEventListener(name, resolve, { once: true }));
}

/** What a task gives, unless the video breaks before. */
async function orBroken(video, task) {
  const broken = happened(video, "error").then(() => Promise.reject(new Error(UNREADABLE)));
  return Promise.race([broken, task]);
}
