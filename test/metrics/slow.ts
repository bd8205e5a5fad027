import type { Dataset } from "../../src/data/dataset.ts";

/** Every metric once more, written from its definition with no thought for speed: sums over filtered rows, prefix by prefix. */

export interface Row {
  readonly s: number;
  readonly y: number;
  readonly t: number;
  readonly w: number;
  /** Known propensity. */
  readonly e: number | undefined;
  readonly tau: number;
  readonly group: number;
}

export type Slow = (rows: readonly Row[]) => number;

export function rowsOf(prediction: Float64Array, data: Dataset): Row[] {
  const y = data.outcome();
  const treatment = data.roles.treatment === undefined ? undefined : data.treatment();
  const arm = treatment?.arms[1] ?? "treated";
  const group = data.groups()?.index;
  return Array.from(prediction, (s, i) => ({
    s,
    y: y[i],
    t: treatment?.arm[i] ?? 0,
    w: data.weight()?.[i] ?? 1,
    e: data.propensity(arm)?.[i],
    tau: data.trueEffect(arm)?.[i] ?? Number.NaN,
    group: group?.[i] ?? 0,
  }));
}

const sum = <T>(list: readonly T[], of: (item: T) => number): number => list.reduce((total, item) => total + of(item), 0);
const observed = (rows: readonly Row[]): Row[] => rows.filter((r) => !Number.isNaN(r.y));
const treated = (rows: readonly Row[]): Row[] => rows.filter((r) => r.t === 1);
const control = (rows: readonly Row[]): Row[] => rows.filter((r) => r.t === 0);
const u = (r: Row): number => r.w / (r.e === undefined ? 1 : r.t === 1 ? r.e : 1 - r.e);
const meanY = (rows: readonly Row[]): number => sum(rows, (r) => u(r) * r.y) / sum(rows, u);
const weight = (rows: readonly Row[]): number => sum(rows, (r) => r.w);
const levels = (rows: readonly Row[]): number[] => [...new Set(rows.map((r) => r.s))].toSorted((a, b) => b - a);
const above = (rows: readonly Row[], s: number): Row[] => rows.filter((r) => r.s >= s);
const strictlyAbove = (rows: readonly Row[], s: number): Row[] => rows.filter((r) => r.s > s);
const at = (rows: readonly Row[], s: number): Row[] => rows.filter((r) => r.s === s);
const effect = (rows: readonly Row[]): number => meanY(treated(rows)) - meanY(control(rows));
const trapezoids = (points: readonly (readonly [number, number])[]): number =>
  points.slice(1).reduce((area, [x, y], i) => area + ((x - points[i][0]) * (y + points[i][1])) / 2, 0);

function gainPoints(all: readonly Row[], height: (prefix: readonly Row[], all: readonly Row[]) => number): [number, number][] {
  const points: [number, number][] = [[0, 0]];
  for (const s of levels(all)) {
    const prefix = above(all, s);
    if (sum(treated(prefix), u) > 0 && sum(control(prefix), u) > 0) points.push([weight(prefix) / weight(all), height(prefix, all)]);
  }
  return points;
}
const upliftHeight = (prefix: readonly Row[], all: readonly Row[]): number => (weight(prefix) / weight(all)) * effect(prefix);
const qiniHeight = (prefix: readonly Row[], all: readonly Row[]): number => (sum(treated(prefix), u) / sum(treated(all), u)) * effect(prefix);

/** Doubly robust scores of rate.ts, summing to the average effect. */
function drScores(all: readonly Row[]): { readonly s: number; readonly w: number; readonly score: number }[] {
  const [m1, m0] = [meanY(treated(all)), meanY(control(all))];
  const [T, C] = [sum(treated(all), u), sum(control(all), u)];
  return all.map((r) => ({
    s: r.s,
    w: r.w / weight(all),
    score: (r.w / weight(all)) * (m1 - m0) + (r.t === 1 ? (u(r) * (r.y - m1)) / T : (-u(r) * (r.y - m0)) / C),
  }));
}

/** Sum of scores, each times the mean of `f` over the shares q that its group of ties spans; `F` is the antiderivative of `f`. */
function rankWeighted(all: readonly Row[], F: (q: number) => number): number {
  const scores = drScores(all);
  return sum(levels(all), (s) => {
    const group = scores.filter((r) => r.s === s);
    const from = sum(
      scores.filter((r) => r.s > s),
      (r) => r.w,
    );
    const size = sum(group, (r) => r.w);
    return size === 0 ? 0 : (sum(group, (r) => r.score) * (F(from + size) - F(from))) / size;
  });
}

