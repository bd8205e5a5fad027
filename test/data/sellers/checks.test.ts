import { expect, test } from "vitest";
import { numberColumn } from "../../../src/data/dataset.ts";
import type { Dataset } from "../../../src/data/dataset.ts";
import { candidatesOf, problemText, repairSellers, requireSellers, sellersProblems } from "../../../src/data/sellers.ts";
import { simulate } from "../../../src/data/synth/index.ts";

const sound = (): Dataset => simulate("sellers", { users: 6, candidates: 4, sellers: 40 }, 2);

/** The data with some cells of a column changed. */
function broken(data: Dataset, name: string, cells: Readonly<Record<number, number>>): Dataset {
  const values = data.number(name).slice();
  for (const [row, value] of Object.entries(cells)) values[Number(row)] = value;
  return data.withColumns([numberColumn(name, values)]);
}

test("sound data has no problem, and a repair gives it back", () => {
  const data = sound();
  expect(sellersProblems(data)).toEqual([]);
  requireSellers(data);
  expect(repairSellers(data).data).toBe(data);
});

const row = (data: Dataset, holds: (i: number) => boolean): number => Array.from({ length: data.rows }, (_, i) => i).find(holds) as number;

test("every kind of broken input is named with its rows, and mended only when asked", () => {
  const data = sound();
  const [assigned, redeemed, gmv, platform, arm] = ["assigned", "redeemed", "shop_gmv", "platform_gmv", "arm"].map((name) => data.number(name));
  const free = row(data, (i) => assigned[i] === 0);
  const control = row(data, (i) => arm[i] === 0);
  const spent = row(data, (i) => gmv[i] > 0);
  const whole = (value: number): Record<number, number> => Object.fromEntries([0, 1, 2, 3].map((k) => [spent - (spent % 4) + k, value]));
  const cases: readonly (readonly [string, Dataset, readonly number[]])[] = [
    ["redeemed without assignment", broken(data, "redeemed", { [free]: 1 }), [free]],
    ["redemption unknown", broken(data, "redeemed", { [free]: 2, [free + 1]: Number.NaN }), [free, free + 1]],
    ["negative shop outcome", broken(data, "shop_gmv", { 5: -3 }), [5]],
    ["platform below shops", broken(data, "platform_gmv", whole(gmv[spent] / 2)), Object.keys(whole(0)).map(Number)],
    ["platform differs within user", broken(data, "platform_gmv", { 1: platform[1] + 5 }), [0, 1, 2, 3]],
    ["negative platform outcome", broken(data, "platform_gmv", { 0: -1, 1: -1, 2: -1, 3: -1 }), [0, 1, 2, 3]],
    ["platform outcome unknown", broken(data, "platform_gmv", { 2: Number.NaN }), [2]],
    ["no candidate", broken(data, "seller", { 7: Number.NaN }), [7]],
    ["candidate twice", broken(data, "seller", { 9: data.number("seller")[8] }), [9]],
    ["incentive in a control user", broken(data, "assigned", { [control]: 1 }), [0, 1, 2, 3].map((k) => control - (control % 4) + k)],
  ];
  for (const [kind, wrong, rows] of cases) {
    const problem = sellersProblems(wrong).find((found) => found.kind === kind);
    expect(Array.from(problem?.rows ?? []), kind).toEqual(rows);
    expect(() => requireSellers(wrong), kind).toThrow(`row${rows.length === 1 ? "" : "s"} ${rows.map((i) => i + 1).join(", ")}`);
    const mended = repairSellers(wrong);
    expect(mended.repaired[kind as never], kind).toBe(rows.length);
    expect(sellersProblems(mended.data), `${kind}, repaired`).toEqual([]);
  }
  expect(redeemed.length).toBe(data.rows);
});

test("a repair changes the cells at fault and nothing else", () => {
  const data = sound();
  const gmv = data.number("shop_gmv");
  const i = row(data, (k) => gmv[k] > 0);
  const { data: mended, notes } = repairSellers(broken(data, "shop_gmv", { [i]: -4 }));
  const after = mended.number("shop_gmv");
  for (let k = 0; k < data.rows; k++) expect(after[k]).toBe(k === i ? 0 : gmv[k]);
  expect(notes).toEqual([`1 rows (1 user) spend less than nothing at the shop: row ${i + 1}: taken as 0`]);
});

test("many rows at fault are counted, and the first few named", () => {
  const data = sound();
  const [problem] = sellersProblems(data.withColumns([numberColumn("shop_gmv", new Float64Array(data.rows).fill(-1))]));
  expect(problemText(problem)).toBe("24 rows (6 users) spend less than nothing at the shop: rows 1, 2, 3, 4, 5, ...");
});

test("candidates are grouped by user, ragged, in the order of the data", () => {
  const data = simulate("sellers", { users: 5, candidates: 6, ragged: 1, sellers: 40, assignment: "pair" }, 3);
  const order = [...Array(data.rows).keys()].toReversed();
  const { users, offsets, rows, user, most } = candidatesOf(data.take(order));
  expect(users).toBe(5);
  expect(offsets[5]).toBe(data.rows);
  expect(most).toBe(Math.max(...[0, 1, 2, 3, 4].map((u) => offsets[u + 1] - offsets[u])));
  for (let u = 0; u < 5; u++)
    for (let k = offsets[u]; k < offsets[u + 1]; k++) {
      expect(user[rows[k]]).toBe(u);
      if (k > offsets[u]) expect(rows[k]).toBeGreaterThan(rows[k - 1]);
    }
});
