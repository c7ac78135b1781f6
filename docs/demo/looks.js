// Looks: a cascade whose stages are all one network, with test-time augmentation; the score by how they disagree, and how
// much a tilted look disagrees. The same as src/predict/looks.py, confidence.py and resampling.py.
// A square is a view's pixels, RGBA; points are [x, y] in its unit square; a map { a, b, x, y } turns, scales and shifts.

const RGBA = 4;
const RGB = [0, 1, 2];

export class Looks {
  /** session: of ONNX Runtime; config, rules: of the model's file. */
  constructor(ort, session, { config, rules }) {
    Object.assign(this, { ort, session, config, rules, size: rules.square_size });
    this.count = 0; // looks at single squares
  }

  /** What `looks` looks at squares see: for each { square, found, points, score }. */
  async look(squares, looks) {
    const found = [await this.#predict(squares)];
    while (found.length < looks) found.push(await this.#lookUpright(squares, found.at(-1), { isMirrored: found.length === 1 }));
    return squares.map((square, i) => {
      const its = found.map((points) => points[i]);
      return { square, found: its, points: this.#mean(its), score: this.score(powerMean(distances(its)), looks) };
    });
  }

  /** The probability that points are good whose looks disagree so much, in percent. */
  score(disagreement, looks) {
    const [intercept, slope] = this.rules.calibrations[looks];
    return 1 / (1 + Math.exp(-intercept - slope * Math.log(Math.max(disagreement, this.rules.least_disagreement))));
  }

  /** How the looks at each that was seen disagree, a tilted one included, which is made here. */
  async tiltedDisagreements(seen) {
    const [squares, points] = [seen.map(({ square }) => square), seen.map((each) => each.points)];
    const tilt = (this.rules.tilt * Math.PI) / 180;
    const tilted = await this.#lookUpright(squares, points, { tilt });
    return seen.map(({ found }, i) => powerMean([...distances(found), distance(points[i], tilted[i])]));
  }

  /**
   * Disagreements that can be scored of views turned by 0, 90, 180 and 270 degrees, by their tilted ones and what they
   * show: points in the picture, in which a view's side is given.
   */
  doubts(disagreements, points, side) {
    const { tilted_power: ofTilted, beside_power: ofBeside, factor } = this.rules.turns;
    const apart = points.map((each, i) => distance(each, points[(i + 1) % 4]) / side); // from the next
    const beside = apart.map((next, i) => Math.min(next, apart[(i + 3) % 4]));
    return disagreements.map((tilted, i) => factor * tilted ** ofTilted * beside[i] ** ofBeside);
  }

  /** Which of the views turned by 0, 90, 180 and 270 degrees wins. */
  bestQuarter([upright, ...turned]) {
    const { clearly, believable } = this.rules.turns;
    const least = Math.min(...turned);
    return least < Math.min(clearly * upright, believable) ? 1 + turned.indexOf(least) : 0;
  }

  /** The in-plane rotation of a face in radians, counterclockwise: src/pose.py in closed form. */
  roll(points) {
    const camera = [0, 1].map((axis) =>
      [0, 1, 2].map((k) => points.reduce((sum, point, i) => sum + (axis ? -point[1] : point[0]) * this.rules.camera_weights[i][k], 0)),
    );
    const gram = (i, j) => camera[i].reduce((sum, value, k) => sum + value * camera[j][k], 0);
    const [a, b, d] = [gram(0, 0), gram(0, 1), gram(1, 1)];
    const root = Math.sqrt(Math.max(0, a * d - b * b));
    const [x, y] = [camera[0][1], camera[1][1]]; // where the head's axis points
    return Math.atan2(b * y - (d + root) * x, (a + root) * y - b * x);
  }

  /** Points in the squares, seen upright, larger and centered where points were seen before. */
  async #lookUpright(squares, points, { isMirrored = false, tilt = 0 }) {
    const maps = points.map((each) => this.#upright(each, tilt));
    const upright = squares.map((square, i) => warp(square, this.size, maps[i], isMirrored));
    const found = await this.#predict(upright);
    return found.map((each, i) => each.map((_, k) => back(maps[i], isMirrored ? mirror(each[this.rules.mirrored[k]]) : each[k])));
  }

  #upright(points, tilt) {
    const [middleX, middleY, share] = this.config.second_look;
    const roll = this.roll(points);
    const turn = { a: Math.cos(roll), b: Math.sin(roll), x: 0, y: 0 };
    const turned = points.map((point) => forth(turn, point));
    const [low, high] = [Math.min, Math.max].map((of) => [0, 1].map((axis) => of(...turned.map((point) => point[axis]))));
    const sides = [0, 1].map((axis) => Math.max(high[axis] - low[axis], this.rules.smallest));
    const scale = share / Math.sqrt(sides[0] * sides[1]);
    const offset = [0, 1].map((axis) => (-scale * (low[axis] + high[axis])) / 2); // from the middle
    const [cos, sin] = [Math.cos(tilt), Math.sin(tilt)];
    return {
      a: scale * (cos * turn.a - sin * turn.b),
      b: scale * (sin * turn.a + cos * turn.b),
      x: middleX + cos * offset[0] - sin * offset[1],
      y: middleY + sin * offset[0] + cos * offset[1],
    };
  }

  #mean(found) {
    if (found.length === 1) return found[0];
    const later = this.config.second_look[3];
    const sum = 1 - later + later * (found.length - 1);
    const weigh = (i, axis) => found.reduce((total, points, k) => total + (k ? later : 1 - later) * points[i][axis], 0) / sum;
    return found[0].map((_, i) => [weigh(i, 0), weigh(i, 1)]);
  }

  /** The network's points in squares. */
  async #predict(squares) {
    const { input_size: size, crop } = this.config;
    const length = RGB.length * size * size;
    const images = new Float32Array(squares.length * length);
    squares.forEach((square, i) => cropInto(images.subarray(i * length, (i + 1) * length), square, this.size, crop, size));
    const input = new this.ort.Tensor("float32", images, [squares.length, RGB.length, size, size]);
    const { points_input: { data, dims } } = await this.session.run({ images: input });
    this.count += squares.length;
    const [centerX, centerY, side] = crop;
    return squares.map((_, i) =>
      Array.from({ length: dims[1] }, (_, k) => {
        const at = 2 * (i * dims[1] + k);
        return [(data[at] - 0.5) * side + centerX, (data[at + 1] - 0.5) * side + centerY];
      }),
    );
  }
}

