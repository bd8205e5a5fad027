import { z } from "zod";
import { allocate } from "../allocate/index.ts";
import { dataError, usageError } from "../base/errors.ts";
import { parse } from "../base/parse.ts";
import { Rng } from "../base/rng.ts";
import type { Json } from "../base/state.ts";
import { asCategory, type Dataset, numberColumn } from "../data/dataset.ts";
import { openDataset } from "../data/open.ts";
import type { RoleFlags } from "../data/roles.ts";
import { problemText, repairSellers, requireSellers, sellersProblems } from "../data/sellers.ts";
import { writeSellers } from "../data/sellersWrite.ts";
import { sellersConfig, sellersRoles, sized } from "../data/synth/sellers.ts";
import { writeTable } from "../data/write.ts";
import { sellerInsight } from "../evaluate/sellerInsight.ts";
import { planSellers } from "../evaluate/sellerPlan.ts";
import type { FittedModel } from "../model/fit.ts";
import { loadModel } from "../model/save.ts";
import { models } from "../models.ts";
import { checkWritable } from "./folder.ts";
import { namedData, overwriteShape, roleFlags, roleShape, seedShape } from "./options.ts";
import { progress } from "./progress.ts";
import { insightText, shown, writeSellerReport } from "./sellerOutput.ts";
import { json, table } from "./table.ts";
import { type Verb, verb } from "./verb.ts";

const file = z.string().min(1);

/** `sellers check DATA`: everything that is wrong with rows of candidate sellers. */
export const checkSellersVerb: Verb = verb({
  usage: "sellers check DATA --group COLUMN --treatment COLUMN --outcome COLUMN --sellers PART=COLUMN,...",
  summary: "rows of candidate sellers that contradict each other, one by one, and their repair",
  operands: ["data"],
  options: z.strictObject({
    ...roleShape,
    out: file.optional().describe("file to write, one line a problem and row: problem, row (counted from 1), user, repair"),
    repair: file.optional().describe("file to write the mended rows to; what was done is counted"),
    ...overwriteShape,
  }),
  notes: `looked for: redemption without assignment, redemption that is not 0 or 1, negative spending, users without candidates, sellers named twice,
platform totals that are missing, negative, different within a user or below the sum of the user's shops, incentives in control users
with --json: {"rows","users","problems":[{"kind","rows","users","what","repair","first":[1,..]}],"sound"}; exit code 3 when something is wrong and not repaired`,
  examples: [
    "sellers check simulate:sellers",
    "sellers check offers.csv --group user --treatment given --outcome spent --sellers redeemed=used,platform=total --out wrong.csv",
  ],
  run: async ({ options: asked, io }) => {
    const source = namedData(asked.data, "sellers check");
    if (asked.out !== undefined) checkWritable(asked.out, "--out", asked.overwrite);
    if (asked.repair !== undefined) checkWritable(asked.repair, "--repair", asked.overwrite);
    const data = await openDataset(source, roleFlags(asked));
    const problems = sellersProblems(data);
    const groups = data.groups();
    if (asked.out !== undefined) {
      const [kinds, rows, users] = [[] as string[], [] as number[], [] as string[]];
      for (const problem of problems)
        for (const row of problem.rows) {
          kinds.push(problem.kind);
          rows.push(row + 1);
          users.push(groups?.names[groups.index[row]] ?? "");
        }
      const texts = (name: string, list: readonly string[]): { kind: "category"; name: string; codes: Int32Array; levels: string[] } => {
        const levels = [...new Set(list)];
        const code = new Map(levels.map((level, k) => [level, k]));
        return { kind: "category", name, codes: Int32Array.from(list, (text) => code.get(text) as number), levels };
      };
      const repairs = new Map(problems.map(({ kind, repair }) => [kind as string, repair]));
      await writeTable(asked.out, [
        texts("problem", kinds),
        numberColumn("row", rows),
        texts("user", users),
        texts(
          "repair",
          kinds.map((kind) => repairs.get(kind) ?? ""),
        ),
      ]);
    }
    if (asked.repair !== undefined) await writeTable(asked.repair, repairSellers(data).data.columns);
    if (io.json)
      io.out(
        json({
          rows: data.rows,
          users: groups?.count ?? 0,
          problems: problems.map(({ kind, rows, users, what, repair }) => ({
            kind,
            rows: rows.length,
            users,
            what,
            repair,
            first: Array.from(rows.subarray(0, 20), (row) => row + 1),
          })),
          sound: problems.length === 0,
        }),
      );
    else if (problems.length === 0) io.out(`${data.rows} rows of ${groups?.count ?? 0} users: nothing contradicts itself\n`);
    else {
      io.out(
        table(
          ["problem", "rows", "users", "first rows", "repair"],
          problems.map(({ kind, rows, users, repair }) => [
            kind,
            String(rows.length),
            String(users),
            Array.from(rows.subarray(0, 5), (row) => String(row + 1)).join(", "),
            repair,
          ]),
          io,
          [1, 2],
        ),
      );
      if (asked.repair !== undefined) io.out(`${asked.repair}\n`);
    }
    if (problems.length > 0 && asked.repair === undefined && !io.json)
      throw dataError(
        `${data.name}: ${problems.map((problem) => problemText(problem)).join("; ")}; correct these rows, or write mended ones with --repair FILE`,
      );
    return problems.length > 0 && asked.repair === undefined ? 3 : 0;
  },
});

