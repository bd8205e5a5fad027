import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { usageError } from "../base/errors.ts";
import { atomically } from "../data/write.ts";
import { loadModel } from "../model/save.ts";
import { models } from "../models.ts";
import { readableTree, treeSvg, treeText, upliftForest } from "../uplift/tree/index.ts";
import { checkWritable } from "./folder.ts";
import { json } from "./table.ts";
import { type Verb, verb } from "./verb.ts";

const options = z.strictObject({
  model: z.string().min(1).describe(`folder that fit wrote, of model ${upliftForest.id}`),
  number: z.int().min(0).default(0).describe("which tree of the forest, from 0"),
  out: z
    .string()
    .regex(/\.svg$/, "must end in .svg")
    .optional()
    .describe("picture to write: .svg"),
});

/** `tree DIR`: one tree of a saved uplift forest, to read. */
export const treeVerb: Verb = verb({
  usage: "tree DIR [--number 0] [--out TREE.svg]",
  summary: "show a tree of a saved uplift forest, as text or picture",
  operands: ["model"],
  options,
  notes: `one line a node: how rows come there, how many estimated it, and the effect of each treated arm in units of the outcome
for a tree that explains a whole experiment fit a single one: fit FILE --model ${upliftForest.id} --trees 1 --row-sample 1 --column-sample 1 --max-depth 3
with --json: {"arms":["control",...],"root":{"path","rows":[an arm],"outcome":[an arm],"effect":[a treated arm],"children":[...]}}`,
  examples: ["tree model", "tree model --number 7 --out tree.svg"],
  run: async ({ options: { model, number, out }, io }) => {
    if (out !== undefined) checkWritable(out, "--out");
    const fitted = await loadModel(model, models);
    try {
      if (fitted.model.id !== upliftForest.id) throw usageError(`${model}: holds a ${fitted.model.id}; trees can be read of ${upliftForest.id} only`);
      const tree = readableTree(await fitted.state(), number);
      if (out !== undefined) await atomically(out, (temporary) => writeFile(temporary, treeSvg(tree)));
      if (io.json) io.out(json(tree));
      else io.out(`${out ?? treeText(tree)}\n`);
    } finally {
      fitted.dispose();
    }
    return 0;
  },
});
