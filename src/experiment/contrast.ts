/**
 * Means of several arms and their differences to arm 0, from weighted rows that may come in clusters.
 *
 * Row i of arm a has share h_i = w_i / W_a of its arm, cluster g the share h_ga = sum of its rows'. With e the distance to the arm's mean,
 * the cluster's pull is u_ga = sum w e / W_a / sqrt(1 - h_ga), and the variance of a difference is the sum over clusters of (u_g1 - u_g0)^2:
 * CR2 (BellMcCaffrey2002), which is exact in expectation when weights are the inverse variances. One row a cluster without weights makes it
 * Neyman's s1^2 / n1 + s0^2 / n0 (Neyman1923), with weights HC2.
 */
export interface Contrast {
  readonly armMean: number;
  readonly controlMean: number;
  /** armMean - controlMean. */
  readonly value: number;
  /** NaN when an arm has fewer than two units (rows, or clusters) of positive weight. */
  readonly se: number;
  /** Satterthwaite's degrees of freedom (Imbens2016): Welch's for plain rows. */
  readonly df: number;
  /** Variance of each mean, and their covariance, which clusters that hold both arms bring in. */
  readonly armVariance: number;
  readonly controlVariance: number;
  readonly covariance: number;
  /** Rows, and units, of positive weight: control, arm. */
  readonly rows: readonly [number, number];
  readonly units: readonly [number, number];
}

/** Clusters of the rows: index of each, and how many there are. */
export interface Clusters {
  readonly index: Int32Array;
  readonly count: number;
}

/**
 * @param y n finite values; rows with NaN are passed over
 * @param arm n indices below `arms`
 * @param weight n weights >= 0, or undefined for one each
 * @returns arms - 1 contrasts: of arm 1, 2, ... to arm 0
 */
export function contrasts(y: Float64Array, arm: Int32Array, arms: number, weight?: Float64Array, clusters?: Clusters): Contrast[] {
  const means = meansOf(y, arm, arms, weight);
  const pulls = clusters === undefined ? undefined : clusterPulls(y, arm, means, weight, clusters);
  const spreads = pulls === undefined ? rowSpreads(y, arm, means, weight) : means.map((_, a) => spreadOf(pulls[a].share, pulls[a].pull));
  return means.slice(1).map((one, k) => {
    const a = k + 1;
    const [control, treated] = [spreads[0], spreads[a]];
    const overlap = pulls === undefined ? noOverlap : overlapOf(pulls[0], pulls[a]);
    const [v0, v1] = [control.variance, treated.variance];
    const enough = control.units > 1 && treated.units > 1;
    // The pulls of one cluster on both means go together: (u1 - u0)^2.
    const variance = Math.max(0, v1 + v0 - 2 * overlap.covariance);
    const df = (v1 + v0) ** 2 / (v1 * v1 * treated.inverseDf + v0 * v0 * control.inverseDf + 2 * v1 * v0 * overlap.inverseDf);
    return {
      armMean: one.mean,
      controlMean: means[0].mean,
      value: one.mean - means[0].mean,
      se: enough ? Math.sqrt(variance) : Number.NaN,
      df: enough ? df : Number.NaN,
      armVariance: v1,
      controlVariance: v0,
      covariance: overlap.covariance,
      rows: [means[0].rows, one.rows],
      units: [control.units, treated.units],
    };
  });
}

interface Mean {
  readonly rows: number;
  readonly total: number;
  readonly mean: number;
}

function meansOf(y: Float64Array, arm: Int32Array, arms: number, weight: Float64Array | undefined): Mean[] {
  const [rows, total, sum] = [new Float64Array(arms), new Float64Array(arms), new Float64Array(arms)];
  for (let i = 0; i < y.length; i++) {
    const w = weight === undefined ? 1 : weight[i];
    if (Number.isNaN(y[i]) || w === 0) continue;
    const a = arm[i];
    rows[a]++;
    total[a] += w;
    sum[a] += w * y[i];
  }
  return Array.from({ length: arms }, (_, a) => ({ rows: rows[a], total: total[a], mean: sum[a] / total[a] }));
}

interface Spread {
  readonly units: number;
  readonly variance: number;
  /** 1 / df of the variance. */
  readonly inverseDf: number;
}

const noOverlap = { covariance: 0, inverseDf: 0 };

// Every row its own unit: no cluster sums have to be kept.
function rowSpreads(y: Float64Array, arm: Int32Array, means: readonly Mean[], weight: Float64Array | undefined): Spread[] {
  const arms = means.length;
  const [variance, shares, leverages, squares] = [new Float64Array(arms), new Float64Array(arms), new Float64Array(arms), new Float64Array(arms)];
  for (let i = 0; i < y.length; i++) {
    const a = arm[i];
    const h = (weight === undefined ? 1 : weight[i]) / means[a].total;
    if (Number.isNaN(y[i]) || h === 0) continue;
    const e = y[i] - means[a].mean;
    const b = (h * h) / (1 - h);
    variance[a] += b * e * e;
    shares[a] += h * h;
    leverages[a] += b;
    squares[a] += b * b;
  }
  return means.map(({ rows }, a) => ({ units: rows, variance: variance[a], inverseDf: shares[a] + leverages[a] ** 2 - squares[a] }));
}

interface Pulls {
  /** h of each cluster in the arm. */
  readonly share: Float64Array;
  /** u of each cluster in the arm. */
  readonly pull: Float64Array;
}

function clusterPulls(y: Float64Array, arm: Int32Array, means: readonly Mean[], weight: Float64Array | undefined, clusters: Clusters): Pulls[] {
  const pulls = means.map(() => ({ share: new Float64Array(clusters.count), pull: new Float64Array(clusters.count) }));
  for (let i = 0; i < y.length; i++) {
    const a = arm[i];
    const h = (weight === undefined ? 1 : weight[i]) / means[a].total;
    if (Number.isNaN(y[i]) || h === 0) continue;
    const g = clusters.index[i];
    pulls[a].share[g] += h;
    pulls[a].pull[g] += h * (y[i] - means[a].mean);
  }
  for (const { share, pull } of pulls) for (let g = 0; g < pull.length; g++) pull[g] /= Math.sqrt(1 - share[g]);
  return pulls;
}

function spreadOf(share: Float64Array, pull: Float64Array): Spread {
  let [units, variance, shares, leverages, squares] = [0, 0, 0, 0, 0];
  for (let g = 0; g < share.length; g++) {
    const h = share[g];
    if (h === 0) continue;
    const b = (h * h) / (1 - h);
    units++;
    variance += pull[g] * pull[g];
    shares += h * h;
    leverages += b;
    squares += b * b;
  }
  return { units, variance, inverseDf: shares + leverages * leverages - squares };
}

// Imbens2016's trace, for clusters that hold both arms: the parts of control and arm multiply.
function overlapOf(control: Pulls, treated: Pulls): { readonly covariance: number; readonly inverseDf: number } {
  let [covariance, shares, products, squares] = [0, 0, 0, 0];
  for (let g = 0; g < control.share.length; g++) {
    const [h0, h1] = [control.share[g], treated.share[g]];
    if (h0 === 0 || h1 === 0) continue;
    const s = (h0 * h1) / Math.sqrt((1 - h0) * (1 - h1));
    covariance += control.pull[g] * treated.pull[g];
    shares += h0 * h1;
    products += s;
    squares += s * s;
  }
  return { covariance, inverseDf: shares + products * products - squares };
}