const mirror = ([x, y]) => [1 - x, y];
const forth = ({ a, b, x, y }, [px, py]) => [a * px - b * py + x, b * px + a * py + y];

function back({ a, b, x, y }, [px, py]) {
  const [dx, dy, scale] = [px - x, py - y, a * a + b * b];
  return [(a * dx + b * dy) / scale, (a * dy - b * dx) / scale];
}

/** Mean distance of the same points, in percent. */
const distance = (first, second) =>
  (100 * first.reduce((sum, [x, y], i) => sum + Math.hypot(x - second[i][0], y - second[i][1]), 0)) / first.length;

const distances = (found) => found.slice(1).map((points, i) => distance(found[i], points));
const powerMean = (values) => (values.reduce((sum, value) => sum + Math.sqrt(value), 0) / values.length) ** 2;

/** A square as a map moves it; black where it ends. */
function warp(square, size, map, isMirrored) {
  const moved = new Uint8ClampedArray(square.length);
  const [originX, originY] = back(map, [0.5 / size, 0.5 / size]).map((value) => value * size - 0.5);
  const scale = map.a * map.a + map.b * map.b;
  const [stepX, stepY] = [map.a / scale, -map.b / scale]; // in the square, of a pixel to the right
  for (let row = 0, to = 0; row < size; row++)
    for (let column = 0; column < size; column++, to += RGBA) {
      const right = isMirrored ? size - 1 - column : column;
      sample(square, size, originX + right * stepX - row * stepY, originY + right * stepY + row * stepX);
      for (const channel of RGB) moved[to + channel] = sampled[channel]; // rounded
    }
  return moved;
}

/** Fills an image, channel by channel in [0, 1], with the part of a square that the network sees. */
function cropInto(image, square, size, [centerX, centerY, side], inputSize) {
  const places = (center) => Array.from({ length: inputSize }, (_, i) => (center + side * ((i + 0.5) / inputSize - 0.5)) * size - 0.5);
  const [columns, rows] = [places(centerX), places(centerY)];
  for (let row = 0, to = 0; row < inputSize; row++)
    for (let column = 0; column < inputSize; column++, to++) {
      sample(square, size, columns[column], rows[row]);
      for (const channel of RGB) image[channel * inputSize * inputSize + to] = sampled[channel] / 255;
    }
}

const sampled = new Float64Array(RGB.length);

/** Puts a square's color at a place, whose pixels' centers are whole numbers, into `sampled`: linear, black outside of it. */
function sample(square, size, x, y) {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [u, v] = [x - left, y - top];
  sampled[0] = sampled[1] = sampled[2] = 0;
  for (let j = 0; j < 2; j++)
    for (let i = 0; i < 2; i++) {
      if (left + i < 0 || left + i >= size || top + j < 0 || top + j >= size) continue;
      const weight = (i ? u : 1 - u) * (j ? v : 1 - v);
      const from = RGBA * ((top + j) * size + left + i);
      sampled[0] += weight * square[from];
      sampled[1] += weight * square[from + 1];
      sampled[2] += weight * square[from + 2];
    }
}
