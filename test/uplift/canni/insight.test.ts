import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Dataset, numberColumn } from "../../../src/data/dataset.ts";
import { readTable } from "../../../src/data/read.ts";
import { simulate } from "../../../src/data/synth/index.ts";
import { sellerInsight } from "../../../src/evaluate/sellerInsight.ts";
import { planSellers } from "../../../src/evaluate/sellerPlan.ts";
import { sellerScores, sellersTruthOf, sellerTruthScores } from "../../../src/evaluate/sellerScores.ts";
import { candidatesOf } from "../../../src/data/sellers.ts";
import type { SellerFlip, SellersPrediction } from "../../../src/model/contract.ts";
import { liftwise } from "../../cli/captured.ts";
import { expectClose, float64 } from "../../tolerance.ts";

/** A prediction that is the truth of a simulation: what an insight must give is then known. */
function oracle(data: Dataset): SellersPrediction {
  const { users, user, rows, offsets } = candidatesOf(data);
  const [mu0, mu1, net, lift, planned] = ["mu0", "mu1", "tau_platform", "lift", "planned"].map((name) => data.number(name));
  const plan = Uint8Array.from(planned);
  const flips = async (visit: (flip: SellerFlip) => void): Promise<void> => {
    for (let u = 0; u < users; u++) {
      const own = rows.slice(offsets[u], offsets[u + 1]);
      own.forEach((row, k) => {
        const change = new Float64Array(own.length);
        change[k] = mu1[row] - mu0[row];
        visit({ row, rows: own, change, outside: net[row] - change[k] });
      });
    }
  };
  const platform: SellersPrediction["platform"] = async (assignment) => {
    const shops = Float64Array.from(assignment, (t, i) => (t === 1 ? mu1[i] : mu0[i]));
    const outside = new Float64Array(users);
    const total = new Float64Array(users);
    const given = new Uint8Array(users);
    for (let i = 0; i < data.rows; i++) if (assignment[i] === 1) given[user[i]] = 1;
    for (let i = 0; i < data.rows; i++) total[user[i]] = given[user[i]] * lift[i];
    return { shops, outside, total };
  };
  return {
    rows: data.rows,
    users,
    user,
    planned: plan,
    mu0,
    mu1,
    tau: mu1.map((value, i) => value - mu0[i]),
    competition: true,
    flips,
    platformNet: async () => net,
    platform,
    lift: async (assignment = plan) => (await platform(assignment)).total,
  };
}

test("the truth itself has no over-estimation, ranks perfectly, and finds every best incentive", async () => {
  const data = simulate("sellers", { users: 60, candidates: 6, sellers: 100 }, 8);
  const truth = sellersTruthOf(data);
  if (truth === undefined) throw new Error("no truth");
  const scores = await sellerTruthScores(oracle(data), truth);
  expectClose(scores["true-over-estimate"], 1, float64);
  for (const name of ["rank-platform", "rank-seller", "rank-user", "precision-top-decile"]) expectClose(scores[name], 1, float64, name);
  expect(scores["true-seller-auuc"]).toBeGreaterThan(0.5);
  const [planned, tau] = [data.number("planned"), data.number("tau_seller")];
  const shops = planned.reduce((sum, t, i) => sum + t * tau[i], 0);
  const { user, users } = candidatesOf(data);
  const lift = Array.from({ length: users }, (_, u) => data.number("lift")[user.indexOf(u)]).reduce((a, b) => a + b, 0);
  expectClose(scores["true-shop-over-estimate"], shops / lift, float64);
  const observed = await sellerScores(oracle(data), data);
  expect(observed["seller-auuc"]).not.toBeNaN();
  expectClose(observed.alignment, Math.abs(observed["over-estimate"] - 1), 1e-9);
});

test("adjusted user scores do not move with what features explain of the platform's total; plain ones do", async () => {
  const data = simulate("sellers", { users: 80, candidates: 4, sellers: 100 }, 8);
  const [total, past] = [data.number("platform_gmv"), data.number("past_spend")];
  const richer = data.withColumns([
    numberColumn(
      "platform_gmv",
      total.map((value, i) => value + 3 * past[i]),
    ),
  ]);
  const [before, after] = [await sellerScores(oracle(data), data), await sellerScores(oracle(data), richer)];
  // The common line takes out what was added, but it is found by least squares in which rounding counts.
  for (const name of ["user-auuc-adjusted", "user-qini-adjusted"]) expectClose(after[name], before[name], 1e-6, name);
  expect(Math.abs(after["user-auuc"] - before["user-auuc"])).toBeGreaterThan(1e-3);
});

test("audit, categories, matrix and funnel are sums of what is known of the pairs", async () => {
  const data = simulate("sellers", { users: 60, candidates: 6, sellers: 100 }, 8);
  const insight = await sellerInsight(oracle(data), data);
  const [planned, tau, net] = ["planned", "tau_seller", "tau_platform"].map((name) => data.number(name));
  const sum = (of: (i: number) => number): number => planned.reduce((total, t, i) => total + t * of(i), 0);
  expectClose(
    insight.audit.shops,
    sum((i) => tau[i]),
    1e-9,
  );
  expectClose(
    insight.categories.reduce((total, { shop }) => total + shop, 0),
    insight.audit.shops,
    1e-9,
  );
  expectClose(
    insight.deciles.reduce((total, { platform }) => total + platform, 0),
    sum((i) => net[i]),
    1e-9,
  );
  // All that changes is a row of the matrix: own category, the others, the outside.
  const [first] = insight.categories;
  const j = insight.matrix.names.indexOf(first.name);
  expectClose(insight.matrix.change[j].reduce((a, b) => a + b, 0) * first.incentives, first.platform, 1e-9);
  const [assigned, gmv, redeemed] = ["assigned", "shop_gmv", "redeemed"].map((name) => data.number(name));
  expect(insight.funnel?.given).toBe(assigned.reduce((a, b) => a + b, 0));
  expect(insight.funnel?.bought).toBe(assigned.reduce((total, t, i) => total + (t === 1 && gmv[i] > 0 ? 1 : 0), 0));
  expect(insight.funnel?.redeemed).toBe(redeemed.reduce((a, b) => a + b, 0));
});

