import { dataError } from "../../base/errors.ts";
import { inverseSpd } from "../../base/linear/solve.ts";
import type { Rng } from "../../base/rng.ts";

/** Both samples' rows, history first; matrices row by row. */
export interface Behaviour {
  readonly rows: number;
  readonly history: number;
  /** rows x width, a leading column of ones. */
  readonly x: Float64Array;
  readonly width: number;
  /** rows x depth: the short-term course, standardised. */
  readonly s: Float64Array;
  readonly depth: number;
  /** Arm of each row; -1 where it is not known. */
  readonly arm: Int32Array;
  readonly arms: number;
  /** log P(arm | x) of the experiment, rows x arms; not read for history. */
  readonly logChance: Float64Array;
}

/** Parameters of J prototypes of behaviour under A arms. */
export interface Prototypes {
  readonly count: number;
  /** By prototype: arms x width x depth; the first is the course under the control, the others are added to it. */
  readonly course: readonly Float64Array[];
  /** depth x depth: covariance of what is left, common to all. */
  readonly covariance: Float64Array;
  /** count x width: log-odds of each prototype against the first, given x. */
  readonly kind: Float64Array;
  /** arms x (width + count): log-odds in history of each arm against the control, given x and prototype. */
  readonly past: Float64Array;
}

/** What the courses say of each row: probabilities of prototype and arm, rows x count x arms, given all that is known of the row. */
export interface Belief {
  readonly joint: Float64Array;
  /** log P(prototype | x) P(s | x, prototype, arm) up to a constant of the row, rows x count x arms. */
  readonly terms: Float64Array;
  readonly logLikelihood: number;
}

// Ridge on standardised coefficients, in rows; pseudo-observations that keep an empty prototype finite.
const ridge = 5;

/**
 * Mixture of linear courses: s | x, j, a ~ N(x (theta_j + theta_ja), C), prototype j ~ softmax(x W), arm as randomised in the experiment and
 * ~ softmax(x V + v_j) in history, where it is hidden; fitted by expectation and maximisation (Dempster1977).
 * @param start beliefs to begin with
 * @param use rows that count, as weights; all rows get beliefs
 */
export function fitPrototypes(
  data: Behaviour,
  start: { readonly joint: Float64Array } | { readonly from: Prototypes },
  options: { readonly count: number; readonly rounds: number; readonly tolerance: number; readonly use?: Uint8Array },
): { readonly model: Prototypes; readonly belief: Belief; readonly rounds: number } {
  const { count, rounds, tolerance, use } = options;
  let model = "from" in start ? start.from : blank(data, count);
  let belief = "from" in start ? beliefs(data, model, use) : { joint: start.joint, terms: new Float64Array(0), logLikelihood: Number.NEGATIVE_INFINITY };
  let done = 0;
  for (; done < rounds; done++) {
    model = maximise(data, belief.joint, model, use);
    const next = beliefs(data, model, use);
    const gain = next.logLikelihood - belief.logLikelihood;
    belief = next;
    if (done > 3 && gain < tolerance * Math.abs(belief.logLikelihood)) break;
  }
  return { model, belief, rounds: done };
}

export function blank({ width, depth, arms }: Behaviour, count: number): Prototypes {
  return {
    count,
    course: Array.from({ length: count }, () => new Float64Array(arms * width * depth)),
    covariance: new Float64Array(depth * depth),
    kind: new Float64Array(count * width),
    past: new Float64Array(arms * (width + count)),
  };
}