const share = (all: readonly Row[]): number => weight(treated(all)) / weight(all);
const propensity = (r: Row, all: readonly Row[]): number => r.e ?? share(all);
function policy(all: readonly Row[], method: "ips" | "snips" | "dr"): number {
  if (Number.isNaN(effect(all))) return Number.NaN;
  const [m1, m0] = [meanY(treated(all)), meanY(control(all))];
  const follows = (r: Row): number => {
    const p = r.s > 0 ? 1 : 0;
    return r.t === 1 ? p / propensity(r, all) : (1 - p) / (1 - propensity(r, all));
  };
  const plain = sum(all, (r) => r.w * follows(r) * r.y);
  if (method === "ips") return plain / weight(all);
  if (method === "snips") return plain / sum(all, (r) => r.w * follows(r));
  return sum(all, (r) => r.w * ((r.s > 0 ? m1 : m0) + follows(r) * (r.y - (r.t === 1 ? m1 : m0)))) / weight(all);
}

function upliftAtK(all: readonly Row[], k: number): number {
  const cut = k * weight(all);
  const taken = (r: Row): number => Math.min(1, Math.max(0, (cut - weight(strictlyAbove(all, r.s))) / weight(at(all, r.s))));
  const mean = (rows: readonly Row[]): number => {
    const some = rows.filter((r) => r.w > 0 && taken(r) > 1e-12);
    return sum(some, (r) => taken(r) * u(r) * r.y) / sum(some, (r) => taken(r) * u(r));
  };
  return mean(treated(all)) - mean(control(all));
}

function calibration(all: readonly Row[]): number {
  const bin = (r: Row): number => Math.min(9, Math.floor((10 * (weight(strictlyAbove(all, r.s)) + weight(at(all, r.s)) / 2)) / weight(all) + 1e-9));
  const bins = Array.from({ length: 10 }, (_, b) => all.filter((r) => bin(r) === b)).filter((rows) => weight(treated(rows)) > 0 && weight(control(rows)) > 0);
  return sum(bins, (rows) => Math.abs(sum(rows, (r) => r.w * r.s) - weight(rows) * effect(rows))) / sum(bins, weight);
}

function pairs(rows: readonly Row[]): number {
  let won = 0;
  let all = 0;
  for (const a of rows.filter((r) => r.y === 1)) {
    for (const b of rows.filter((r) => r.y === 0)) {
      all += a.w * b.w;
      won += a.w * b.w * (a.s > b.s ? 1 : a.s === b.s ? 0.5 : 0);
    }
  }
  return won / all;
}

function gauc(rows: readonly Row[]): number {
  const groups = [...new Set(rows.map((r) => r.group))].map((g) => rows.filter((r) => r.group === g)).filter((group) => !Number.isNaN(pairs(group)));
  return sum(groups, (group) => weight(group) * pairs(group)) / sum(groups, weight);
}

/** Descending by score; ties as they come, or turned round. */
const sorted = (rows: readonly Row[], ties: "input" | "reverse"): Row[] =>
  rows
    .map((r, i) => ({ r, i }))
    .toSorted((a, b) => b.r.s - a.r.s || (ties === "input" ? a.i - b.i : b.i - a.i))
    .map(({ r }) => r);
const rate = (rows: readonly Row[]): number => sum(rows, (r) => r.y) / rows.length;

function causalml(all: readonly Row[], kind: "gain" | "qini", normalised: boolean): number {
  const order = sorted(all, "input");
  const heights = [0];
  for (let k = 1; k <= order.length; k++) {
    const top = order.slice(0, k);
    const lift = rate(treated(top)) - rate(control(top));
    const [A, B] = [sum(treated(top), (r) => r.y), sum(control(top), (r) => r.y)];
    heights.push(kind === "gain" ? lift : control(top).length === 0 ? Number.NaN : A - (B * treated(top).length) / control(top).length);
  }
  const first = heights.findIndex((h, k) => k > 0 && !Number.isNaN(h));
  const filled = heights.map((h, k) => (first < 0 ? 0 : k < first ? (heights[first] * k) / first : h));
  const curve = filled.map((h, k) => (kind === "gain" ? h * k : h));
  const end = curve[curve.length - 1];
  const scaled = curve.map((h) => (normalised ? h / Math.abs(end) : h));
  const area = sum(
    scaled.filter((h) => !Number.isNaN(h)),
    (h) => h,
  );
  return kind === "gain" ? area / curve.length : area / curve.length - scaled[scaled.length - 1] / 2;
}

