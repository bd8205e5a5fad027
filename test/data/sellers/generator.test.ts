import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { readTable } from "../../../src/data/read.ts";
import { writeSellers } from "../../../src/data/sellersWrite.ts";
import { sellersConfig, sized } from "../../../src/data/synth/sellers.ts";
import { expected, type Market, sellersWorld, simulateUser, substitution, truthOf } from "../../../src/data/synth/sellersWorld.ts";
import { simulate } from "../../../src/data/synth/index.ts";
import { exact, expectAllClose, expectClose, expectWithin, float64 } from "../../tolerance.ts";

const rules = { decay: 3, diversion: 0.36, outside: 0.05 };

/** Sums over planned pairs and users. */
function sums(seed: number, options: Record<string, unknown> = {}): { ratio: number; unredeemed: number; bought: number } {
  const data = simulate("sellers", { users: 1000, ...options }, seed);
  const [planned, seller, lift, user] = ["planned", "tau_seller", "lift", "user"].map((name) => data.number(name));
  const [assigned, gmv, redeemed] = ["assigned", "shop_gmv", "redeemed"].map((name) => data.number(name));
  let [shops, all, bought, used] = [0, 0, 0, 0];
  for (let i = 0; i < data.rows; i++) {
    if (planned[i] === 1) shops += seller[i];
    if (i === 0 || user[i] !== user[i - 1]) all += lift[i];
    if (assigned[i] === 1 && gmv[i] > 0) {
      bought++;
      used += redeemed[i];
    }
  }
  return { ratio: shops / all, unredeemed: 1 - used / bought, bought };
}

test("shops' effects overstate the platform's gain by 1.37, and 25 % of treated purchases are not redeemed", () => {
  const runs = [1, 2, 3, 4].map((seed) => sums(seed));
  const ratios = runs.map(({ ratio }) => ratio);
  const mean = ratios.reduce((a, b) => a + b, 0) / ratios.length;
  const se = Math.sqrt(ratios.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 3 / 4);
  // The market of a seed moves the ratio too, so a small allowance stands beside the sampling error.
  expect(Math.abs(mean - 1.37)).toBeLessThan(0.01 + 3 * se);
  const bought = runs.reduce((sum, run) => sum + run.bought, 0);
  const share = runs.reduce((sum, { unredeemed, bought: own }) => sum + (unredeemed * own) / bought, 0);
  // The intercept is calibrated on a pilot of 2,000 users.
  expectWithin(share, 0.25, Math.sqrt((0.25 * 0.75) / bought) + 0.004, 3);
});

test("without cannibalisation the shops' effects are the platform's gain, pair by pair and in sum", () => {
  const { ratio } = sums(5, { decay: 0, diversion: 0, outside: 0, users: 100 });
  expectClose(ratio, 1, float64);
  const data = simulate("sellers", { decay: 0, diversion: 0, outside: 0, users: 50 }, 6);
  expectAllClose(data.number("tau_platform"), data.number("tau_seller"), 1e-9);
  expectAllClose(data.number("tau_alone"), data.number("tau_seller"), 1e-9);
});

test("users move shares of their gains by one trait, with the mean asked for; alike at 0, and none where none is asked for", () => {
  const config = sized(sellersConfig.parse({}));
  const rng = new Rng(8);
  const shares = Array.from({ length: 4000 }, () => substitution(config, rng.normal()));
  for (const { diversion, outside } of shares) {
    expect(diversion + outside).toBeLessThan(1);
    expectClose(diversion / outside, config.diversion / config.outside, 1e-9);
  }
  const all = shares.map(({ diversion, outside }) => diversion + outside);
  const mean = all.reduce((a, b) => a + b, 0) / all.length;
  // The mean of a logistic of a normal is an approximation.
  expect(Math.abs(mean - config.diversion - config.outside)).toBeLessThan(0.02);
  expect(all.filter((share) => share > 0.8).length / all.length).toBeGreaterThan(0.15);
  expect(all.filter((share) => share < 0.05).length / all.length).toBeGreaterThan(0.4);
  const alike = { ...config, switching: 0 };
  for (const trait of [-3, 0, 2]) expectClose(substitution(alike, trait).diversion, config.diversion, float64);
  expect(substitution({ ...config, diversion: 0, outside: 0 }, 2)).toMatchObject({ diversion: 0, outside: 0 });
});

