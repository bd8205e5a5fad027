import { describe, expect, test } from "vitest";
import { byChannel, fromPaths, type Journeys, withinWindow } from "../../../src/attribution/mechanism/journeys.ts";
import { markov } from "../../../src/attribution/mechanism/markov.ts";
import { byChannelWeight, byRule, first, last, linear, positionBased, timeDecay } from "../../../src/attribution/mechanism/rules.ts";
import { shapley } from "../../../src/attribution/mechanism/shapley.ts";
import { Rng } from "../../../src/base/rng.ts";
import { expectAllClose, expectClose, expectWithin, float64 } from "../../tolerance.ts";

const day = 86_400_000;

function random(seed: number, channels = 4, journeys = 30): Journeys {
  const rng = new Rng(seed);
  const names = "abcdefgh".slice(0, channels).split("");
  const paths = Array.from({ length: journeys }, () => Array.from({ length: 1 + rng.int(5) }, () => names[rng.int(channels)]).join(" > "));
  const counts = (): number[] => paths.map(() => rng.int(4));
  return fromPaths(paths, { conversions: counts(), value: counts(), nulls: counts() });
}

const rules = { first, last, linear, timeDecay, positionBased } as const;

describe.each(Object.entries(rules))("%s", (_name, rule) => {
  test("the touches of a converted journey sum to 1, those of another are 0", () => {
    for (let seed = 0; seed < 50; seed++) {
      const journeys = random(seed);
      const credit = rule(journeys);
      for (let j = 0; j < journeys.conversions.length; j++) {
        const total = credit.subarray(journeys.offsets[j], journeys.offsets[j + 1]).reduce((a, b) => a + b, 0);
        expectClose(total, journeys.conversions[j] > 0 ? 1 : 0, float64);
      }
    }
  });
});

test("position-based: 40-20-40, halves for two touches, all for one", () => {
  const journeys = fromPaths(["a > b > c > d", "a > b", "a"], { conversions: [1, 1, 1] });
  expectAllClose(positionBased(journeys), [0.4, 0.1, 0.1, 0.4, 0.5, 0.5, 1], float64);
  expect(() => positionBased(journeys, [0.7, 0.7])).toThrow(/sum to at most 1/);
});

test("time-decay: a touch one half-life older gets half, and a pause of years before the conversion changes nothing", () => {
  for (const pause of [0, 5000]) {
    const journeys: Journeys = {
      ...fromPaths(["a > b"], { conversions: [1] }),
      time: Float64Array.of(0, 7 * day),
      conversionTime: Float64Array.of((7 + pause) * day),
    };
    expectAllClose(timeDecay(journeys, 7), [1 / 3, 2 / 3], float64);
  }
});

test("a user's rule is normalised, and one with wrong length or sign is named by journey", () => {
  const journeys = fromPaths(["a > b", "b"], { conversions: [1, 2] });
  expectAllClose(
    byRule(journeys, ({ channels }) => channels.map((c) => (c === "a" ? 3 : 1))),
    [0.75, 0.25, 1],
    float64,
  );
  expect(() => byRule(journeys, () => [1])).toThrow(/journey 1 has 2 touches/);
  expect(() => byRule(journeys, ({ channels }) => channels.map(() => 0))).toThrow(/not all 0/);
});

test("a look-back window drops old touches, and says what conversions are left without one", () => {
  const base = fromPaths(["a > b", "a"], { conversions: [1, 1], value: [10, 20] });
  const journeys: Journeys = { ...base, time: Float64Array.of(0, 9 * day, 0), conversionTime: Float64Array.of(10 * day, 10 * day) };
  const cut = withinWindow(journeys, 2);
  expect([...cut.journeys.channel]).toEqual([1]);
  expect(cut.lost).toBe(1);
  expect([...byChannel(cut.journeys, linear(cut.journeys)).value]).toEqual([0, 10]);
  expect(() => withinWindow(base, 2)).toThrow(/needs the time/);
});

