import { attribution } from "./attribution/index.ts";
import { suggest, usageError } from "./base/errors.ts";
import { longterm } from "./longterm/index.ts";
import type { Model } from "./model/contract.ts";
import { uplift } from "./uplift/index.ts";
import { sellers } from "./uplift/canni/index.ts";
import { levers } from "./uplift/levers/index.ts";

/** Every model: the one list from which command line, documentation, contract suite and benchmarks are made. */
export const models: readonly Model[] = [...uplift, ...levers, ...sellers, ...attribution, ...longterm];

/**
 * The model with this id, of any task.
 * @throws LiftwiseError (usage) when there is no model with this id, with the nearest one
 */
export function modelById(id: string): Model {
  const found = models.find((model) => model.id === id);
  if (found !== undefined) return found;
  throw usageError(
    `there is no model "${id}"; ${suggest(
      id,
      models.map((model) => model.id),
    )}`,
  );
}
