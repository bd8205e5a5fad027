import { z } from "zod";
import type { Rng } from "../../base/rng.ts";
import { Dataset, numberColumn } from "../dataset.ts";
import type { Column, Roles } from "../schema.ts";
import { define, type Generator } from "./contract.ts";
import { segments, type SellersConfig, type SellersWorld, sellersWorld, simulateUser } from "./sellersWorld.ts";

/** What is asked of the generator. */
export interface SellersOptions extends Omit<SellersConfig, "users" | "sellers" | "candidates"> {
  readonly full: boolean;
  readonly users?: number;
  readonly sellers?: number;
  readonly candidates?: number;
}

const share = z.number().gt(0).lt(1);

/** Options of the generator `sellers`. */
export const sellersConfig: z.ZodType<SellersOptions, Partial<SellersOptions>> = z.strictObject({
  full: z.boolean().default(false).describe("The full size: 20,000 users with 50 of 500,000 sellers each, a million rows; sizes given beside it win."),
  users: z.int().min(1).max(10_000_000).optional().describe("Users; 2000 by default."),
  sellers: z.int().min(20).max(10_000_000).optional().describe("Sellers on the platform; 5000 by default."),
  candidates: z.int().min(1).max(500).optional().describe("Candidate sellers of a user; 20 by default."),
  ragged: z.number().min(0).max(1).default(0).describe("Users have up to this share fewer candidates; 0 gives each the same number."),
  events: z.int().min(0).max(500).default(12).describe("Events in a user's history."),
  assignment: z
    .enum(["user", "pair", "cluster"])
    .default("user")
    .describe("What is randomised: users (the others' plans are withheld), pairs (every plan is carried out), or clusters of 20 users."),
  treated: share.default(0.5).describe("Share of users (or clusters) whose plan is carried out."),
  share: share.default(0.3).describe("Share of the candidates in a plan."),
  confounding: z.number().min(-5).max(5).default(0).describe("How strongly plans follow the user's affinity; 0 plans at random."),
  decay: z.number().min(0).max(10).default(3).describe("Wearing off: an incentive's uplift falls by exp(-decay) with each stronger one of its segment."),
  diversion: z
    .number()
    .min(0)
    .max(0.95)
    .default(0.155)
    .describe("Mean share, over users, of a segment's gain that is taken from the organic demand of its shops."),
  outside: z.number().min(0).max(0.95).default(0.187).describe("Mean share, over users, of all gains that is taken from spending outside the candidates."),
  switching: z
    .number()
    .min(0)
    .max(10)
    .default(8)
    .describe("How far users differ in what they substitute: loyal ones add, switchers move their spending; 0 makes all alike."),
  intent: z
    .number()
    .min(0)
    .max(20)
    .default(6)
    .describe("How much more often, in log-odds, what an incentive brought is redeemed than what would have been bought anyway."),
  unredeemed: share.default(0.25).describe("Share of treated purchases in which the incentive is not redeemed."),
});

/** The sizes that were left open, by the default or the full size. */
export function sized({
  full,
  users = full ? 20_000 : 2000,
  sellers = full ? 500_000 : 5000,
  candidates = full ? 50 : 20,
  ...rest
}: SellersOptions): SellersConfig {
  return { users, sellers, candidates, ...rest };
}

/** Columns in order, and their parts. */
export const sellersRoles: Roles = {
  features:
    "x1,x2,x3,x4,past_spend,segment,quality,price,s1,s2,s3,s4,visits,value,history_segment,history_price,history_age,history_bought,history_coupon".split(","),
  treatment: { column: "assigned", control: "0" },
  outcomes: ["shop_gmv"],
  group: "user",
  cost: { 1: "face_value" },
  propensity: { 1: "probability" },
  potential: { 0: "mu0", 1: "mu1" },
  sellers: {
    category: "segment",
    seller: "seller",
    incentives: ["value"],
    planned: "planned",
    redeemed: "redeemed",
    platform: "platform_gmv",
    arm: "arm",
  },
};

/** Roles of simulated data: without user arms where pairs are randomised. */
function rolesOf({ assignment }: SellersConfig): Roles {
  const { arm, ...rest } = sellersRoles.sellers as NonNullable<Roles["sellers"]>;
  return assignment === "pair" ? { ...sellersRoles, sellers: rest } : { ...sellersRoles, sellers: { ...rest, arm } };
}