describe("markov", () => {
  test("by hand: a -> b -> convert, and a alone fails: b is needed by half, a by all", () => {
    const journeys = fromPaths(["a > b", "a"], { conversions: [1, 0], nulls: [0, 1] });
    const got = markov(journeys);
    expectAllClose(got.removalEffect, [1, 1], float64);
    expectAllClose(got.conversions, [0.5, 0.5], float64);
    expectClose(got.conversionRate, 0.5, float64);
  });

  test.each([1, 2, 3])("order %i: the chain converts at the observed rate, and removal effects lie in [0, 1]", (order) => {
    for (let seed = 0; seed < 50; seed++) {
      const journeys = random(seed);
      const conversions = journeys.conversions.reduce((a, b) => a + b, 0);
      const users = conversions + journeys.nulls.reduce((a, b) => a + b, 0);
      const got = markov(journeys, order);
      expectClose(got.conversionRate, conversions / users, float64);
      for (const effect of got.removalEffect) expect(effect >= -float64 && effect <= 1 + float64).toBe(true);
      expectClose(
        got.conversions.reduce((a, b) => a + b, 0),
        conversions,
        float64,
      );
    }
  });

  test("order 3 equals walking the users of each path when no path is longer than 3", () => {
    // With all touches in the state, removing a channel loses exactly the journeys that contain it.
    const journeys = fromPaths(["a > b", "b > c", "a", "c > b > a"], { conversions: [3, 2, 1, 4], nulls: [1, 1, 5, 0] });
    const lost = [8, 9, 6].map((conversions) => conversions / 10);
    expectAllClose(markov(journeys, 3).removalEffect, lost, float64);
  });

  test("without a conversion there is nothing to attribute", () => {
    expect(() => markov(fromPaths(["a"], { conversions: [0], nulls: [1] }))).toThrow(/no journey converts/);
  });
});

describe("shapley", () => {
  // Slow twin: every order of arrival, one by one.
  function enumerate(k: number, worth: (set: ReadonlySet<number>) => number): number[] {
    const phi = new Array<number>(k).fill(0);
    let orders = 0;
    const walk = (order: number[]): void => {
      if (order.length === k) {
        orders++;
        const set = new Set<number>();
        for (const c of order) {
          const before = worth(set);
          set.add(c);
          phi[c] += worth(set) - before;
        }
        return;
      }
      for (let c = 0; c < k; c++) if (!order.includes(c)) walk([...order, c]);
    };
    walk([]);
    return phi.map((sum) => sum / orders);
  }
  const setOf = (journeys: Journeys, j: number): Set<number> => new Set(journeys.channel.subarray(journeys.offsets[j], journeys.offsets[j + 1]));

  test("worth = conversions equals the enumeration of all orders", () => {
    for (let seed = 0; seed < 20; seed++) {
      const journeys = random(seed);
      const want = enumerate(journeys.channels.length, (set) =>
        journeys.conversions.reduce((sum, count, j) => sum + ([...setOf(journeys, j)].every((c) => set.has(c)) ? count : 0), 0),
      );
      expectAllClose(shapley(journeys, new Rng(1)).conversions, want, float64);
    }
  });

  test("worth = rate equals the enumeration, scaled to the conversions; sampling agrees within its error", () => {
    for (let seed = 0; seed < 10; seed++) {
      const journeys = random(seed, 5, 60);
      const rate = (set: ReadonlySet<number>): number => {
        let [conversions, users] = [0, 0];
        for (let j = 0; j < journeys.conversions.length; j++) {
          const own = setOf(journeys, j);
          if (own.size !== set.size || ![...own].every((c) => set.has(c))) continue;
          conversions += journeys.conversions[j];
          users += journeys.conversions[j] + journeys.nulls[j];
        }
        return users > 0 ? conversions / users : 0;
      };
      const phi = enumerate(journeys.channels.length, rate);
      const total = phi.reduce((a, b) => a + b, 0);
      const conversions = journeys.conversions.reduce((a, b) => a + b, 0);
      // The values sum to the rate of all channels together; where that is 0 the conversions cannot be scaled by it.
      if (Math.abs(total) < 1e-9) {
        expect(() => shapley(journeys, new Rng(1), { worth: "rate" })).toThrow(/all 5 channels converts/);
        continue;
      }
      const got = shapley(journeys, new Rng(1), { worth: "rate" });
      expect(got.exact).toBe(true);
      expectAllClose(
        got.conversions,
        phi.map((share) => (share / total) * conversions),
        1e3 * float64,
      );
      const sampled = shapley(journeys, new Rng(seed), { worth: "rate", exactUpTo: 1, orders: 500 });
      for (let c = 0; c < phi.length; c++) expectWithin(sampled.conversions[c], got.conversions[c], sampled.se[c] + 1e-9, 5);
    }
  });
});

test("channel weights: journeys share by weight, and alike where all weights are 0", () => {
  const journeys = fromPaths(["a > b", "a > a"], { conversions: [1, 1] });
  expectAllClose(byChannelWeight(journeys, Float64Array.of(0, 2)), [0, 1, 0.5, 0.5], float64);
});

test("an empty touch or a negative count is refused with its row", () => {
  expect(() => fromPaths(["a", "a >  > b"], { conversions: [1, 1] })).toThrow(/row 2/);
  expect(() => fromPaths(["a", "b"], { conversions: [1, -1] })).toThrow(/conversions of row 2/);
});
