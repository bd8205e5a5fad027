import type { Dataset } from "../data/dataset.ts";
import { asCategory } from "../data/dataset.ts";
import { sellersRole } from "../data/sellers.ts";
import type { SellersPrediction } from "../model/contract.ts";
import { firstRows, type SellerScores, sellerScores, sellersTruthOf, sellerTruthScores } from "./sellerScores.ts";

/** What incentives of one group (a category, a seller, a tenth) do by the model: sums over the planned pairs, rivals as planned. */
export interface SellerGroup {
  readonly name: string;
  /** Planned incentives. */
  readonly incentives: number;
  /** Sum of the effects on the shops themselves. */
  readonly shop: number;
  /** Sum of the effects on the whole platform. */
  readonly platform: number;
  /** 1 - platform / shop: what is taken from others of each unit the shop gains. NaN where the shops gain nothing. */
  readonly cannibalised: number;
}

/** From incentive to redemption. Numbers of rows, and sums of spending. */
export interface Funnel {
  readonly given: number;
  readonly bought: number;
  readonly redeemed: number;
  /** Purchases with an incentive that was not redeemed, as a share. */
  readonly unredeemed: number;
  readonly spent: number;
  /** Share of the spending with an incentive that the model expects without it. */
  readonly organic: number;
  /** Expected redemptions, by the model; NaN where it has none. */
  readonly expected: number;
}

export interface SellerInsight {
  readonly users: number;
  readonly pairs: number;
  readonly planned: number;
  readonly competition: boolean;
  /** Over-estimation: what the shops claim, what the platform is expected to gain, what was observed. Sums over users. */
  readonly audit: {
    readonly shops: number;
    readonly denoised: number | null;
    readonly lift: number;
    /** Difference of arm means times users, with its standard error; null without arms of users. */
    readonly observed: { readonly lift: number; readonly se: number } | null;
    /** shops / lift. */
    readonly overModel: number;
    /** shops / observed, and lift / observed. */
    readonly overObserved: number | null;
    readonly liftOverObserved: number | null;
  };
  readonly categories: readonly SellerGroup[];
  /** Change of spending in category k (and outside, last) by an average planned incentive of category j. */
  readonly matrix: { readonly names: readonly string[]; readonly change: readonly (readonly number[])[] };
  readonly sellers: readonly SellerGroup[];
  /** Pairs by tenth of the effect on the platform, best first. */
  readonly deciles: readonly SellerGroup[];
  readonly funnel: Funnel | null;
  /** Expected cost of the plan (redemptions times face value) and lift per unit of it; null without costs. */
  readonly money: { readonly cost: number; readonly roi: number } | null;
  readonly scores: SellerScores;
  readonly warnings: readonly string[];
}

export interface InsightSettings {
  /** Sellers that are listed, those with the largest sums of shop effects. Defaults to 30. */
  readonly sellers?: number;
  /** Categories with a line of their own. Defaults to 20. */
  readonly categories?: number;
}

/**
 * What an analyst asks of a model of candidate sellers. Where the data says what happened (outcome, treatment, redemption), the funnel, the audit and the
 * scores say how far the model was right.
 * @param net effects on the platform, where they are known already
 */
export async function sellerInsight(
  prediction: SellersPrediction,
  data: Dataset,
  settings: InsightSettings = {},
): Promise<SellerInsight & { readonly net: Float64Array }> {
  const { sellers: mostSellers = 30, categories: mostCategories = 20 } = settings;
  const { users, user, tau, planned, denoised } = prediction;
  const n = prediction.rows;
  const role = sellersRole(data);
  const category = namesOf(data, role.category, mostCategories);
  const net = new Float64Array(n);
  const count = category.names.length;
  const sums = new Float64Array(count * (count + 1));
  const plannedOf = new Float64Array(count);
  await prediction.flips(({ row, rows, change, outside }) => {
    let total = outside;
    for (const value of change) total += value;
    net[row] = total;
    if (planned[row] !== 1) return;
    const from = category.code[row] * (count + 1);
    plannedOf[category.code[row]]++;
    for (let k = 0; k < rows.length; k++) sums[from + category.code[rows[k]]] += change[k];
    sums[from + count] += outside;
  });
  const matrix = category.names.map((_, j) => Array.from({ length: count + 1 }, (__, k) => sums[j * (count + 1) + k] / Math.max(1, plannedOf[j])));
  const lift = await prediction.lift();
  let [shops, cut, plans] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    if (planned[i] !== 1) continue;
    plans++;
    shops += tau[i];
    cut += denoised?.[i] ?? 0;
  }
  const whole = lift.reduce((a, b) => a + b, 0);
  const observed = observedLift(data, role.platform, role.arm, user, users);
  const groups = (code: Int32Array, names: readonly string[]): SellerGroup[] => grouped(code, names, prediction, net);
  const sellerNames = namesOf(data, role.seller, Number.POSITIVE_INFINITY);
  const hasOutcomes = data.roles.treatment !== undefined && data.roles.outcomes.length > 0;
  const truth = sellersTruthOf(data);
  const funnel = hasOutcomes ? funnelOf(data, role.redeemed, prediction) : null;
  const warnings = [
    ...(prediction.competition
      ? []
      : ["this model judges each shop by itself: its effects on the platform are those on the shop, and their sum is no gain of the platform"]),
    ...(shops > 1.1 * whole && whole > 0 ? [`the shops' effects add up to ${(shops / whole).toFixed(2)} times what the platform is expected to gain`] : []),
    ...(whole <= 0 ? ["the plan as a whole is expected to bring the platform nothing"] : []),
    ...(observed !== null && Math.abs(whole - observed.lift) > 2 * observed.se
      ? ["the expected gain lies outside two standard errors of the observed one"]
      : []),
    ...(observed !== null && Math.abs(observed.lift) < 2 * observed.se
      ? ["the observed gain is within two standard errors of zero: ratios to it mean little"]
      : []),
  ];
  return {
    users,
    pairs: n,
    planned: plans,
    competition: prediction.competition,
    audit: {
      shops,
      denoised: denoised === undefined ? null : cut,
      lift: whole,
      observed,
      overModel: shops / whole,
      overObserved: observed === null ? null : shops / observed.lift,
      liftOverObserved: observed === null ? null : whole / observed.lift,
    },
    categories: groups(category.code, category.names).filter(({ incentives }) => incentives > 0),
    matrix: { names: [...category.names, "outside"], change: matrix },
    sellers:
      role.seller === undefined
        ? []
        : groups(sellerNames.code, sellerNames.names)
            .toSorted((a, b) => b.shop - a.shop || (a.name < b.name ? -1 : 1))
            .slice(0, mostSellers),
    deciles: decilesOf(prediction, net),
    funnel,
    money: moneyOf(data, prediction, whole),
    scores: hasOutcomes ? { ...(await sellerScores(prediction, data)), ...(truth === undefined ? {} : await sellerTruthScores(prediction, truth)) } : {},
    warnings,
    net,
  };
}

