import type { State } from "../../base/state.ts";
import type { Features } from "../../data/schema.ts";
import { bundle } from "../../learn/bundle.ts";
import type { FittedLearner } from "../../learn/contract.ts";
import type { Estimate } from "./recipe.ts";

/** Effects where one learner an arm predicts them directly, with their standard errors if it has any. */
export async function estimateOf(tau: readonly FittedLearner[], x: Features): Promise<Estimate> {
  const effect = await Promise.all(tau.map((learner) => learner.predict(x)));
  const errors = await Promise.all(tau.map((learner) => learner.standardError?.(x)));
  return errors.includes(undefined) ? { effect } : { effect, standardError: errors as Float64Array[] };
}

/** The learners of the treated arms as `tau1`, `tau2`, ... */
export function stateOf(tau: readonly FittedLearner[]): State {
  return bundle(Object.fromEntries(tau.map((learner, k) => [`tau${k + 1}`, learner.state()])));
}
