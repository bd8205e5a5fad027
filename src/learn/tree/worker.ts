import { serve } from "../../base/pool.ts";
import { type JobLayout, openJob } from "./layout.ts";
import { operate } from "./operations.ts";
import { follow } from "./team.ts";
import type { WasmMemory, WasmModule } from "../../base/wasm.ts";

/** What a helper is sent to join a boosting fit. */
export interface Join {
  readonly memory: WasmMemory;
  readonly module: WasmModule;
  readonly layout: JobLayout;
  readonly slot: number;
}

serve({
  join: ({ memory, module, layout, slot }: Join) => {
    const job = openJob(memory, layout, module);
    follow(job.control, (which, task, who) => operate(job, which, task, who), slot);
  },
});
