import { hillstrom } from "./hillstrom.ts";
import { ihdp } from "./ihdp.ts";
import type { Suite } from "./suite.ts";

export type { Suite, SuiteOptions, SuiteRow, SuiteValue } from "./suite.ts";

/** Every benchmark suite, in the order of the help. */
export const suites: readonly Suite[] = [ihdp, hillstrom];
