// Smoothing of points: strong while they rest, little while they move. The one-euro filter (Casiez et al., "1 Euro
// Filter", 2012) with the settings of src/demo/smoothing.py.

const MIN_CUTOFF = 1; // Hz, of a resting point
const SPEED_FACTOR = 30; // Hz per (side of the crop / s)
const SPEED_CUTOFF = 1; // Hz, of the speed's own low-pass
const SHARE = 0.52; // of the crop's side that the points fill

const weight = (cutoff, seconds) => 1 / (1 + 1 / (2 * Math.PI * cutoff * seconds));

export class OneEuroFilter {
  #points = null;
  #speeds = null;

  /** The smoothed points, `seconds` (> 0) after those before. size: of the face, in the points' unit. */
  next(points, seconds, size) {
    this.#speeds ??= points.map(() => [0, 0]);
    this.#points = (this.#points ?? points).map((old, i) =>
      old.map((value, axis) => {
        const step = points[i][axis] - value;
        const speed = this.#speeds[i][axis];
        this.#speeds[i][axis] = speed + weight(SPEED_CUTOFF, seconds) * (step / seconds - speed);
        const cutoff = MIN_CUTOFF + (SPEED_FACTOR * SHARE * Math.abs(this.#speeds[i][axis])) / size;
        return value + weight(cutoff, seconds) * step;
      }),
    );
    return this.#points;
  }
}
