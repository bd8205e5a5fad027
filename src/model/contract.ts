import type { z } from "zod";
import type { Rng } from "../base/rng.ts";
import type { Json, State } from "../base/state.ts";
import type { Dataset } from "../data/dataset.ts";
import type { LeverGrid } from "../data/levers.ts";
import type { OutcomeKind, Role } from "../data/schema.ts";

/** A key of REFERENCES.md, with the place in it: `{ key: "Nie2021", at: "eq. 4" }`. */
export interface Citation {
  readonly key: string;
  readonly at?: string;
  /** What is done differently here, in one sentence. */
  readonly departure?: string;
}

/** What a task's models predict. */
export interface Predictions {
  uplift: UpliftPrediction;
  attribution: AttributionPrediction;
  levers: LeversPrediction;
  sellers: SellersPrediction;
  longterm: LongtermPrediction;
}
/** What a model is for; each task has a prediction type of its own. */
export type Task = keyof Predictions;

/** Predicted effects of n units, in units of the outcome, treated minus control. */
export interface UpliftPrediction {
  /** The treated arms, in the dataset's order, control left out. */
  readonly arms: readonly string[];
  /** One array of n effects an arm. */
  readonly effect: readonly Float64Array[];
  /** Bounds of the interval at `level`, one array of n an arm, where the model has intervals. */
  readonly lower?: readonly Float64Array[];
  readonly upper?: readonly Float64Array[];
  /** Coverage of the interval, 0.95 for example. */
  readonly level?: number;
  /** Expected outcome under each arm, control first, where the model has one: arms + 1 arrays of n. */
  readonly outcome?: readonly Float64Array[];
  /** What happened to the input on the way: levels the model does not know, for example. */
  readonly notes?: readonly string[];
}

/** Part of the rows, or one member of an ensemble, in place of all rows and the mean. */
export interface CellQuery {
  /** First row, and the one after the last. */
  readonly from?: number;
  readonly to?: number;
  /** One of the nets that are averaged otherwise. */
  readonly member?: number;
}

/** How likely units were to get into a cell when the data were logged, as declared or estimated: over all units, and for those least likely. */
export interface CellOverlap {
  readonly mean: number;
  /** 5 % of the units have a lower probability. */
  readonly low: number;
}

/** A rank of a low-rank interaction. */
export interface RankLoadings {
  readonly kind: "synergy" | "substitution";
  /** Most that the rank adds to (synergy) or takes off (substitution) the sum of its levers' own parts, mean over units, on the scale on which levers add up. */
  readonly strength: number;
  /** For each lever, how much the rank depends on it, 0 to 1, and its part in the rank at each level, 1 at the top of the largest. */
  readonly levers: readonly { readonly lever: string; readonly loading: number; readonly levels: readonly number[] }[];
}

/**
 * Expected outcomes of n units over the cells of several levers, computed for the cells that are asked for: the whole table may be far too large. The effect of
 * a cell is its response minus that of the baseline, cell 0. It stays usable until the fitted model is disposed of.
 */
export interface LeversPrediction {
  readonly rows: number;
  readonly grid: LeverGrid;
  /** Nets or resamples that are averaged; their spread is the model's own uncertainty. 1 where there is nothing to spread. */
  readonly members: number;
  /** Expected outcome of each row under each of m cells (`cells`: m x levers level indices, row by row): rows x m, row by row, in units of the outcome. */
  response(cells: Int32Array, query?: CellQuery): Promise<Float64Array>;
  /** Expected outcome of each row under a cell of its own (`cells`: rows x levers). */
  responseOfOwn(cells: Int32Array, query?: CellQuery): Promise<Float64Array>;
  /** Rows the model was fitted on in each cell that was ever logged, by index of the cell. */
  readonly logged: ReadonlyMap<number, number>;
  /** Logging probabilities of those cells, where they are known or were estimated. */
  readonly overlap?: ReadonlyMap<number, CellOverlap>;
  /** Ranks of the interaction, of the first net where there are several, where the model has any. */
  readonly ranks?: (query?: CellQuery) => Promise<readonly RankLoadings[]>;
  /** Whether no level more can lower the response, by construction. */
  readonly monotone: boolean;
  readonly notes?: readonly string[];
}

