import { cross, gram } from "../base/linear/gram.ts";
import { solveSpd } from "../base/linear/solve.ts";
import { averageRank } from "../base/stats/rank.ts";
import { argsortDescending } from "../base/stats/sort.ts";
import { Dataset, numberColumn } from "../data/dataset.ts";
import { sellersRole } from "../data/sellers.ts";
import { auuc } from "../metrics/auuc.ts";
import { qini } from "../metrics/qini.ts";
import type { SellersPrediction } from "../model/contract.ts";

/** What is known of a platform in a simulation, by row: effects with the rivals as planned; `lift` the same in all rows of a user. */
export interface SellersTruth {
  readonly seller: Float64Array;
  readonly platform: Float64Array;
  readonly lift: Float64Array;
}

/** Numbers by name; a number that the data cannot give is left out. */
export type SellerScores = Readonly<Record<string, number>>;

/**
 * How good predictions of candidate sellers are, by what was observed:
 *
 * - `seller-auuc`, `seller-qini`: pairs ranked by the effect on the shop, outcome what was spent there; over users of the arm in which plans were carried out,
 *   where the pairs of a user are compared with rivals as they were. Divided by the size of the average effect, so that random targeting has 0.5 and 0.
 * - `seller-wauuc`, `seller-wqini`: the same by group of pairs (the first incentive's value), weighted by the treated pairs of each group.
 * - `user-auuc`, `user-qini`: users ranked by the predicted lift of their plan, outcome what they spent on the whole platform, by arm of the user; and their
 *   forms weighted by treated users, over thirds of users by number of planned incentives (`user-wauuc`, `user-wqini`). `user-auuc-adjusted` and
 *   `user-qini-adjusted` have what a line in the users' mean features explains taken off the outcome, the same for every model: less noise, the same effect.
 * - `over-estimate`: predicted lift over observed lift (difference of arm means of the platform total); `shop-over-estimate`: sum of shop effects over it.
 * - `alignment`, `alignment-category`, `alignment-decile`: |predicted - observed lift| over the size of the observed lift, over all; the mean over categories of
 *   shop spending; over tenths of users by predicted lift; the last two weighted by users and brought to the overall observed lift.
 * - `platform-slope`, `platform-ratio`: slope of observed on expected platform total under the actual assignment, and ratio of their means.
 */
export async function sellerScores(prediction: SellersPrediction, data: Dataset): Promise<SellerScores> {
  const role = sellersRole(data);
  const scores: Record<string, number> = {};
  const { user, users, tau, planned } = prediction;
  const y = data.outcome();
  const { arm: t } = data.treatment();
  const arm = role.arm === undefined ? undefined : data.number(role.arm);
  const pairs = Array.from(y.keys()).filter((i) => arm === undefined || arm[i] === 1);
  Object.assign(scores, ranked("seller", at(y, pairs), at(t, pairs), at(tau, pairs), at(groupsOf(data, role.incentives[0]), pairs)));
  if (role.platform === undefined) return scores;
  const first = firstRows(user, users);
  const total = at(data.number(role.platform), first);
  const assigned = await prediction.platform(t);
  Object.assign(scores, calibration(assigned.total, total));
  if (arm === undefined) return scores;
  const z = at(arm, first);
  const [given, none] = [await prediction.platform(planned), await prediction.platform(new Uint8Array(data.rows))];
  const lift = given.total.map((value, u) => value - none.total[u]);
  const plans = new Float64Array(users);
  const shopSum = new Float64Array(users);
  for (let i = 0; i < user.length; i++)
    if (planned[i] === 1) {
      plans[user[i]]++;
      shopSum[user[i]] += tau[i];
    }
  Object.assign(scores, ranked("user", total, z, lift, thirds(plans)));
  const adjusted = ranked("user", adjustedFor(data, user, users, total, z), z, lift, thirds(plans));
  for (const name of ["user-auuc", "user-qini"]) scores[`${name}-adjusted`] = adjusted[name];
  const observed = difference(total, z);
  scores["observed-lift"] = observed;
  scores["predicted-lift"] = mean(lift);
  scores["over-estimate"] = mean(lift) / observed;
  scores["shop-over-estimate"] = mean(shopSum) / observed;
  scores.alignment = Math.abs(mean(lift) - observed) / Math.abs(observed);
  scores["alignment-decile"] = byGroup(tenths(lift), (rows) => Math.abs(mean(at(lift, rows)) - difference(at(total, rows), at(z, rows)))) / Math.abs(observed);
  if (role.category !== undefined) {
    const column = data.column(role.category);
    const codes = column.kind === "category" ? column.codes : Int32Array.from(y, () => 0);
    const change = given.shops.map((value, i) => value - none.shops[i]);
    let off = 0;
    for (const code of new Set(codes)) {
      const [spent, predicted] = [new Float64Array(users), new Float64Array(users)];
      for (let i = 0; i < codes.length; i++)
        if (codes[i] === code) {
          spent[user[i]] += y[i];
          predicted[user[i]] += change[i];
        }
      off += Math.abs(mean(predicted) - difference(spent, z));
    }
    scores["alignment-category"] = off / new Set(codes).size / Math.abs(observed);
  }
  return scores;
}

