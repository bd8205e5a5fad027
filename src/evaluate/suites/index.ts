import { Rng } from "../../base/rng.ts";
import { attributionSuite } from "./attribution.ts";
import { canniSuite } from "./canni.ts";
import { hillstrom } from "./hillstrom.ts";
import { ihdp } from "./ihdp.ts";
import { leversSuite } from "./levers.ts";
import { longtermSuite } from "./longterm.ts";
import { metricsSuite } from "./metrics.ts";
import { small } from "./small.ts";
import type { Suite } from "./suite.ts";
import { trees } from "./trees.ts";

export type { Direction, Suite, SuiteOptions, SuiteRow, SuiteValue } from "./suite.ts";

const metrics: Suite = {
  id: "metrics",
  summary: "Coverage, bias and standard errors of the metrics' intervals on simulated experiments; no models.",
  run: async ({ quick, seed, seeds = quick ? 20 : 200, progress, signal }) => {
    signal.throwIfAborted();
    progress(0, "metrics");
    return { rows: metricsSuite({ quick, seeds, rng: new Rng(seed).split("metrics") }) };
  },
};

/** Every benchmark suite, in the order of the help. */
export const suites: readonly Suite[] = [small, metrics, ihdp, hillstrom, attributionSuite, leversSuite, canniSuite, trees, longtermSuite];
