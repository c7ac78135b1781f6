// How a face looks, to tell whether the next frame shows the same person in its place: the same measure, by the same
// numbers, as in src/demo/appearance.py.
import { viewOfPoints } from "./views.js";

export const SAME_PERSON = 0.7; // correlation
const FACE = { share: 0.9, center: [0.5, 0.5] }; // brows to chin and hardly anything around it
const [SIDE, SHADES] = [32, 4]; // pixels: of a face, and of the coarse picture of its shades
const BLOCK = SIDE / SHADES;
const LUMA = [0.299, 0.587, 0.114];

// The weights of the shades in each row or column of the face: bicubic interpolation.
const WEIGHTS = Array.from({ length: SIDE }, (_, i) => {
  const weights = Array.from({ length: SHADES }, (_, k) => cubic(Math.abs(k + 0.5 - (i + 0.5) / BLOCK)));
  const sum = weights.reduce((total, weight) => total + weight);
  return weights.map((weight) => weight / sum);
});

/** A face as SIDE * SIDE gray values of norm 1, without its coarse shades. roll: radians that the head is turned. */
export function appearance(cutter, picture, points, roll) {
  const pixels = cutter.cut(picture, viewOfPoints(points, FACE, roll), SIDE);
  const gray = Array.from({ length: SIDE * SIDE }, (_, i) => LUMA.reduce((sum, weight, k) => sum + weight * pixels[4 * i + k], 0));
  const shades = new Float64Array(SHADES * SHADES);
  const at = (i) => [Math.floor(i / SIDE), i % SIDE];
  gray.forEach((value, i) => {
    const [row, column] = at(i).map((place) => Math.floor(place / BLOCK));
    shades[row * SHADES + column] += value / BLOCK ** 2;
  });
  const detail = gray.map((value, i) => {
    const [ofRows, ofColumns] = at(i).map((place) => WEIGHTS[place]);
    return value - shades.reduce((sum, shade, k) => sum + shade * ofRows[Math.floor(k / SHADES)] * ofColumns[k % SHADES], 0);
  });
  const norm = Math.max(1e-9, Math.hypot(...detail));
  return detail.map((value) => value / norm);
}

/** The correlation of two faces; NaN if either is null. */
export function likeness(first, second) {
  return first && second ? first.reduce((sum, value, i) => sum + value * second[i], 0) : NaN;
}

/** Catmull and Rom's kernel at a distance in pixels. */
function cubic(distance) {
  if (distance >= 2) return 0;
  return distance < 1 ? (1.5 * distance - 2.5) * distance ** 2 + 1 : ((2.5 - 0.5 * distance) * distance - 4) * distance + 2;
}
