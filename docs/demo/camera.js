// The cameras: chosen, opened, and given to the follower.

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

  /**
   * callbacks: functions { started(), listed(cameras, id), shown(faces, speed), muted(), stopped(), failed(error) };
   * cameras: { deviceId, label }, as far as the browser tells; id: of the one that is on; muted: it shows nothing now.
   */
  constructor(follower, callbacks) {
    Object.assign(this, { follower, callbacks, video: follower.video });
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#list());
  }

  get isOn() {
    return this.#stream !== null;
  }

  /** Starts the camera of an id, or goes on with it; without an id, with one that faces the user. */
  async start(id) {
    const turn = ++this.#turn;
    try {
      await this.follower.client.ready;
      if (!navigator.mediaDevices) throw new Error("browsers give it to pages from https or localhost only");
      if (this.isOn) end(this.#stream); // telephones open one camera at a time
      const which = id ? { deviceId: { exact: id } } : { facingMode: "user" };
      const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, ...which };
      const stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
      if (turn !== this.#turn) return end(stream); // stopped, or started again, while a person was asked
      const [track] = stream.getVideoTracks();
      const gone = () => this.#fail(turn, new Error("it was disconnected or taken by another program"));
      track.addEventListener("ended", gone);
      const muted = () => turn === this.#turn && this.callbacks.muted();
      track.addEventListener("mute", muted); // by the system of a telephone, for a call or another program
      const goOn = () => turn === this.#turn && this.video.play().catch(() => {}); // it may have stopped the video, too
      track.addEventListener("unmute", goOn);
      const wasOn = this.isOn;
      this.video.srcObject = this.#stream = stream;
      if (!wasOn) this.callbacks.started();
      if (track.muted) muted();
      await this.video.play();
      this.#list();
      const shown = (...rest) => track.muted || this.callbacks.shown(...rest);
      await this.follower.run({ isMirrored: !facesAway(stream), shown });
    } catch (error) {
      this.#fail(turn, new Error(REASONS[error.name] ?? error.message));
    }
  }

  stop() {
    this.#turn++;
    if (!this.#stream) return;
    end(this.#stream);
    this.#stream = this.video.srcObject = null;
    this.follower.stop();
    this.callbacks.stopped();
  }

  /** A copy of the frame that is shown. */
  keep() {
    return createImageBitmap(this.follower.frame);
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
}

function end(stream) {
  stream.getTracks().forEach((track) => track.stop());
}

function facesAway(stream) {
  const [track] = stream.getVideoTracks();
  const { facingMode } = track.getSettings(); // Firefox on telephones gives none
  return facingMode ? facingMode === "environment" : AWAY.test(track.label);
}