/** The parameters that fit beliefs best: least squares of the courses, one Newton step from those before for the shares. */
export function maximise(data: Behaviour, joint: Float64Array, before: Prototypes, use?: Uint8Array): Prototypes {
  const { rows, x, width, s, depth, arms } = data;
  const { count } = before;
  const cells = count * arms;
  const covariance = new Float64Array(depth * depth);
  const course: Float64Array[] = [];
  const mean = new Float64Array(depth);
  let total = 0;
  for (let j = 0; j < count; j++) {
    // Blocks of X'WX and X'WS for each arm.
    const gram = Array.from({ length: arms }, () => new Float64Array(width * width));
    const cross = Array.from({ length: arms }, () => new Float64Array(width * depth));
    for (let i = 0; i < rows; i++) {
      if (use !== undefined && use[i] === 0) continue;
      for (let a = 0; a < arms; a++) {
        const w = joint[i * cells + j * arms + a];
        if (w < 1e-4) continue;
        const g = gram[a];
        const b = cross[a];
        for (let u = 0; u < width; u++) {
          const wx = w * x[i * width + u];
          for (let v = u; v < width; v++) g[u * width + v] += wx * x[i * width + v];
          for (let k = 0; k < depth; k++) b[u * depth + k] += wx * s[i * depth + k];
        }
      }
    }
    course.push(solveCourse(gram, cross, width, depth, arms));
  }
  const full = course.map((theta) => summed(theta, width * depth));
  for (let i = 0; i < rows; i++) {
    if (use !== undefined && use[i] === 0) continue;
    for (let j = 0; j < count; j++)
      for (let a = 0; a < arms; a++) {
        const w = joint[i * cells + j * arms + a];
        if (w < 1e-4) continue;
        meanOf(data, full[j], i, a, mean);
        for (let k = 0; k < depth; k++) {
          const dk = w * (s[i * depth + k] - mean[k]);
          for (let l = k; l < depth; l++) covariance[k * depth + l] += dk * (s[i * depth + l] - mean[l]);
        }
        total += w;
      }
  }
  let trace = 0;
  for (let k = 0; k < depth; k++) trace += covariance[k * depth + k] / total / depth;
  for (let k = 0; k < depth; k++)
    for (let l = k; l < depth; l++) {
      covariance[k * depth + l] = covariance[k * depth + l] / total + (k === l ? 1e-3 * trace + 1e-9 : 0);
      covariance[l * depth + k] = covariance[k * depth + l];
    }
  return { count, course, covariance, kind: kindStep(data, joint, before, use), past: pastStep(data, joint, before, use) };
}

/** arms x width x depth from the normal equations of [x, 1(a=1) x, ...] with a ridge on all but the intercepts. */
function solveCourse(gram: readonly Float64Array[], cross: readonly Float64Array[], width: number, depth: number, arms: number): Float64Array {
  const p = arms * width;
  const g = new Float64Array(p * p);
  const b = new Float64Array(p * depth);
  for (let a = 0; a < arms; a++)
    for (let u = 0; u < width; u++) {
      for (let v = 0; v < width; v++) {
        const value = gram[a][Math.min(u, v) * width + Math.max(u, v)];
        g[u * p + v] += value;
        if (a === 0) continue;
        g[(a * width + u) * p + v] += value;
        g[u * p + a * width + v] += value;
        g[(a * width + u) * p + a * width + v] += value;
      }
      for (let k = 0; k < depth; k++) {
        b[u * depth + k] += cross[a][u * depth + k];
        if (a > 0) b[(a * width + u) * depth + k] += cross[a][u * depth + k];
      }
    }
  for (let u = 0; u < p; u++) g[u * p + u] += u % width === 0 ? 0.1 : ridge;
  const inverse = inverseSpd(g);
  if (inverse === undefined) throw dataError("the short-term courses cannot be fitted: features depend on each other; leave out those that repeat others");
  const out = new Float64Array(p * depth);
  for (let u = 0; u < p; u++) for (let v = 0; v < p; v++) for (let k = 0; k < depth; k++) out[u * depth + k] += inverse[u * p + v] * b[v * depth + k];
  return out;
}

/** Courses with the control's added to those of the other arms: arms x width x depth. */
export function summed(course: Float64Array, size: number): Float64Array {
  const out = course.slice();
  for (let k = size; k < out.length; k++) out[k] += course[k % size];
  return out;
}

/** Expected course of row i under arm a, from summed courses. */
export function meanOf({ x, width, depth }: Behaviour, courses: Float64Array, i: number, a: number, into: Float64Array): void {
  into.fill(0);
  let at = a * width * depth;
  for (let u = 0; u < width; u++) {
    const value = x[i * width + u];
    for (let k = 0; k < depth; k++) into[k] += value * courses[at++];
  }
}