/** Predicted long-term effects of n units, in units of the outcome, treated minus control. */
export interface LongtermPrediction {
  /** The treated arms of the experiment, control left out. */
  readonly arms: readonly string[];
  /** Effect given what is known of a unit before the treatment: one array of n an arm. */
  readonly effect: readonly Float64Array[];
  /** The part of it that goes through the surrogates, where the model tells it apart; the rest, `effect` minus this, is direct. */
  readonly indirect?: readonly Float64Array[];
  /** Average effect over the experiment the model was fitted on, by arm. */
  readonly average: readonly LongtermAverage[];
  readonly notes?: readonly string[];
}

/** An average long-term effect over the units of an experiment, with its interval. */
export interface LongtermAverage {
  readonly arm: string;
  readonly effect: number;
  /** NaN where the method has none. */
  readonly se: number;
  readonly lower: number;
  readonly upper: number;
  readonly level: number;
  readonly indirect?: number;
  readonly direct?: number;
}

/** What one incentive changes: given against not given, every rival as planned. */
export interface SellerFlip {
  /** Row of the incentive. */
  readonly row: number;
  /** Rows of its user, itself among them. */
  readonly rows: Int32Array;
  /** Change of the spending at each of `rows`; at its own place the shop's own effect. */
  readonly change: Float64Array;
  /** Change of the user's spending outside the candidates. */
  readonly outside: number;
}

/** Expected spending under an assignment. */
export interface PlatformOutcome {
  /** By row. */
  readonly shops: Float64Array;
  /** By user; zeros where the model has no such head. */
  readonly outside: Float64Array;
  /** By user: the sum of the user's shops in the order of their rows, and the outside. */
  readonly total: Float64Array;
}

/**
 * Expected spending of users at candidate sellers, in units of the outcome: rows of a user stand together in what is said of rivals, and every row is judged
 * with the rivals' incentives as planned. It stays usable until the fitted model is disposed of.
 */
export interface SellersPrediction {
  readonly rows: number;
  readonly users: number;
  /** User of each row, 0, 1, ... in order of first appearance. */
  readonly user: Int32Array;
  /** The plan that rivals follow, by row. */
  readonly planned: Uint8Array;
  /** Spending at the shop without and with its own incentive, and the difference: the effect on the shop. n each. */
  readonly mu0: Float64Array;
  readonly mu1: Float64Array;
  readonly tau: Float64Array;
  /** P(redeemed | given), and spending where redeemed and where not: mu1 = p m1 + (1 - p) m0. Where the model splits by redemption; MMoE and PLE have p alone. */
  readonly p?: Float64Array;
  readonly m1?: Float64Array;
  readonly m0?: Float64Array;
  /** The effect held between 0 and p m1, all that is possible if an incentive does nothing unless it is redeemed. */
  readonly denoised?: Float64Array;
  /** Spending without redemption beyond organic demand, (1 - p) (free m0 - m0): what an incentive would be booked with that did nothing. In exclusion mode. */
  readonly attributedNoise?: Float64Array;
  /** Whether rivals and the outside are in the model: else the platform's change is the shop's own. */
  readonly competition: boolean;
  /** Changes by single flips: one visit for each row. @param assignment of the rivals; the plan unless given */
  flips(visit: (flip: SellerFlip) => void, assignment?: ArrayLike<number>): Promise<void>;
  /** Effect of each row's incentive on the whole platform, rivals as assigned: as planned unless an assignment is given. */
  platformNet(assignment?: ArrayLike<number>): Promise<Float64Array>;
  /** @param assignment of each row, 0 or 1 */
  platform(assignment: ArrayLike<number>): Promise<PlatformOutcome>;
  /** Change of each user's platform total under an assignment (the plan unless given) against none at all. */
  lift(assignment?: ArrayLike<number>): Promise<Float64Array>;
  readonly notes?: readonly string[];
}

