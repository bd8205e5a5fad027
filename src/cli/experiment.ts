import { z } from "zod";
import { usageError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import { openDataset } from "../data/open.ts";
import { digitsFor, fixed, pText, range, signed } from "../evaluate/table.ts";
import { analyseExperiment, type ExperimentAnalysis } from "../experiment/analyse.ts";
import { corrections } from "../experiment/multiple.ts";
import { minimumDetectableEffect, type Plan, power, sampleSize } from "../experiment/power.ts";
import { quantileEffects } from "../experiment/quantileEffect.ts";
import { ratioEffects } from "../experiment/ratio.ts";
import { sequentialEffects } from "../experiment/sequential.ts";
import { namedData, roleFlags, roleShape, sharesShape } from "./options.ts";
import { json, table } from "./table.ts";
import { type Io, type Verb, verb } from "./verb.ts";

const level = z.number().gt(0).lt(1).default(0.95).describe("coverage of the intervals");
const example = "campaign.csv --treatment arm --control none --outcome bought";

/** `experiment analyse DATA`: everything one checks and reads in a randomised experiment. `--json` prints `ExperimentAnalysis`. */
export const analyse: Verb = verb({
  usage: "experiment analyse DATA --treatment COLUMN --control ARM --outcome COLUMN,...",
  summary: "is the experiment sound, and what did it do",
  operands: ["data"],
  options: z.strictObject({
    ...roleShape,
    ...sharesShape,
    level,
    correction: z.enum(corrections).default("holm").describe("correction of the p-values for the number of arms and outcomes"),
    winsorise: z.number().gt(0).lt(1).optional().describe("quantile above which continuous outcomes and counts are capped; left as they are by default"),
    adjust: z.boolean().default(true).describe("adjust for the features, which must have been fixed before the treatment"),
  }),
  notes: `sample ratio, balance, missing outcomes, average effects plain and adjusted for the features, corrected for how many there are
with --json: {"format","data","rows","level","control","arms","sampleRatio"?,"balance"?,"outcomes":[{"outcome","kind","missing",
"effects":[{"arm","plain":{"value","se","interval","pValue",...},"adjusted"?,"correctedPValue","detectable"?}]}],"warnings","findings"}`,
  examples: [`experiment analyse ${example},spend --shares equal`, "experiment analyse hillstrom --winsorise 0.999"],
  run: async ({ options: asked, io }) => {
    const data = await openDataset(namedData(asked.data, "experiment analyse"), roleFlags(asked));
    const shares = asked.shares === "equal" ? Object.fromEntries(data.treatment().arms.map((arm) => [arm, 1])) : asked.shares;
    const { correction, winsorise } = asked;
    const analysis = analyseExperiment(data, { level: asked.level, shares, correction, winsorise, ...(asked.adjust ? {} : { covariates: [] }) });
    if (io.json) io.out(json(analysis));
    else printAnalysis(analysis, io);
    return 0;
  },
});

function printAnalysis({ data, rows, control, arms, sampleRatio, balance, outcomes, warnings, findings }: ExperimentAnalysis, io: Io): void {
  io.out(`${data}: ${rows} rows\n\n`);
  io.out(
    `${table(
      ["arm", "rows", "share"],
      arms.map(({ arm, rows: n, share }) => [arm === control ? `${arm} (control)` : arm, String(n), `${(100 * share).toFixed(2)} %`]),
      io,
      [1, 2],
    )}\n`,
  );
  if (sampleRatio !== undefined) io.out(`sizes of the arms against their planned shares: p ${pText(sampleRatio.pValue)}\n`);
  for (const { arm, pValue } of balance ?? []) io.out(`balance of the features, ${arm} against ${control}: p ${pText(pValue)}\n`);
  const lines = outcomes.flatMap(({ outcome, effects }) =>
    effects.map(({ arm, plain, adjusted, correctedPValue, detectable }) => {
      const digits = digitsFor(plain.se);
      const text = (effect: { value: number; interval: readonly [number, number] }): string =>
        `${signed(effect.value, digits)} ${range(effect.interval, digits)}`;
      return [
        outcome,
        arm,
        fixed(plain.controlMean, digits),
        text(plain),
        adjusted === undefined ? "-" : text(adjusted),
        pText(correctedPValue),
        detectable === undefined ? "-" : fixed(detectable, digits),
      ];
    }),
  );
  io.out(`\n${table(["outcome", "arm", "control mean", "effect", "adjusted", "corrected p", "detectable"], lines, io)}\n`);
  for (const finding of findings) io.out(`${finding}\n`);
  for (const warning of warnings) io.err(`note: ${warning}\n`);
}

/** `experiment plan`: of effect, rows and power, two are given and the third is told. */
export const plan: Verb = verb({
  usage: "experiment plan",
  summary: "how many rows, what power, or which effect can be found",
  operands: [],
  options: z.strictObject({
    rate: z.number().gt(0).lt(1).optional().describe("rate of the outcome in control, for an outcome of 0 and 1"),
    sd: z.number().gt(0).optional().describe("standard deviation of the outcome, for any other"),
    mean: z.number().optional().describe("mean of the outcome in control; needed with --sd when effects are relative"),
    effect: z.number().optional().describe("effect to find, in units of the outcome, or a share of the control's mean with --relative"),
    relative: z.boolean().default(false).describe("effects are shares of the control's rate or mean"),
    rows: z.number().gt(0).optional().describe("rows of the control arm"),
    power: z.number().gt(0).lt(1).optional().describe("chance of finding the effect; 0.8 where rows or effect are asked for"),
    alpha: z.number().gt(0).lt(1).default(0.05).describe("chance of a false alarm"),
    sides: z
      .union([z.literal(1), z.literal(2)])
      .default(2)
      .describe("2 to look for an effect either way, 1 for its direction only"),
    ratio: z.number().gt(0).default(1).describe("treated rows per control row"),
    arms: z.int().min(1).default(1).describe("treated arms, each compared with control"),
    clusterSize: z.number().min(1).optional().describe("mean size of the clusters, where whole clusters are assigned"),
    icc: z.number().min(0).max(1).optional().describe("correlation of outcomes within a cluster; needed with --cluster-size"),
    clusterVariation: z.number().min(0).default(0).describe("coefficient of variation of the clusters' sizes"),
    correlation: z.number().gt(-1).lt(1).default(0).describe("correlation of the outcome with the covariates that will be adjusted for"),
  }),
  notes: `give two of --effect, --rows and --power (or one: the power is then 0.8)
with --json: {"effect","power","control","treated","total","clusters"?}; rows of control, of one treated arm, and of all arms`,
  examples: [
    "experiment plan --rate 0.1 --effect 0.01",
    "experiment plan --rate 0.1 --effect 0.1 --relative --arms 2 --power 0.9",
    "experiment plan --sd 25 --mean 10 --rows 5000",
  ],
  run: async ({ options: asked, io }) => {
    const { rate, sd, mean, clusterSize, icc } = asked;
    if ((rate === undefined) === (sd === undefined))
      throw usageError("experiment plan needs --rate for an outcome of 0 and 1, or --sd for any other, and not both");
    if (clusterSize !== undefined && icc === undefined)
      throw usageError("--cluster-size needs --icc, the correlation of outcomes within a cluster; 0.01 to 0.05 is usual");
    const outcome: Plan["outcome"] = rate !== undefined ? { kind: "binary", rate } : { kind: "continuous", sd: sd as number, mean };
    const clusters = clusterSize === undefined ? undefined : { size: clusterSize, icc: icc as number, variation: asked.clusterVariation };
    const { relative, alpha, sides, ratio, arms: comparisons, correlation } = asked;
    const planned: Plan = { outcome, relative, alpha, sides, ratio, comparisons, clusters, correlation };
    const found = solved(planned, asked);
    if (io.json) io.out(json(found));
    else printPlan(planned, found, io);
    return 0;
  },
});

interface Solved {
  readonly effect: number;
  readonly power: number;
  readonly control: number;
  readonly treated: number;
  readonly total: number;
  readonly clusters?: { readonly control: number; readonly treated: number; readonly total: number };
}

function solved(planned: Plan, { effect, rows, power: wanted }: { readonly effect?: number; readonly rows?: number; readonly power?: number }): Solved {
  const { ratio = 1, comparisons = 1 } = planned;
  if (effect !== undefined && rows !== undefined && wanted !== undefined)
    throw usageError("--effect, --rows and --power are all given; leave out the one you want to know");
  if (effect !== undefined && rows === undefined) return { effect, ...sampleSize(planned, effect, wanted) };
  if (rows === undefined) throw usageError("give --effect to learn how many rows are needed, or --rows to learn which effect they find");
  const treated = Math.ceil(rows * ratio);
  const sizes = { control: rows, treated, total: rows + comparisons * treated };
  if (effect !== undefined) return { effect, power: power(planned, effect, rows), ...sizes };
  return { effect: minimumDetectableEffect(planned, rows, wanted), power: wanted ?? 0.8, ...sizes };
}

function printPlan({ relative, alpha, comparisons = 1 }: Plan, { effect, power: chance, control, treated, total, clusters }: Solved, io: Io): void {
  const size = relative === true ? `${Number((100 * effect).toPrecision(4))} % of control` : String(Number(effect.toPrecision(4)));
  const lines = [
    ["effect", size],
    ["power", String(Number(chance.toPrecision(4)))],
    ["false alarms", `${alpha}${comparisons > 1 ? ` over ${comparisons} comparisons` : ""}`],
    ["rows in control", String(control)],
    ["rows in a treated arm", String(treated)],
    ["rows in all", String(total)],
    ...(clusters === undefined ? [] : [["clusters in all", String(clusters.total)]]),
  ];
  io.out(table(["plan", ""], lines, io));
}

/** `experiment watch DATA`: the effect as it was read while rows came in, with intervals that allow for looking. */
export const watch: Verb = verb({
  usage: "experiment watch DATA --treatment COLUMN --control ARM --outcome COLUMN --time COLUMN",
  summary: "effects over time, valid however often one looks",
  operands: ["data"],
  options: z.strictObject({
    ...roleShape,
    level,
    looks: z.array(z.int().min(1)).min(1).optional().describe("numbers of rows at which to look; 20 evenly spaced ones by default"),
    tunedFor: z.int().min(1).optional().describe("rows at which the interval is to be tightest, fixed before the experiment; half of the rows by default"),
    burnIn: z.int().min(2).default(100).describe("rows each arm must have before a look counts"),
  }),
  notes: `rows are taken in the order of --time, or in their own order without it
with --json: {"effects":[{"outcome","arm","control","decidedAt"?,"looks":[{"rows","value","se","interval","running","pValue"}],"notes"}]}`,
  examples: [`experiment watch ${example} --time day`, "experiment watch hillstrom --outcome visit --looks 10000,30000,64000"],
  run: async ({ options: asked, io }) => {
    const data = await openDataset(namedData(asked.data, "experiment watch"), roleFlags(asked));
    const { tunedFor, burnIn, looks } = asked;
    const tuning = tunedFor === undefined ? undefined : { tunedFor };
    const effects = data.roles.outcomes.flatMap((outcome) =>
      sequentialEffects(data, { outcome, level: asked.level, looks, tuning, burnIn }).map((effect) => ({ outcome, ...effect })),
    );
    if (io.json) io.out(json({ effects }));
    else
      for (const { outcome, arm, control, looks: seen, decidedAt } of effects) {
        const lines = seen.map(({ rows, value, se, interval, running, pValue }) => {
          const digits = digitsFor(se);
          return [String(rows), signed(value, digits), range(interval, digits), range(running, digits), pText(pValue)];
        });
        io.out(`${outcome}, ${arm} against ${control}: ${decidedAt === undefined ? "no look leaves out zero" : `decided at ${decidedAt} rows`}\n`);
        io.out(`${table(["rows", "effect", "interval", "of all looks", "p"], lines, io, [0])}\n`);
      }
    return 0;
  },
});

interface Line {
  readonly arm: string;
  readonly value: number;
  readonly se: number;
  readonly interval: readonly [number, number];
  readonly pValue: number;
  readonly notes: readonly string[];
}

/** `experiment quantiles DATA`: effects on quantiles of the outcome. */
export const quantiles: Verb = verb({
  usage: "experiment quantiles DATA --treatment COLUMN --control ARM --outcome COLUMN",
  summary: "effects on quantiles of the outcome",
  operands: ["data"],
  options: z.strictObject({
    ...roleShape,
    level,
    quantiles: z.array(z.number().gt(0).lt(1)).min(1).default([0.5]).describe("which quantiles; 0.5 is the median"),
  }),
  notes: `the difference of the quantiles of the arms, which is not the quantile of the effects
with --json: {"effects":[{"outcome","quantile","arm","control","value","se","interval","pValue","armQuantile","controlQuantile","notes"}]}`,
  examples: ["experiment quantiles campaign.csv --treatment arm --control none --outcome spend --quantiles 0.5,0.9,0.99"],
  run: async ({ options: asked, io }) => {
    const data = await openDataset(namedData(asked.data, "experiment quantiles"), roleFlags(asked));
    const effects = data.roles.outcomes.flatMap((outcome) =>
      asked.quantiles.flatMap((quantile) =>
        quantileEffects(data, { outcome, quantile, level: asked.level }).map((effect) => ({ outcome, quantile, ...effect })),
      ),
    );
    if (io.json) io.out(json({ effects }));
    else
      printLines(
        effects.map((effect) => ({ ...effect, head: [effect.outcome, String(effect.quantile)], both: [effect.controlQuantile, effect.armQuantile] })),
        ["outcome", "quantile"],
        data,
        io,
      );
    return 0;
  },
});

/** `experiment ratio DATA`: effects on a ratio of two sums. */
export const ratio: Verb = verb({
  usage: "experiment ratio DATA --treatment COLUMN --control ARM --numerator COLUMN --denominator COLUMN",
  summary: "effects on a ratio of sums, such as clicks per view",
  operands: ["data"],
  options: z.strictObject({
    ...roleShape,
    level,
    numerator: z.string().min(1).describe("column summed above the line: clicks"),
    denominator: z.string().min(1).describe("column summed below the line: views"),
  }),
  notes: `with --json: {"effects":[{"arm","control","value","se","interval","pValue","armRatio","controlRatio","notes"}]}`,
  examples: ["experiment ratio users.csv --treatment arm --control none --numerator clicks --denominator views --group user"],
  run: async ({ options: asked, io }) => {
    const { numerator, denominator } = asked;
    const data = await openDataset(namedData(asked.data, "experiment ratio"), roleFlags(asked));
    const effects = ratioEffects(data, { numerator, denominator, level: asked.level });
    if (io.json) io.out(json({ effects }));
    else
      printLines(
        effects.map((effect) => ({ ...effect, head: [`${numerator} / ${denominator}`], both: [effect.controlRatio, effect.armRatio] })),
        ["ratio"],
        data,
        io,
      );
    return 0;
  },
});

function printLines(
  lines: readonly (Line & { readonly head: readonly string[]; readonly both: readonly [number, number] })[],
  head: readonly string[],
  data: Dataset,
  io: Io,
): void {
  const rows = lines.map(({ head: first, arm, value, se, interval, pValue, both }) => {
    const digits = digitsFor(se);
    return [...first, arm, fixed(both[0], digits), fixed(both[1], digits), signed(value, digits), range(interval, digits), pText(pValue)];
  });
  const { arms } = data.treatment();
  io.out(table([...head, "arm", arms[0], "in the arm", "effect", "interval", "p"], rows, io));
  for (const note of new Set(lines.flatMap((line) => line.notes))) io.err(`note: ${note}\n`);
}
