import { usageError } from "./errors.ts";

/**
 * xoshiro128** (Blackman2021), 53-bit floats, split by label.
 *
 * A stream is named by its seed and the labels on the way to it: `new Rng(7).split("tree", 17)` is the same stream whoever asks,
 * in whatever order and on however many threads, and however much has been drawn from its parent.
 */
export class Rng {
  private readonly key: readonly [number, number];
  private a: number;
  private b: number;
  private c: number;
  private d: number;
  private spare = Number.NaN;

  /** @param seed a safe integer; nearby seeds give unrelated streams. */
  constructor(seed: number | readonly [number, number]) {
    if (typeof seed === "number" && !Number.isSafeInteger(seed)) throw usageError(`seed: must be a whole number between -(2^53 - 1) and 2^53 - 1, got ${seed}`);
    this.key = typeof seed === "number" ? [seed | 0, Math.floor(seed / 4294967296) | 0] : seed;
    const [low, high] = this.key;
    this.a = seedWord(low, high, 0);
    this.b = seedWord(low, high, 1);
    this.c = seedWord(low, high, 2);
    this.d = seedWord(low, high, 3);
    if ((this.a | this.b | this.c | this.d) === 0) this.a = 1;
  }

  /** The stream with this label below this one; it depends on the labels alone, not on what was drawn so far. `index` is a safe integer. */
  split(label: string, index = 0): Rng {
    let [h, g] = this.key;
    for (let i = 0; i < label.length; i++) {
      h = mix32(h ^ label.charCodeAt(i));
      g = mix32(g + h);
    }
    // No character has this code, so that ("a", 98) followed by ("c", 1) is not ("abc", 1).
    h = mix32(h ^ 0x10000);
    g = mix32(g + h);
    h = mix32(h ^ (index | 0));
    g = mix32((g ^ Math.floor(index / 4294967296)) + h);
    return new Rng([h, g]);
  }

  /** Uniform on the integers 0 .. 2^32 - 1. */
  uint32(): number {
    const b = this.b;
    let r = Math.imul(b, 5);
    r = Math.imul((r << 7) | (r >>> 25), 9);
    const t = b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    const d = this.d;
    this.d = (d << 11) | (d >>> 21);
    return r >>> 0;
  }

  /** Uniform on [0, 1) with 53 bits. */
  float(): number {
    return ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) * 1.1102230246251565e-16;
  }

  /** Uniform on the integers 0 .. n - 1, without bias (rejection); n from 1 to 2^32. */
  int(n: number): number {
    if (!(n >= 1 && n <= 4294967296)) throw new RangeError(`int: n must lie between 1 and 2^32, got ${n}`);
    const limit = 4294967296 - (4294967296 % n);
    for (;;) {
      const r = this.uint32();
      if (r < limit) return r % n;
    }
  }

  /** Standard normal (Marsaglia's polar method; pairs are kept). */
  normal(): number {
    if (!Number.isNaN(this.spare)) {
      const z = this.spare;
      this.spare = Number.NaN;
      return z;
    }
    for (;;) {
      const u = 2 * this.float() - 1;
      const v = 2 * this.float() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const f = Math.sqrt((-2 * Math.log(s)) / s);
        this.spare = v * f;
        return u * f;
      }
    }
  }

  bernoulli(p: number): 0 | 1 {
    return this.float() < p ? 1 : 0;
  }

  /** Exponential with mean 1. */
  exponential(): number {
    return -Math.log1p(-this.float());
  }

  /** Gamma with this shape and scale 1 (Marsaglia2000); shape > 0. */
  gamma(shape: number): number {
    if (!(shape > 0 && shape < Number.POSITIVE_INFINITY)) throw new RangeError(`gamma: shape must be positive and finite, got ${shape}`);
    if (shape < 1) return this.gamma(shape + 1) * (1 - this.float()) ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const z = this.normal();
      const v = (1 + c * z) ** 3;
      if (v > 0 && Math.log(1 - this.float()) < 0.5 * z * z + d - d * v + d * Math.log(v)) return d * v;
    }
  }

  /** Beta with these shapes, both > 0; the two gammas meet on the log scale, as either underflows for shapes near 0. */
  beta(a: number, b: number): number {
    return 1 / (1 + Math.exp(this.logGamma(b) - this.logGamma(a)));
  }

  private logGamma(shape: number): number {
    return shape < 1 ? Math.log(this.gamma(shape + 1)) + Math.log1p(-this.float()) / shape : Math.log(this.gamma(shape));
  }

  /** Poisson with this mean, finite and >= 0: by inversion up to 30, else as a sum of halves. */
  poisson(mean: number): number {
    if (!(mean >= 0 && mean < Number.POSITIVE_INFINITY)) throw new RangeError(`poisson: mean must be finite and at least 0, got ${mean}`);
    if (mean > 30) return this.poisson(mean / 2) + this.poisson(mean / 2);
    let p = Math.exp(-mean);
    let sum = p;
    let k = 0;
    const u = this.float();
    while (u > sum && p > 0) {
      k++;
      p *= mean / k;
      sum += p;
    }
    return k;
  }

  /** Index drawn with probability proportional to `weights` (all >= 0, sum > 0). */
  choice(weights: ArrayLike<number>): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i];
    if (!(total > 0)) throw new RangeError(`choice: weights must have a positive sum, got ${total}`);
    let u = this.float() * total;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      if (!(weights[i] > 0)) continue;
      last = i;
      u -= weights[i];
      if (u < 0) return i;
    }
    // Rounding of the sum can leave a crumb: it goes to the last index that may be drawn at all.
    return last;
  }

  /** Fisher-Yates, in place; returns what it was given. */
  shuffle<A extends Int32Array | Float64Array | unknown[]>(items: A): A {
    const list = items as { [i: number]: unknown };
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const held = list[i];
      list[i] = list[j];
      list[j] = held;
    }
    return items;
  }

  /** 0 .. n - 1 in random order. */
  permutation(n: number): Int32Array {
    const order = new Int32Array(n);
    for (let i = 0; i < n; i++) order[i] = i;
    return this.shuffle(order);
  }
}

function mix32(x: number): number {
  let t = (x + 0x9e3779b9) | 0;
  t = Math.imul(t ^ (t >>> 16), 0x21f0aaad);
  t = Math.imul(t ^ (t >>> 15), 0x735a2d97);
  return t ^ (t >>> 15);
}

/** Word i of the state: for every i one to one in `low` at fixed `high`, and in `high` at fixed `low`. */
function seedWord(low: number, high: number, i: number): number {
  return mix32(mix32(low + Math.imul(i, 0x9e3779b9)) + mix32(high ^ Math.imul(i + 1, 0x85ebca6b)));
}
