import { setTimeout as wait } from "node:timers/promises";
import { dataError } from "../../dist/base/errors.js";
import { serve } from "../../dist/base/pool.js";

serve({
  square: (x) => x * x,
  refuse: (message) => {
    throw dataError(message);
  },
  die: (code) => process.exit(code),
  wait: (milliseconds) => wait(milliseconds),
  spin: (milliseconds) => {
    const end = Date.now() + milliseconds;
    while (Date.now() < end);
  },
});
