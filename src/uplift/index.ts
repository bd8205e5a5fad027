import type { Model } from "../model/contract.ts";
import { drLearner } from "./meta/drLearner.ts";
import { rLearner } from "./meta/rLearner.ts";
import { sLearner } from "./meta/sLearner.ts";
import { tLearner } from "./meta/tLearner.ts";
import { xLearner } from "./meta/xLearner.ts";
import { dragonnet } from "./net/dragonnet.ts";
import { tarnet } from "./net/tarnet.ts";
import { treeModels } from "./tree/index.ts";

/** Models of the effect of a treatment, in the order of tables and help. */
export const uplift: readonly Model<string, "uplift">[] = [sLearner, tLearner, xLearner, rLearner, drLearner, ...treeModels, tarnet, dragonnet];