/**
 * The same against the truth of a simulation: `true-over-estimate` (and of the sum of shops), the gain curves with true effects in place of outcomes
 * (`true-seller-auuc`, `true-user-auuc`, `true-platform-auuc`: what ranking pairs or users by the prediction gains, over all that can be gained by treating
 * everyone, averaged over depth), rank correlations, and the top tenth of platform-net effects: `precision-top-decile` of the true top tenth is found, and
 * `negative-top-decile` of what is found is true to lose money.
 */
export async function sellerTruthScores(prediction: SellersPrediction, truth: SellersTruth): Promise<SellerScores> {
  const { user, users, tau, planned } = prediction;
  const [net, lift] = [await prediction.platformNet(), await prediction.lift()];
  const trueLift = at(truth.lift, firstRows(user, users));
  let shops = 0;
  for (let i = 0; i < tau.length; i++) if (planned[i] === 1) shops += tau[i];
  const all = sum(trueLift);
  const top = Math.max(1, Math.round(net.length / 10));
  const [found, best] = [argsortDescending(net).slice(0, top), new Set(argsortDescending(truth.platform).slice(0, top))];
  return {
    "true-over-estimate": sum(lift) / all,
    "true-shop-over-estimate": shops / all,
    "true-seller-auuc": trueGain(tau, truth.seller),
    "true-user-auuc": trueGain(lift, trueLift),
    "true-platform-auuc": trueGain(net, truth.platform),
    "rank-platform": rankCorrelation(net, truth.platform),
    "rank-seller": rankCorrelation(tau, truth.seller),
    "rank-user": rankCorrelation(lift, trueLift),
    "precision-top-decile": found.filter((i) => best.has(i)).length / top,
    "negative-top-decile": found.filter((i) => truth.platform[i] < 0).length / top,
  };
}

/** Truth of the generator `sellers`; undefined for data that does not hold it. */
export function sellersTruthOf(data: Dataset): SellersTruth | undefined {
  if (!["tau_seller", "tau_platform", "lift"].every((name) => data.has(name))) return undefined;
  return { seller: data.number("tau_seller"), platform: data.number("tau_platform"), lift: data.number("lift") };
}

/** AUUC and Qini over the average effect, and weighted by the treated rows of groups. */
function ranked(name: string, y: Float64Array, t: Float64Array, score: Float64Array, group: Float64Array): Record<string, number> {
  const of = (rows?: readonly number[]): { auuc: number; qini: number; treated: number } => {
    const part = rows === undefined ? { y, t, score } : { y: at(y, rows), t: at(t, rows), score: at(score, rows) };
    const arms = [0, 1].map((side) => part.t.reduce((count, v) => count + (v === side ? 1 : 0), 0));
    if (arms.some((count) => count === 0)) return { auuc: Number.NaN, qini: Number.NaN, treated: 0 };
    const data = new Dataset([numberColumn("y", part.y), numberColumn("t", part.t)], {
      features: [],
      outcomes: ["y"],
      treatment: { column: "t", control: "0" },
    });
    const value = (metric: typeof auuc | typeof qini): number => metric.score(part.score, data, { normalise: "effect" }).value;
    return { auuc: value(auuc), qini: value(qini), treated: arms[1] };
  };
  const whole = of();
  const groups = [...new Set(group)].map((g) => of(Array.from(group.keys()).filter((i) => group[i] === g))).filter(({ treated }) => treated > 0);
  const treated = groups.reduce((total, one) => total + one.treated, 0);
  const weighted = (key: "auuc" | "qini"): number => groups.reduce((total, one) => total + (one[key] * one.treated) / treated, 0);
  return { [`${name}-auuc`]: whole.auuc, [`${name}-qini`]: whole.qini, [`${name}-wauuc`]: weighted("auuc"), [`${name}-wqini`]: weighted("qini") };
}

