import type { z } from "zod";

/** Where a verb writes and what stops it; tests put their own in its place. */
export interface Io {
  /** Writes to standard output: results, and nothing else. */
  readonly out: (text: string) => void;
  /** Writes to standard error: errors, warnings, progress. */
  readonly err: (text: string) => void;
  /** `--json`: the result goes to standard output as one JSON value. */
  readonly json: boolean;
  /** Whether progress is shown: standard error is a terminal and nobody asked for quiet. */
  readonly live: boolean;
  /** `--quiet`: no hints either. */
  readonly quiet: boolean;
  /** Whether standard output shows colours. */
  readonly colour: boolean;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Options whose schema is known only when something else was named, such as those of the model. */
export interface Part {
  /** Where they sit among the options: empty for the top, else a key such as "x-learner" (`--x-learner.outcome-learner`). */
  readonly at: string;
  /** Heading in the help; undefined for a part that is not listed, being the same as another under a second name. */
  readonly title?: string;
  readonly schema: z.ZodType;
}

export interface Call<O> {
  readonly options: O;
  /** Options of each part by its `at`, as they were given: the part's own schema has accepted them and fills in its defaults. */
  readonly parts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly io: Io;
}

/** One verb: its options are a strict zod object, from which flags, help, completion and the check of `--config` files come. */
export interface Verb<S extends z.ZodObject = z.ZodObject> {
  /** As typed after `liftwise`, operands in capitals: "fit FILE". */
  readonly usage: string;
  readonly summary: string;
  /** Keys of `options` that operands fill, in order. */
  readonly operands: readonly string[];
  readonly options: S;
  /** What stands below the options in the help: the form of the output. */
  readonly notes: string;
  /** Commands that work, without the leading "liftwise ". */
  readonly examples: readonly string[];
  /** @param given options from file and flags, not yet checked */
  parts?(given: Readonly<Record<string, unknown>>): Promise<readonly Part[]>;
  /** @returns exit code */
  run(call: Call<z.output<S>>): Promise<number>;
}

/** A verb with its option types kept. */
export function verb<S extends z.ZodObject>(definition: Verb<S>): Verb {
  return definition as unknown as Verb;
}

/** What `liftwise --help` lists, each with the file that knows more: nothing of it is loaded before it is asked for. */
export interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Verb>;
}

export const verbs: readonly Entry[] = [
  { name: "data list", summary: "list the named data sets and generators", load: async () => (await import("./data.ts")).list },
  { name: "data describe", summary: "arms, outcomes, missing values and balance of a data set", load: async () => (await import("./data.ts")).describe },
  { name: "data fetch", summary: "download a named data set, checked against its checksum", load: async () => (await import("./data.ts")).fetch },
  { name: "data simulate", summary: "write a simulated experiment with its truth to a file", load: async () => (await import("./data.ts")).simulate },
  {
    name: "data clicks",
    summary: "write simulated clicks under four attribution mechanisms, and their touch log with what each touch caused",
    load: async () => (await import("./clicks.ts")).simulateClicksVerb,
  },
  { name: "experiment plan", summary: "how many rows, what power, or which effect can be found", load: async () => (await import("./experiment.ts")).plan },
  { name: "experiment analyse", summary: "is the experiment sound, and what did it do", load: async () => (await import("./experiment.ts")).analyse },
  { name: "experiment watch", summary: "effects over time, valid however often one looks", load: async () => (await import("./experiment.ts")).watch },
  { name: "experiment quantiles", summary: "effects on quantiles of the outcome", load: async () => (await import("./experiment.ts")).quantiles },
  { name: "experiment ratio", summary: "effects on a ratio of sums, such as clicks per view", load: async () => (await import("./experiment.ts")).ratio },
  { name: "fit", summary: "fit one model and save it", load: async () => (await import("./fit.ts")).fitVerb },
  { name: "predict", summary: "predict effects with a saved model", load: async () => (await import("./predict.ts")).predictVerb },
  { name: "tree", summary: "show a tree of a saved uplift forest, as text or picture", load: async () => (await import("./tree.ts")).treeVerb },
  {
    name: "evaluate",
    summary: "score a column of predictions, or a saved conversion model on clicks, with intervals",
    load: async () => (await import("./evaluate.ts")).evaluateVerb,
  },
  { name: "compare", summary: "fit several models on the same split, compare and report", load: async () => (await import("./compare.ts")).compareVerb },
  {
    name: "attribute",
    summary: "credit of channels under every attribution mechanism, side by side",
    load: async () => (await import("./attribute.ts")).attributeVerb,
  },
  {
    name: "forecast",
    summary: "long-term effects of a short experiment, learned from history",
    load: async () => (await import("./forecast.ts")).forecastVerb,
  },
  { name: "report", summary: "write the HTML report of a comparison again", load: async () => (await import("./report.ts")).reportVerb },
  {
    name: "sellers check",
    summary: "rows of candidate sellers that contradict each other, one by one, and their repair",
    load: async () => (await import("./sellers.ts")).checkSellersVerb,
  },
  {
    name: "sellers simulate",
    summary: "write simulated users and candidate sellers of any size, with what each incentive truly does",
    load: async () => (await import("./sellers.ts")).simulateSellersVerb,
  },
  {
    name: "sellers evaluate",
    summary: "judge a saved model of candidate sellers: over-estimation, AUUC of shops and platform, where gains come from",
    load: async () => (await import("./sellers.ts")).evaluateSellersVerb,
  },
  {
    name: "sellers allocate",
    summary: "who gets which sellers' incentives within a budget, by the gain of the whole platform",
    load: async () => (await import("./sellers.ts")).allocateSellersVerb,
  },
  { name: "allocate", summary: "who gets what within a budget", load: async () => (await import("./allocate.ts")).allocateVerb },
  { name: "models", summary: "list the models, or the options of one", load: async () => (await import("./models.ts")).modelsVerb },
  { name: "benchmark", summary: "run a suite of models on data with known answers", load: async () => (await import("./benchmark.ts")).benchmarkVerb },
  { name: "completion", summary: "print the completion script of bash, zsh or fish", load: async () => (await import("./completion.ts")).completionVerb },
];
