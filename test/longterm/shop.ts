import { Rng } from "../../src/base/rng.ts";
import type { Shop } from "../../src/longterm/model.ts";

/** What parts of long-term models are handed when they are called by themselves. */
export const shop = (seed: number): Shop => ({
  rng: new Rng(seed),
  threads: 1,
  signal: new AbortController().signal,
  progress: () => {},
  once: (key, make) => make(new Rng(seed).split(key)),
});
