import { afterAll, describe, expect, test } from "vitest";
import { simulate } from "../../src/data/synth/index.ts";
import type { SellersPrediction } from "../../src/model/contract.ts";
import { type FittedModel, fit } from "../../src/model/fit.ts";
import { sellers } from "../../src/uplift/canni/index.ts";
import { expectAllClose, float32 } from "../tolerance.ts";

// The laws of every model of candidate sellers, on settings that are fast: they say nothing about how well it learns.
const data = simulate("sellers", { users: 40, candidates: 4, ragged: 0.5, sellers: 60, events: 3 }, 3);
const other = simulate("sellers", { users: 10, candidates: 4, ragged: 0.5, sellers: 60, events: 3 }, 4);

describe.each(sellers.map((model) => [model.id, model] as const))("%s", (_, model) => {
  const config = { ...(model.quick as object), steps: 12 };
  let fitted: FittedModel<"sellers"> | undefined;
  const ready = async (): Promise<FittedModel<"sellers">> => (fitted ??= await fit(model, data, { config, seed: 7, threads: 1 }));
  afterAll(() => fitted?.dispose());

  test("effects are finite, for one pair as for many, and users are predicted as in the whole", async () => {
    const whole = await (await ready()).predict(other);
    const net = await whole.platformNet();
    expect([...whole.tau, ...net, ...(await whole.lift())].every(Number.isFinite)).toBe(true);
    const rows = [...Array(other.rows).keys()].filter((i) => whole.user[i] === 4);
    const few = await (await ready()).predict(other.take(rows));
    expectAllClose(
      few.tau,
      rows.map((i) => whole.tau[i]),
      float32,
    );
    const one = await (await ready()).predict(other.take([rows[0]]));
    expect(one.tau.every(Number.isFinite)).toBe(true);
    if (!whole.competition) expectAllClose(net, whole.tau, 0);
  });

  test("what happened changes no prediction", async () => {
    const scramble = (name: string): { kind: "number"; name: string; values: Float64Array } => ({
      kind: "number",
      name,
      values: new Float64Array(other.rows).fill(1e6),
    });
    const scrambled = other.withColumns(["shop_gmv", "platform_gmv", "redeemed", "lift", "mu0", "mu1"].map(scramble));
    expectAllClose((await (await ready()).predict(scrambled)).tau, (await (await ready()).predict(other)).tau, 0);
  });

  test("the same seed gives the same model, and a restored one predicts the same", async () => {
    const want = (await (await ready()).predict(other)).tau;
    const again = await fit(model, data, { config, seed: 7, threads: 1 });
    expectAllClose((await again.predict(other)).tau, want, 0);
    const restored = await model.restore(again.config as never, await again.state());
    const prediction = (await restored.predict(other.restrict(model.traits.sees))) as SellersPrediction;
    expectAllClose(prediction.tau, want, 0);
    again.dispose();
    restored.dispose();
  });
});
