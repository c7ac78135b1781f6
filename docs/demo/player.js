// Plays a video file, whose faces the follower follows, and keeps their points. Its controls are the browser's own kinds.
import { Recording } from "./recording.js";

const UNREADABLE = "this browser cannot play it; MP4 files with H.264 and WebM files work in most";
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export class Player {
  #address = null; // of the file, while it is open
  #turn = 0; // number of the last opening or stop
  #wanted = null; // seconds: where to go once the browser has found the place before
  #speed = null; // of the frame that is drawn
  #isHeld = false; // while the page is hidden, where browsers show no frames

  /**
   * controls: elements { play, seek, time, pace }; callbacks: functions { started(), shown(faces, speed), stopped(),
   * failed(error), broken(place) }; broken: it plays no further, but what was followed until there is kept.
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
    return this.isOn && this.video.ended && this.follower.isIdle;
  }

  get picture() {
    return this.follower.frame;
  }

  asJson() {
    const { name, recording, video } = this;
    return recording.asJson({ name, width: video.videoWidth, height: video.videoHeight });
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
      await orBroken(video, this.follower.run({
        drawn: (faces, time, before) => {
          this.faces = faces;
          this.recording.add(faces, time, before);
        },
        shown: (faces, speed) => {
          this.#speed = speed;
          if (!video.error) this.callbacks.shown(faces, speed);
        },
      }));
    } catch (error) {
      if (turn !== this.#turn) return;
      if (this.recording.length) return this.callbacks.broken(clock(video.currentTime));
      this.stop();
      this.callbacks.failed(error);
    }
  }

  stop() {
    this.#turn++;
    if (!this.isOn) return;
    this.follower.stop();
    this.video.removeAttribute("src");
    this.video.load(); // lets go of the file
    URL.revokeObjectURL(this.#address);
    this.#address = this.#wanted = null;
    this.callbacks.stopped();
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
    const { currentTime, duration, paused } = this.video;
    play.textContent = paused ? "Play" : "Pause";
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