/** `sellers simulate --out FILE`: any number of users, written in parts. */
export const simulateSellersVerb: Verb = verb({
  usage: "sellers simulate FILE",
  summary: "write simulated users and candidate sellers of any size, with what each incentive truly does",
  operands: ["out"],
  options: z.strictObject({ out: file.describe("file to write: .parquet"), ...overwriteShape, ...seedShape }),
  notes: `the same rows as simulate:sellers?seed=N gives the other verbs; --full is 20,000 users with 50 of 500,000 sellers each, a million rows
true columns: mu0, mu1 (spending at the shop without and with its incentive), tau_alone (no rival gives one), tau_seller and tau_platform (rivals as planned:
effect on the shop, on the platform), lift (of the user's whole plan)
with --json: {"out","rows","roles":{...}}`,
  examples: ["sellers simulate sellers.parquet --users 500 --seed 7", "sellers simulate sellers.parquet --full"],
  parts: async () => [{ at: "", title: "the market", schema: sellersConfig as z.ZodType }],
  run: async ({ options: { out, overwrite, seed }, parts, io }) => {
    if (!/\.(parquet|pq)$/i.test(out)) throw usageError(`${out}: simulated sellers are written as .parquet, the only form that holds their histories`);
    checkWritable(out, "FILE", overwrite);
    const config = sized(parse(sellersConfig, parts[""] ?? {}, "sellers simulate"));
    const bar = await progress(io);
    try {
      const { rows } = await writeSellers(out, config, new Rng(seed).split("simulate"), { progress: bar.at, signal: io.signal });
      bar.done();
      if (io.json) io.out(json({ out, rows, roles: sellersRoles as unknown as Json }));
      else io.out(`${rows} rows of ${config.users} users: ${out}\n`);
    } finally {
      bar.done();
    }
    return 0;
  },
});

/** A saved model of the task, or an error that says what is wanted. */
async function savedSellers(folder: string): Promise<FittedModel<"sellers">> {
  const fitted = await loadModel(folder, models);
  if (fitted.model.task === "sellers") return fitted as unknown as FittedModel<"sellers">;
  fitted.dispose();
  throw usageError(`${folder}: ${fitted.model.id} is a model of task "${fitted.model.task}"; this verb wants one of candidate sellers (fit --task sellers)`);
}

