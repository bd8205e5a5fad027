import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { betaCdf } from "../../src/base/stats/beta.ts";
import { chi2Sf } from "../../src/base/stats/chi2.ts";
import { gammaP, gammaQ } from "../../src/base/stats/gamma.ts";
import { kolmogorovTest } from "../../src/base/stats/kolmogorov.ts";
import { normalCdf } from "../../src/base/stats/normal.ts";
import { expectWithin } from "../tolerance.ts";

const reference = JSON.parse(readFileSync(new URL("../fixtures/rng/data.json", import.meta.url), "utf8")) as {
  state: number[];
  first: number[];
  after100012: number;
}[];

/** A fair test fails this often: with the fixed seeds here it either always passes or the generator is at fault. */
const rare = 1e-4;

function withState(state: readonly number[]): Rng {
  const [a, b, c, d] = state.map((word) => word | 0);
  return Object.assign(new Rng(0), { a, b, c, d });
}

function draws(n: number, draw: () => number): Float64Array {
  const values = new Float64Array(n);
  for (let i = 0; i < n; i++) values[i] = draw();
  return values;
}

/** p-value of Pearson's chi-squared for equal shares. */
function uniformity(counts: ArrayLike<number>): number {
  const total = Array.from(counts).reduce((sum, count) => sum + count, 0);
  const expected = total / counts.length;
  const statistic = Array.from(counts).reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  return chi2Sf(statistic, counts.length - 1);
}

function correlation(x: Float64Array, y: Float64Array): number {
  const n = x.length;
  const mx = x.reduce((s, v) => s + v, 0) / n;
  const my = y.reduce((s, v) => s + v, 0) / n;
  let sxy = 0;
  let sxx = 0;
  let syy = 0;
  for (let i = 0; i < n; i++) {
    sxy += (x[i] - mx) * (y[i] - my);
    sxx += (x[i] - mx) ** 2;
    syy += (y[i] - my) ** 2;
  }
  return sxy / Math.sqrt(sxx * syy);
}

