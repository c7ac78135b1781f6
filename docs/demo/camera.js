// Follows the faces that a camera shows, and says how fast.
import { drawFaces, drawPicture } from "./drawing.js";

const DETECT_EVERY = 12; // frames
const AVERAGED = 0.9; // of the old time between frames in the new one

export class Camera {
  /** ready: a promise of the Finder. stopped: called when the camera ends. */
  constructor(ready, { canvas, video, button, say, stopped }) {
    Object.assign(this, { ready, canvas, video, button, say, stopped, stream: null });
    button.addEventListener("click", () => (this.stream ? this.stop() : this.start()));
  }

  async start() {
    try {
      const finder = await this.ready;
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
      this.video.srcObject = this.stream;
      await this.video.play();
      this.button.textContent = "Stop the camera";
      await this.loop(finder);
    } catch (error) {
      this.stop();
      this.say(`The camera does not work: ${error.message ?? error}`, { failed: true });
    }
  }

  stop() {
    if (!this.stream) return;
    this.stream.getTracks().forEach((track) => track.stop());
    this.stream = this.video.srcObject = null;
    this.button.textContent = "Use the camera";
    this.stopped();
    this.say("The camera is off.");
  }

  async loop(finder) {
    const frame = document.createElement("canvas");
    let [faces, count, between, last] = [[], 0, 0, performance.now()];
    while (this.stream) {
      [frame.width, frame.height] = [this.video.videoWidth, this.video.videoHeight];
      frame.getContext("2d", { alpha: false }).drawImage(this.video, 0, 0);
      const followed = await finder.follow(frame, faces);
      const isDue = count++ % DETECT_EVERY === 0 || followed.length < faces.length || followed.length === 0;
      faces = isDue ? [...followed, ...(await finder.find(frame, followed))] : followed;
      if (!this.stream) return;
      drawFaces(this.canvas, faces, drawPicture(this.canvas, frame));
      const now = performance.now();
      between = between ? AVERAGED * between + (1 - AVERAGED) * (now - last) : now - last;
      last = now;
      const people = faces.length === 1 ? "face" : "faces";
      this.say(`Camera: ${faces.length} ${people}, ${(1000 / between).toFixed(0)} frames a second.`);
      await new Promise(requestAnimationFrame);
    }
  }
}
