// When a face is doubtful or none, as in src/predict/face.py (a test compares), and when it is looked at again, turned
// by quarters: by the score alone, which is what the exported model gives.
export const DOUBTFUL_BELOW = 0.5; // score
export const NOTHING_BELOW = 0.1; // score of what is no face
export const RETRY_BELOW = 0.7; // score: other quarter turns are tried
export const TURN_ABOVE = 0.2; // score of a turned view that wins
export const TURN_MARGIN = 1; // of log-odds, by which it wins

const logit = (score) => Math.log(score / (1 - score));
const clipped = (score) => Math.min(Math.max(score, 1e-9), 1 - 1e-9);

/** Whether a turned view wins against the first one, by their scores. */
export const isTurnBetter = (turned, score) =>
  turned > TURN_ABOVE && logit(clipped(turned)) > logit(clipped(score)) + TURN_MARGIN;
