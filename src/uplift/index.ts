import type { Model } from "../model/contract.ts";
import { drLearner, rLearner, sLearner, tLearner, xLearner } from "./meta/index.ts";
import { dragonnet } from "./net/dragonnet.ts";
import { tarnet } from "./net/tarnet.ts";

/** Models of the effect of a treatment, in the order of tables and help. */
export const uplift: readonly Model<string, "uplift">[] = [sLearner, tLearner, xLearner, rLearner, drLearner, tarnet, dragonnet];
