import { afterAll, describe, expect, test } from "vitest";
import { Dataset, numberColumn } from "../../../src/data/dataset.ts";
import { simulate } from "../../../src/data/synth/index.ts";
import type { SellersPrediction } from "../../../src/model/contract.ts";
import { type FittedModel, fit } from "../../../src/model/fit.ts";
import { canniUplift } from "../../../src/uplift/canni/canniUplift.ts";
import { exact, expectAllClose, expectClose, float32, float64 } from "../../tolerance.ts";

const train = simulate("sellers", { users: 60, candidates: 5, ragged: 0.6, sellers: 60, events: 4 }, 1);
const other = simulate("sellers", { users: 12, candidates: 5, ragged: 0.6, sellers: 60, events: 4 }, 2);

describe.each(["itt", "exclusion"] as const)("canni-uplift, %s", (mode) => {
  let fitted: FittedModel<"sellers"> | undefined;
  const ready = async (): Promise<FittedModel<"sellers">> =>
    (fitted ??= await fit(canniUplift, train, { config: { ...(canniUplift.quick as object), steps: 30, mode }, seed: 3, threads: 1 }));
  const predict = async (data: Dataset): Promise<SellersPrediction> => (await ready()).predict(data);
  afterAll(() => fitted?.dispose());

  test("mu1 = p m1 + (1 - p) m0 and tau = mu1 - mu0, to the last bit; all spending is positive", async () => {
    const { mu0, mu1, p, m1, m0, tau, denoised } = await predict(other);
    if (p === undefined || m1 === undefined || m0 === undefined || denoised === undefined) throw new Error("no split");
    for (let i = 0; i < mu1.length; i++) {
      expect(mu1[i]).toBe(p[i] * m1[i] + (1 - p[i]) * m0[i]);
      expect(tau[i]).toBe(mu1[i] - mu0[i]);
      expect(denoised[i]).toBe(Math.min(Math.max(tau[i], 0), p[i] * m1[i]));
      expect(Math.min(mu0[i], m1[i], m0[i], p[i], 1 - p[i])).toBeGreaterThanOrEqual(0);
    }
  });

  test("the platform is the sum of its shops and the outside, to the last bit, under any assignment", async () => {
    const prediction = await predict(other);
    for (const assignment of [prediction.planned, new Uint8Array(other.rows), new Uint8Array(other.rows).fill(1)]) {
      const { shops, outside, total } = await prediction.platform(assignment);
      for (let u = 0; u < prediction.users; u++) {
        let sum = 0;
        for (let i = 0; i < other.rows; i++) if (prediction.user[i] === u) sum += shops[i];
        expect(total[u]).toBe(sum + outside[u]);
      }
      for (let i = 0; i < other.rows; i++) expect(shops[i]).toBeGreaterThanOrEqual(0);
    }
  });

  test("the order of a user's candidates changes nothing, to the last bit; that of users nothing beyond rounding", async () => {
    const prediction = await predict(other);
    const net = await prediction.platformNet();
    const user = other.number("user");
    const mixed = (a: number, b: number): number => ((a * 7919) % 101) - ((b * 7919) % 101);
    const within = [...Array(other.rows).keys()].sort((a, b) => user[a] - user[b] || mixed(a, b));
    const shuffled = await predict(other.take(within));
    for (const name of ["tau", "mu0", "p", "m1", "m0"] as const)
      expectAllClose(
        shuffled[name] ?? [],
        within.map((i) => prediction[name]?.[i] ?? Number.NaN),
        exact,
        name,
      );
    // Sums over a user's shops run in another order.
    expectAllClose(
      await shuffled.platformNet(),
      within.map((i) => net[i]),
      1e-9,
    );
    const anyhow = [...Array(other.rows).keys()].sort(mixed);
    expectAllClose(
      (await predict(other.take(anyhow))).tau,
      anyhow.map((i) => prediction.tau[i]),
      float32,
    );
  });

  test("padding changes nothing: users predicted alone, and beside one with more candidates", async () => {
    const prediction = await predict(other);
    const net = await prediction.platformNet();
    for (const u of [0, 5, 11]) {
      const rows = [...Array(other.rows).keys()].filter((i) => prediction.user[i] === u);
      const alone = await predict(other.take(rows));
      expectAllClose(
        alone.tau,
        rows.map((i) => prediction.tau[i]),
        float32,
      );
      expectAllClose(
        await alone.platformNet(),
        rows.map((i) => net[i]),
        10 * float32,
      );
    }
  });

  test("a single flip is the difference of two assignments, and its own place the effect on the shop", async () => {
    const prediction = await predict(other);
    const { planned, tau } = prediction;
    const net = await prediction.platformNet();
    for (const row of [0, 3, 20]) {
      const [on, off] = [1, 0].map((value) => planned.map((own, i) => (i === row ? value : own)));
      const [given, not] = [await prediction.platform(on), await prediction.platform(off)];
      const u = prediction.user[row];
      expectClose(net[row], given.total[u] - not.total[u], 10 * float32);
    }
    await prediction.flips(({ row, rows, change }) => {
      expectClose(change[rows.indexOf(row)], tau[row], float32);
    });
  });

  test("the lift of no plan is nothing, and rivals are ignored where none gives an incentive", async () => {
    const prediction = await predict(other);
    expectAllClose(await prediction.lift(new Uint8Array(other.rows)), new Float64Array(prediction.users), exact);
  });
});

