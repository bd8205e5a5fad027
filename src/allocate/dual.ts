import { solveSpd } from "../base/linear/solve.ts";
import type { Problem } from "./problem.ts";

/** Prices of what is scarce: of a unit of budget, and of a place in each option (negative where a floor pushes units into it). */
export interface Prices {
  readonly budget: number;
  readonly place: Float64Array;
}

/**
 * Upper bound on the value of any allocation, whatever the prices (Geoffrion1974): what the limits are worth at these prices, and the best option of
 * each unit after paying them.
 */
export function dualBound(problem: Problem, { budget, place }: Prices): number {
  const { n, arms, value, cost, cap, floor } = problem;
  let bound = budget > 0 ? budget * problem.budget : 0;
  for (let k = 0; k <= arms; k++) bound += place[k] > 0 ? place[k] * cap[k] : place[k] < 0 ? place[k] * floor[k] : 0;
  for (let i = 0; i < n; i++) {
    let best = Number.NEGATIVE_INFINITY;
    for (let k = 0; k <= arms; k++) if (cap[k] > 0) best = Math.max(best, value[k][i] - budget * cost[k][i] - place[k]);
    bound += best;
  }
  return bound;
}

/** A limit with a price of its own, at least zero. */
interface Limit {
  readonly kind: "budget" | "cap" | "floor";
  readonly option: number;
}

/** More units than this are first looked at through every m-th. */
const sample = 20_000;

/**
 * Prices that nearly minimise the bound. The maximum over options is smoothed to a log-sum-exp whose temperature falls by steps, each minimised by
 * projected Newton in as many dimensions as there are limits (Nesterov2005 for the smoothing); a sample of the units gives the start.
 */
export function dualPrices(problem: Problem): Prices {
  const limits: Limit[] = [];
  if (problem.budget < Number.POSITIVE_INFINITY) limits.push({ kind: "budget", option: -1 });
  for (let k = 1; k <= problem.arms; k++) {
    if (problem.cap[k] > 0 && problem.cap[k] < problem.n) limits.push({ kind: "cap", option: k });
    if (problem.floor[k] > 0) limits.push({ kind: "floor", option: k });
  }
  const scale = scaleOf(problem);
  let theta: Float64Array = new Float64Array(limits.length);
  const stride = Math.ceil(problem.n / sample);
  if (stride > 1) {
    for (let heat = 1; heat > 1e-3; heat *= 0.3) theta = minimise(problem, limits, theta, heat, stride, scale);
    // Cool enough that a few dozen units still stand near the prices: with fewer there is no slope left to follow.
    for (let heat = 1e-3; heat >= 20 / problem.n; heat *= 0.2) theta = minimise(problem, limits, theta, heat, 1, scale);
  } else for (let heat = 1; heat >= 1e-6; heat *= 0.3) theta = minimise(problem, limits, theta, heat, 1, scale);
  return pricesOf(problem, limits, theta, scale);
}

interface Scale {
  readonly value: number;
  readonly cost: number;
}

function scaleOf({ value, cost, n, arms }: Problem): Scale {
  let [v, c] = [0, 0];
  for (let k = 1; k <= arms; k++)
    for (let i = 0; i < n; i++) {
      v += Math.abs(value[k][i]);
      c += cost[k][i];
    }
  return { value: v > 0 ? v / (n * arms) : 1, cost: c > 0 ? c / (n * arms) : 1 };
}

function pricesOf({ arms }: Problem, limits: readonly Limit[], theta: Float64Array, scale: Scale): Prices {
  let budget = 0;
  const place = new Float64Array(arms + 1);
  limits.forEach(({ kind, option }, m) => {
    if (kind === "budget") budget = (theta[m] * scale.value) / scale.cost;
    else place[option] += (kind === "cap" ? theta[m] : -theta[m]) * scale.value;
  });
  return { budget, place };
}

interface Smooth {
  readonly bound: number;
  readonly gradient: Float64Array;
  readonly hessian: Float64Array;
}

function minimise(problem: Problem, limits: readonly Limit[], from: Float64Array, heat: number, stride: number, scale: Scale): Float64Array {
  let theta = from;
  let here = smoothed(problem, limits, theta, heat, stride, scale);
  for (let step = 0; step < 40; step++) {
    const direction = newton(theta, here);
    if (direction === undefined) break;
    let next: Smooth | undefined;
    let length = 1;
    for (; length > 1e-6; length /= 2) {
      const trial = theta.map((value, m) => Math.max(0, value + length * direction[m]));
      const there = smoothed(problem, limits, trial, heat, stride, scale);
      const promised = trial.reduce((sum, value, m) => sum + here.gradient[m] * (value - theta[m]), 0);
      if (!(promised < 0 && there.bound <= here.bound + 1e-4 * promised)) continue;
      [theta, next] = [trial, there];
      break;
    }
    if (next === undefined) break;
    const gained = here.bound - next.bound;
    here = next;
    if (gained <= 1e-9 * Math.abs(here.bound)) break;
  }
  return theta;
}