interface Names {
  readonly code: Int32Array;
  readonly names: readonly string[];
}

/** Codes of a column, the rarest beyond `most` together; one group where there is no column. */
function namesOf(data: Dataset, column: string | undefined, most: number): Names {
  if (column === undefined) return { code: new Int32Array(data.rows), names: ["all"] };
  const { codes, levels } = asCategory(data.column(column), data.at(column), Number.POSITIVE_INFINITY);
  const counts = new Int32Array(levels.length);
  for (const code of codes) if (code >= 0) counts[code]++;
  const kept = levels
    .map((_, code) => code)
    .filter((code) => counts[code] > 0)
    .toSorted((a, b) => counts[b] - counts[a] || a - b)
    .slice(0, most)
    .toSorted((a, b) => a - b);
  const place = new Int32Array(levels.length).fill(kept.length);
  kept.forEach((code, k) => {
    place[code] = k;
  });
  const code = codes.map((own) => (own < 0 ? kept.length : place[own]));
  return { code, names: [...kept.map((own) => levels[own]), ...(code.some((own) => own === kept.length) ? ["other"] : [])] };
}

function grouped(code: Int32Array, names: readonly string[], { planned, tau }: SellersPrediction, net: Float64Array): SellerGroup[] {
  const [incentives, shop, platform] = [0, 1, 2].map(() => new Float64Array(names.length));
  for (let i = 0; i < code.length; i++) {
    if (planned[i] !== 1) continue;
    incentives[code[i]]++;
    shop[code[i]] += tau[i];
    platform[code[i]] += net[i];
  }
  return names.map((name, k) => ({
    name,
    incentives: incentives[k],
    shop: shop[k],
    platform: platform[k],
    cannibalised: shop[k] > 0 ? 1 - platform[k] / shop[k] : Number.NaN,
  }));
}

function decilesOf(prediction: SellersPrediction, net: Float64Array): SellerGroup[] {
  const rows = Array.from(net.keys()).filter((i) => prediction.planned[i] === 1);
  rows.sort((a, b) => net[b] - net[a] || a - b);
  const code = new Int32Array(net.length).fill(10);
  rows.forEach((row, k) => {
    code[row] = Math.floor((10 * k) / rows.length);
  });
  const names = Array.from({ length: 11 }, (_, k) => String(k + 1));
  return grouped(code, names, prediction, net).slice(0, 10);
}

function observedLift(
  data: Dataset,
  platform: string | undefined,
  arm: string | undefined,
  user: Int32Array,
  users: number,
): SellerInsight["audit"]["observed"] {
  if (platform === undefined || arm === undefined) return null;
  const [y, z] = [data.number(platform), data.number(arm)];
  const groups = [0, 1].map((side) =>
    firstRows(user, users)
      .filter((i) => z[i] === side)
      .map((i) => y[i]),
  );
  if (groups.some((values) => values.length < 2)) return null;
  const moments = groups.map((values) => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return { mean, variance: values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1) / values.length };
  });
  return { lift: (moments[1].mean - moments[0].mean) * users, se: Math.sqrt(moments[0].variance + moments[1].variance) * users };
}

function funnelOf(data: Dataset, redeemedColumn: string | undefined, { p, mu0, mu1 }: SellersPrediction): Funnel {
  const y = data.outcome();
  const { arm } = data.treatment();
  const redeemed = redeemedColumn === undefined ? undefined : data.number(redeemedColumn);
  let [given, bought, used, spent, organic, all, expected] = [0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < arm.length; i++) {
    if (arm[i] !== 1) continue;
    given++;
    if (y[i] > 0) bought++;
    if (redeemed?.[i] === 1) used++;
    spent += y[i];
    organic += mu0[i];
    all += mu1[i];
    expected += p?.[i] ?? Number.NaN;
  }
  return {
    given,
    bought,
    redeemed: redeemed === undefined ? Number.NaN : used,
    unredeemed: redeemed === undefined ? Number.NaN : 1 - used / bought,
    spent,
    organic: organic / all,
    expected,
  };
}

function moneyOf(data: Dataset, { planned, p }: SellersPrediction, lift: number): SellerInsight["money"] {
  const arms = data.roles.treatment === undefined ? [] : data.treatment().arms;
  const face = arms.length === 2 ? data.cost(arms[1]) : undefined;
  if (face === undefined) return null;
  let cost = 0;
  for (let i = 0; i < planned.length; i++) if (planned[i] === 1) cost += (p?.[i] ?? 1) * face[i];
  return { cost, roi: lift / cost };
}
