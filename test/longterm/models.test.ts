import { afterAll, describe, expect, test } from "vitest";
import { simulate } from "../../src/data/synth/index.ts";
import { experimentRows } from "../../src/longterm/forecast.ts";
import { longterm } from "../../src/longterm/index.ts";
import type { LongtermPrediction, Model } from "../../src/model/contract.ts";
import { type FittedModel, fit } from "../../src/model/fit.ts";
import { sharedRun } from "../../src/model/run.ts";
import { expectAllClose, float32 } from "../tolerance.ts";

// The laws of every model of long-term effects, on settings that are fast: they say nothing about how well it learns.
const one = simulate("longterm-g7", { history: 200, experiment: 120 }, 3);
const many = simulate("longterm-g6", { history: 200, experiment: 160, actions: 3 }, 3);
const steps = simulate("longterm-g1", { history: 200, experiment: 120 }, 3);
const shared = sharedRun();

describe.each(longterm.map((model) => [model.id, model as Model<string, "longterm">] as const))("%s", (id, model) => {
  const data = id === "fcaecb" ? steps : one;
  const config = model.quick ?? {};
  let fitted: FittedModel<"longterm"> | undefined;
  const ready = async (): Promise<FittedModel<"longterm">> => (fitted ??= await fit(model, data, { config, seed: 7, threads: 1, shared }));
  afterAll(() => fitted?.dispose());
  const rows = experimentRows(data);

  test("effects are finite, a subset is predicted as in the whole, and down to one row", async () => {
    const whole = await (await ready()).predict(rows);
    expect(whole.arms).toEqual(["treated"]);
    expect(whole.effect[0].length).toBe(rows.rows);
    expect(whole.effect[0].every(Number.isFinite)).toBe(true);
    expect(Number.isFinite(whole.average[0].effect)).toBe(true);
    const few = await (await ready()).predict(rows.take([5, 2]));
    expectAllClose(few.effect[0], [whole.effect[0][5], whole.effect[0][2]], float32);
    const single = await (await ready()).predict(rows.take([9]));
    expectAllClose(single.effect[0], [whole.effect[0][9]], float32);
  });

  test("an interval holds its estimate; the parts of an effect sum to it", async () => {
    const { average, indirect, effect } = await (await ready()).predict(rows);
    for (const { effect: middle, lower, upper, se, indirect: through, direct } of average) {
      if (Number.isFinite(se)) expect(lower <= middle && middle <= upper && se > 0).toBe(true);
      if (through !== undefined && direct !== undefined) expectAllClose([through + direct], [middle], float32);
    }
    if (indirect !== undefined) expect(indirect[0].length).toBe(effect[0].length);
  });

  test("what later became of the experiment's units changes nothing, and the same seed is the same model, saved or not", async () => {
    const want = await (await ready()).predict(rows);
    const peeked = data.withColumns([{ kind: "number", name: data.roles.outcomes[0], values: data.outcome().map((v) => (Number.isNaN(v) ? 1e6 : v)) }]);
    const again = await fit(model, peeked, { config, seed: 7, threads: 1 });
    const same = await again.predict(rows);
    expectAllClose(same.effect[0], want.effect[0], float32);
    const restored = await model.restore(again.config as never, await again.state());
    const back = (await restored.predict(rows.restrict(model.traits.sees))) as LongtermPrediction;
    expectAllClose(back.effect[0], same.effect[0], 0);
    expectAllClose([back.average[0].effect], [same.average[0].effect], 0);
    again.dispose();
    restored.dispose();
  });

  test.skipIf(id === "fcaecb")("many arms: one effect for each treated arm", async () => {
    const wide = await fit(model, many, { config, seed: 7, threads: 1 });
    const { arms, effect, average } = await wide.predict(experimentRows(many));
    expect(arms).toEqual(["action1", "action2"]);
    expect(effect.length).toBe(2);
    expect(average.map(({ arm }) => arm)).toEqual(arms);
    expect(effect.every((values) => values.every(Number.isFinite))).toBe(true);
    wide.dispose();
  });
});