/** Users `from` .. `to - 1` as columns. The history stands in the first row of each user. */
export function sellersColumns(world: SellersWorld, from: number, to: number): Column[] {
  const people = Array.from({ length: to - from }, (_, k) => simulateUser(world, from + k));
  const rows = people.reduce((sum, { seller }) => sum + seller.length, 0);
  const { segment, quality, price, x, config } = world;
  const names = ["user", "seller", "cluster", "x1", "x2", "x3", "x4", "past_spend", "quality", "price", "s1", "s2", "s3", "s4", "visits", "value"];
  const later = ["arm", "planned", "assigned", "probability", "face_value", "redeemed", "shop_gmv", "platform_gmv"];
  const truth = ["mu0", "mu1", "tau_alone", "tau_seller", "tau_platform", "lift"];
  const out = Object.fromEntries([...names, ...later, ...truth].map((name) => [name, new Float64Array(rows)]));
  const codes = new Int32Array(rows);
  let row = 0;
  for (const [k, person] of people.entries()) {
    const total = person.spent.reduce((a, b) => a + b, 0) + person.elsewhere;
    for (let j = 0; j < person.seller.length; j++, row++) {
      const s = person.seller[j];
      codes[row] = segment[s];
      const treated = config.assignment === "pair" ? 1 : config.treated;
      const entries: Record<string, number> = {
        user: from + k + 1,
        seller: s + 1,
        cluster: person.cluster + 1,
        past_spend: person.pastSpend,
        quality: quality[s],
        price: price[s],
        visits: person.visits[j],
        value: person.value[j],
        arm: person.arm,
        planned: person.planned[j],
        assigned: person.assigned[j],
        probability: treated * person.probability[j],
        face_value: (person.value[j] / 100) * price[s],
        redeemed: person.redeemed[j],
        shop_gmv: person.spent[j],
        platform_gmv: total,
        mu0: person.truth.mu0[j],
        mu1: person.truth.mu1[j],
        tau_alone: person.truth.alone[j],
        tau_seller: person.truth.mu1[j] - person.truth.mu0[j],
        tau_platform: person.truth.platform[j],
        lift: person.truth.lift,
      };
      for (let t = 0; t < 4; t++) {
        entries[`x${t + 1}`] = person.x[t];
        entries[`s${t + 1}`] = x[s * 4 + t];
      }
      for (const name in entries) out[name][row] = entries[name];
    }
  }
  const levels = Array.from({ length: segments }, (_, g) => `s${String(g + 1).padStart(2, "0")}`);
  const history = sequences(people, rows, levels);
  return [
    ...["user", "seller", "cluster"].map((name) => numberColumn(name, out[name])),
    { kind: "category", name: "segment", codes, levels },
    ...names.slice(3).map((name) => numberColumn(name, out[name])),
    ...history,
    ...[...later, ...truth].map((name) => numberColumn(name, out[name])),
  ];
}

function sequences(people: readonly ReturnType<typeof simulateUser>[], rows: number, levels: readonly string[]): Column[] {
  const offsets = new Int32Array(rows + 1);
  const events = people.flatMap(({ history }) => history);
  let [row, end] = [0, 0];
  for (const { seller, history } of people) {
    end += history.length;
    for (let j = 0; j < seller.length; j++) offsets[++row] = end;
  }
  const sequence = (name: string, of: (event: (typeof events)[number]) => number): Column => ({
    kind: "sequence",
    name: `history_${name}`,
    offsets,
    values: Float64Array.from(events, of),
  });
  return [
    { ...sequence("segment", ({ segment }) => segment), levels } as Column,
    sequence("price", ({ price }) => price),
    sequence("age", ({ age }) => age),
    sequence("bought", ({ bought }) => bought),
    sequence("coupon", ({ coupon }) => coupon),
  ];
}

/*
 * g_s uniform over 10 segments; q_s ~ N(0, 1); price_s ~ LogN(3.5, 0.3); theta_u ~ Dir(0.3); spend_u ~ LogN(0, 0.5); x_u ~ N(0, I_4), x_s ~ N(0, I_4 / 4)
 *   S_u     candidates, segment drawn from 0.8 theta_u + 0.2 / 10
 *   aff     = 1.5 log(10 theta_u[g_s] + 0.1) + 0.5 q_s + 0.3 x_u.x_s
 *   b       = spend_u price_s logistic(aff - 2)                                     organic demand
 *   clear_u = logistic(c' + 2 x_u.o),  |o| = 1, w.o = a.o = 0, its mean about 1 - 0.75 unredeemed      share of purchases without a better coupon at hand
 *   u       = 0.45 clear_u price_s softplus(12 v + 0.3 x_u.w - 0.5 aff),  v of 5, 10, 20 %    uplift before cannibalisation; |w| = 1
 *   eff     = T u exp(-decay k),  k the stronger incentives of the segment
 *   moved_u = logistic(c + switching x_u.a),  |a| = 1, w.a = 0.8, its mean about diversion + outside    share of gains that is moved and not added
 *   mean    = max(0, b + eff - diversion_u E_g b / sum_g b),  E_g the segment's sum of eff;  outside 3 m spend_u - outside_u sum E_g
 *   Y       buys ~ Bern(1 - exp(-2 mean / price)), amount ~ Gamma(8) of that mean
 *   R       where a treated user buys: Bern(clear_u logistic(k0 - better)) if it would have been bought anyway, Bern(logistic(k0 + intent - better)) if the
 *           incentive brought it, a share eff / (eff + b) of cases;  better = max(0, N(0, 1)); k0 by a pilot
 */
export const sellersGenerator: Generator = define({
  id: "sellers",
  summary: "Users and candidate sellers whose incentives steal from each other and are not always redeemed; isolated effects overstate the gain by 1.37.",
  source: [
    {
      key: "CanniUplift2026",
      at: "sec. 4",
      departure:
        "equations are a reconstruction; decay 3, diversion 0.155, outside 0.187 and users who differ in what they move and in the other coupons they have are tuned so that shops' effects overstate by 1.37",
    },
  ],
  config: sellersConfig,
  simulate(options: SellersOptions, rng: Rng) {
    const config = sized(options);
    const world = sellersWorld(config, rng);
    const columns = sellersColumns(world, 0, config.users);
    return new Dataset(columns, rolesOf(config), "simulate:sellers");
  },
});
