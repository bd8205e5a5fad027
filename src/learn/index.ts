import { suggest, usageError } from "../base/errors.ts";
import { boostingClassifier, boostingRegressor } from "./boosting.ts";
import type { Learner } from "./contract.ts";
import { logistic } from "./logistic.ts";
import { ridge } from "./ridge.ts";
import { stackClassifier, stackRegressor } from "./stack.ts";

/** Every nuisance learner. A regressor and a classifier of one family share an id and, as far as they go, their settings. */
export const learners: readonly Learner[] = [ridge, logistic, boostingRegressor, boostingClassifier, stackRegressor, stackClassifier];

/** @throws LiftwiseError (usage) when there is no learner of this kind with this id */
export function learnerById(id: string, kind: Learner["kind"]): Learner {
  const found = learners.find((learner) => learner.id === id && learner.kind === kind);
  if (found !== undefined) return found;
  const known = learners.filter((learner) => learner.kind === kind).map((learner) => learner.id);
  throw usageError(`there is no ${kind} "${id}"; ${suggest(id, known)}`);
}
