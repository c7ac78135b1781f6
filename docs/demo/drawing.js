// Draws a picture and its faces on a canvas. Doubtful faces are orange, the others green.
import { DOUBTFUL_BELOW, boxOf } from "./finder.js";

const LARGEST_SIDE = 1280; // pixels of the canvas
const CONTOURS = [[0, 16], [17, 21], [22, 26], [27, 30], [31, 35], [36, 41, true], [42, 47, true], [48, 59, true], [60, 67, true]];
export const SURE = "#50ff78";
export const DOUBTFUL = "#ffaa3c";

/** Puts the picture on the canvas, reduced where it is large. Returns the canvas's pixels a pixel of the picture. */
export function drawPicture(canvas, picture) {
  const scale = Math.min(1, LARGEST_SIDE / Math.max(picture.width, picture.height));
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  const context = canvas.getContext("2d", { alpha: false });
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return scale;
}

export function drawFaces(canvas, faces, scale) {
  const context = canvas.getContext("2d", { alpha: false });
  faces.forEach(({ points, score }, number) => {
    const placed = points.map(([x, y]) => [x * scale, y * scale]);
    const { left, top, right, bottom } = boxOf(placed);
    const size = Math.sqrt((right - left) * (bottom - top));
    context.strokeStyle = context.fillStyle = score < DOUBTFUL_BELOW ? DOUBTFUL : SURE;
    context.lineWidth = Math.max(1, size / 150);
    for (const [first, last, closed] of CONTOURS) {
      context.beginPath();
      placed.slice(first, last + 1).forEach(([x, y]) => context.lineTo(x, y));
      if (closed) context.closePath();
      context.stroke();
    }
    const radius = Math.min(4, Math.max(1, size / 70));
    for (const [x, y] of placed) {
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    }
    label(context, `${number + 1}: ${score.toFixed(2)}`, left, Math.max(14, top - 6), Math.min(20, Math.max(12, size / 9)));
  });
}

/** A rectangle that is being drawn by hand, in the canvas's pixels. */
export function drawBox(canvas, { left, top, right, bottom }) {
  const context = canvas.getContext("2d", { alpha: false });
  context.strokeStyle = "#fff";
  context.lineWidth = 2;
  context.strokeRect(left, top, right - left, bottom - top);
}

function label(context, text, x, y, size) {
  context.font = `${size}px system-ui, sans-serif`;
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}