type Height = (top: readonly Row[]) => number;
const skliftUplift: Height = (top) => ((treated(top).length > 0 ? rate(treated(top)) : 0) - (control(top).length > 0 ? rate(control(top)) : 0)) * top.length;
const skliftQini: Height = (top) =>
  sum(treated(top), (r) => r.y) - (control(top).length > 0 ? (sum(control(top), (r) => r.y) * treated(top).length) / control(top).length : 0);
const skliftArea = (rows: readonly Row[], height: Height): number =>
  trapezoids([[0, 0], ...levels(rows).map((s): [number, number] => [above(rows, s).length, height(above(rows, s))])]);
const skliftStops = (rows: readonly Row[]): boolean => new Set(rows.map((r) => r.t)).size < 2 || new Set(rows.map((r) => r.y)).size < 2;

function sklift(rows: readonly Row[], height: Height, best: number, end: number = height(rows)): number {
  if (skliftStops(rows)) return Number.NaN;
  const line = (rows.length * end) / 2;
  return best === line ? Number.NaN : (skliftArea(rows, height) - line) / (best - line);
}
function perfectUplift(rows: readonly Row[]): number {
  const byOutcome = rows.filter((r) => r.y === 1 && r.t === 0).length > rows.filter((r) => r.y === 0 && r.t === 1).length;
  return skliftArea(
    rows.map((r) => ({ ...r, s: (r.y === r.t ? 2 : 0) + (byOutcome ? r.y : r.t) })),
    skliftUplift,
  );
}
const perfectQini = (rows: readonly Row[]): number =>
  skliftArea(
    rows.map((r) => ({ ...r, s: r.t === 1 ? r.y : -r.y })),
    skliftQini,
  );
function skliftNonneg(rows: readonly Row[]): number {
  const r = sum(treated(rows), (row) => row.y) - (treated(rows).length * sum(control(rows), (row) => row.y)) / control(rows).length;
  const perfect: [number, number][] = [
    [0, 0],
    [r, r],
    [rows.length, r],
  ];
  return r < 0 ? Number.NaN : sklift(rows, skliftQini, trapezoids(perfect), r);
}
function skliftAtK(rows: readonly Row[]): number {
  if (skliftStops(rows)) return Number.NaN;
  const top = sorted(rows, "reverse").slice(0, Math.floor(rows.length * 0.3));
  return rate(treated(top)) - rate(control(top));
}
function skliftAverage(rows: readonly Row[]): number {
  if (skliftStops(rows)) return Number.NaN;
  const order = sorted(rows, "reverse");
  const sizes = Array.from({ length: 10 }, (_, b) => Math.floor(order.length / 10) + (b < order.length % 10 ? 1 : 0));
  const bins = sizes.map((size, b) => order.slice(sum(sizes.slice(0, b), (n) => n)).slice(0, size));
  return sum(bins, (bin) => treated(bin).length * (rate(treated(bin)) - rate(control(bin)))) / treated(rows).length;
}

function grf(all: readonly Row[], target: "AUTOC" | "QINI"): number {
  if (treated(all).length * control(all).length === 0) return Number.NaN;
  const raw = (r: Row): number => (r.t === 1 ? r.y / propensity(r, all) : -r.y / (1 - propensity(r, all)));
  const order = sorted(all, "input");
  const scores = order.map((r) => sum(at(all, r.s), (q) => q.w * raw(q)) / weight(at(all, r.s)));
  const mean = sum(order, (r) => r.w * raw(r)) / weight(all);
  const value =
    sum(
      order.map((r, i) => ({ r, i })).filter(({ r }) => r.w > 0),
      ({ r, i }) => {
        const W = weight(order.slice(0, i + 1));
        const toc =
          sum(
            order.slice(0, i + 1).map((q, j) => (q.w === 0 ? 0 : q.w * scores[j])),
            (v) => v,
          ) /
            W -
          mean;
        return (target === "AUTOC" ? 1 : W / weight(all)) * r.w * toc;
      },
    ) / weight(all);
  return Math.abs(value) < 1e-15 ? 0 : value;
}

function ydfPoints(all: readonly Row[]): [number, number][] {
  const total = (rows: readonly Row[]): number => sum(rows, (r) => r.w * r.y);
  return [
    [0, 0],
    ...levels(all).map((s): [number, number] => {
      const top = above(all, s);
      return [weight(top) / weight(all), total(treated(top)) / weight(treated(all)) - total(control(top)) / weight(control(all))];
    }),
  ];
}

