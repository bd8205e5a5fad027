import { attribution } from "./attribution/index.ts";
import { suggest, usageError } from "./base/errors.ts";
import { longterm } from "./longterm/index.ts";
import type { Model, Task } from "./model/contract.ts";
import { uplift } from "./uplift/index.ts";
import { sellers } from "./uplift/canni/index.ts";
import { levers } from "./uplift/levers/index.ts";

/** Every model: the one list from which command line, documentation, contract suite and benchmarks are made. */
export const models: readonly Model[] = [...uplift, ...levers, ...sellers, ...attribution, ...longterm];

/**
 * The model with this id. Naming its task as well gives its predictions their type: `modelById("t-learner", "uplift")`.
 * @throws LiftwiseError (usage) when there is no model with this id, with the nearest one, or when it is of another task
 */
export function modelById<T extends Task = Task>(id: string, task?: T): Model<string, T> {
  const found = models.find((model) => model.id === id);
  if (found === undefined)
    throw usageError(
      `there is no model "${id}"; ${suggest(
        id,
        models.map((model) => model.id),
      )}`,
    );
  if (task !== undefined && found.task !== task) throw usageError(`model ${id} is of task ${found.task}, not ${task}; name a model of ${task}`);
  return found as unknown as Model<string, T>;
}