/** The data with the roles of the flags, and of the model where they are left open. */
async function openFor(fitted: FittedModel<"sellers">, source: string, flags: RoleFlags): Promise<Dataset> {
  if (source.startsWith("simulate:")) return openDataset(source, flags);
  const { roles } = fitted.schema;
  const { incentives = [], ...parts } = roles.sellers ?? {};
  const sellers = {
    ...Object.fromEntries(Object.entries(parts).filter((entry): entry is [string, string] => typeof entry[1] === "string")),
    ...(incentives.length > 0 ? { incentives: incentives.join("+") } : {}),
    ...flags.sellers,
  };
  const text = [...(flags.text ?? []), ...fitted.schema.columns.filter((column) => column.kind === "category").map(({ name }) => name)];
  const named: RoleFlags = { ...flags, group: flags.group ?? roles.group, features: flags.features ?? roles.features, sellers, text };
  // Without a list of features every column is read, so that a truth beside them is found.
  const data = await openDataset(source, { ...named, features: undefined });
  return data.withRoles({ features: named.features as readonly string[] });
}

const judged = {
  model: file.describe("folder that fit wrote"),
  ...roleShape,
  data: file.optional().describe("a file or simulate:sellers, with one row for each user and seller"),
  report: file.optional().describe("HTML file to write"),
};

/** `sellers evaluate MODEL DATA`. */
export const evaluateSellersVerb: Verb = verb({
  usage: "sellers evaluate DIR DATA",
  summary: "judge a saved model of candidate sellers: over-estimation, AUUC of shops and platform, where gains come from",
  operands: ["model", "data"],
  options: z.strictObject(judged),
  notes: `columns that the model was fitted on are known; say what happened with --treatment, --outcome and --sellers redeemed=C,platform=C,arm=C
scores: seller-auuc, seller-qini (shops), user-auuc, user-qini (platform, by arm of the user; also -adjusted for the users' features, with less noise), their
weighted forms (wauuc, wqini), over-estimate (expected over observed gain), shop-over-estimate, alignment (overall, by category and tenth), platform-slope; against a simulation's truth also true-over-estimate, true AUUCs,
rank-platform, precision-top-decile, negative-top-decile
with --json: {"model","rows","insight":{"audit","categories","matrix","sellers","deciles","funnel","money","scores","warnings"}}`,
  examples: [
    "sellers evaluate model simulate:sellers?seed=9 --report sellers.html",
    "sellers evaluate model may.parquet --treatment given --outcome spent --sellers redeemed=used,platform=total --json",
  ],
  run: async ({ options: asked, io }) => {
    if (asked.report !== undefined) checkWritable(asked.report, "--report");
    const fitted = await savedSellers(asked.model);
    try {
      const data = await openFor(fitted, namedData(asked.data, "sellers evaluate"), roleFlags(asked));
      requireSellers(data);
      const prediction = await fitted.predict(data);
      const { net: _, ...insight } = await sellerInsight(prediction, data);
      if (asked.report !== undefined) await writeSellerReport(asked.report, insight, fitted.model.id, prediction.notes ?? []);
      if (io.json) io.out(json({ model: fitted.model.id, rows: data.rows, insight: insight as unknown as Json }));
      else {
        io.out(insightText(insight));
        io.out(
          table(
            ["score", "value"],
            Object.entries(insight.scores).map(([name, value]) => [name, shown(value)]),
            io,
            [1],
          ),
        );
        for (const warning of insight.warnings) io.err(`note: ${warning}\n`);
      }
    } finally {
      fitted.dispose();
    }
    return 0;
  },
});

