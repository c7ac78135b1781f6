// The ways in: files that a person chooses, drops or pastes, and samples.

/** callbacks: functions { files(files, way), sample(path) }; way: a word such as "dropped". */
export function listen(chooser, samples, callbacks) {
  chooser.addEventListener("change", () => {
    if (chooser.files.length) callbacks.files(chooser.files, "chosen");
    chooser.value = ""; // so that the same file can be chosen again
  });
  for (const sample of samples) sample.addEventListener("click", () => callbacks.sample(sample.dataset.picture));
  const setOver = (isOver) => document.body.classList.toggle("over", isOver);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    setOver(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? setOver(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    setOver(false);
    const isFile = (item) => item.kind === "file" && !item.webkitGetAsEntry()?.isDirectory;
    callbacks.files([...event.dataTransfer.items].filter(isFile).map((item) => item.getAsFile()), "dropped");
  });
  document.addEventListener("paste", (event) => callbacks.files(event.clipboardData.files, "pasted"));
}

export async function fetchPicture(path) {
  const answer = await fetch(path).catch(() => {
    throw new Error("the page's server does not answer");
  });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.blob();
}

/** A picture of a blob or a bitmap; of an animated one, the first frame. */
export async function decode(source) {
  try {
    return await createImageBitmap(source);
  } catch {
    throw new Error("this browser cannot read it as a picture or a video; JPEG, PNG, WebP, MP4 and WebM files work");
  }
}

/** Whether a blob is a picture with several frames, as far as the browser tells. */
export async function isAnimated(blob) {
  if (!("ImageDecoder" in self) || !(blob instanceof Blob)) return false;
  const decoder = new ImageDecoder({ data: await blob.arrayBuffer(), type: blob.type });
  try {
    await decoder.tracks.ready;
    return decoder.tracks.selectedTrack.frameCount > 1;
  } catch {
    return false; // it decodes fewer formats than the browser shows
  } finally {
    decoder.close();
  }
}
