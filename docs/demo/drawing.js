// Draws a picture and its faces on a canvas: sure faces green, doubtful ones orange and dashed.
import { boxOf } from "./views.js";

const CONTOURS = [[0, 16], [17, 21], [22, 26], [27, 30], [31, 35], [36, 41, true], [42, 47, true], [48, 59, true], [60, 67, true]];
const SMALLEST_SIDE = 384; // pixels of the longer side: smaller pictures are enlarged, so that labels fit
export const SHOWN_SIDE = 1280; // at most, of the canvas on the page
export const SAVED_SIDE = 4096; // and of a picture to keep: some browsers have no larger canvas
const SMALL_FACE = 60; // pixels of the page: smaller ones are drawn finer, with a small label of their number alone
const [SURE, DOUBTFUL] = ["#50ff78", "#ffaa3c"];

/**
 * Puts the picture on the canvas, its longer side reduced to `largest` or enlarged to SMALLEST_SIDE. Returns { scale,
 * mirror }: canvas pixels per pixel of the picture, and the width in which places are mirrored, or 0.
 */
export function drawPicture(canvas, picture, { largest = SHOWN_SIDE, isMirrored = false } = {}) {
  const longer = Math.max(picture.width, picture.height);
  const scale = Math.min(largest, Math.max(SMALLEST_SIDE, longer)) / longer;
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { alpha: false });
  context.imageSmoothingQuality = "high";
  context.setTransform(isMirrored ? -1 : 1, 0, 0, 1, isMirrored ? width : 0, 0);
  context.drawImage(picture, 0, 0, width, height);
  context.setTransform(1, 0, 0, 1, 0, 0);
  return { scale, mirror: isMirrored ? width : 0 };
}

export function drawFaces(canvas, faces, { scale, mirror }) {
  const context = canvas.getContext("2d", { alpha: false });
  context.lineJoin = context.lineCap = "round";
  const unit = canvas.clientWidth ? canvas.width / canvas.clientWidth : Math.max(1, canvas.width / 1000); // of the page
  faces.forEach(({ points, score, isDoubtful, number }, i) => {
    const placed = points.map(([x, y]) => [mirror ? mirror - x * scale : x * scale, y * scale]);
    const { left, top, right, bottom } = boxOf(placed);
    const size = Math.sqrt((right - left) * (bottom - top));
    context.strokeStyle = context.fillStyle = isDoubtful ? DOUBTFUL : SURE;
    const fine = Math.min(unit, size / SMALL_FACE);
    drawContours(context, placed, Math.max(fine, size / 150), isDoubtful);
    drawDots(context, placed, Math.max(fine, Math.min(5 * unit, size / 80)));
    const isSmall = size < SMALL_FACE * unit;
    const height = unit * (isSmall ? 8 : Math.min(20, Math.max(11, size / unit / 9)));
    const label = `${number ?? i + 1}${isSmall ? "" : `  ${score.toFixed(2)}`}${isDoubtful ? "?" : ""}`;
    drawLabel(context, label, [left, top], height);
  });
}

/** A rectangle that is being drawn by hand, in the canvas's pixels. */
export function drawBox(canvas, { left, top, right, bottom }) {
  const context = canvas.getContext("2d", { alpha: false });
  for (const [color, dash] of [["#000", []], ["#fff", [6, 6]]]) {
    context.strokeStyle = color;
    context.setLineDash(dash);
    context.lineWidth = Math.max(2, canvas.width / 400);
    context.strokeRect(left, top, right - left, bottom - top);
  }
  context.setLineDash([]);
}

function drawContours(context, placed, width, isDashed) {
  context.lineWidth = width;
  context.setLineDash(isDashed ? [3 * width, 3 * width] : []);
  context.beginPath();
  for (const [first, last, isClosed] of CONTOURS) {
    context.moveTo(...placed[first]);
    for (let i = first + 1; i <= last; i++) context.lineTo(...placed[i]);
    if (isClosed) context.closePath();
  }
  context.stroke();
  context.setLineDash([]);
}

function drawDots(context, placed, radius) {
  context.beginPath();
  for (const [x, y] of placed) {
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
  }
  context.fill();
}

/** Text in its color on a dark plate above a place, and always within the canvas. */
function drawLabel(context, text, [x, y], height) {
  context.font = `600 ${height}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const width = context.measureText(text).width + height;
  const left = Math.max(0, Math.min(x, context.canvas.width - width));
  const top = Math.max(0, y - 2 * height);
  const color = context.fillStyle;
  context.fillStyle = "#000b";
  context.beginPath();
  context.roundRect(left, top, width, 1.5 * height, 0.4 * height);
  context.fill();
  context.fillStyle = color;
  context.fillText(text, left + height / 2, top + 0.8 * height);
}
