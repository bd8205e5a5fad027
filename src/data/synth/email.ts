import { z } from "zod";
import type { Rng } from "../../base/rng.ts";
import { Dataset, numberColumn } from "../dataset.ts";
import type { CategoryColumn, Column } from "../schema.ts";
import { logistic, rowsOption } from "./assemble.ts";
import { define, type Generator } from "./contract.ts";

const config = z.strictObject({
  n: rowsOption(20_000),
  outcome: z.enum(["visit", "conversion", "spend"]).default("visit").describe("Primary outcome: the one whose truth plays the role `potential`."),
  effect: z.number().min(0).max(5).default(1).describe("Factor on the effect of both e-mails on the log-odds of a visit and of buying; 0 is no effect."),
});

const arms = ["No E-Mail", "Mens E-Mail", "Womens E-Mail"];
const short = ["none", "mens", "womens"];
const recencyShare = [0.14, 0.118, 0.092, 0.079, 0.07, 0.072, 0.064, 0.055, 0.1, 0.118, 0.055, 0.037];
const segmentFrom = [100, 200, 350, 500, 750, 1000];
const segmentNames = ["1) $0 - $100", "2) $100 - $200", "3) $200 - $350", "4) $350 - $500", "5) $500 - $750", "6) $750 - $1,000", "7) $1,000 +"];
const zips = ["Rural", "Surburban", "Urban"];
const channels = ["Multichannel", "Phone", "Web"];

/** A customer; flags are 0 or 1. */
interface Customer {
  readonly recency: number;
  readonly history: number;
  readonly mens: number;
  readonly womens: number;
  readonly newbie: number;
  readonly zip: number;
  readonly channel: number;
}

/**
 * The embedded default: three arms, each customer in one with probability 1/3, and visit, conversion (only of visitors) and spend (only of buyers).
 * Rates, covariates and the shape of the effects are close to those of the public Hillstrom data; the numbers below are rounded fits to it.
 */
export const email: Generator = define({
  id: "email",
  summary: "A three-arm e-mail experiment like Hillstrom's, with visit, conversion and spend, and their truth.",
  source: [{ key: "Hillstrom2008", departure: "Simulated: columns, rates and effects resemble the data set, no row is from it." }],
  config,
  simulate({ n, outcome, effect }, rng) {
    const people = rng.split("x");
    const coin = rng.split("treatment");
    const noise = rng.split("noise");
    const table = columnsOf(n);
    const arm = new Int32Array(n);
    const outcomes = { visit: new Float64Array(n), conversion: new Float64Array(n), spend: new Float64Array(n) };
    const truth = { visit: perArm(n), conversion: perArm(n), spend: perArm(n) };
    for (let i = 0; i < n; i++) {
      const customer = drawCustomer(people);
      table.put(i, customer);
      const basket = 98 + 0.05 * Math.min(customer.history, 1000);
      arm[i] = coin.int(3);
      for (let a = 0; a < 3; a++) {
        const visit = logistic(visitLogOdds(customer, 0) + effect * (visitLogOdds(customer, a) - visitLogOdds(customer, 0)));
        const buy = logistic(-2.93 + 0.2 * (customer.history > 350 ? 1 : 0) + effect * [0, 0.25, 0.1][a]);
        truth.visit[a][i] = visit;
        truth.conversion[a][i] = visit * buy;
        truth.spend[a][i] = visit * buy * basket;
        // Every arm's draws are made, so that the noise of a row does not depend on its arm.
        const visits = noise.bernoulli(visit);
        const buys = noise.bernoulli(buy);
        const spends = drawBasket(basket, noise);
        if (a !== arm[i]) continue;
        outcomes.visit[i] = visits;
        outcomes.conversion[i] = visits * buys;
        outcomes.spend[i] = visits * buys * spends;
      }
    }
    const names = ["visit", "conversion", "spend"] as const;
    return new Dataset(
      [
        ...table.columns,
        { kind: "category", name: "segment", codes: arm, levels: arms },
        ...names.map((name) => numberColumn(name, outcomes[name])),
        ...names.flatMap((name) => truth[name].map((values, a) => numberColumn(`${name}_if_${short[a]}`, values))),
        numberColumn("propensity", new Float64Array(n).fill(1 / 3)),
      ],
      {
        features: table.columns.map((column) => column.name),
        treatment: { column: "segment", control: arms[0] },
        outcomes: [outcome, ...names.filter((name) => name !== outcome)],
        propensity: { [arms[1]]: "propensity", [arms[2]]: "propensity" },
        potential: Object.fromEntries(arms.map((a, k) => [a, `${outcome}_if_${short[k]}`])),
      },
      "simulate:email",
    );
  },
});

