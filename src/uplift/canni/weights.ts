import { dataError } from "../../base/errors.ts";
import type { Json } from "../../base/state.ts";
import type { Dataset } from "../../data/dataset.ts";
import { chosen } from "../../learn/choice.ts";
import { crossFit, drawFolds } from "../../learn/crossFit.ts";
import type { FitContext } from "../../model/contract.ts";
import type { SellersConfig } from "./settings.ts";

/** Weights of pairs, stabilised: P(T) / P(T | x) of the own arm, so that their mean is about 1. */
export interface PairWeights {
  readonly values: Float64Array;
  readonly report: Json;
}

// Weights beyond this quantile are brought down to it, and counted: a few pairs would otherwise be all that counts.
const trimmed = 0.995;

/** @throws LiftwiseError (data) when known probabilities are asked for and not there */
export async function weightsOf(kind: SellersConfig["weighting"], data: Dataset, context: FitContext): Promise<PairWeights> {
  const { arm, arms } = data.treatment();
  const known = data.propensity(arms[1]);
  if (kind === "known" && known === undefined)
    throw dataError(`${data.name}: weighting "known" needs the probability of the assignment; name its column (--propensity COLUMN), or take "estimated"`);
  const varies = known?.some((e) => Math.abs(e - known[0]) > 1e-9) ?? false;
  const how = kind === "auto" ? (varies ? "known" : "none") : kind;
  if (how === "none") return { values: new Float64Array(data.rows).fill(1), report: { how: "none" } };
  const e = how === "known" ? (known as Float64Array) : await estimated(data, arm, context);
  let treated = 0;
  for (const t of arm) treated += t;
  const share = treated / arm.length;
  const values = Float64Array.from(arm, (t, i) => (t === 1 ? share / e[i] : (1 - share) / (1 - e[i])));
  const most = values.slice().sort()[Math.floor(trimmed * (values.length - 1))];
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    if (values[i] <= most) continue;
    values[i] = most;
    count++;
  }
  let [sum, square] = [0, 0];
  for (const w of values) [sum, square] = [sum + w, square + w * w];
  return { values, report: { how, trimmedTo: most, trimmed: count, effectiveRows: (sum * sum) / square } };
}

async function estimated(data: Dataset, arm: Int32Array, context: FitContext): Promise<Float64Array> {
  const x = data.features();
  const plain = { rows: x.rows, columns: x.columns.filter(({ kind }) => kind !== "sequence") };
  const groups = data.groups()?.index;
  const folds = drawFolds(arm, groups, 5, context.rng.split("propensity folds"));
  const scores = await crossFit(chosen({ id: "linear" }, "classifier"), plain, Float64Array.from(arm), undefined, folds, undefined, {
    ...context,
    rng: context.rng.split("propensity"),
  });
  // Strictly inside 0 .. 1; what that does to weights is trimmed and counted with the rest.
  return scores.map((p) => Math.min(1 - 1e-6, Math.max(1e-6, p)));
}
