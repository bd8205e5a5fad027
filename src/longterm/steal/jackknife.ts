import type { TwoSamples } from "../../data/longterm.ts";
import { fitWide, hasSquares, wideColumns } from "./outcome.ts";
import type { PseudoPolicy } from "./pseudoPolicy.ts";

/** What the answers are computed from, whichever rows are left out. */
export interface Answering {
  /** Weight of each row of history in learning the outcome. */
  readonly weight: Float64Array;
  readonly direct: boolean;
  /** Penalty of the outcome's regression on all rows. */
  readonly penalty: number;
}

/**
 * Variance of the average effect of each treated arm by leaving out one part of both samples after the other (Efron1981): labels, shares, outcome and effects are learned
 * anew from the other parts, so that it holds what all of these do not know. It has one degree of freedom fewer than there are parts.
 */
export function jackknife(samples: TwoSamples, policy: PseudoPolicy, { weight, direct, penalty }: Answering): number[] {
  const { history, experiment, arms } = samples;
  const { folds } = policy;
  const answers = arms.slice(1).map((): number[] => []);
  for (let f = 0; f < folds.count; f++) {
    const kept = Int32Array.from(folds.of.keys()).filter((i) => folds.of[i] !== f);
    const [past, now] = [kept.filter((i) => i < history.rows), kept.filter((i) => i >= history.rows)];
    const joint = policy.without(f);
    const take = (values: Float64Array): Float64Array => Float64Array.from(past, (i) => values[i]);
    const wide = fitWide(wideColumns(policy, joint, past, direct), take(history.y), take(weight), penalty);
    const value = wide.predict(wideColumns(policy, joint, now, direct, (row) => experiment.arm[row - history.rows]));
    for (let a = 1; a < arms.length; a++) answers[a - 1].push(adjusted(samples, policy, now, value, a));
  }
  const k = folds.count;
  return answers.map((list) => {
    const middle = list.reduce((sum, v) => sum + v, 0) / k;
    return ((k - 1) / k) * list.reduce((sum, v) => sum + (v - middle) ** 2, 0);
  });
}

/** Doubly robust average effect of arm a (Robins1994) on some rows of the experiment, means of the arms linear in features and squares. */
function adjusted({ experiment, history }: TwoSamples, { behaviour }: PseudoPolicy, rows: Int32Array, value: Float64Array, a: number): number {
  const { x, width } = behaviour;
  const { arm, e } = experiment;
  const columns: Float64Array[] = [];
  for (let u = 1; u < width; u++) columns.push(Float64Array.from(rows, (i) => x[i * width + u]));
  if (hasSquares(width)) for (let u = 1; u < width; u++) columns.push(columns[u - 1].map((v) => v * v));
  const own = Int32Array.from(rows, (i) => arm[i - history.rows]);
  const meanOf = (which: number): Float64Array => {
    const at = Int32Array.from(own.keys()).filter((i) => own[i] === which);
    const y = Float64Array.from(at, (i) => value[i]);
    if (columns.length === 0) return new Float64Array(rows.length).fill(y.reduce((sum, v) => sum + v, 0) / y.length);
    const fitted = fitWide(
      columns.map((column) => Float64Array.from(at, (i) => column[i])),
      y,
      new Float64Array(at.length).fill(1),
    );
    return fitted.predict(columns);
  };
  const [treated, control] = [meanOf(a), meanOf(0)];
  let sum = 0;
  rows.forEach((row, i) => {
    const at = row - history.rows;
    sum += treated[i] - control[i];
    if (own[i] === a) sum += (value[i] - treated[i]) / e[a][at];
    else if (own[i] === 0) sum -= (value[i] - control[i]) / e[0][at];
  });
  return sum / rows.length;
}