function drawCustomer(rng: Rng): Customer {
  const kind = rng.choice([0.45, 0.449, 0.101]);
  const both = kind === 2 ? 1 : 0;
  const channel = rng.choice(both === 1 ? [0.35, 0.33, 0.32] : [0.095, 0.45, 0.455]);
  const recency = 1 + rng.choice(recencyShare);
  const level = 5 + 0.75 * both + 0.85 * (channel === 0 ? 1 : 0) - 0.07 * (recency - 5.8);
  const history = Math.min(3500, Math.max(29.99, Math.round(100 * Math.exp(level + 1.0 * rng.normal() - 0.1)) / 100));
  return { recency, history, mens: kind === 1 ? 0 : 1, womens: kind === 0 ? 0 : 1, newbie: rng.bernoulli(0.5), zip: rng.choice([0.15, 0.45, 0.4]), channel };
}

// The men's e-mail works on everyone, a little more on the newly won; the women's only on those who buy women's goods.
function visitLogOdds(c: Customer, arm: number): number {
  const lift = Math.log(c.history) - 5;
  const rural = c.zip === 0 ? 1 : 0;
  const web = c.channel === 2 ? 1 : 0;
  const none = -2.17 - 0.07 * (c.recency - 5.8) + 0.15 * lift + 0.6 * (c.mens * c.womens) - 0.72 * c.newbie + 0.45 * rural + 0.3 * web;
  if (arm === 0) return none;
  if (arm === 1) return none + 0.6 + 0.12 * c.mens + 0.24 * c.newbie - 0.12 * rural - 0.1 * web + 0.02 * (c.recency - 5.8);
  return none + 0.06 + 0.58 * c.womens + 0.22 * c.newbie - 0.15 * rural - 0.1 * web - 0.06 * lift;
}

// At least one article of $29.99; skewed, with the expectation asked for.
function drawBasket(expected: number, rng: Rng): number {
  const shape = 0.6;
  return 29.99 + ((expected - 29.99) / shape) * rng.gamma(shape);
}

function perArm(n: number): Float64Array[] {
  return arms.map(() => new Float64Array(n));
}

function columnsOf(n: number): { readonly columns: readonly Column[]; readonly put: (row: number, customer: Customer) => void } {
  const number = (name: string): Column & { values: Float64Array } => ({ kind: "number", name, values: new Float64Array(n) });
  const category = (name: string, levels: readonly string[]): CategoryColumn => ({ kind: "category", name, codes: new Int32Array(n), levels });
  const [recency, history, mens, womens, newbie] = ["recency", "history", "mens", "womens", "newbie"].map(number);
  const [bracket, zip, channel] = [category("history_segment", segmentNames), category("zip_code", zips), category("channel", channels)];
  return {
    columns: [recency, bracket, history, mens, womens, zip, newbie, channel],
    put: (i, c) => {
      [recency.values[i], history.values[i], mens.values[i], womens.values[i], newbie.values[i]] = [c.recency, c.history, c.mens, c.womens, c.newbie];
      [zip.codes[i], channel.codes[i]] = [c.zip, c.channel];
      bracket.codes[i] = segmentFrom.filter((from) => c.history >= from).length;
    },
  };
}