test("broken rows are refused with their numbers in the data as given, and mended and counted when asked", async () => {
  const gmv = train.number("shop_gmv").slice();
  gmv[30] = -1;
  const wrong = train.withColumns([numberColumn("shop_gmv", gmv)]);
  const config = { ...(canniUplift.quick as object), steps: 5 };
  await expect(fit(canniUplift, wrong, { config })).rejects.toThrow("row 31");
  const mended = await fit(canniUplift, wrong, { config: { ...config, repair: true }, threads: 1 });
  expect(mended.report.repaired).toEqual({ "negative shop outcome": 1 });
  mended.dispose();
});

test("without a column of redemption or of the platform the model says which part to leave out", async () => {
  const { redeemed: _, ...sellers } = train.roles.sellers ?? { incentives: [] };
  await expect(fit(canniUplift, train.withRoles({ sellers }))).rejects.toThrow(/--no-redemption/);
  const { platform: __, ...shops } = train.roles.sellers ?? { incentives: [] };
  await expect(fit(canniUplift, train.withRoles({ sellers: shops }))).rejects.toThrow(/--no-platform/);
});

test("winsorising and weights are reported: how much was cut, and how many pairs still count", async () => {
  const biased = simulate("sellers", { users: 40, candidates: 5, sellers: 60, events: 3, confounding: 1 }, 5);
  const fitted = await fit(canniUplift, biased, { config: { ...(canniUplift.quick as object), steps: 5, winsorise: 0.95 }, threads: 1 });
  const { winsorised, weighting } = fitted.report as { winsorised: { rows: number; quantile: number }; weighting: { how: string; effectiveRows: number } };
  const positive = biased.number("shop_gmv").filter((v) => v > 0).length;
  expect(winsorised.rows).toBe(positive - Math.floor(0.95 * (positive - 1)) - 1);
  expect(weighting.how).toBe("known");
  expect(weighting.effectiveRows).toBeLessThan(biased.rows);
  fitted.dispose();
  const plain = await fit(canniUplift, train, { config: { ...(canniUplift.quick as object), steps: 5 }, threads: 1 });
  expect((plain.report.weighting as { how: string }).how).toBe("none");
  plain.dispose();
});

test("text names of users the model has not seen are users all the same", async () => {
  const named = (data: Dataset, stem: string): Dataset => {
    const user = data.number("user");
    const levels = [...new Set(user)].map((u) => `${stem}${u}`).sort();
    return data.withColumns([{ kind: "category", name: "user", codes: Int32Array.from(user, (u) => levels.indexOf(`${stem}${u}`)), levels }]);
  };
  const fitted = await fit(canniUplift, named(train, "a"), { config: { ...(canniUplift.quick as object), steps: 5 }, threads: 1 });
  const prediction = await fitted.predict(named(other, "b"));
  expect(prediction.users).toBe(12);
  expectClose(
    prediction.tau.reduce((a, b) => a + b, 0),
    prediction.mu1.reduce((a, b) => a + b, 0) - prediction.mu0.reduce((a, b) => a + b, 0),
    100 * float64,
  );
  fitted.dispose();
});

test("where no plan is named, the treatment is the plan, also for a saved model and new data", async () => {
  const { planned: _, ...sellers } = train.roles.sellers ?? { incentives: [] };
  const fitted = await fit(canniUplift, train.withRoles({ sellers }), { config: { ...(canniUplift.quick as object), steps: 5 }, threads: 1 });
  expect(fitted.schema.roles.sellers?.planned).toBe("assigned");
  const { planned } = await fitted.predict(other);
  expectAllClose(planned, other.number("assigned"), exact);
  fitted.dispose();
});
