import type { z } from "zod";
import type { Rng } from "../../base/rng.ts";
import type { Dataset } from "../dataset.ts";

/** Makes data whose truth is known: the expected outcome of every row under every arm. */
export interface Generator<Id extends string = string, C extends z.ZodType = z.ZodType> {
  readonly id: Id;
  /** One sentence for tables and help. */
  readonly summary: string;
  /** Where the setup is defined; `departure` says what is done differently here. */
  readonly source: readonly { readonly key: string; readonly at?: string; readonly departure?: string }[];
  /** One strict zod object: defaults, bounds and help texts. */
  readonly config: C;
  /**
   * Data with roles: features, treatment, outcomes, `potential` for the primary outcome and, unless it is withheld, `propensity`.
   * Covariates, treatment and noise come from streams of their own, so that changing the noise keeps the units.
   */
  simulate(config: z.output<C>, rng: Rng): Dataset;
}

/** A generator written against its own config type, given as one of many. */
export function define<Id extends string, C extends z.ZodType>(generator: Generator<Id, C>): Generator {
  return generator;
}
