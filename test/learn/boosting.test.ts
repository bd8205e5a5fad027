import { expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import type { Features } from "../../src/data/schema.ts";
import { boostingClassifier, boostingRegressor } from "../../src/learn/boosting.ts";

const context = (seed = 1) => ({ rng: new Rng(seed), threads: 1, signal: new AbortController().signal });
function simulated(n: number, seed = 1): { x: Features; y: Float64Array; p: Float64Array } {
  const rng = new Rng(seed);
  const a = new Float64Array(n);
  const b = new Float64Array(n);
  const c = new Int32Array(n);
  const y = new Float64Array(n);
  const p = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    a[i] = rng.bernoulli(0.1) ? Number.NaN : rng.normal();
    b[i] = rng.float();
    c[i] = rng.int(5) - 1;
    p[i] = (Number.isNaN(a[i]) ? 2 : a[i]) + (c[i] === 2 ? 3 : 0);
    y[i] = p[i] + rng.normal();
  }
  return {
    x: {
      rows: n,
      columns: [
        { kind: "number", name: "a", values: a },
        { kind: "number", name: "b", values: b },
        { kind: "category", name: "c", codes: c, levels: ["p", "q", "r", "s"] },
      ],
    },
    y,
    p,
  };
}
test("boosting learns", async () => {
  const { x, y, p } = simulated(5000);
  const t = performance.now();
  const m = await boostingRegressor.fit(boostingRegressor.config.parse({}), x, y, undefined, context());
  const f = await m.predict(x);
  let e = 0;
  for (let i = 0; i < p.length; i++) e += (f[i] - p[i]) ** 2;
  console.log(performance.now() - t, e / p.length, (m as any).trees, (m as any).importance);
  const r = await boostingRegressor.restore(boostingRegressor.config.parse({}), m.state());
  expect(await r.predict(x)).toEqual(f);
  const b = y.map((v) => (v > 1 ? 1 : 0));
  const k = await boostingClassifier.fit(boostingClassifier.config.parse({ folds: 3 }), x, b, undefined, context());
  const q = await k.predict(x);
  let ll = 0;
  for (let i = 0; i < b.length; i++) ll -= Math.log(b[i] ? q[i] : 1 - q[i]);
  console.log(ll / b.length, (k as any).trees);
});
