/**
 * In the page, before its own scripts: cameras in the place of the browser's. Each is { label, facing, faces, error }:
 * what the browser tells about where it faces; how many faces it shows, one below the other on the left; the name of the
 * error with which it does not open.
 */
export function fakeCameras(cameras) {
  const media = navigator.mediaDevices;
  const devices = cameras.map(({ label }, i) => ({ kind: "videoinput", deviceId: `camera ${i}`, label }));
  media.enumerateDevices = async () => devices;
  media.getUserMedia = async ({ video: { deviceId, facingMode } }) => {
    const wanted = devices.findIndex((device) => device.deviceId === deviceId?.exact);
    const i = deviceId ? wanted : Math.max(0, cameras.findIndex(({ facing }) => facing === facingMode));
    if (i < 0) throw new DOMException("", "OverconstrainedError");
    const { label, facing, faces, error } = cameras[i];
    if (error) throw new DOMException("", error);
    const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
    const context = canvas.getContext("2d", { alpha: false });
    const picture = await createImageBitmap(await (await fetch("samples/face.jpg")).blob());
    setInterval(() => {
      for (let row = 0; row < faces; row++) context.drawImage(picture, 0, 240 * row, 240, 240);
    }, 40);
    const stream = canvas.captureStream();
    const [track] = stream.getVideoTracks();
    track.getSettings = () => ({ deviceId: devices[i].deviceId, facingMode: facing });
    Object.defineProperty(track, "label", { value: label });
    return stream;
  };
  /** Takes the camera that is on away. */
  window.unplug = () => {
    const [track] = document.querySelector("#video").srcObject.getTracks();
    devices.splice(devices.findIndex(({ deviceId }) => deviceId === track.getSettings().deviceId), 1);
    track.dispatchEvent(new Event("ended"));
    media.dispatchEvent(new Event("devicechange"));
  };
}
