// Where to look. Frames: a point is [x, y] in pixels of the picture; a box is { left, top, right, bottom }; a view is
// { x, y, side, roll }, a square around (x, y) in which a head that is turned counterclockwise by roll (radians) stands
// upright. The same geometry as in src/predict/turns.py.

export const SAME = 0.4; // overlap of two boxes that show one face, known and seen again

/** The view of a box of a kind { share, center }, which says where the box lies in it, at a roll. */
export function viewOfBox({ left, top, right, bottom }, kind, roll) {
  const side = Math.sqrt((right - left) * (bottom - top)) / kind.share;
  const [dx, dy] = [side * (0.5 - kind.center[0]), side * (0.5 - kind.center[1])];
  const [cos, sin] = [Math.cos(roll), Math.sin(roll)];
  return { x: (left + right) / 2 + cos * dx + sin * dy, y: (top + bottom) / 2 - sin * dx + cos * dy, side, roll };
}

/** The view around the points of a face, by the box that they fill once it stands upright. */
export function viewOfPoints(points, kind, roll) {
  const [cos, sin] = [Math.cos(roll), Math.sin(roll)];
  const upright = boxOf(points.map(([x, y]) => [cos * x - sin * y, sin * x + cos * y]));
  const [x, y] = [(upright.left + upright.right) / 2, (upright.top + upright.bottom) / 2];
  const [width, height] = [(upright.right - upright.left) / 2, (upright.bottom - upright.top) / 2];
  const [middleX, middleY] = [cos * x + sin * y, -sin * x + cos * y];
  const box = { left: middleX - width, right: middleX + width, top: middleY - height, bottom: middleY + height };
  return viewOfBox(box, kind, roll);
}

/** The view of a whole picture. */
export const wholeView = ({ width, height }) => ({ x: width / 2, y: height / 2, side: Math.max(width, height), roll: 0 });

/** For small faces, views that overlap by half: those with half of the picture's longer side, then with a quarter... */
export function tiles({ width, height }, { levels, smallest_tile: smallest }) {
  const halved = Array.from({ length: levels - 1 }, (_, i) => Math.max(width, height) / 2 ** (i + 1));
  const sides = halved.filter((side) => side >= smallest);
  return sides.map((side) =>
    middles(height, side).flatMap((y) => middles(width, side).map((x) => ({ x, y, side, roll: 0 }))),
  );
}

/** Middles of tiles along one axis; a tile that is longer than the picture is centered. */
function middles(length, side) {
  if (side >= length) return [length / 2];
  const steps = Math.ceil((2 * (length - side)) / side);
  return Array.from({ length: steps + 1 }, (_, i) => side / 2 + (i * (length - side)) / steps);
}

/** How far a head is turned, in radians from the middle of its eyes and its mouth; 0 below so many degrees. */
export function rollOf([rightX, rightY], [leftX, leftY], [mouthX, mouthY], least) {
  const roll = Math.atan2(mouthX - (rightX + leftX) / 2, mouthY - (rightY + leftY) / 2);
  return Math.abs(roll) < (least * Math.PI) / 180 ? 0 : roll;
}

/** The same of the 68 points of a face. */
export function rollOfFace(points, least) {
  const middle = (first, last) => {
    const part = points.slice(first, last + 1);
    return [0, 1].map((axis) => part.reduce((sum, point) => sum + point[axis], 0) / part.length);
  };
  return rollOf(middle(36, 41), middle(42, 47), middle(48, 67), least);
}

export function boxOf(points) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

/** Intersection over union of two boxes. */
export function overlap(a, b) {
  const width = Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left));
  const height = Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
  const area = ({ left, top, right, bottom }) => (right - left) * (bottom - top);
  return (width * height) / Math.max(1e-9, area(a) + area(b) - width * height);
}

/** Items with a box and a score, the best first, without those that overlap a better one by more than `most`. */
export function distinct(items, most) {
  const kept = [];
  for (const item of [...items].sort((a, b) => b.score - a.score))
    if (kept.every((other) => overlap(other.box, item.box) <= most)) kept.push(item);
  return kept;
}

/** Items without upright ones that overlap a better one that hangs by more than `most`: they are imagined in its head. */
export function withoutImagined(items, isHanging, most) {
  const hanging = items.filter(isHanging);
  const isImagined = (item) => hanging.some(({ score, box }) => score > item.score && overlap(box, item.box) > most);
  return items.filter((item) => hanging.includes(item) || !isImagined(item));
}

/** Pixels of square views of pictures, on black, as in the network's training for what lies outside of a picture. */
export class Cutter {
  #contexts = new Map(); // one canvas per size: a new one for each view would be most of the work

  /** The view as size * size * 4 bytes. */
  cut(picture, { x, y, side, roll }, size) {
    const context = this.#context(size);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillRect(0, 0, size, size);
    const [cos, sin] = [(Math.cos(roll) * size) / side, (Math.sin(roll) * size) / side];
    context.setTransform(cos, sin, -sin, cos, size / 2 - cos * x + sin * y, size / 2 - sin * x - cos * y);
    context.drawImage(picture, 0, 0);
    return context.getImageData(0, 0, size, size).data;
  }

  #context(size) {
    if (!this.#contexts.has(size)) {
      const options = { alpha: false, willReadFrequently: true };
      const context = new OffscreenCanvas(size, size).getContext("2d", options);
      context.imageSmoothingQuality = "high";
      this.#contexts.set(size, context);
    }
    return this.#contexts.get(size);
  }
}
