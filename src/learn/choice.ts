import { z } from "zod";
import type { FittedLearner, LearnContext, Learner } from "./contract.ts";
import type { State } from "../base/state.ts";
import type { Features } from "../data/schema.ts";
import { learnerById, learners } from "./index.ts";

/** A family of learners with its settings: `{ id: "boosting", maxLeaves: 7 }`. */
export interface Choice {
  readonly id: string;
  readonly [setting: string]: unknown;
}

type Shape = Readonly<Record<string, z.ZodType>>;

/**
 * Schema of a learner choice: a family's name, or an object with the name as `id` and settings; comes out as the object with all defaults.
 * @param standard what is taken when nothing is given
 */
export function learnerChoice(standard: string | Choice, description: string): z.ZodType<Choice> {
  const ids = [...new Set(learners.map((learner) => learner.id))] as [string, ...string[]];
  const families = ids.map((id) => z.strictObject({ id: z.literal(id), ...settings(id) }));
  const withSettings = z.discriminatedUnion("id", families as unknown as [z.ZodObject<{ id: z.ZodLiteral<string> }>]);
  const byName = z.enum(ids).transform((id) => withSettings.parse({ id }));
  return z
    .union([byName, withSettings])
    .prefault(standard as never)
    .describe(description) as unknown as z.ZodType<Choice>;
}

// A family's settings are those of its regressor and its classifier together.
function settings(id: string): Shape {
  return Object.assign({}, ...learners.filter((learner) => learner.id === id).map(shapeOf)) as Shape;
}

function shapeOf(learner: Learner): Shape {
  const { shape } = learner.config.def as { readonly shape?: Shape };
  if (shape === undefined) throw new Error(`the config of ${learner.kind} "${learner.id}" is no object`);
  return shape;
}

/** A learner ready to fit, its settings chosen. */
export interface ChosenLearner {
  readonly learner: Learner;
  readonly config: unknown;
  /** Says which learner with which settings this is: equal for equal choices. */
  readonly key: string;
}

/** The family's learner of this kind; settings that only its other kind knows are left aside. */
export function chosen(choice: Choice, kind: Learner["kind"]): ChosenLearner {
  const learner = learnerById(choice.id, kind);
  const own = Object.keys(shapeOf(learner)).filter((key) => choice[key] !== undefined);
  const config = learner.config.parse(Object.fromEntries(own.map((key) => [key, choice[key]])));
  return { learner, config, key: `${kind} ${choice.id} ${JSON.stringify(config)}` };
}

export function fitChosen(
  { learner, config }: ChosenLearner,
  x: Features,
  y: Float64Array,
  weight: Float64Array | undefined,
  context: LearnContext,
): Promise<FittedLearner> {
  return learner.fit(config, x, y, weight, context);
}

export function restoreChosen({ learner, config }: ChosenLearner, state: State): Promise<FittedLearner> {
  return learner.restore(config, state);
}