function pylift(all: readonly Row[], kind: "qini" | "cgains" | "aqini"): number {
  const p = (r: Row): number => r.e ?? treated(all).length / all.length;
  const half = (r: Row, t: number): number => 0.5 / (t === 1 ? p(r) : 1 - p(r));
  const counted = all.filter((r) => r.y >= 0);
  const [T, D] = [sum(treated(counted), (r) => half(r, 1)), sum(control(counted), (r) => half(r, 0))];
  const lift =
    sum(
      treated(counted).filter((r) => r.y > 0),
      (r) => half(r, 1),
    ) /
      T -
    sum(
      control(counted).filter((r) => r.y > 0),
      (r) => half(r, 0),
    ) /
      D;
  const order = sorted(all, "input");
  const heights = order.map((_, k) => {
    const top = order.slice(0, k + 1);
    const a = sum(
      top.filter((r) => (r.t === 1 ? r.y : -r.y) > 0),
      (r) => half(r, 1),
    );
    const b = sum(
      top.filter((r) => (r.t === 1 ? r.y : -r.y) < 0),
      (r) => half(r, 0),
    );
    const [c, d] = [1e-20 + sum(treated(top), (r) => half(r, 1)), 1e-20 + sum(control(top), (r) => half(r, 0))];
    return kind === "qini" ? a / T - b / D : kind === "cgains" ? ((a / c - b / d) * (c + d)) / (T + D) : a / T - (b * c) / (d * T + 1e-20);
  });
  return trapezoids([[0, 0], ...heights.map((h, k): [number, number] => [(k + 1) / (T + D), h])]) - lift / 2;
}

/** By metric id, at default options. */
export const slow: Readonly<Record<string, Slow>> = {
  auuc: (rows) => trapezoids(gainPoints(observed(rows), upliftHeight)) * (Number.isNaN(effect(observed(rows))) ? Number.NaN : 1),
  qini: (rows) => trapezoids(gainPoints(observed(rows), qiniHeight)) - effect(observed(rows)) / 2,
  "uplift-at-k": (rows) => upliftAtK(observed(rows), 0.3),
  autoc: (rows) => rankWeighted(observed(rows), (q) => (q === 0 ? 0 : q - q * Math.log(q))) - effect(observed(rows)),
  "rate-qini": (rows) => rankWeighted(observed(rows), (q) => q - (q * q) / 2) - effect(observed(rows)) / 2,
  "policy-value-ips": (rows) => policy(observed(rows), "ips"),
  "policy-value-snips": (rows) => policy(observed(rows), "snips"),
  "policy-value-dr": (rows) => policy(observed(rows), "dr"),
  "calibration-error": (rows) => calibration(observed(rows)),
  pehe: (rows) => sum(rows, (r) => r.w * (r.s - r.tau) ** 2) / weight(rows),
  "root-pehe": (rows) => Math.sqrt(sum(rows, (r) => r.w * (r.s - r.tau) ** 2) / weight(rows)),
  "ate-error": (rows) => Math.abs(sum(rows, (r) => r.w * r.s) / weight(rows) - sum(rows, (r) => r.w * r.tau) / weight(rows)),
  auc: (rows) => pairs(observed(rows)),
  gauc: (rows) => gauc(observed(rows)),
  "log-loss": (rows) => -sum(observed(rows), (r) => r.w * (r.y === 1 ? Math.log(r.s) : Math.log(1 - r.s))) / weight(observed(rows)),
  "causalml-auuc": (rows) => causalml(observed(rows), "gain", true),
  "causalml-auuc-raw": (rows) => causalml(observed(rows), "gain", false),
  "causalml-qini": (rows) => causalml(observed(rows), "qini", true),
  "causalml-qini-raw": (rows) => causalml(observed(rows), "qini", false),
  "sklift-uplift-auc": (rows) => sklift(observed(rows), skliftUplift, perfectUplift(observed(rows))),
  "sklift-qini-auc": (rows) => sklift(observed(rows), skliftQini, perfectQini(observed(rows))),
  "sklift-qini-auc-nonneg": (rows) => skliftNonneg(observed(rows)),
  "sklift-uplift-at-k": (rows) => skliftAtK(observed(rows)),
  "sklift-weighted-average-uplift": (rows) => skliftAverage(observed(rows)),
  "grf-autoc": (rows) => grf(observed(rows), "AUTOC"),
  "grf-qini": (rows) => grf(observed(rows), "QINI"),
  "ydf-auuc": (rows) => trapezoids(ydfPoints(observed(rows))),
  "ydf-qini": (rows) => trapezoids(ydfPoints(observed(rows))) - (ydfPoints(observed(rows)).pop() as [number, number])[1] / 2,
  "pylift-qini": (rows) => pylift(observed(rows), "qini"),
  "pylift-cgains": (rows) => pylift(observed(rows), "cgains"),
  "pylift-aqini": (rows) => pylift(observed(rows), "aqini"),
};
