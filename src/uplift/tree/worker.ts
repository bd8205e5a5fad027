import { serve } from "../../base/pool.ts";
import { type ForestPlan, type GrowBatch, growTreeOf, type OpenForest } from "./forest.ts";
import { type ForestJob, openForest } from "./layout.ts";

let open: { readonly job: ForestJob; readonly plan: ForestPlan } | undefined;

serve({
  open: ({ memory, module, plan, slot }: OpenForest) => {
    open = { job: openForest(memory, plan.layout, slot, module), plan };
  },
  grow: ({ first, last }: GrowBatch) => {
    if (open === undefined) throw new Error("a batch of trees came before the forest");
    const { job, plan } = open;
    return Array.from({ length: last - first }, (_, k) => growTreeOf(job, plan, first + k));
  },
});
