import { dataError } from "../../base/errors.ts";
import type { Experiment } from "../meta/experiment.ts";

/**
 * Weight of each row. Where propensities are known, a row stands for as many as its arm was unlikely for it (Horvitz1952), relative to the
 * arm's share, so that weights stay about one.
 * @param where what the error starts with
 * @throws LiftwiseError (data) where an arm has no weight
 */
export function armWeights({ y, weight, arm, arms, propensity }: Experiment, where: string): Float64Array {
  const w = new Float64Array(y.length);
  const total = new Float64Array(arms.length);
  const inverse = new Float64Array(arms.length);
  for (let i = 0; i < w.length; i++) {
    w[i] = weight === undefined ? 1 : weight[i];
    total[arm[i]] += w[i];
    if (propensity === undefined) continue;
    w[i] /= propensity[arm[i]][i];
    inverse[arm[i]] += w[i];
  }
  const empty = total.indexOf(0);
  if (empty >= 0) throw dataError(`${where}: no row of arm "${arms[empty]}" has a weight above 0; leave the arm out or correct the weights`);
  if (propensity !== undefined) for (let i = 0; i < w.length; i++) w[i] *= total[arm[i]] / inverse[arm[i]];
  return w;
}