describe("xoshiro128**", () => {
  test("gives the outputs of the reference program, also after 100,012 steps", () => {
    for (const { state, first, after100012 } of reference) {
      const rng = withState(state);
      expect(Array.from({ length: first.length }, () => rng.uint32())).toEqual(first);
      for (let i = first.length; i < 100012; i++) rng.uint32();
      expect(rng.uint32()).toBe(after100012);
    }
  });

  test("floats are two outputs put together, in [0, 1), with 53 bits", () => {
    const rng = withState(reference[1].state);
    const [high, low] = reference[1].first;
    expect(rng.float()).toBe(((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53);
    const values = draws(1000, () => rng.float());
    expect(values.every((u) => u >= 0 && u < 1)).toBe(true);
    expect(values.filter((u) => !Number.isInteger(u * 2 ** 32)).length).toBeGreaterThan(990);
  });
});

describe("seeds and splits", () => {
  test("the same path of labels is the same stream, whatever was drawn from the parent", () => {
    const used = new Rng(7);
    for (let i = 0; i < 99; i++) used.normal();
    const one = used.split("tree", 17).split("rows");
    const two = new Rng(7).split("tree", 17).split("rows");
    expect(draws(20, () => one.uint32())).toEqual(draws(20, () => two.uint32()));
  });

  test("different seeds, labels, indices and depths are different streams", () => {
    const root = new Rng(7);
    const paths = [
      root,
      new Rng(-7),
      new Rng(7 + 2 ** 32),
      new Rng(7 + 2 ** 52),
      root.split("a"),
      root.split("b"),
      root.split("a", 1),
      root.split("a", -1),
      root.split("a", 2 ** 32),
      root.split("ab"),
      root.split("a").split("b"),
      root.split("a").split("a"),
      root.split(""),
      root.split("", 97),
    ];
    expect(new Set(paths.map((rng) => `${rng.uint32()} ${rng.uint32()}`)).size).toBe(paths.length);
  });

  test("a label that goes on where an index stood is another stream", () => {
    expect(new Rng(1).split("fold", 49).split("a").uint32()).not.toBe(new Rng(1).split("fold1a").uint32());
    expect(new Rng(1).split("a", 98).uint32()).not.toBe(new Rng(1).split("", 97).split("", 98).uint32());
  });

  test("no word of the state is the same for all small seeds", () => {
    for (const word of ["a", "b", "c", "d"]) {
      const values = new Set(Array.from({ length: 1000 }, (_, seed) => (new Rng(seed) as unknown as Record<string, number>)[word]));
      expect(values.size, `word ${word}`).toBeGreaterThan(995);
    }
  });

  // Where seeds are not mixed, the first floats of neighbouring seeds are nearly the same number (pure-rand's xoroshiro128+ starts at 0.9999).
  test("the k-th float over 20,000 neighbouring seeds is uniform and uncorrelated with its neighbour", () => {
    const n = 20000;
    const first = Array.from({ length: n }, (_, seed) => {
      const rng = new Rng(seed);
      return [rng.float(), rng.float(), rng.float()];
    });
    for (let k = 0; k < 3; k++) {
      const counts = new Int32Array(100);
      for (const floats of first) counts[Math.floor(floats[k] * 100)]++;
      expect(uniformity(counts), `float ${k}`).toBeGreaterThan(rare);
      const x = Float64Array.from(first.slice(1), (floats) => floats[k]);
      const y = Float64Array.from(first.slice(0, -1), (floats) => floats[k]);
      expectWithin(correlation(x, y), 0, 1 / Math.sqrt(n), 4, `lag-1 correlation of float ${k}`);
    }
  });

  test("the same holds over indices of one label, and between label, parent and index", () => {
    const n = 20000;
    const root = new Rng(3);
    const byIndex = Float64Array.from({ length: n }, (_, i) => root.split("tree", i).float());
    const counts = new Int32Array(100);
    for (const u of byIndex) counts[Math.floor(u * 100)]++;
    expect(uniformity(counts)).toBeGreaterThan(rare);
    expectWithin(correlation(byIndex.subarray(1), byIndex.subarray(0, n - 1)), 0, 1 / Math.sqrt(n), 4, "neighbouring indices");
    const other = Float64Array.from({ length: n }, (_, i) => root.split("fold", i).float());
    expectWithin(correlation(byIndex, other), 0, 1 / Math.sqrt(n), 4, "two labels");
    const [parent, child] = [new Rng(3), new Rng(3).split("x")];
    const along = draws(n, () => parent.float());
    const below = draws(n, () => child.float());
    expectWithin(correlation(along, below), 0, 1 / Math.sqrt(n), 4, "parent and child");
  });

  test("bits of neighbouring seeds flip half of the time (no seed is a shift of another)", () => {
    let flips = 0;
    const n = 4000;
    for (let seed = 0; seed < n; seed++) {
      let x = (new Rng(seed).uint32() ^ new Rng(seed + 1).uint32()) >>> 0;
      for (; x > 0; x = (x & (x - 1)) >>> 0) flips++;
    }
    expectWithin(flips / (32 * n), 0.5, 0.5 / Math.sqrt(32 * n), 4);
  });

  test("a seed that is not a whole number is refused", () => {
    for (const seed of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) expect(() => new Rng(seed)).toThrow(/seed: must be a whole number/);
  });
});

describe("distributions: mean and variance within sampling error, shape by Kolmogorov's test", () => {
  const n = 40000;
  const cases: readonly { name: string; draw: (rng: Rng) => number; mean: number; variance: number; kurtosis: number; cdf?: (x: number) => number }[] = [
    { name: "float", draw: (r) => r.float(), mean: 1 / 2, variance: 1 / 12, kurtosis: 1.8, cdf: (x) => x },
    { name: "normal", draw: (r) => r.normal(), mean: 0, variance: 1, kurtosis: 3, cdf: normalCdf },
    { name: "exponential", draw: (r) => r.exponential(), mean: 1, variance: 1, kurtosis: 9, cdf: (x) => -Math.expm1(-x) },
    { name: "bernoulli(0.03)", draw: (r) => r.bernoulli(0.03), mean: 0.03, variance: 0.0291, kurtosis: 3 + (1 - 6 * 0.0291) / 0.0291 },
    { name: "gamma(0.3)", draw: (r) => r.gamma(0.3), mean: 0.3, variance: 0.3, kurtosis: 3 + 6 / 0.3, cdf: (x) => gammaP(0.3, x) },
    { name: "gamma(1)", draw: (r) => r.gamma(1), mean: 1, variance: 1, kurtosis: 9, cdf: (x) => gammaP(1, x) },
    { name: "gamma(17.5)", draw: (r) => r.gamma(17.5), mean: 17.5, variance: 17.5, kurtosis: 3 + 6 / 17.5, cdf: (x) => gammaP(17.5, x) },
    { name: "beta(2, 5)", draw: (r) => r.beta(2, 5), mean: 2 / 7, variance: 10 / (49 * 8), kurtosis: 2.88, cdf: (x) => betaCdf(x, 2, 5) },
    { name: "beta(0.4, 0.6)", draw: (r) => r.beta(0.4, 0.6), mean: 0.4, variance: 0.12, kurtosis: 1.5, cdf: (x) => betaCdf(x, 0.4, 0.6) },
    { name: "poisson(0.7)", draw: (r) => r.poisson(0.7), mean: 0.7, variance: 0.7, kurtosis: 3 + 1 / 0.7 },
    { name: "poisson(29.9)", draw: (r) => r.poisson(29.9), mean: 29.9, variance: 29.9, kurtosis: 3 + 1 / 29.9 },
    { name: "poisson(250)", draw: (r) => r.poisson(250), mean: 250, variance: 250, kurtosis: 3 + 1 / 250 },
    { name: "int(10)", draw: (r) => r.int(10), mean: 4.5, variance: 99 / 12, kurtosis: 1.8 },
  ];
  test.each(cases)("$name", ({ name, draw, mean, variance, kurtosis, cdf }) => {
    const rng = new Rng(20).split(name);
    const values = draws(n, () => draw(rng));
    const got = values.reduce((s, v) => s + v, 0) / n;
    expectWithin(got, mean, Math.sqrt(variance / n), 4, "mean");
    const spread = values.reduce((s, v) => s + (v - mean) ** 2, 0) / n;
    expectWithin(spread, variance, variance * Math.sqrt((kurtosis - 1) / n), 4, "variance");
    if (cdf !== undefined) expect(kolmogorovTest(values, cdf).pValue).toBeGreaterThan(rare);
  });

  test("poisson: the share of every count is right, on both sides of the switch at 30", () => {
    for (const mean of [3, 31]) {
      const rng = new Rng(4).split("poisson", mean);
      const counts = new Map<number, number>();
      for (let i = 0; i < n; i++) {
        const k = rng.poisson(mean);
        counts.set(k, (counts.get(k) ?? 0) + 1);
      }
      // P(K <= k) = Q(k + 1, mean).
      let statistic = 0;
      let df = -1;
      for (let k = 0; k < 3 * mean; k++) {
        const expected = n * (gammaQ(k + 1, mean) - (k === 0 ? 0 : gammaQ(k, mean)));
        if (expected < 20) continue;
        statistic += ((counts.get(k) ?? 0) - expected) ** 2 / expected;
        df++;
      }
      expect(chi2Sf(statistic, df)).toBeGreaterThan(rare);
    }
  });

  test("normal: the two of a pair are independent, and tails have their share", () => {
    const rng = new Rng(5);
    const values = draws(200000, () => rng.normal());
    const odd = values.filter((_, i) => i % 2 === 1);
    const even = values.filter((_, i) => i % 2 === 0);
    expectWithin(correlation(even, odd), 0, 1 / Math.sqrt(100000), 4);
    expectWithin(
      correlation(
        even.map((z) => z * z),
        odd.map((z) => z * z),
      ),
      0,
      1 / Math.sqrt(100000),
      4,
    );
    const beyond = values.filter((z) => z < -3.5).length / values.length;
    expectWithin(beyond, normalCdf(-3.5), Math.sqrt(normalCdf(-3.5) / values.length), 4);
  });

  test("beta with shapes near zero stays a number, at either end", () => {
    const rng = new Rng(6);
    const values = draws(2000, () => rng.beta(0.001, 0.001));
    expect(values.every((x) => x >= 0 && x <= 1)).toBe(true);
    expectWithin(values.reduce((s, v) => s + v, 0) / 2000, 0.5, 0.5 / Math.sqrt(2000), 4);
  });

  test("int: every value of a range that does not divide 2^32 is as likely; 1 and 2^32 work", () => {
    const rng = new Rng(8);
    const counts = new Int32Array(7);
    for (let i = 0; i < 70000; i++) counts[rng.int(7)]++;
    expect(uniformity(counts)).toBeGreaterThan(rare);
    expect(rng.int(1)).toBe(0);
    // Three quarters of 2^32: without rejection the lower third of the range would come up twice as often.
    const wide = draws(30000, () => rng.int(3 * 2 ** 30));
    expectWithin(wide.filter((k) => k < 2 ** 30).length / 30000, 1 / 3, Math.sqrt(2 / 9 / 30000), 4);
    expect(Number.isInteger(rng.int(2 ** 32))).toBe(true);
  });

  test("choice follows the weights and never takes an index of weight zero", () => {
    const rng = new Rng(9);
    const counts = new Int32Array(4);
    for (let i = 0; i < 40000; i++) counts[rng.choice([1, 0, 3, 0])]++;
    expect([counts[1], counts[3]]).toEqual([0, 0]);
    expectWithin(counts[2] / 40000, 0.75, Math.sqrt(0.1875 / 40000), 4);
    // A float of almost 1 and weights whose sum rounds: the crumb may not fall on the last index.
    const top = Object.assign(new Rng(0), { float: () => 1 - 2 ** -53 });
    for (const weights of [
      [0.1, 0.2, 0.3, 0],
      [0.7, 0.1, 0.1, 0.1, 0],
    ])
      expect(weights[top.choice(weights)]).toBeGreaterThan(0);
  });

  test("shuffle and permutation: every order of four is as likely, and the multiset is kept", () => {
    const rng = new Rng(10);
    const counts = new Map<string, number>();
    for (let i = 0; i < 24000; i++) {
      const order = rng.permutation(4).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(uniformity([...counts.values()])).toBeGreaterThan(rare);
    expect(rng.shuffle(["a", "b", "b"]).toSorted()).toEqual(["a", "b", "b"]);
    expect(rng.permutation(0).length).toBe(0);
  });

  test("parameters out of range are refused, not looped over for ever", () => {
    const rng = new Rng(1);
    for (const n of [0, -3, Number.NaN, 2 ** 33]) expect(() => rng.int(n)).toThrow(RangeError);
    for (const shape of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => rng.gamma(shape)).toThrow(RangeError);
    for (const mean of [-1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => rng.poisson(mean)).toThrow(RangeError);
    expect(() => rng.choice([0, 0])).toThrow(RangeError);
    expect(() => rng.choice([])).toThrow(RangeError);
  });
});
