import type { Model } from "../model/contract.ts";

/** Models of long-term effects, in the order of tables and help. */
export const longterm: readonly Model[] = [];
