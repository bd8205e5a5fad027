/** The standard normal distribution, to full double precision in both tails. */

const inverseRoot2Pi = 0.3989422804014327;

/** Density at z. */
export function normalPdf(z: number): number {
  return inverseRoot2Pi * Math.exp(-0.5 * z * z);
}

/** P(Z <= z). The lower tail keeps its relative accuracy down to z = -37; NaN for NaN. */
export function normalCdf(z: number): number {
  return z < 0 ? upperTail(-z) : 1 - upperTail(z);
}

/** P(Z > z), accurate where 1 - normalCdf(z) has lost its digits. */
export function normalSf(z: number): number {
  return z > 0 ? upperTail(z) : 1 - upperTail(-z);
}

/** P(|Z| >= |z|): the two-sided p-value of a z statistic. */
export function normalTwoSided(z: number): number {
  return 2 * upperTail(Math.abs(z));
}

/** log P(Z <= z), finite where the probability itself underflows. */
export function normalLogCdf(z: number): number {
  if (z > -30) return z > 0 ? Math.log1p(-upperTail(z)) : Math.log(upperTail(-z));
  // Asymptotic expansion of Mills' ratio; the first term left out is below 1e-13 here.
  const s = 1 / (z * z);
  return -0.5 * z * z - Math.log(-z) - 0.9189385332046728 + Math.log1p(-s * (1 - s * (3 - s * (15 - s * (105 - 945 * s)))));
}

/**
 * Cody1969: three rational approximations to the error function, here of y = z / sqrt(2) >= 0. The exponential is split at a multiple
 * of 1/16 of z, whose square is exact, so that the far tail does not inherit the rounding of z * z.
 */
function upperTail(z: number): number {
  const y = z * Math.SQRT1_2;
  if (y <= 0.46875) return 0.5 * (1 - y * ratio(y * y, centreTop, centreBottom));
  if (z > 38.6) return 0;
  const head = Math.trunc(z * 16) / 16;
  const density = Math.exp(-0.5 * head * head) * Math.exp(-0.5 * (z - head) * (z + head));
  if (y <= 4) return 0.5 * density * ratio(y, middleTop, middleBottom);
  const s = 1 / (y * y);
  return 0.5 * density * ((0.5641895835477563 - s * ratio(s, tailTop, tailBottom)) / y);
}

/** Quotient of two polynomials with coefficients from the highest power down. */
function ratio(x: number, top: readonly number[], bottom: readonly number[]): number {
  let p = top[0];
  let q = bottom[0];
  for (let i = 1; i < top.length; i++) p = p * x + top[i];
  for (let i = 1; i < bottom.length; i++) q = q * x + bottom[i];
  return p / q;
}

const centreTop = [0.18577770618460315, 3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694];
const centreBottom = [1, 23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171];
const middleTop = [
  2.1531153547440383e-8, 0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001, 881.952221241769, 1712.0476126340707, 2051.0783778260716,
  1230.3393547979972,
];
const middleBottom = [
  1, 15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597, 4362.619090143247, 3439.3676741437216,
  1230.3393548037495,
];
const tailTop = [0.016315387137302097, 0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275, 0.0006587491615298378];
const tailBottom = [1, 2.568520192289822, 1.8729528499234604, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918];

/** z with P(Z <= z) = p: algorithm PPND16 of Wichura1988 (AS 241), relative accuracy 1e-15. -Infinity at 0, Infinity at 1, NaN outside [0, 1]. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? Number.NEGATIVE_INFINITY : p === 1 ? Number.POSITIVE_INFINITY : Number.NaN;
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(0.180625 - q * q, quantileCentreTop, quantileCentreBottom);
  const r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p));
  const z = r <= 5 ? ratio(r - 1.6, quantileMiddleTop, quantileMiddleBottom) : ratio(r - 5, quantileTailTop, quantileTailBottom);
  return q < 0 ? -z : z;
}

const quantileCentreTop = [
  2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946, 1971.5909503065513, 133.14166789178438, 3.3871328727963665,
];
const quantileCentreBottom = [
  5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751, 687.1870074920579, 42.31333070160091, 1,
];
const quantileMiddleTop = [
  0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045, 5.769497221460691, 4.630337846156546,
  1.4234371107496835,
];
const quantileMiddleBottom = [
  1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851, 1.6763848301838038, 2.053191626637759, 1,
];
const quantileTailTop = [
  2.0103343992922881e-7, 2.7115555687434876e-5, 0.0012426609473880784, 0.026532189526576124, 0.29656057182850487, 1.7848265399172913, 5.463784911164114,
  6.657904643501103,
];
const quantileTailBottom = [
  2.0442631033899397e-15, 1.421511758316446e-7, 1.8463183175100548e-5, 0.0007868691311456133, 0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1,
];