// One Newton step of a softmax regression of prototypes on x, class by class.
function kindStep({ rows, x, width, arms }: Behaviour, joint: Float64Array, { count, kind }: Prototypes, use: Uint8Array | undefined): Float64Array {
  const next = kind.slice();
  const share = new Float64Array(count);
  for (let j = 1; j < count; j++) {
    const [h, g] = [new Float64Array(width * width), new Float64Array(width)];
    for (let i = 0; i < rows; i++) {
      if (use !== undefined && use[i] === 0) continue;
      softmaxAt(x, i, width, next, count, share);
      let t = 0;
      for (let a = 0; a < arms; a++) t += joint[(i * count + j) * arms + a];
      accumulate(x, i * width, width, t - share[j], share[j] * (1 - share[j]), g, h);
    }
    newton(next, j * width, width, g, h);
  }
  return next;
}

/** One Newton step of history's arms on x and prototype, from beliefs about its rows. */
export function pastStep(data: Behaviour, joint: Float64Array, { count, past }: Pick<Prototypes, "count" | "past">, use?: Uint8Array): Float64Array {
  const { history, x, width, arms } = data;
  const next = past.slice();
  const size = width + count;
  const cells = count * arms;
  const chance = new Float64Array(cells);
  for (let a = 1; a < arms; a++) {
    const [h, g] = [new Float64Array(size * size), new Float64Array(size)];
    for (let i = 0; i < history; i++) {
      if (use !== undefined && use[i] === 0) continue;
      pastShares(data, { count, past: next }, i, chance);
      let [slope, curve] = [0, 0];
      const at = i * width;
      for (let j = 0; j < count; j++) {
        let w = 0;
        for (let b = 0; b < arms; b++) w += joint[i * cells + j * arms + b];
        const p = chance[j * arms + a];
        const [one, two] = [joint[i * cells + j * arms + a] - w * p, w * p * (1 - p)];
        slope += one;
        curve += two;
        const k = width + j;
        g[k] += one;
        h[k * size + k] += two;
        for (let u = 0; u < width; u++) h[u * size + k] += two * x[at + u];
      }
      for (let u = 0; u < width; u++) {
        g[u] += slope * x[at + u];
        const wx = curve * x[at + u];
        for (let v = u; v < width; v++) h[u * size + v] += wx * x[at + v];
      }
    }
    newton(next, a * size, size, g, h);
  }
  return next;
}

/** P(arm | x, prototype) in history at row i, count x arms. */
export function pastShares({ x, width, arms }: Behaviour, { count, past }: Pick<Prototypes, "count" | "past">, i: number, into: Float64Array): void {
  const size = width + count;
  for (let a = 0; a < arms; a++) {
    let eta = 0;
    for (let u = 0; u < width; u++) eta += past[a * size + u] * x[i * width + u];
    for (let j = 0; j < count; j++) into[j * arms + a] = eta + past[a * size + width + j];
  }
  for (let j = 0; j < count; j++) {
    let [most, total] = [0, 0];
    for (let a = 0; a < arms; a++) most = Math.max(most, into[j * arms + a]);
    for (let a = 0; a < arms; a++) total += into[j * arms + a] = Math.exp(into[j * arms + a] - most);
    for (let a = 0; a < arms; a++) into[j * arms + a] /= total;
  }
}

/** P(prototype | x) at row i. */
export const kindShares: typeof softmaxAt = softmaxAt;

function softmaxAt(x: Float64Array, i: number, width: number, w: Float64Array, classes: number, into: Float64Array): void {
  let most = 0;
  for (let c = 0; c < classes; c++) {
    let eta = 0;
    for (let u = 0; u < width; u++) eta += w[c * width + u] * x[i * width + u];
    into[c] = eta;
    most = Math.max(most, eta);
  }
  let total = 0;
  for (let c = 0; c < classes; c++) total += into[c] = Math.exp(into[c] - most);
  for (let c = 0; c < classes; c++) into[c] /= total;
}

