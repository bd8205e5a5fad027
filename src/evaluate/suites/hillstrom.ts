import { parse } from "../../base/parse.ts";
import { Rng } from "../../base/rng.ts";
import { openDataset } from "../../data/open.ts";
import { metricById } from "../../metrics/index.ts";
import { evaluate } from "../../metrics/interval.ts";
import type { Model } from "../../model/contract.ts";
import { sharedRun } from "../../model/run.ts";
import { liftwiseVersion } from "../../model/version.ts";
import { type Part, partsOf, predictHeldOut, splitOf } from "../heldOut.ts";
import { openLedger } from "./ledger.ts";
import type { Suite, SuiteOptions, SuiteRow, SuiteValue } from "./suite.ts";

const splits = 5;
const quickSplits = 1;
const metrics = ["qini", "auuc"] as const;

/**
 * Hillstrom's e-mail experiment: every model on every outcome, fitted on 70 % of the rows and scored on the other 30 %, arm by arm against
 * control, over several splits. `mean` is the mean over splits. The held-out parts overlap, so their spread says little: `se` is the
 * standard error of one held-out part (half-sample bootstrap), averaged over splits.
 */
export const hillstrom: Suite = {
  id: "hillstrom",
  summary: "Qini and AUUC of every model on Hillstrom's three outcomes and two arms, on held-out rows.",
  overlap: 0.3 / 0.7,
  run: async (options) => {
    const ledger = await openLedger(options.resume);
    const data = await openDataset("hillstrom");
    const count = options.seeds ?? (options.quick ? quickSplits : splits);
    const models = options.models.filter((model): model is Model<string, "uplift"> => model.task === "uplift");
    const { outcomes } = data.roles;
    const values: SuiteValue[] = [];
    const errors = new Map<string, number[]>();
    let done = 0;
    for (let s = 0; s < count; s++) {
      const split = splitOf(data, { test: 0.3 }, new Rng(options.seed).split("hillstrom", s));
      for (const outcome of outcomes) {
        const parts = partsOf(data.withRoles({ outcomes: [outcome] }), split);
        const shared = sharedRun();
        for (const model of models) {
          options.signal.throwIfAborted();
          const share = done++ / (count * outcomes.length * models.length);
          options.progress(share, `hillstrom split ${s + 1} of ${count}, ${outcome}, ${model.id}`);
          const config = parse(model.config, {}, model.id);
          const key = JSON.stringify(["hillstrom", s, outcome, liftwiseVersion(), model.id, config, options.seed]);
          const scores = await ledger.once(key, () => scored(model, parts, s, options, shared));
          for (const [name, value] of Object.entries(scores)) {
            const [what, metric, arm] = JSON.parse(name) as [string, string, string];
            const row = { model: model.id, case: `${outcome}, ${arm}`, metric };
            if (what === "value") values.push({ ...row, replication: s + 1, value });
            else errors.set(nameOf(row), [...(errors.get(nameOf(row)) ?? []), value]);
          }
        }
      }
    }
    return { rows: rowsOf(values, errors), values };
  },
};

async function scored(
  model: Model<string, "uplift">,
  parts: readonly Part[],
  s: number,
  { seed, threads, signal }: SuiteOptions,
  shared: ReturnType<typeof sharedRun>,
): Promise<Record<string, number>> {
  const { test } = parts[0];
  const { effect } = await predictHeldOut({ name: model.id, model }, parts, { seed, threads, signal, shared, progress: () => {} });
  const scores: Record<string, number> = {};
  const arms = test.treatment().arms.slice(1);
  for (const [a, arm] of arms.entries()) {
    const requests = metrics.map((id) => ({ metric: metricById(id), options: { arm } }));
    const evaluations = evaluate(requests, effect[a], test, { rng: new Rng(seed).split("hillstrom intervals", s) });
    evaluations.forEach(({ score }, m) => {
      scores[JSON.stringify(["value", metrics[m], arm])] = score.value;
      scores[JSON.stringify(["error", metrics[m], arm])] = score.se ?? Number.NaN;
    });
  }
  return scores;
}

function nameOf(row: { readonly model: string; readonly case: string; readonly metric: string }): string {
  return JSON.stringify([row.model, row.case, row.metric]);
}

function rowsOf(values: readonly SuiteValue[], errors: ReadonlyMap<string, readonly number[]>): SuiteRow[] {
  const names = [...new Set(values.map(nameOf))];
  const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  return names.map((name) => {
    const own = values.filter((value) => nameOf(value) === name);
    return {
      model: own[0].model,
      case: own[0].case,
      metric: own[0].metric,
      mean: mean(own.map(({ value }) => value)),
      se: mean(errors.get(name) ?? []),
      n: own.length,
    };
  });
}