/** `sellers allocate MODEL DATA --budget B --out FILE`. */
export const allocateSellersVerb: Verb = verb({
  usage: "sellers allocate DIR DATA --budget BUDGET --out FILE",
  summary: "who gets which sellers' incentives within a budget, by the gain of the whole platform",
  operands: ["model", "data"],
  options: z.strictObject({
    model: judged.model,
    ...roleShape,
    data: judged.data,
    budget: z.number().min(0).describe("most that may be spent, expected"),
    faceValue: z
      .union([z.number().min(0), file])
      .optional()
      .describe("cost of a redeemed incentive: a number or a column; by default the declared cost"),
    worth: z.number().gt(0).default(1).describe("what one unit of spending is worth, in the unit of the costs"),
    rounds: z.int().min(1).max(50).default(4).describe("most incentives of a user: one is chosen in each round, beside those before"),
    floor: z.int().min(0).default(0).describe("fewest incentives of each seller, filled first"),
    id: z.array(file).default([]).describe("columns to copy beside the choice"),
    out: file.describe("file to write: .csv, .csv.gz, .tsv or .parquet"),
    ...overwriteShape,
  }),
  notes: `FILE has one row a pair: the --id columns, chosen (0 or 1), effect (on the platform, beside what was chosen before) and cost (expected: redemption times
face value). A second incentive of a user is judged by what the first has left; by the shops' own effects the same budget would be spent otherwise, which is
told for comparison.
with --json: {"out","pairs","chosen","spent","lift","byShops":{"chosen","spent","claimed","lift"}}`,
  examples: ["sellers allocate model simulate:sellers --budget 5000 --id user,seller --out who.csv"],
  run: async ({ options: asked, io }) => {
    checkWritable(asked.out, "--out", asked.overwrite);
    const fitted = await savedSellers(asked.model);
    try {
      const data = await openFor(fitted, namedData(asked.data, "sellers allocate"), roleFlags(asked));
      const prediction = await fitted.predict(data);
      const face = faceOf(data, asked.faceValue);
      const cost = face.map((value, i) => (prediction.p?.[i] ?? 1) * value);
      const choose = (gain: Float64Array, costs: Float64Array, budget: number): ArrayLike<number> =>
        allocate([gain.map((value) => value * asked.worth)], [costs], { budget }).choice;
      const role = data.roles.sellers;
      const floors =
        asked.floor > 0 && role?.seller !== undefined
          ? { seller: asCategory(data.column(role.seller), "seller", Number.POSITIVE_INFINITY).codes, least: asked.floor }
          : undefined;
      if (asked.floor > 0 && floors === undefined) throw usageError("--floor needs to know the sellers: --sellers seller=COLUMN");
      const plan = await planSellers(prediction, { cost, budget: asked.budget, rounds: asked.rounds, choose, ...(floors === undefined ? {} : { floors }) });
      const naive = await byShops(prediction, cost, asked.budget, asked.worth);
      await writeTable(asked.out, [
        ...asked.id.map((name) => data.column(name)),
        numberColumn("chosen", Float64Array.from(plan.chosen)),
        numberColumn("effect", plan.gain),
        numberColumn(
          "cost",
          cost.map((value, i) => (plan.chosen[i] === 1 ? value : 0)),
        ),
      ]);
      const count = plan.chosen.reduce((sum, one) => sum + one, 0);
      if (io.json) io.out(json({ out: asked.out, pairs: data.rows, chosen: count, spent: plan.spent, lift: plan.lift, byShops: naive }));
      else {
        io.out(`${count} of ${data.rows} pairs chosen, expected cost ${shown(plan.spent)}: the platform is expected to gain ${shown(plan.lift)}\n`);
        io.out(`by the shops' own effects the same budget would claim ${shown(naive.claimed)} and is expected to bring ${shown(naive.lift)}\n${asked.out}\n`);
      }
    } finally {
      fitted.dispose();
    }
    return 0;
  },
});

function faceOf(data: Dataset, asked: number | string | undefined): Float64Array {
  if (typeof asked === "number") return new Float64Array(data.rows).fill(asked);
  if (typeof asked === "string") return data.number(asked, "face value");
  const known = Object.keys(data.roles.cost ?? {})
    .map((arm) => data.cost(arm))
    .find((column) => column !== undefined);
  if (known === undefined) throw usageError("--face-value is missing: what does a redeemed incentive cost? give a number or a column");
  return known;
}

/** What a plan by the shops' own effects would claim, and what it is expected to bring. */
async function byShops(
  prediction: Awaited<ReturnType<FittedModel<"sellers">["predict"]>>,
  cost: Float64Array,
  budget: number,
  worth: number,
): Promise<{ readonly chosen: number; readonly spent: number; readonly claimed: number; readonly lift: number }> {
  const { choice, spent } = allocate([prediction.tau.map((value) => value * worth)], [cost], { budget });
  const lift = (await prediction.lift(choice)).reduce((a, b) => a + b, 0);
  let [count, claimed] = [0, 0];
  choice.forEach((one, i) => {
    if (one === 0) return;
    count++;
    claimed += prediction.tau[i];
  });
  return { chosen: count, spent, claimed, lift };
}
