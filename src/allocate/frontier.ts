import { hullSteps } from "./hull.ts";
import { checked } from "./problem.ts";

/** Best total value at every budget; points ascend in both. */
export interface Frontier {
  readonly budget: Float64Array;
  readonly value: Float64Array;
}

/**
 * What each budget can buy by the predictions: the concave frontier of the knapsack's relaxation, from spending nothing to spending all that raises
 * the value. Between points of the relaxation it is a line, so that thinning it to `points` loses next to nothing.
 * @param points most points to return, at least 2. Defaults to 200.
 */
export function frontier(gain: readonly Float64Array[], cost: readonly (number | Float64Array)[], points = 200): Frontier {
  const problem = checked(gain, cost, {});
  const steps = hullSteps(problem);
  const count = steps.unit.length;
  const kept = Math.min(Math.max(2, Math.floor(points)), count + 1);
  const [budget, value] = [new Float64Array(kept), new Float64Array(kept)];
  let [spent, worth] = [0, 0];
  for (let i = 0; i < problem.n; i++) {
    spent += problem.cost[steps.start[i]][i];
    worth += problem.value[steps.start[i]][i];
  }
  [budget[0], value[0]] = [spent, worth];
  let at = 1;
  for (let s = 0; s < count; s++) {
    spent += steps.cost[s];
    worth += steps.value[s];
    // Point p stands after a share p / (kept - 1) of the steps.
    if (s + 1 === Math.round((at * count) / (kept - 1))) {
      [budget[at], value[at]] = [spent, worth];
      at++;
    }
  }
  return { budget, value };
}

/**
 * Lower bounds of the gains, for `decideBy`: gain - z se. With z = 1 a gain must be its standard error above zero to count at all.
 * @param se one array of n an arm
 */
export function lowerBounds(gain: readonly Float64Array[], se: readonly Float64Array[], z = 1): Float64Array[] {
  return gain.map((values, k) => values.map((value, i) => value - z * se[k][i]));
}