/** Newton's direction over the prices that are not held at zero, or undefined at the minimum. */
function newton(theta: Float64Array, { gradient, hessian }: Smooth): Float64Array | undefined {
  const m = theta.length;
  const free = Array.from({ length: m }, (_, j) => j).filter((j) => theta[j] > 0 || gradient[j] < 0);
  const largest = free.reduce((most, j) => Math.max(most, hessian[j * m + j]), 0);
  if (free.every((j) => gradient[j] === 0)) return undefined;
  // A little of the steepest descent keeps the step finite where the bound is a plane.
  const ridge = 1e-8 * largest + 1e-12;
  const a = Float64Array.from({ length: free.length ** 2 }, (_, at) => {
    const [r, s] = [free[Math.floor(at / free.length)], free[at % free.length]];
    return hessian[r * m + s] + (r === s ? ridge : 0);
  });
  const solved = solveSpd(
    a,
    Float64Array.from(free, (j) => -gradient[j]),
  );
  if (solved === undefined) return undefined;
  const direction = new Float64Array(m);
  free.forEach((j, at) => {
    // Longer steps than the scale of the values itself are taken in several.
    direction[j] = Math.max(-10, Math.min(10, solved[at]));
  });
  return direction;
}

/** The smoothed bound with slope and curvature, in scaled prices, from every `stride`-th unit. */
function smoothed(problem: Problem, limits: readonly Limit[], theta: Float64Array, heat: number, stride: number, scale: Scale): Smooth {
  const { n, arms, value, cost, cap, floor } = problem;
  const { budget, place } = pricesOf(problem, limits, theta, { value: 1, cost: 1 });
  const options = Array.from({ length: arms + 1 }, (_, k) => k).filter((k) => cap[k] > 0);
  const [p, c] = [new Float64Array(arms + 1), new Float64Array(arms + 1)];
  // Index arms + 1 is the budget: its "use" is the cost.
  const size = arms + 2;
  const [use, spread] = [new Float64Array(size), new Float64Array(size * size)];
  let [total, seen] = [0, 0];
  for (let i = 0; i < n; i += stride) {
    let best = Number.NEGATIVE_INFINITY;
    for (const k of options) {
      c[k] = cost[k][i] / scale.cost;
      p[k] = (value[k][i] / scale.value - budget * c[k] - place[k]) / heat;
      if (p[k] > best) best = p[k];
    }
    let sum = 0;
    for (const k of options) {
      p[k] = Math.exp(p[k] - best);
      sum += p[k];
    }
    total += heat * (best + Math.log(sum));
    seen++;
    let spent = 0;
    let square = 0;
    for (const k of options) {
      p[k] /= sum;
      use[k] += p[k];
      spent += p[k] * c[k];
      square += p[k] * c[k] * c[k];
    }
    use[arms + 1] += spent;
    spread[size * size - 1] += square - spent * spent;
    for (const k of options) {
      if (p[k] === 0) continue;
      spread[k * size + k] += p[k];
      spread[k * size + arms + 1] += p[k] * (c[k] - spent);
      for (const l of options) spread[k * size + l] -= p[k] * p[l];
    }
  }
  const share = n / seen;
  let bound = share * total;
  const gradient = new Float64Array(limits.length);
  const at = limits.map(({ kind, option }) => (kind === "budget" ? arms + 1 : option));
  const sign = limits.map(({ kind }) => (kind === "floor" ? -1 : 1));
  limits.forEach(({ kind, option }, m) => {
    const most = kind === "budget" ? problem.budget / scale.cost : kind === "cap" ? cap[option] : floor[option];
    bound += sign[m] * theta[m] * most;
    gradient[m] = sign[m] * (most - share * use[at[m]]);
  });
  const hessian = new Float64Array(limits.length ** 2);
  for (let r = 0; r < limits.length; r++)
    for (let s = 0; s < limits.length; s++) {
      const [low, high] = at[r] < at[s] ? [at[r], at[s]] : [at[s], at[r]];
      hessian[r * limits.length + s] = (sign[r] * sign[s] * share * spread[low * size + high]) / heat;
    }
  return { bound, gradient, hessian };
}
