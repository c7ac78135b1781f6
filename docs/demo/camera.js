// Follows the faces that a camera shows. A frame is drawn together with its faces, while the next one is looked at.
import { drawFaces, drawPicture } from "./drawing.js";

const AVERAGED = 0.9; // of the old time between frames in the new one
const SAID_EVERY = 500; // milliseconds
const REASONS = { // by the names of the browser's errors
  NotAllowedError: "this page may not use it; the browser's settings for the page can allow it",
  NotFoundError: "no camera was found",
  NotReadableError: "it cannot be opened; another program may be using it",
};

export class Camera {
  #stream = null;
  #turn = 0; // number of the last start or stop
  #before = 0; // time of the frame before
  #frame = null; // the one that is shown

  /** callbacks: functions { started(), shown(faces, speed), stopped(), failed(error) }. */
  constructor(client, { canvas, video, callbacks }) {
    Object.assign(this, { client, canvas, video, callbacks });
  }

  get isOn() {
    return this.#stream !== null;
  }

  async start() {
    const turn = ++this.#turn;
    try {
      await this.client.ready;
      if (!navigator.mediaDevices) throw new Error("browsers give it to pages from https or localhost only");
      const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" };
      const stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
      if (turn !== this.#turn) return end(stream); // stopped, or started again, while a person was asked
      const unplugged = () => this.#fail(turn, new Error("it was disconnected"));
      stream.getVideoTracks()[0].addEventListener("ended", unplugged);
      this.video.srcObject = this.#stream = stream;
      await this.video.play();
      this.callbacks.started();
      await this.#loop();
    } catch (error) {
      this.#fail(turn, new Error(REASONS[error.name] ?? error.message));
    }
  }

  stop() {
    this.#turn++;
    if (!this.#stream) return;
    end(this.#stream);
    this.#stream = this.video.srcObject = null;
    this.#frame?.close();
    this.#frame = null;
    this.callbacks.stopped();
  }

  /** A copy of the frame that is shown. */
  keep() {
    return createImageBitmap(this.#frame);
  }

  #fail(turn, error) {
    if (turn !== this.#turn) return;
    this.stop();
    this.callbacks.failed(error);
  }

  async #loop() {
    const stream = this.#stream;
    const isMirrored = stream.getVideoTracks()[0].getSettings().facingMode !== "environment";
    let [between, before, said] = [0, 0, 0];
    let coming = this.#next(true);
    for (;;) {
      const { result: faces, times, picture } = await coming;
      if (this.#stream !== stream) return picture.close();
      coming = this.#next(false);
      coming.catch(() => {}); // is reported above, unless the camera has stopped
      this.#frame?.close();
      this.#frame = picture;
      drawFaces(this.canvas, faces, drawPicture(this.canvas, picture, { isMirrored }));
      const now = performance.now();
      if (before) between = between ? AVERAGED * between + (1 - AVERAGED) * (now - before) : now - before;
      before = now;
      if (between && now - said > SAID_EVERY) {
        said = now;
        this.callbacks.shown(faces, { framesPerSecond: 1000 / between, times });
      }
    }
  }

  async #next(isFirst) {
    await new Promise((resolve) => {
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(resolve);
      else requestAnimationFrame(resolve);
    });
    const picture = await createImageBitmap(this.video);
    const now = performance.now();
    const seconds = isFirst ? 1 : (now - this.#before) / 1000;
    this.#before = now;
    return this.client.follow(picture, seconds, isFirst);
  }
}

function end(stream) {
  stream.getTracks().forEach((track) => track.stop());
}