function accumulate(x: Float64Array, at: number, width: number, slope: number, weight: number, g: Float64Array, h: Float64Array): void {
  for (let u = 0; u < width; u++) {
    g[u] += slope * x[at + u];
    const wx = weight * x[at + u];
    for (let v = u; v < width; v++) h[u * width + v] += wx * x[at + v];
  }
}

function newton(w: Float64Array, at: number, width: number, g: Float64Array, h: Float64Array): void {
  for (let u = 0; u < width; u++) {
    for (let v = 0; v < u; v++) h[u * width + v] = h[v * width + u];
    h[u * width + u] += 1;
    g[u] -= w[at + u];
  }
  const inverse = inverseSpd(h);
  if (inverse === undefined) return;
  for (let u = 0; u < width; u++) {
    let step = 0;
    for (let v = 0; v < width; v++) step += inverse[u * width + v] * g[v];
    w[at + u] += Math.max(-2, Math.min(2, step));
  }
}

/** Beliefs about every row. `use` only says which rows count in the likelihood. */
export function beliefs(data: Behaviour, model: Prototypes, use?: Uint8Array): Belief {
  const { rows, history, x, width, s, depth, arms, arm, logChance } = data;
  const { count, course, kind } = model;
  const { whiten, logDeterminant } = whitener(model.covariance, depth);
  const turned = course.map((theta) => whitened(summed(theta, width * depth), whiten, depth));
  const z = whitened(s, whiten, depth);
  const cells = count * arms;
  const joint = new Float64Array(rows * cells);
  const terms = new Float64Array(rows * cells);
  const [mean, share, chance] = [new Float64Array(depth), new Float64Array(count), new Float64Array(cells)];
  let logLikelihood = 0;
  for (let i = 0; i < rows; i++) {
    softmaxAt(x, i, width, kind, count, share);
    const at = i * cells;
    for (let j = 0; j < count; j++) {
      const logShare = Math.log(share[j] + 1e-300);
      for (let a = 0; a < arms; a++) {
        meanOf(data, turned[j], i, a, mean);
        let distance = 0;
        for (let k = 0; k < depth; k++) distance += (z[i * depth + k] - mean[k]) ** 2;
        terms[at + j * arms + a] = logShare - 0.5 * distance;
      }
    }
    if (i < history) {
      pastShares(data, model, i, chance);
      for (let k = 0; k < cells; k++) chance[k] = Math.log(chance[k] + 1e-300);
    } else for (let k = 0; k < cells; k++) chance[k] = logChance[i * arms + (k % arms)];
    for (let k = 0; k < cells; k++) joint[at + k] = arm[i] >= 0 && arm[i] !== k % arms ? Number.NEGATIVE_INFINITY : terms[at + k] + chance[k];
    const all = logSum(joint, at, cells, 1);
    for (let k = at; k < at + cells; k++) joint[k] = Math.exp(joint[k] - all);
    if (use === undefined || use[i] === 1) logLikelihood += all - 0.5 * logDeterminant;
  }
  return { joint, terms, logLikelihood };
}

/** log of the sum of exponentials of `count` values from a place on, a stride apart. */
export function logSum(values: Float64Array, from: number, count: number, stride: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < count; k++) most = Math.max(most, values[from + k * stride]);
  let total = 0;
  for (let k = 0; k < count; k++) total += Math.exp(values[from + k * stride] - most);
  return most + Math.log(total);
}

/** L^-1 with C = L L', row by row, and log det C. */
export function whitener(covariance: Float64Array, n: number): { readonly whiten: Float64Array; readonly logDeterminant: number } {
  const l = new Float64Array(n * n);
  let logDeterminant = 0;
  for (let r = 0; r < n; r++)
    for (let q = 0; q <= r; q++) {
      let sum = covariance[r * n + q];
      for (let k = 0; k < q; k++) sum -= l[r * n + k] * l[q * n + k];
      l[r * n + q] = r === q ? Math.sqrt(Math.max(sum, 1e-12)) : sum / l[q * n + q];
      if (r === q) logDeterminant += 2 * Math.log(l[r * n + r]);
    }
  const whiten = new Float64Array(n * n);
  for (let q = 0; q < n; q++)
    for (let r = q; r < n; r++) {
      let sum = r === q ? 1 : 0;
      for (let k = q; k < r; k++) sum -= l[r * n + k] * whiten[k * n + q];
      whiten[r * n + q] = sum / l[r * n + r];
    }
  return { whiten, logDeterminant };
}

