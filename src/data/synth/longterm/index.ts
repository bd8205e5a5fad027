import type { Generator } from "../contract.ts";
import { longtermG7 } from "./g7.ts";
import { longtermG3, longtermG5 } from "./hidden.ts";
import { longtermG1, longtermG2 } from "./linear.ts";
import { longtermG4, longtermG6 } from "./series.ts";

/** Generators of two samples: history with a long-term outcome, and an experiment without. */
export const longtermGenerators: readonly Generator[] = [longtermG1, longtermG2, longtermG3, longtermG4, longtermG5, longtermG6, longtermG7];
