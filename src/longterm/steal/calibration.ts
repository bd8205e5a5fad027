import { inverseSpd } from "../../base/linear/solve.ts";

/** P(a) = logistic(intercept + slope x evidence) against the control, on rows of the experiment that the evidence was not learned from. */
export interface Calibration {
  readonly intercept: number;
  readonly slope: number;
}

/**
 * Logistic regression of "arm a, not control" on the evidence (Platt1999), the design's own odds being known.
 * @param odds evidence of the experiment's rows
 * @param use rows that count; undefined means all
 */
export function calibrationOf(odds: Float64Array, arm: Int32Array, e: readonly Float64Array[], a: number, use?: (row: number) => boolean): Calibration {
  let [intercept, slope] = [0, 1];
  for (let round = 0; round < 50; round++) {
    const [g, h] = [new Float64Array(2), new Float64Array(4)];
    for (let i = 0; i < arm.length; i++) {
      if ((arm[i] !== 0 && arm[i] !== a) || (use !== undefined && !use(i))) continue;
      const p = 1 / (1 + Math.exp(-(intercept + slope * odds[i] + Math.log(e[a][i] / e[0][i]))));
      const [r, w] = [(arm[i] === a ? 1 : 0) - p, p * (1 - p)];
      g[0] += r;
      g[1] += r * odds[i];
      h[0] += w;
      h[1] += w * odds[i];
      h[3] += w * odds[i] ** 2;
    }
    h[2] = h[1];
    // A weak pull to (0, 1) keeps separable evidence finite.
    h[0] += 0.1;
    h[3] += 0.1;
    g[0] -= 0.1 * intercept;
    g[1] -= 0.1 * (slope - 1);
    const inverse = inverseSpd(h);
    if (inverse === undefined) break;
    const step = [inverse[0] * g[0] + inverse[1] * g[1], inverse[2] * g[0] + inverse[3] * g[1]];
    intercept += Math.max(-1, Math.min(1, step[0]));
    slope += Math.max(-0.5, Math.min(0.5, step[1]));
    if (Math.abs(step[0]) + Math.abs(step[1]) < 1e-9) break;
  }
  return { intercept, slope: Math.max(0, slope) };
}

/** Area under the curve of the evidence for arm a against the control. */
export function evidenceAuc(score: Float64Array, arm: Int32Array, a: number): number {
  const rows = Int32Array.from(arm.keys()).filter((i) => arm[i] === 0 || arm[i] === a);
  const order = rows.toSorted((i, j) => score[i] - score[j]);
  let [rank, ones] = [0, 0];
  order.forEach((i, k) => {
    if (arm[i] !== a) return;
    rank += k + 1;
    ones++;
  });
  return (rank - (ones * (ones + 1)) / 2) / (ones * (order.length - ones));
}

/** Mean over tenths of |share of the arm - mean label|. */
export function calibrationError(p: Float64Array, arm: Int32Array, a: number): number {
  const rows = Int32Array.from(arm.keys()).filter((i) => arm[i] === 0 || arm[i] === a);
  const order = rows.toSorted((i, j) => p[i] - p[j]);
  let total = 0;
  for (let k = 0; k < 10; k++) {
    const part = order.subarray(Math.floor((k * order.length) / 10), Math.floor(((k + 1) * order.length) / 10));
    total += Math.abs(part.reduce((sum, i) => sum + p[i] - (arm[i] === a ? 1 : 0), 0)) / order.length;
  }
  return total;
}
