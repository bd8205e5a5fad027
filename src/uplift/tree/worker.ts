import { serve } from "../../base/pool.ts";
import { type GrowBatch, growTreeOf, type OpenForest } from "./forest.ts";
import { openForest } from "./layout.ts";
import { outOfBag, type OutOfBagTask } from "./outOfBag.ts";

let open: OpenForest | undefined;

function opened(): OpenForest {
  if (open === undefined) throw new Error("a batch came before the forest");
  return open;
}

serve({
  open: (forest: OpenForest) => {
    open = forest;
  },
  grow: ({ plan, first, last }: GrowBatch) => {
    const { memory, module, slot } = opened();
    const job = openForest(memory, plan.layout, slot, module);
    return Array.from({ length: last - first }, (_, k) => growTreeOf(job, plan, first + k));
  },
  outOfBag: (task: OutOfBagTask & { readonly begin: number; readonly end: number }) => {
    const { memory, module, slot } = opened();
    return outOfBag(openForest(memory, task.plan.layout, slot, module), task);
  },
});
