/**
 * A loss as boosting needs it, on the scale of the score f (the sum of the trees): mean = link^-1(f).
 * Gradients and curvatures are those of half the squared error, and of the negative log-likelihood elsewhere.
 */
export interface Loss {
  /** Score of the constant model with this (weighted) mean outcome. */
  start(mean: number): number;
  /** g = d loss / d f and h = d2 loss / d f2 of the rows `begin` .. `end - 1`, the first at g[0]; weights are left to the caller. */
  slopes(y: Float64Array, f: Float64Array, g: Float64Array, h: Float64Array, begin: number, end: number): void;
  /** Largest |g| and h there can be; undefined where they depend on the outcomes. */
  readonly most?: readonly [number, number];
  /** Loss of one row, up to a constant in y. */
  value(y: number, f: number): number;
  /** Expected outcome at score f. */
  mean(f: number): number;
}

const squared: Loss = {
  start: (mean) => mean,
  slopes: (y, f, g, h, begin, end) => {
    for (let i = begin, k = 0; i < end; i++, k++) {
      g[k] = f[i] - y[i];
      h[k] = 1;
    }
  },
  value: (y, f) => 0.5 * (y - f) * (y - f),
  mean: (f) => f,
};

/** Scores beyond this are probabilities of 0 or 1 in double precision. */
const steepest = 36;

const logistic: Loss = {
  most: [1, 0.25],
  start: (mean) => Math.log(Math.max(mean, 1e-12) / Math.max(1 - mean, 1e-12)),
  slopes: (y, f, g, h, begin, end) => {
    for (let i = begin, k = 0; i < end; i++, k++) {
      const p = 1 / (1 + Math.exp(-f[i]));
      g[k] = p - y[i];
      h[k] = p * (1 - p);
    }
  },
  value: (y, f) => Math.log1p(Math.exp(-Math.abs(f))) + Math.max(f, 0) - y * f,
  mean: (f) => 1 / (1 + Math.exp(-Math.min(steepest, Math.max(-steepest, f)))),
};

const poisson: Loss = {
  start: (mean) => Math.log(Math.max(mean, 1e-12)),
  slopes: (y, f, g, h, begin, end) => {
    for (let i = begin, k = 0; i < end; i++, k++) {
      const mu = Math.exp(f[i]);
      g[k] = mu - y[i];
      h[k] = mu;
    }
  },
  value: (y, f) => Math.exp(f) - y * f,
  mean: (f) => Math.exp(f),
};

/** Compound Poisson with variance proportional to mean^power, 1 < power < 2: many zeros, a long right tail. */
function tweedie(power: number): Loss {
  const a = 1 - power;
  const b = 2 - power;
  return {
    start: (mean) => Math.log(Math.max(mean, 1e-12)),
    slopes: (y, f, g, h, begin, end) => {
      for (let i = begin, k = 0; i < end; i++, k++) {
        const first = y[i] * Math.exp(a * f[i]);
        const second = Math.exp(b * f[i]);
        g[k] = second - first;
        h[k] = b * second - a * first;
      }
    },
    value: (y, f) => Math.exp(b * f) / b - (y * Math.exp(a * f)) / a,
    mean: (f) => Math.exp(f),
  };
}

export const lossNames = ["squared", "logistic", "poisson", "tweedie"] as const;
export type LossName = (typeof lossNames)[number];

export function lossOf(name: LossName, tweediePower = 1.5): Loss {
  if (name === "squared") return squared;
  if (name === "logistic") return logistic;
  if (name === "poisson") return poisson;
  return tweedie(tweediePower);
}
