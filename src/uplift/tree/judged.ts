import { parse } from "../../base/parse.ts";
import { Rng } from "../../base/rng.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { ForestRows } from "./analysis.ts";
import { causalForest } from "./causalForest.ts";
import { learnCausalForest } from "./learnCausal.ts";

/** Settings of `judgeRows`. */
export interface JudgeOptions {
  /** Settings of the causal forest; defaults are filled in. */
  readonly config?: unknown;
  /** Names the random stream. Defaults to 1. */
  readonly seed?: number;
  /** Most worker threads. Defaults to 1. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

/**
 * A causal forest's judgement of every row of the data, in the data's order, each by trees that have not seen the row: what average effects,
 * calibration, projections and (with the scores) a rank-weighted average effect are computed from.
 *
 * @returns the rows, and a doubly robust score a row and treated arm; with an instrument the scores are the effects
 */
export async function judgeRows(data: Dataset, options: JudgeOptions = {}): Promise<{ readonly rows: ForestRows; readonly scores: readonly Float64Array[] }> {
  const { seed = 1, threads = 1, signal = new AbortController().signal } = options;
  const settings = parse(causalForest.config, options.config, "causal forest");
  const { rows, scores } = await learnCausalForest(settings, data, { rng: new Rng(seed), threads, signal, progress: () => {} });
  return { rows: rows as ForestRows, scores };
}
