import { serve } from "../../../dist/base/pool.js";
import { follow } from "../../../dist/learn/tree/team.js";

serve({
  join: ({ block, counts, slot, deadly }) =>
    follow(
      block,
      (operation, task) => {
        if (deadly) process.exit(5);
        Atomics.add(counts, task, operation);
      },
      slot,
    ),
});