test("two shops of one segment, by hand: wearing off, diversion in proportion to demand, and the outside", () => {
  const market: Market = {
    b: Float64Array.of(30, 10, 20),
    u: Float64Array.of(8, 4, 5),
    segment: Int32Array.of(0, 0, 1),
    outside: 100,
  };
  const worn = 4 * Math.exp(-3);
  const gained = 8 + worn;
  const { mean, effect, elsewhere, total } = expected(market, [1, 1, 0], rules);
  expectAllClose(effect, [8, worn, 0], float64);
  const wanted = [30 + 8 - 0.36 * gained * (30 / 40), 10 + worn - 0.36 * gained * (10 / 40), 20];
  expectAllClose(mean, wanted, float64);
  expectClose(elsewhere, 100 - 0.05 * gained, float64);
  expectClose(total, wanted[0] + wanted[1] + 20 + 100 - 0.05 * gained, float64);
  const truth = truthOf(market, Uint8Array.of(1, 1, 0), rules as never);
  expectClose(truth.lift, gained * (1 - 0.36 - 0.05), float64);
  // The weaker incentive alone would bring 4; beside the stronger one it brings 4 exp(-3), less what both lose to it.
  expectClose(truth.alone[1], 4 - 0.36 * 4 * (10 / 40), float64);
  expectClose(truth.mu1[1] - truth.mu0[1], worn - 0.36 * worn * (10 / 40), float64);
  expectClose(truth.platform[1], worn * (1 - 0.36 - 0.05), float64);
  // Without the stronger one the weaker gains its whole uplift: what is lost is the difference.
  expectClose(truth.platform[0], (gained - 4) * (1 - 0.36 - 0.05), float64);
});

test("a user is the same whoever else is simulated, and plans of control users are withheld whole", () => {
  const world = sellersWorld(sized(sellersConfig.parse({ users: 40 })), new Rng(3));
  const more = sellersWorld(sized(sellersConfig.parse({ users: 4000 })), new Rng(3));
  expect(simulateUser(world, 17)).toEqual(simulateUser(more, 17));
  const data = simulate("sellers", { users: 60 }, 4);
  const [arm, assigned, planned] = ["arm", "assigned", "planned"].map((name) => data.number(name));
  for (let i = 0; i < data.rows; i++) expect(assigned[i]).toBe(arm[i] === 1 ? planned[i] : 0);
  const pairs = simulate("sellers", { users: 20, assignment: "pair" }, 4);
  expectAllClose(pairs.number("assigned"), pairs.number("planned"), exact);
  const clusters = simulate("sellers", { users: 60, assignment: "cluster" }, 4);
  const [cluster, own] = [clusters.number("cluster"), clusters.number("arm")];
  const armOf = new Map<number, number>();
  for (let i = 0; i < clusters.rows; i++) {
    expect(armOf.get(cluster[i]) ?? own[i]).toBe(own[i]);
    armOf.set(cluster[i], own[i]);
  }
});

test("written in parts, the rows are those of the simulation, histories too; ragged users have fewer candidates", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sellers-"));
  try {
    const options = { users: 530, candidates: 3, ragged: 0.6, events: 2, sellers: 60 };
    const config = sized(sellersConfig.parse(options));
    const file = join(folder, "sellers.parquet");
    const { rows } = await writeSellers(file, config, new Rng(9).split("sellers"));
    const columns = await readTable(file);
    const whole = simulate("sellers", options, 9);
    expect(rows).toBe(whole.rows);
    expect(rows).toBeLessThan(530 * 3);
    for (const column of columns) {
      const other = whole.column(column.name);
      if (column.kind === "number" && other.kind === "number") expectAllClose(column.values, other.values, exact, column.name);
      if (column.kind === "category" && other.kind === "category") expectAllClose(column.codes, other.codes, exact, column.name);
      if (column.kind === "sequence" && other.kind === "sequence") {
        expectAllClose(column.offsets, other.offsets, exact, column.name);
        expectAllClose(column.values, other.values, exact, column.name);
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