/** Predicted conversions of n clicks. */
export interface AttributionPrediction {
  /** `main`, then the auxiliary heads by mechanism, in the order of `probability`. */
  readonly heads: readonly string[];
  /** Mechanism of the main head. */
  readonly main: string;
  /** Probability that the click's credit is above 0, one array of n a head. */
  readonly probability: readonly Float64Array[];
  /** What happened to the input on the way: indices the model does not know, for example. */
  readonly notes?: readonly string[];
}

/** What a model needs, sees and can bear: checked by `fit` before anything is learned. */
export interface Traits {
  /** Roles the data must have for `fit`. */
  readonly needs: readonly Role[];
  /** Roles `predict` is shown; never the outcome. */
  readonly sees: readonly Role[];
  /** Two arms only, or any number of them. */
  readonly arms: "two" | "many";
  readonly outcomes: readonly OutcomeKind[];
  /** Whether row weights are used; a model without refuses them. */
  readonly weights: boolean;
  /** Whether the prediction has intervals, at the default config or by an option. */
  readonly intervals: boolean;
  /** `plain` runs in Float64; `net` in float32 on an engine, to whose accuracy its laws are held. */
  readonly engine: "plain" | "net";
}

export interface FitContext {
  /** This fit's own stream; take every random number from it, or from splits of it. */
  readonly rng: Rng;
  /** Most worker threads to use; the answer may not depend on it. */
  readonly threads: number;
  /** Share of the work done, 0 to 1, and what is being done. */
  readonly progress: (share: number, what: string) => void;
  /** Call `signal.throwIfAborted()` between steps. */
  readonly signal: AbortSignal;
  /**
   * Makes a thing at the first call with this key and hands the same one to every later call, also of other models that are fitted to the
   * same data in one run. What is made depends on data, seed and key alone, so a fit gives the same answer with company and alone.
   */
  readonly once?: <V>(key: string, make: (rng: Rng) => Promise<V>) => Promise<V>;
}

/** A method that can be fitted: frozen, without learned state, and so without `predict`. */
export interface Model<Id extends string = string, T extends Task = Task, C extends z.ZodType = z.ZodType> {
  readonly id: Id;
  readonly task: T;
  /** One sentence for tables and help. */
  readonly summary: string;
  readonly source: readonly Citation[];
  readonly traits: Traits;
  /** One strict zod object: type, defaults, bounds, help texts (`.describe`), command line flags, docs table and invalid test inputs come from it. */
  readonly config: C;
  /** A config that fits in a moment on a few hundred rows: for the contract suite and `--quick` runs. */
  readonly quick?: z.input<C>;
  /** What data must hold beyond its roles, where the model asks for more; called with the rows as they were given, so that errors can name them. */
  check?(config: z.output<C>, data: Dataset): void;
  /** Config and data are already checked against schema and traits. */
  fit(config: z.output<C>, data: Dataset, context: FitContext): Promise<Fitted<T>>;
  restore(config: z.output<C>, state: State): Promise<Fitted<T>>;
}

/** A model that has learned: it predicts, gives its state and frees its memory. */
export interface Fitted<T extends Task = Task> {
  /** What a reader of the result should know: loss curve, arm counts, warnings, engine. Plain JSON. */
  readonly report: Readonly<Record<string, Json>>;
  /** `data` holds the columns of the roles in `traits.sees`, with the levels the model was fitted on. */
  predict(data: Dataset): Promise<Predictions[T]>;
  state(): Promise<State>;
  /** Frees what the garbage collector cannot; the fitted model is of no use afterwards. */
  dispose(): void;
}