const mostGroups = 10;

/** Groups of pairs by the value of an incentive; all one where it has too many values. */
function groupsOf(data: Dataset, incentive: string | undefined): Float64Array {
  const column = incentive === undefined ? undefined : data.column(incentive);
  const values = column === undefined ? [] : column.kind === "number" ? column.values : column.kind === "category" ? column.codes : [];
  if (values.length === 0 || new Set(values).size > mostGroups) return new Float64Array(data.rows);
  return Float64Array.from(values);
}

function calibration(expected: Float64Array, observed: Float64Array): Record<string, number> {
  const [mx, my] = [mean(expected), mean(observed)];
  let [xy, xx] = [0, 0];
  for (let u = 0; u < expected.length; u++) {
    xy += (expected[u] - mx) * (observed[u] - my);
    xx += (expected[u] - mx) ** 2;
  }
  return { "platform-slope": xy / xx, "platform-ratio": mx / my };
}

/** Outcomes of users less what a common line in their mean features explains within the arms; as they are where that cannot be solved. */
function adjustedFor(data: Dataset, user: Int32Array, users: number, y: Float64Array, z: Float64Array): Float64Array {
  const size = new Float64Array(users);
  for (const u of user) size[u]++;
  const columns = data.features().columns.flatMap((column) => {
    if (column.kind !== "number") return [];
    const means = new Float64Array(users);
    for (let i = 0; i < user.length; i++) means[user[i]] += column.values[i] / size[user[i]];
    const [middle, deviation] = [mean(means), Math.sqrt(mean(means.map((value) => value * value)) - mean(means) ** 2)];
    return deviation > 1e-9 ? [means.map((value) => (value - middle) / deviation)] : [];
  });
  const within = (values: Float64Array): Float64Array => {
    const middle = [0, 1].map((side) => mean(values.filter((_, u) => z[u] === side)));
    return values.map((value, u) => value - middle[z[u]]);
  };
  const centred = columns.map(within);
  const beta = solveSpd(gram(centred), cross(centred, within(y)));
  return beta === undefined ? y : y.map((value, u) => columns.reduce((rest, column, k) => rest - beta[k] * column[u], value));
}

/** Mean over depth of the cumulated true effect in the order of a score, over the whole. */
function trueGain(score: Float64Array, effect: Float64Array): number {
  let [running, area] = [0, 0];
  for (const i of argsortDescending(score)) {
    running += effect[i];
    area += running;
  }
  return area / score.length / running;
}

function rankCorrelation(a: Float64Array, b: Float64Array): number {
  const [x, y] = [averageRank(a), averageRank(b)];
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) ** 2;
    yy += (y[i] - my) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}

/** First row of each user. */
export function firstRows(user: Int32Array, users: number): number[] {
  const first = new Array<number>(users).fill(-1);
  for (let i = user.length - 1; i >= 0; i--) first[user[i]] = i;
  return first;
}

function thirds(values: Float64Array): Float64Array {
  return parts(values, 3);
}

function tenths(values: Float64Array): Float64Array {
  return parts(values, 10);
}

function parts(values: Float64Array, count: number): Float64Array {
  const out = new Float64Array(values.length);
  argsortDescending(values).forEach((i, k) => {
    out[i] = Math.floor((k * count) / values.length);
  });
  return out;
}

function byGroup(group: Float64Array, of: (rows: readonly number[]) => number): number {
  const names = [...new Set(group)];
  const rows = names.map((name) => Array.from(group.keys()).filter((i) => group[i] === name));
  return rows.reduce((total, own) => total + (of(own) * own.length) / group.length, 0);
}

function at(values: ArrayLike<number>, rows: readonly number[]): Float64Array {
  return Float64Array.from(rows, (i) => values[i]);
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}

function mean(values: ArrayLike<number>): number {
  return sum(values) / values.length;
}

/** Mean of arm 1 less mean of arm 0. */
function difference(y: Float64Array, z: Float64Array): number {
  const [total, count] = [
    [0, 0],
    [0, 0],
  ];
  for (let i = 0; i < y.length; i++) {
    total[z[i]] += y[i];
    count[z[i]]++;
  }
  return total[1] / count[1] - total[0] / count[0];
}
