import { suggest, usageError } from "../../base/errors.ts";
import { parse } from "../../base/parse.ts";
import { Rng } from "../../base/rng.ts";
import type { Dataset } from "../dataset.ts";
import type { Generator } from "./contract.ts";
import { doseNews, doseSimulation } from "./doses.ts";
import { email } from "./email.ts";
import { kangSchafer } from "./kangSchafer.ts";
import { kunzel } from "./kunzel.ts";
import { leversGenerator } from "./levers.ts";
import { longtermGenerators } from "./longterm/index.ts";
import { multiCause } from "./multiCause.ts";
import { nieWager } from "./nieWager.ts";
import { observational } from "./observational.ts";
import { constantEffect, nullEffect } from "./randomised.ts";
import { scigan } from "./scigan.ts";
import { sellersGenerator } from "./sellers.ts";

export type { Generator } from "./contract.ts";

/** Every generator of data with known truth. */
export const generators: readonly Generator[] = [
  email,
  observational,
  ...nieWager,
  ...kunzel,
  kangSchafer,
  nullEffect,
  constantEffect,
  leversGenerator,
  multiCause,
  doseSimulation,
  doseNews,
  scigan,
  sellersGenerator,
  ...longtermGenerators,
];

/**
 * The generator with this id.
 * @throws LiftwiseError (usage) with the nearest id.
 */
export function generatorById(id: string): Generator {
  const generator = generators.find((candidate) => candidate.id === id);
  if (generator !== undefined) return generator;
  const ids = generators.map((candidate) => candidate.id);
  throw usageError(`simulate: there is no generator "${id}"; ${suggest(id, ids)}`);
}

/**
 * Simulated data with its truth in the roles `potential` (and `propensity` where it is not withheld).
 * @param config options of the generator; what is left out takes its default
 * @param seed the same seed is the same data
 * @throws LiftwiseError (usage) for an unknown generator, an unknown option or a value out of bounds
 */
export function simulate(id: string, config: Readonly<Record<string, unknown>> = {}, seed = 0): Dataset {
  const generator = generatorById(id);
  return generator.simulate(parse(generator.config, config, `simulate:${id}`), new Rng(seed).split(id));
}
