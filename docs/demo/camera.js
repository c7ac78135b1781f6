// Follows the faces that a camera shows. A frame is drawn together with its faces, while the next one is looked at.
import { drawFaces, drawPicture } from "./drawing.js";

const AVERAGED = 0.9; // of the old time between frames in the new one
const SAID_EVERY = 500; // milliseconds
const REASONS = { // by the names of the browser's errors
  NotAllowedError: "this page may not use it; the browser's settings for the page can allow it",
  NotFoundError: "no camera was found",
  NotReadableError: "it cannot be opened; another program may be using it",
  OverconstrainedError: "it is not connected any more",
};
const AWAY = /\b(back|rear)\b/i; // in the name of a camera that faces away, if a browser does not say so otherwise

export class Camera {
  #stream = null;
  #turn = 0; // number of the last start or stop
  #before = 0; // time of the frame before
  #frame = null; // the one that is shown

  /**
   * callbacks: functions { started(), listed(cameras, id), shown(faces, speed), stopped(), failed(error) };
   * cameras: { deviceId, label }, as far as the browser tells; id: of the one that is on.
   */
  constructor(client, { canvas, video, callbacks }) {
    Object.assign(this, { client, canvas, video, callbacks });
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#list());
  }

  get isOn() {
    return this.#stream !== null;
  }

  /** Starts the camera of an id, or goes on with it; without an id, with one that faces the user. */
  async start(id) {
    const turn = ++this.#turn;
    try {
      await this.client.ready;
      if (!navigator.mediaDevices) throw new Error("browsers give it to pages from https or localhost only");
      if (this.isOn) end(this.#stream); // telephones open one camera at a time
      const which = id ? { deviceId: { exact: id } } : { facingMode: "user" };
      const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, ...which };
      const stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
      if (turn !== this.#turn) return end(stream); // stopped, or started again, while a person was asked
      const gone = () => this.#fail(turn, new Error("it was disconnected or taken by another program"));
      stream.getVideoTracks()[0].addEventListener("ended", gone);
      const wasOn = this.isOn;
      this.video.srcObject = this.#stream = stream;
      await this.video.play();
      if (!wasOn) this.callbacks.started();
      this.#list();
      await this.#loop(stream);
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
    this.#list(); // another one may work
  }

  async #list() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const cameras = devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId);
    this.callbacks.listed(cameras, this.#stream?.getVideoTracks()[0].getSettings().deviceId);
  }

  async #loop(stream) {
    const isMirrored = !facesAway(stream);
    let [between, before, said] = [0, 0, 0];
    let coming = this.#next(stream, true);
    for (;;) {
      const { result: faces, times, picture } = await coming;
      if (this.#stream !== stream) return picture?.close();
      coming = this.#next(stream, false);
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

  async #next(stream, isFirst) {
    await new Promise((resolve) => {
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(resolve);
      else requestAnimationFrame(resolve);
    });
    if (this.#stream !== stream) return {}; // the frame is another camera's
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

function facesAway(stream) {
  const [track] = stream.getVideoTracks();
  const { facingMode } = track.getSettings(); // Firefox on telephones gives none
  return facingMode ? facingMode === "environment" : AWAY.test(track.label);
}