/** Each row of depth numbers times L^-T. */
export function whitened(values: Float64Array, whiten: Float64Array, depth: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let at = 0; at < values.length; at += depth)
    for (let r = 0; r < depth; r++) {
      let sum = 0;
      for (let k = 0; k <= r; k++) sum += whiten[r * depth + k] * values[at + k];
      out[at + r] = sum;
    }
  return out;
}

/** Beliefs to begin with: residual courses in k groups (Lloyd1982), arms by a first guess (rows x arms). */
export function startingBeliefs(data: Behaviour, guess: Float64Array, count: number, rng: Rng): Float64Array {
  const { rows, depth, arms, arm } = data;
  const group = clusters(residuals(data), rows, depth, count, rng);
  const joint = new Float64Array(rows * count * arms);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < count; j++)
      for (let a = 0; a < arms; a++) {
        const q = arm[i] < 0 ? guess[i * arms + a] : arm[i] === a ? 1 : 0;
        joint[(i * count + j) * arms + a] = q * (0.2 / count + (group[i] === j ? 0.8 : 0));
      }
  return joint;
}

/** Courses less their least squares line in x. */
function residuals({ rows, x, width, s, depth }: Behaviour): Float64Array {
  const [g, b] = [new Float64Array(width * width), new Float64Array(width * depth)];
  for (let i = 0; i < rows; i++)
    for (let u = 0; u < width; u++) {
      for (let v = 0; v < width; v++) g[u * width + v] += x[i * width + u] * x[i * width + v];
      for (let k = 0; k < depth; k++) b[u * depth + k] += x[i * width + u] * s[i * depth + k];
    }
  for (let u = 0; u < width; u++) g[u * width + u] += 1e-6 * rows;
  const inverse = inverseSpd(g) as Float64Array;
  const theta = new Float64Array(width * depth);
  for (let u = 0; u < width; u++)
    for (let v = 0; v < width; v++) for (let k = 0; k < depth; k++) theta[u * depth + k] += inverse[u * width + v] * b[v * depth + k];
  const out = s.slice();
  for (let i = 0; i < rows; i++) for (let u = 0; u < width; u++) for (let k = 0; k < depth; k++) out[i * depth + k] -= x[i * width + u] * theta[u * depth + k];
  return out;
}

function clusters(points: Float64Array, rows: number, depth: number, count: number, rng: Rng): Int32Array {
  let best = new Int32Array(rows);
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3; attempt++) {
    const stream = rng.split("clusters", attempt);
    const centres = new Float64Array(count * depth);
    for (let j = 0; j < count; j++) {
      const i = stream.int(rows);
      centres.set(points.subarray(i * depth, (i + 1) * depth), j * depth);
    }
    const group = new Int32Array(rows);
    let spread = 0;
    for (let round = 0; round < 15; round++) {
      const [sum, size] = [new Float64Array(count * depth), new Float64Array(count)];
      spread = 0;
      for (let i = 0; i < rows; i++) {
        let [nearest, distance] = [0, Number.POSITIVE_INFINITY];
        for (let j = 0; j < count; j++) {
          let d = 0;
          for (let k = 0; k < depth; k++) d += (points[i * depth + k] - centres[j * depth + k]) ** 2;
          if (d < distance) [nearest, distance] = [j, d];
        }
        group[i] = nearest;
        spread += distance;
        size[nearest]++;
        for (let k = 0; k < depth; k++) sum[nearest * depth + k] += points[i * depth + k];
      }
      for (let j = 0; j < count; j++) if (size[j] > 0) for (let k = 0; k < depth; k++) centres[j * depth + k] = sum[j * depth + k] / size[j];
    }
    if (spread < least) [best, least] = [group, spread];
  }
  return best;
}