test("a plan keeps its budget, fills floors first, and never pays for what loses money", async () => {
  const data = simulate("sellers", { users: 30, candidates: 5, sellers: 60 }, 9);
  const cost = new Float64Array(data.rows).fill(2);
  const greedy = (gain: Float64Array, costs: Float64Array, budget: number): Uint8Array => {
    const out = new Uint8Array(gain.length);
    let left = budget;
    for (const k of [...gain.keys()].sort((a, b) => gain[b] - gain[a])) if (costs[k] <= left) [out[k], left] = [1, left - costs[k]];
    return out;
  };
  const plan = await planSellers(oracle(data), { cost, budget: 21, rounds: 2, choose: greedy });
  expect(plan.spent).toBeLessThanOrEqual(21);
  expect(plan.chosen.reduce((a, b) => a + b, 0)).toBe(plan.spent / 2);
  const net = data.number("tau_platform");
  plan.chosen.forEach((one, i) => one === 1 && expect(net[i]).toBeGreaterThan(0));
  const seller = data.number("seller");
  const floored = await planSellers(oracle(data), { cost, budget: 1000, rounds: 1, choose: greedy, floors: { seller, least: 1 } });
  for (const s of new Set(seller)) expect(seller.some((own, i) => own === s && floored.chosen[i] === 1)).toBe(true);
});

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "canni-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("from a file to a fitted model, its report, its judgement and a budget, on the command line", async () => {
  const file = join(folder, "s.parquet");
  const model = join(folder, "m");
  expect((await liftwise(["sellers", "simulate", file, "--users", "60", "--candidates", "4", "--sellers", "60", "--events", "3"])).code).toBe(0);
  const fit = await liftwise(
    `fit simulate:sellers?users=50&candidates=4&sellers=60&events=3 --task sellers --steps 20 --hidden 8 --tower 6 --attention 4 --batch 64 --threads 1 --out ${model}`,
  );
  expect(fit.err + fit.out).toContain("canni-uplift fitted to shop_gmv");
  const predicted = await liftwise(`predict ${model} ${file} --id user,seller --out ${join(folder, "p.parquet")} --report ${join(folder, "p.html")} --json`);
  const { columns, insight } = JSON.parse(predicted.out) as { columns: string[]; insight: { planned: number } };
  expect(columns).toEqual(["planned", "mu0", "mu1", "p_redeem", "m1", "m0", "shop_uplift", "shop_uplift_denoised", "effect"]);
  expect(insight.planned).toBeGreaterThan(0);
  expect(await readFile(join(folder, "p.html"), "utf8")).toContain("Where gains come from");
  const judged = await liftwise(
    `sellers evaluate ${model} ${file} --treatment assigned --outcome shop_gmv --sellers redeemed=redeemed,platform=platform_gmv,arm=arm --cost face_value --json`,
  );
  const { insight: found } = JSON.parse(judged.out) as { insight: { scores: Record<string, number>; funnel: object; money: object } };
  for (const name of ["seller-auuc", "user-qini", "user-wauuc", "over-estimate", "alignment-category", "platform-slope", "true-over-estimate", "rank-platform"])
    expect(found.scores, name).toHaveProperty([name]);
  expect(found.funnel).not.toBeNull();
  expect(found.money).not.toBeNull();
  const who = join(folder, "who.csv");
  const spent = await liftwise(`sellers allocate ${model} ${file} --face-value face_value --budget 40 --id user --out ${who} --json`);
  expect((JSON.parse(spent.out) as { spent: number }).spent).toBeLessThanOrEqual(40);
  expect((await readTable(who)).map(({ name }) => name)).toEqual(["user", "chosen", "effect", "cost"]);
});

test("broken rows are told on the command line with exit code 3, listed in a file, and mended when asked", async () => {
  const file = join(folder, "broken.csv");
  const rows = ["user,shop,kind,value,given,used,spent,total", "a,1,x,5,1,1,10,30", "a,2,x,5,0,1,5,30", "b,1,x,5,0,0,-3,20", "b,2,y,5,1,0,40,20"];
  const { writeFile } = await import("node:fs/promises");
  await writeFile(file, rows.join("\n"));
  const roles = "--group user --treatment given --outcome spent --sellers seller=shop,category=kind,incentives=value,redeemed=used,platform=total";
  const told = await liftwise(`sellers check ${file} ${roles} --out ${join(folder, "wrong.csv")}`);
  expect(told.code).toBe(3);
  expect(told.out).toContain("redeemed without assignment");
  expect(await readFile(join(folder, "wrong.csv"), "utf8")).toBe(
    "problem,row,user,repair\nredeemed without assignment,2,a,taken as not redeemed\nnegative shop outcome,3,b,taken as 0\nplatform below shops,3,b,raised to the sum\nplatform below shops,4,b,raised to the sum\n",
  );
  const mended = join(folder, "mended.csv");
  expect((await liftwise(`sellers check ${file} ${roles} --repair ${mended}`)).code).toBe(0);
  expect((await liftwise(`sellers check ${mended} ${roles}`)).code).toBe(0);
});
